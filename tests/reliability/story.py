"""The run that is killed, doubled, stopped: what there is to tell in it, to whom, and what was told before.

Two channels. In the history, comments fell and came back; `chat` heard of neither, `mail` of the fall only. In the run,
views fall and likes rise: two episodes, two live messages. So `chat` gets those and a digest, `mail` those and the
return of comments as an answer to what it knows.
"""

import itertools
import json
from collections.abc import Sequence
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException

import pandas as pd

from anomalert import DayLagRatio, FrameSource, Ledger, Message, Metric, Monitor, Notifier, Pipeline
from anomalert.crashpoints import reached
from anomalert.errors import NotSentError, RejectedError, UnknownOutcomeError
from anomalert.testing import FakeNotifier

__all__ = [
    "CHANNELS",
    "LOST",
    "MARK",
    "NEXT",
    "NOW",
    "SENDING",
    "SPARE",
    "TextNotifier",
    "pipeline",
    "tellings",
    "told_in",
    "write_history",
]

SLOT = pd.Timedelta("15min")
NOW = pd.Timestamp("2025-11-04T10:00Z")
"""End of the slot in which views fall and likes rise."""

LOST = "✖ The ledger was damaged or lost: what was told before is forgotten"
"""What is told where the ledger was damaged before the run."""

NEXT = NOW + SLOT
"""End of the slot after it, in which they stay there: it has nothing to say of its own."""

CHANNELS = ("chat", "mail")
SPARE = "spare"
"""The fallback, where `mail` refuses everything."""

SENDING = "messenger: to be sent: "
MARK = " (may be a repeat)"


class TextNotifier:
    """A channel without pictures, so that thousands of runs cost minutes.

    Parameters
    ----------
    name : str
        Of the channel.
    port : int
        Where the messenger listens.
    case : str
        What the messenger files it under.
    refused : bool
        Whether the messenger says no to everything.
    """

    def __init__(self, name: str, port: int, case: str, *, refused: bool = False) -> None:
        self.name = name
        self._port = port
        self._path = f"/{case}/{name}{'!' if refused else ''}"

    def send(self, message: Message) -> str:
        """Deliver the text; crash points of its own stand inside."""
        body = json.dumps({"key": message.key, "text": text_of(message)})
        connection = HTTPConnection("127.0.0.1", self._port, timeout=60)
        reached(f"{SENDING}{message.key}")
        try:
            connection.connect()
        except OSError as error:
            raise NotSentError(f"the messenger cannot be reached: {error}") from error
        try:
            reached("messenger: connected, nothing written")
            connection.request("POST", self._path, body.encode())
            reached("messenger: written, not answered")
            response = connection.getresponse()
            answer = json.loads(response.read())
        except (OSError, HTTPException, ValueError) as error:
            raise UnknownOutcomeError(f"the messenger has not answered: {error}") from error
        finally:
            connection.close()
        if response.status == HTTPStatus.FORBIDDEN:
            raise RejectedError(f"the messenger says no: {answer['error']}")
        return str(answer["id"])


def text_of(message: Message) -> str:
    """Return what people read."""
    lines = (line for fact in message.facts for line in (fact.heading, *fact.lines))
    return "\n".join([message.headline, *lines])


def tellings(text: str) -> list[str]:
    """Return what a text says that happened: its headline, or those of what stands in a digest."""
    return [line.removesuffix(MARK) for line in text.splitlines() if line[:1] in {"▼", "▲", "✔", "✖"}]


def told_in(channel: str) -> set[str]:
    """Return what has to be told in a channel, once; the wording is that of the messages."""
    fell, back = "▼ comments −80%", "✔ Back to usual: comments"
    return {"▼ views −90%", "▲ likes ×5.0", back} | ({fell} if channel == "chat" else set())


def panel() -> pd.DataFrame:
    """Return flat metrics, except for what the story tells."""
    index = pd.date_range("2025-11-02T00:00Z", NEXT, freq=SLOT, inclusive="left")
    flat = pd.DataFrame({"views": 1000.0, "likes": 200.0, "comments": 50.0}, index=index)
    flat.loc[index[-8:-6], "comments"] = 10.0
    flat.loc[index[-2:], ["views", "likes"]] = [100.0, 1000.0]
    return flat


PANEL = panel()


def pipeline(
    place: str,
    notifiers: Sequence[Notifier],
    wait: str = "60s",
    fallback: Notifier | None = None,
    heartbeat: str | None = None,
) -> Pipeline:
    """Build everything anew, as a process does."""
    monitor = Monitor(FrameSource(PANEL, name="feed"), [Metric(str(name), DayLagRatio()) for name in PANEL.columns])
    ledger = Ledger(place, wait=wait)
    return Pipeline([monitor], notifiers, ledger, name="story", fallback=fallback, heartbeat=heartbeat, deadline="30s")


def write_history(place: str) -> None:
    """Run the slots before the story, up to the one in which comments are back."""
    down = itertools.repeat(NotSentError("the messenger is down"))
    for end in pd.date_range(NOW - 8 * SLOT, NOW - 3 * SLOT, freq=SLOT):
        comments_are_back = end == NOW - 3 * SLOT
        chat, mail = FakeNotifier(down, name="chat"), FakeNotifier(down if comments_are_back else (), name="mail")
        report = pipeline(place, [chat, mail]).run(at=end)
        assert report.status == ("failed" if report.alerts or end > NOW - 7 * SLOT else "done"), report.to_dict()
