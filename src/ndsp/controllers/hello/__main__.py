"""``python -m ndsp.controllers.hello`` is the controller."""

import sys

from ndsp.controllers.hello.controller import main

sys.exit(main())
