"""``python -m ndsp`` is the command line ``ndsp``."""

import sys

from ndsp.cli import main

sys.exit(main())
