"""A message in the terminal, and its pictures beside it."""

import io
import os
import pty
import sys
from pathlib import Path
from typing import Any

import pytest

from anomalert.errors import NotSentError, UnknownOutcomeError
from anomalert.interfaces import Fact, Notifier
from anomalert.notifiers import ConsoleNotifier
from tests.notifiers.samples import alert, message, picture, png


def printed(directory: Path, **changes: Any) -> str:
    """Return what the console shows of a message."""
    stream = io.StringIO()
    ConsoleNotifier(directory, stream).send(message(**changes))
    return stream.getvalue()


def test_text_and_links_are_printed(tmp_path: Path) -> None:
    """Headline, facts and links, readable, without colours, and no folder where there is no picture."""
    assert printed(tmp_path / "alerts") == (
        "likes: 812.00, usually 2110.00\n"
        "likes\n"
        "  value = 812.00\n"
        "  deviation = -61.52%\n"
        "Dashboard: https://superset.example.com/d/1?a=1&b=2\n"
        "\n"
    )
    assert not (tmp_path / "alerts").exists()


def test_notifier_meets_the_seam() -> None:
    """It is a Notifier; it gives no receipt, since a terminal has none."""
    assert isinstance(ConsoleNotifier(), Notifier)
    channel: Notifier = ConsoleNotifier(stream=io.StringIO())
    assert channel.send(message()) is None


def test_standard_output_is_found_when_sending(capsys: pytest.CaptureFixture[str]) -> None:
    """A console built early prints to the stdout of the moment of sending."""
    ConsoleNotifier().send(message())
    assert capsys.readouterr().out.startswith("likes: 812.00")


def test_pictures_are_kept_beside_the_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each picture is a PNG in `alerts`, made when needed, and its path is printed."""
    monkeypatch.chdir(tmp_path)
    stream = io.StringIO()
    ConsoleNotifier(stream=stream).send(message(pictures=(picture("a"), picture("b"))))
    assert [path.read_bytes() for path in sorted((tmp_path / "alerts").iterdir())] == [png(), png()]
    expected = f"Picture: {Path('alerts', 'a.png')} (likes against its usual course)"
    assert expected in stream.getvalue().splitlines()


def test_picture_that_fails_is_told_after_the_text(tmp_path: Path) -> None:
    """The text is out before anything is drawn, and a failure is one line."""
    stream = io.StringIO()
    before: list[str] = []

    def explode() -> bytes:
        before.append(stream.getvalue())
        raise ValueError("no\nfont")

    ConsoleNotifier(tmp_path, stream).send(message(pictures=(picture("a", explode), picture("b"))))
    assert "deviation = -61.52%" in before[0]
    lines = stream.getvalue().splitlines()
    assert "Picture a is missing: ValueError: no[U+000A]font" in lines
    assert f"Picture: {tmp_path / 'b.png'} (likes against its usual course)" in lines


def test_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """A file where the folder should be costs the pictures, not the message."""
    (tmp_path / "alerts").write_text("in the way")
    text = printed(tmp_path / "alerts", pictures=(picture("a"),))
    assert "Picture a is missing: FileExistsError" in text
    assert text.startswith("likes: 812.00")


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("../../etc/passwd", "etc_passwd.png"),
        ("/etc/cron.d/x", "etc_cron.d_x.png"),
        ("..", "picture.png"),
        ("", "picture.png"),
        ("a\x00b\nc", "a_b_c.png"),
        ("метрика é", "метрика_é.png"),
        ("\ud800", "picture.png"),
        ("a" * 500, "a" * 120 + ".png"),
        ("ы" * 500, "ы" * 60 + ".png"),
    ],
)
def test_picture_stays_in_its_folder(tmp_path: Path, name: str, file: str) -> None:
    """Whatever data calls a picture, it is one file in the folder."""
    printed(tmp_path / "alerts", pictures=(picture(name),))
    assert [path.name for path in (tmp_path / "alerts").iterdir()] == [file]
    assert [path.name for path in tmp_path.iterdir()] == ["alerts"]


def test_no_picture_is_overwritten(tmp_path: Path) -> None:
    """Another picture of the same name gets a number; the same one again is the same file."""
    printed(tmp_path, pictures=(picture("a"),))
    printed(tmp_path, pictures=(picture("a", lambda: png(9, 9)), picture("a")))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a-2.png", "a.png"]
    assert (tmp_path / "a.png").read_bytes() == png()
    assert (tmp_path / "a-2.png").read_bytes() == png(9, 9)


def test_control_and_bidi_characters_are_codes(tmp_path: Path) -> None:
    """Nothing in data moves the cursor, clears the screen, turns a line around or begins a new one."""
    evil = "\x1b[2J\u202eevil\nline\r\x07"
    text = printed(
        tmp_path,
        headline=evil,
        facts=(Fact(evil, (evil,)),),
        links={evil: evil},
        pictures=(picture(evil), picture(evil, list)),  # type: ignore[arg-type]
    )
    assert not set(text) & set("\x1b\u202e\r\x07")
    assert text.count("\n") == 8
    assert text.startswith("[U+001B][2J[U+202E]evil[U+000A]line[U+000D][U+0007]\n")


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


@pytest.mark.parametrize(
    ("variables", "coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_colour_only_where_it_is_wanted(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], coloured: bool
) -> None:
    """A terminal gets colours, unless NO_COLOR is set or it can show none."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    stream = Terminal()
    ConsoleNotifier(stream=stream).send(message())
    assert ("\x1b[1;31mlikes: 812.00, usually 2110.00\x1b[0m\n" in stream.getvalue()) is coloured
    assert ("\x1b" in stream.getvalue()) is coloured


@pytest.mark.parametrize(
    ("kind", "colour"),
    [
        ("worsened", 31),
        ("source_failed", 33),
        ("ledger_lost", 33),
        ("resolved", 32),
        ("data_back", 32),
        ("reminder", None),
    ],
)
def test_colour_says_how_grave_it_is(monkeypatch: pytest.MonkeyPatch, kind: str, colour: int | None) -> None:
    """Bad news is red, lost sight yellow, good news green, and what is neither is bold."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    ConsoleNotifier(stream=stream).send(message(alerts=(alert(kind=kind),)))
    assert stream.getvalue().startswith("\x1b[1mlikes" if colour is None else f"\x1b[1;{colour}mlikes")


def test_real_terminal_is_recognised(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pseudo-terminal gets the colours of its alert."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w", encoding="utf-8") as stream:
        ConsoleNotifier(stream=stream).send(message())
        assert os.read(ours, 100).startswith(b"\x1b[1;31mlikes")
    os.close(ours)


def test_terminal_that_knows_ascii_only_gets_escapes() -> None:
    """A text that the stream cannot encode is printed with escapes, not lost."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    ConsoleNotifier(stream=stream).send(message(headline="Метрика likes 📉"))
    assert raw.getvalue().startswith(rb"\u041c\u0435\u0442\u0440\u0438\u043a\u0430 likes \U0001f4c9")


def test_missing_stream_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an open stream nothing was printed, and that is certain."""
    closed = io.StringIO()
    closed.close()
    with pytest.raises(NotSentError, match="no open stream"):
        ConsoleNotifier(stream=closed).send(message())
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(NotSentError, match="no open stream"):
        ConsoleNotifier().send(message())


def test_broken_pipe_is_unknown() -> None:
    """A reader that went away may have seen the text or not."""
    reading, writing = os.pipe()
    os.close(reading)
    stream = os.fdopen(writing, "w")
    with pytest.raises(UnknownOutcomeError, match="BrokenPipeError"):
        ConsoleNotifier(stream=stream).send(message())
    with pytest.raises(BrokenPipeError):
        stream.close()
