"""Pictures of a message as PNG, drawn within a deadline; what fails is told, and never raised.

Notifiers call this; it calls `background` and `plain_text`. It knows no drawing library: a `Picture` brings its own
function.
"""

import struct
from collections.abc import Sequence
from concurrent.futures import wait
from dataclasses import dataclass
from threading import Event

from anomalert.interfaces import Picture
from anomalert.notifiers.background import in_background
from anomalert.notifiers.plain_text import brief

__all__ = ["Drawing", "draw", "png_size"]

PNG_START = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Drawing:
    """A picture after it was asked to draw itself: its PNG, or the `problem` in one line."""

    picture: Picture
    png: bytes = b""
    problem: str | None = None


def draw(pictures: Sequence[Picture], seconds: float) -> list[Drawing]:
    """Draw `pictures` one after another, for `seconds` in all; those that fail or come late say so.

    Parameters
    ----------
    pictures : sequence of Picture
        Drawn in one thread: matplotlib gains nothing from several.
    seconds : float
        What the caller can wait. A drawing under way is left alone then, the others are not begun.

    Returns
    -------
    list of Drawing
        One per picture, in the same order.

    Examples
    --------
    >>> [drawing] = draw([Picture("likes", "a chart", lambda: b"no png")], seconds=5)
    >>> drawing.problem
    'what it drew is no PNG'
    """
    done: list[Drawing] = []
    too_late = Event()

    def work() -> None:
        for picture in pictures:
            if too_late.is_set():
                return
            done.append(_draw_one(picture))

    wait([in_background(work)], timeout=seconds)
    too_late.set()
    drawn = list(done)
    late = [Drawing(picture, problem=f"not drawn within {seconds:.3g} s") for picture in pictures[len(drawn) :]]
    return drawn + late


def png_size(png: bytes) -> tuple[int, int]:
    """Return the width and height in pixels that the header of a PNG gives; (0, 0) if it has none."""
    return struct.unpack(">II", png[16:24]) if len(png) >= 24 else (0, 0)


def _draw_one(picture: Picture) -> Drawing:
    try:
        png = picture.draw()
    except BaseException as error:  # noqa: BLE001 - foreign code in our own thread; the text must not depend on it
        return Drawing(picture, problem=brief(error))
    if not isinstance(png, bytes) or not png.startswith(PNG_START):
        return Drawing(picture, problem="what it drew is no PNG")
    return Drawing(picture, png)
