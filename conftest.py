"""Runs every Python block of README.md and docs/*.md as a test, in the order in which a reader meets them."""

from sybil import Sybil
from sybil.parsers.myst import PythonCodeBlockParser, SkipParser

pytest_collect_file = Sybil(parsers=[PythonCodeBlockParser(), SkipParser()], patterns=["*.md"]).pytest()

collect_ignore = ["docs/notebooks", "docs/_build"]
"""What building the documentation makes of examples, which are tests already."""
