"""Settings of the documentation: `make docs` builds it, a warning is an error."""

from sipyco import __version__

project = "SiPyCo"
author = "The SiPyCo authors"
copyright = author
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"

html_theme = "furo"
html_title = f"SiPyCo {release}"
