"""``python -m ndsp.controllers.scpi_psu`` is the controller."""

import sys

from ndsp.controllers.scpi_psu.controller import main

sys.exit(main())
