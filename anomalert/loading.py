"""From ``package.module:name``, as a command line names a pipeline, to the pipeline.

The command line calls this, and workers that make a pipeline of their own; it calls `pipeline`.
"""

import importlib
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path

from anomalert.errors import AnomalertError, ConfigurationError
from anomalert.pipeline import Pipeline

__all__ = ["Place", "load_pipeline"]


@dataclass(frozen=True)
class Place:
    """Where a pipeline is; calling it loads the pipeline. It can travel to other processes, and holds no password.

    Parameters
    ----------
    name : str
        ``package.module:name``, where the name is that of a Pipeline or of a function that returns one.
    """

    name: str

    def __call__(self) -> Pipeline:
        """Return the pipeline, made where this is called."""
        return load_pipeline(self.name)


def load_pipeline(place: str) -> Pipeline:
    """Return the pipeline that ``package.module:name`` names.

    Raises
    ------
    ConfigurationError
        If there is none, or its module cannot be loaded.
    """
    module_name, _, name = place.partition(":")
    if not module_name or not name:
        raise ConfigurationError(f"{place!r} names no pipeline: write package.module:name")
    # As `python -m` does: what lies in the working directory can be named.
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        pipeline = getattr(importlib.import_module(module_name), name)
        if callable(pipeline):
            pipeline = pipeline()
    except AnomalertError:
        raise
    except Exception as error:
        # In words and not as a traceback: that shows lines of the module, and the passwords in them.
        raise ConfigurationError(
            f"{place!r} cannot be loaded: {type(error).__name__}: {error}{_line_of(error)}"
        ) from error
    if not isinstance(pipeline, Pipeline):
        kind = type(pipeline).__name__
        raise ConfigurationError(f"{place!r} is of the type {kind}, not a Pipeline or a function that returns one")
    return pipeline


def _line_of(error: Exception) -> str:
    """Return in which line of whose file an error arose, if it did in a file of the user's."""
    ours = {__file__, importlib.__file__}
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename not in ours and not frame.filename.startswith("<"):
            return f" ({Path(frame.filename).name}, line {frame.lineno})"
    return ""
