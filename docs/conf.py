"""Settings of the documentation. Its pictures are drawn and its notebooks run at every build."""

import sys
from importlib.metadata import version as installed
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from drawings import draw_all  # noqa: E402
from notebook_pages import write_all  # noqa: E402

project = "anomalert"
author = "The anomalert developers"
copyright = "2026, the anomalert developers"
version = release = installed("anomalert")
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
exclude_patterns = ["_build"]
default_role = "code"
html_theme = "furo"
html_title = f"anomalert {release}"
myst_enable_extensions = ["deflist", "dollarmath"]
myst_heading_anchors = 3
napoleon_google_docstring = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"

draw_all(HERE / "_build" / "drawn")
write_all(HERE.parent / "examples", HERE / "notebooks")
