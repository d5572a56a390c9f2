"""How the commands of this folder print what they measured: as a line to read, or as a line of JSON.

Their `main` functions call this.
"""

import json
import time
from dataclasses import asdict
from typing import Any

__all__ = ["print_figures"]


def print_figures(name: str, found: Any, *, as_json: bool, begun: float | None = None, called: str = "") -> None:
    """Print one result, a dataclass, at once.

    Parameters
    ----------
    name : str
        What was measured.
    found : dataclass
        The figures.
    as_json : bool
        For programs.
    begun : float, optional
        When it began, by `time.monotonic`: how long it took is told to people.
    called : str, optional
        What people read in place of the name.
    """
    took = "" if begun is None else f" ({time.monotonic() - begun:.0f} s)"
    print(json.dumps({"name": name, **asdict(found)}) if as_json else f"{called or name}: {found}{took}", flush=True)
