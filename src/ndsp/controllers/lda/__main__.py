"""``python -m ndsp.controllers.lda`` is the controller."""

import sys

from ndsp.controllers.lda.controller import main

sys.exit(main())
