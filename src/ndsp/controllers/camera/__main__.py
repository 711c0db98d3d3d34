"""``python -m ndsp.controllers.camera`` is the controller."""

import sys

from ndsp.controllers.camera.controller import main

sys.exit(main())
