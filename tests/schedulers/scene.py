"""What every scheduler is tried on: events of an app with incidents around now, and a chat that counts.

::

    tick     what its slot shows
    now-75   nothing
    now-60   messages rise, which is told
    now-45   likes stop, which is told: STOPPED
    now-30   messages are as usual again
    now-15   and still are, which is told: RESOLVED
    now      likes have been as usual for long enough, which is told; the feed rises, and that too

What has to be said at each tick is asked of the library itself, in this process and without any scheduler.
"""

import importlib
import os
import signal
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

import pandas as pd

from anomalert import Ledger, Pipeline
from anomalert.phrases import LANGUAGES
from anomalert.reference import PlantedIncident, create_tables, feed_messenger, generate_events, load_events
from anomalert.reference.events import TIMEZONE
from anomalert.sources import ChdbClient
from anomalert.testing import FakeNotifier
from tests.schedulers.warehouse import PASSWORD, USER, running_warehouse
from tests.stubs.telegram import CHAT, TOKEN, Exchange, Step, TelegramStub, accept

__all__ = ["DATABASE", "RESOLVED", "STOPPED", "Scene", "kill_the_sender", "marked", "set_scene"]

DATABASE = "social"
SLOT = pd.Timedelta("15min")
WHOLE = (("feed", "messages"),)

STOPPED, RESOLVED = "ctr", LANGUAGES["ru"].resolved.removesuffix("{metrics}")
"""What the first message about stopped likes, and about messages as usual, can be told by."""


@dataclass
class Scene:
    """The places that a scheduler is told of, what goes wrong there, and what the chat shows."""

    now: pd.Timestamp
    session: Any
    warehouse: int
    chat: TelegramStub
    troubles: dict[str, Step] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    @property
    def ticks(self) -> list[pd.Timestamp]:
        """The five instants that are scheduled, each the end of a slot; at `now` there is more to tell."""
        return list(pd.date_range(self.now - 5 * SLOT, self.now - SLOT, freq=SLOT))

    def environment(self, ledger: Path) -> dict[str, str]:
        """Return what `examples/social_alerts.py` wants to find in the environment."""
        return {
            "CLICKHOUSE_HOST": f"http://127.0.0.1:{self.warehouse}",
            "CLICKHOUSE_DATABASE": DATABASE,
            "CLICKHOUSE_USER": USER,
            "CLICKHOUSE_PASSWORD": PASSWORD,
            "TELEGRAM_API": self.chat.url,
            "TELEGRAM_TOKEN": TOKEN,
            "TELEGRAM_CHAT": str(CHAT),
            "ALERTS_LEDGER": str(ledger),
        }

    def headlines(self) -> list[str]:
        """Return the first line of every message that the chat shows; an album is one."""
        requests = {id(post.request): post.text for post in self.chat.posts}
        return [text.splitlines()[0] for text in requests.values() if text]

    def expected(self, ticks: Sequence[pd.Timestamp], pipelines: Sequence[Sequence[str]] = WHOLE) -> list[str]:
        """Return the headlines of what has to be said at `ticks` if nothing goes wrong, by pipelines of monitors."""
        chat = FakeNotifier()
        whole = feed_messenger(client=ChdbClient(self.session, database=DATABASE))
        for names in pipelines:
            monitors = [monitor for monitor in whole.monitors if monitor.name in names]
            with tempfile.TemporaryDirectory() as folder:
                pipeline = Pipeline(monitors, [chat], Ledger(Path(folder, "alerts.db")), language="ru")
                for tick in ticks:
                    pipeline.run(at=tick).raise_for_status()
        return [message.headline for message in chat.messages]

    def metrics_told(self, tick: pd.Timestamp) -> int:
        """Return how many of the six metrics are told at `tick` by whoever watches each on its own, from then on."""
        return len(feed_messenger(client=ChdbClient(self.session, database=DATABASE)).run(at=tick).alerts)

    def meet(self, exchange: Exchange) -> None:
        """Answer well, but for the first request of each planned trouble."""
        text = " ".join(exchange.received.fields.values())
        with self._lock:
            found = next((fragment for fragment in self.troubles if fragment in text), None)
            step = accept if found is None else self.troubles.pop(found)
        step(exchange)


@contextmanager
def set_scene() -> Iterator[Scene]:
    """Fill an embedded ClickHouse with nine days that end in trouble, and open it and a chat to other processes."""
    now = pd.Timestamp.now("UTC").floor(SLOT)
    first = now.tz_convert(TIMEZONE).normalize() - pd.DateOffset(days=8)
    session = importlib.import_module("chdb.session").Session(":memory:")
    create_tables(session.query, DATABASE)
    # Until tomorrow: what a run sees is bounded by its instant, and the day may end under way.
    load_events(session, *generate_events(first, days=10, seed=5, incidents=_incidents(now)), DATABASE)
    with running_warehouse(session) as port, TelegramStub() as chat:
        scene = Scene(now, session, port, chat)
        chat.default = scene.meet
        yield scene
    session.close()


def _incidents(now: pd.Timestamp) -> list[PlantedIncident]:
    return [
        PlantedIncident("spike", now - 5 * SLOT, now - 3 * SLOT, "message_actions", size=4.0),
        PlantedIncident("drop_to_zero", now - 4 * SLOT, now - 2 * SLOT, "feed_actions"),
        PlantedIncident("spike", now - SLOT, now + 12 * SLOT, "feed_actions", size=4.0),
    ]


def marked(headline: str) -> str:
    """Return a headline as the one repeat of its message carries it."""
    return LANGUAGES["ru"].may_repeat.format(headline=headline)


def kill_the_sender(exchange: Exchange) -> None:
    """Post the message, and kill the process that sent it before it hears so."""
    exchange.judged()
    port = exchange.connection.getpeername()[1]
    os.kill(_owner_of(port, exchange.stub.port), signal.SIGKILL)


def _owner_of(port: int, peer: int) -> int:
    """Return the process whose socket on 127.0.0.1 leads from `port` to `peer`."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    (inode,) = [row[9] for row in rows if (row[1][-4:], row[2][-4:]) == (f"{port:04X}", f"{peer:04X}")]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            links = [str(link.readlink()) for link in (process / "fd").iterdir()]
        except OSError:
            continue  # It has ended, or closed a file meanwhile.
        if f"socket:[{inode}]" in links:
            return int(process.name)
    raise RuntimeError(f"nobody holds the connection from port {port}")
