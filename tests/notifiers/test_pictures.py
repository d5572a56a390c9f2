"""Drawing with a deadline."""

import threading
import time
from typing import Any

import pytest

from anomalert.notifiers.pictures import draw, png_size
from tests.notifiers.samples import picture, png


def raising(error: BaseException) -> Any:
    """Return a drawing that raises `error`."""

    def fail() -> bytes:
        raise error

    return fail


@pytest.mark.parametrize(
    "error", [ValueError("a"), MemoryError(), SystemExit(3), KeyboardInterrupt(), RecursionError("b")]
)
def test_drawing_that_raises_costs_itself_only(error: BaseException) -> None:
    """Whatever is raised while drawing, the other pictures are drawn and the reason is kept."""
    drawings = draw([picture("a"), picture("b", raising(error)), picture("c")], seconds=5)
    assert [drawing.picture.name for drawing in drawings] == ["a", "b", "c"]
    assert [drawing.png for drawing in drawings] == [png(), b"", png()]
    assert str(drawings[1].problem).startswith(type(error).__name__)


def test_late_drawing_is_given_up_and_the_next_is_not_begun() -> None:
    """The deadline holds; what was ready is kept; what comes after the late one is never drawn."""
    over, begun_third = threading.Event(), threading.Event()

    def slow() -> bytes:
        over.wait(5)
        return png()

    def third() -> bytes:
        begun_third.set()
        return png()

    begun = time.monotonic()
    drawings = draw([picture("a"), picture("b", slow), picture("c", third)], seconds=0.2)
    assert 0.2 <= time.monotonic() - begun < 0.7
    over.set()
    assert [drawing.problem for drawing in drawings] == [None, "not drawn within 0.2 s", "not drawn within 0.2 s"]
    assert not begun_third.wait(0.2)


@pytest.mark.parametrize("drawn", [None, "text", b"", b"\xff\xd8\xff\xe0jpeg", bytearray(png())])
def test_what_is_no_png_is_a_problem(drawn: Any) -> None:
    """Only the bytes of a PNG are a picture."""
    [drawing] = draw([picture(draw=lambda: drawn)], seconds=5)
    assert drawing.problem == "what it drew is no PNG"


def test_size_is_read_from_the_header() -> None:
    """Width and height come from the header; a cut one has none."""
    assert png_size(png(1280, 720)) == (1280, 720)
    assert png_size(png()[:20]) == (0, 0)


def test_nothing_to_draw_is_nothing() -> None:
    """No pictures, no drawings."""
    assert draw([], seconds=5) == []
