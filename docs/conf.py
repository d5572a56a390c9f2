"""Settings of the documentation. Pictures of detectors are drawn from code at every build."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from drawings import draw_all  # noqa: E402

from anomalert import __all__ as public  # noqa: E402

project = "anomalert"
author = "The anomalert developers"
copyright = "2026, the anomalert developers"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax"]
myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "anomalert"
exclude_patterns = ["_build"]
napoleon_google_docstring = False
autodoc_typehints = "none"
autodoc_member_order = "bysource"
default_role = "code"
nitpicky = False

assert public
draw_all(Path(__file__).parent / "_build" / "drawn")
