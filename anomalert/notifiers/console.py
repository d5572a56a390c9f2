"""The terminal as a channel: a message as readable text, its pictures as files beside it.

Pipelines call `ConsoleNotifier.send` through delivery; it calls `plain_text` and `pictures`.
"""

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TextIO

from anomalert.errors import NotSentError, UnknownOutcomeError
from anomalert.interfaces import Message
from anomalert.notifiers.pictures import Drawing, draw
from anomalert.notifiers.plain_text import brief, visible

__all__ = ["ConsoleNotifier"]

DRAWING_SECONDS = 60.0
"""The text is out by then, so a slow machine gets its time; only a drawing that hangs is given up."""

LONGEST_FILE_NAME = 120

BOLD, RESET = "\x1b[1m", "\x1b[0m"
RED, YELLOW, GREEN = "\x1b[1;31m", "\x1b[1;33m", "\x1b[1;32m"
COLOURS = {
    "opened": RED,
    "worsened": RED,
    "no_data": YELLOW,
    "source_failed": YELLOW,
    "ledger_lost": YELLOW,
    "resolved": GREEN,
    "data_back": GREEN,
}


@dataclass(frozen=True)
class ConsoleNotifier:
    """Print messages to the terminal and keep their pictures as PNG files.

    The text is printed before any picture is drawn. A picture that fails is told in one line. Control and bidi
    characters in names are shown as codes. There is colour only on a terminal, and not if ``NO_COLOR`` is set.

    Parameters
    ----------
    directory : str or path, default "alerts"
        Where pictures go, made when the first one is kept. An existing file is never overwritten.
    stream : text stream, optional
        Where the text goes; default: ``sys.stdout`` at the moment of sending.
    name : str, optional
        The channel's name in reports; needed only beside a second console.

    Notes
    -----
    `send` returns None: a terminal gives no id that a later message could reply to.

    Examples
    --------
    >>> message = Message("likes-1", alerts=(), headline="likes: 812, usually 2110", links={"Dashboard": "https://a.b"})
    >>> ConsoleNotifier().send(message)
    likes: 812, usually 2110
    Dashboard: https://a.b
    <BLANKLINE>
    """

    directory: str | os.PathLike[str] | None = None
    stream: TextIO | None = None
    name: str | None = None

    def send(self, message: Message) -> None:
        """Print `message`, then draw and keep its pictures.

        Raises
        ------
        NotSentError
            There is no open stream to print to.
        UnknownOutcomeError
            The stream failed while the text was written.
        """
        stream = self.stream if self.stream is not None else sys.stdout
        _write(stream, _text(message, coloured=_has_colour(stream)))
        if message.pictures:
            lines = [self._keep(drawing) for drawing in draw(message.pictures, DRAWING_SECONDS)]
            _write(stream, "\n".join(lines) + "\n\n")

    def _keep(self, drawing: Drawing) -> str:
        name = visible(drawing.picture.name)
        problem = drawing.problem
        if problem is None:
            try:
                path = _store(drawing, Path("alerts" if self.directory is None else self.directory))
            except (OSError, ValueError) as error:
                problem = brief(error)
            else:
                return f"Picture: {visible(str(path))} ({visible(drawing.picture.description)})"
        return f"Picture {name} is missing: {problem}"


def _text(message: Message, coloured: bool) -> str:
    kind = message.alerts[0].kind if message.alerts else ""
    headline = visible(message.headline)
    paragraphs = [[_painted(headline, COLOURS.get(kind, BOLD)) if coloured else headline]]
    for fact in message.facts:
        heading = visible(fact.heading)
        paragraphs.append([_painted(heading, BOLD) if coloured else heading])
        paragraphs[-1] += [f"  {visible(line)}" for line in fact.lines]
    paragraphs.append([f"{visible(label)}: {visible(url)}" for label, url in message.links.items()])
    return "".join("\n".join(paragraph) + "\n" for paragraph in paragraphs if paragraph) + "\n"


def _painted(text: str, colour: str) -> str:
    return f"{colour}{text}{RESET}"


def _has_colour(stream: TextIO | None) -> bool:
    if stream is None or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return not stream.closed and stream.isatty()


def _write(stream: TextIO | None, text: str) -> None:
    if stream is None or stream.closed:
        raise NotSentError("the console notifier has no open stream: pass `stream`, or keep sys.stdout open")
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        # One write, so that the lines of two messages cannot mix; an ASCII terminal gets escapes, not an error.
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except OSError as error:
        raise UnknownOutcomeError(f"the terminal failed while a message was written: {brief(error)}") from error


def _store(drawing: Drawing, directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    for path in _candidates(directory, drawing.picture.name):
        try:
            with path.open("xb") as file:
                file.write(drawing.png)
        except FileExistsError:
            if path.is_file() and path.read_bytes() == drawing.png:
                return path
        else:
            return path
    raise AssertionError("unreachable: the candidates never end")


def _candidates(directory: Path, name: str) -> Iterator[Path]:
    """Yield ``name.png``, ``name-2.png``, ...: data must name no other folder, nor replace a picture."""
    plain = re.sub(r"[^\w.+-]+", "_", name).strip("._").encode()[:LONGEST_FILE_NAME].decode(errors="ignore")
    stem = plain or "picture"
    yield directory / f"{stem}.png"
    for number in count(2):
        yield directory / f"{stem}-{number}.png"
