"""Runs every Python block of README.md and docs/*.md as a test, in the order in which a reader meets them."""

from sybil import Sybil
from sybil.parsers.myst import PythonCodeBlockParser, SkipParser

pytest_collect_file = Sybil(parsers=[PythonCodeBlockParser(), SkipParser()], patterns=["*.md"]).pytest()

collect_ignore = ["docs/conf.py", "docs/notebooks", "docs/_build"]
"""Building the documentation runs the examples and makes pages of them; as tests they are run once already."""
