"""How pytest runs a harness: in a process of its own, since it forks, and a test run has threads."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

__all__ = ["printed"]


def printed(module: str, *arguments: str) -> dict[str, dict[str, Any]]:
    """Return the figures that a module of `tests.reliability` prints, by name."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", f"tests.reliability.{module}", *arguments, "--json"],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    figures = [json.loads(line) for line in done.stdout.splitlines()]
    return {each.pop("name"): each for each in figures}
