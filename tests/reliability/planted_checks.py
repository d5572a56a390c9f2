"""Small forms of what reliability tests check, for `planted`: each holds for what is shipped, and fails for one bug.

A check prepares its scene, calls `plant`, and then looks; so a planted bug spoils nothing but what is looked at. Where
another test checks the same, that test is called.
"""

import itertools
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from anomalert import DayLagRatio, Ledger, Message, Metric, Monitor, Pipeline, TelegramNotifier
from anomalert.errors import SourceError
from anomalert.interfaces import Source
from anomalert.testing import FakeNotifier, FakeSource
from tests.notifiers import test_telegram_outcomes, test_telegram_secrets
from tests.notifiers.samples import message
from tests.reliability import test_days
from tests.reliability.concurrency import crowded
from tests.reliability.kills import all_points, staged
from tests.sources import test_clickhouse_cuts
from tests.stubs.telegram import CHAT, TOKEN, TelegramStub
from tests.stubs.telegram_faults import accept_then_drop

Plant = Callable[[], None]
SLOT = pd.Timedelta("15min")

HOSTILE_NAMES = (
    "{metrics}",
    "{metrics[0].__class__.__mro__}",
    "{source.__init__.__globals__}",
    "{0}",
    "{}",
    "{",
    "}",
    "{{likes}}",
    "{metric!r:>9999}",
    "%(metrics)s and $metrics",
)


def killed_runs_lose_and_repeat_nothing(plant: Plant) -> None:
    """Kill a run at every seventh crash point."""
    with staged() as stage:
        plant()
        all_points(stage, step=7).check()


def runs_at_once_repeat_nothing(plant: Plant) -> None:
    """Have two processes run the same slot."""
    with staged() as stage:
        plant()
        crowded(stage, processes=2, rounds=4).check()


def lost_answers_make_two_copies_at_most(plant: Plant) -> None:
    """Have a server take every message and hang up: it gets each twice, once marked, whatever a scheduler retries."""
    with TelegramStub(default=accept_then_drop) as stub, _folder() as folder:
        plant()
        source = FakeSource(_flat({"views": -1}))
        for _ in range(4):
            channel = TelegramNotifier(TOKEN, CHAT, api_url=stub.url)
            _pipeline(source, channel, folder).run(at=source.panel.index[-1] + SLOT)
        copies = [post.text.splitlines()[0] for post in stub.posts if post.text]
        assert len(copies) == 2, f"{len(copies)} copies"
        assert copies[1].endswith("(may be a repeat)")


def hours_that_come_twice_keep_their_alerts(plant: Plant) -> None:
    """Have drops at both quarters past two of the night on which clocks are set back: they are told apart."""
    plant()
    panel = _flat({})
    twice = pd.DatetimeIndex(["2026-10-25T00:15Z", "2026-10-25T01:15Z"])
    panel.loc[twice, "views"] = 10.0
    chat = FakeNotifier()
    with _folder() as folder:
        pipeline = _pipeline(FakeSource(panel), chat, folder, timezone="Europe/Berlin")
        for slot in pd.date_range("2026-10-25T00:00Z", "2026-10-25T02:00Z", freq=SLOT):
            pipeline.run(at=slot + SLOT)
    assert _kinds(chat) == ["opened", "resolved"] * 2, _kinds(chat)


def slots_that_fill_up_raise_nothing(plant: Plant) -> None:
    """While the events of a slot still come in, every five minutes, nobody is told that there are few of them."""
    plant()
    source, chat = Filling(_flat({})), FakeNotifier()
    with _folder() as folder:
        for at in pd.date_range("2026-10-25T10:05Z", "2026-10-25T12:00Z", freq="5min"):
            source.now = at
            _pipeline(source, chat, folder).run(at=at)
    assert _kinds(chat) == [], _kinds(chat)


def cut_answers_are_refused(plant: Plant) -> None:
    """Cut an answer of a ClickHouse before every byte, where only the end of the line tells its end."""
    plant()
    test_clickhouse_cuts.test_no_cut_is_accepted("close")


def failed_reads_resolve_nothing(plant: Plant) -> None:
    """Have a source fail during an incident: it is told of; the incident goes on, and ends when it does."""
    panel = _flat({})
    slots = panel.index[-12:]
    panel.loc[slots[2:9], "views"] = 10.0
    down = [SourceError("the server is down")] * 3
    source, chat = FakeSource(panel, [None, None, None, None, *down]), FakeNotifier()
    with _folder() as folder:
        plant()
        pipeline = _pipeline(source, chat, folder)
        for slot in slots:
            pipeline.run(at=slot + SLOT)
    assert _kinds(chat) == ["opened", "source_failed", "data_back", "resolved"], _kinds(chat)


def a_channel_that_hangs_delays_no_other(plant: Plant) -> None:
    """One of five channels hangs."""
    plant()
    test_days.test_a_channel_that_hangs_delays_no_other()


def redirects_are_not_followed(plant: Plant) -> None:
    """Have a server answer with the address of another."""
    plant()
    test_telegram_outcomes.test_redirect_is_not_followed(307)


def names_are_no_templates(plant: Plant) -> None:
    """Call metrics and sources anything: the name stands in the message as it is."""
    plant()
    for name in HOSTILE_NAMES:
        panel = _flat({"views": -1}).rename(columns={"views": name})
        sources = FakeSource(panel, name=name), FakeSource(panel, itertools.repeat(SourceError("down")), name=name)
        for source, expected in zip(sources, ("▼ {} −90%", "✖ Cannot read {}"), strict=True):
            chat = FakeNotifier()
            try:
                Pipeline([Monitor(source, [Metric(name, DayLagRatio())])], [chat]).run(at=panel.index[-1] + SLOT)
            except (ValueError, LookupError, AttributeError, TypeError) as error:
                raise AssertionError(f"the name {name!r} was taken for a template: {error!r}") from error
            [told] = chat.messages
            assert told.headline == expected.replace("{}", name), told.headline
            assert any(name in fact.heading for fact in told.facts) or source is sources[1]


def no_window_shows_the_token(plant: Plant) -> None:
    """Have a server take the message and hang up, while somebody logs everything."""
    with test_telegram_secrets.behind(accept_then_drop) as channel:
        plant()
        shown = test_telegram_secrets.windows(lambda: channel.send(message()))
    assert test_telegram_secrets.leaks(shown) == []


class Filling:
    """A source whose newest slot has as many events as have come by `now`."""

    name = "filling"

    def __init__(self, whole: pd.DataFrame) -> None:
        self.whole = whole
        self.now = whole.index[0]

    def read(self, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
        """Return the rows of ``[start, end)`` as far as they are there."""
        rows: pd.DataFrame = self.whole[(self.whole.index >= start) & (self.whole.index < min(end, self.now))].copy()
        running = self.now.floor(SLOT)
        rows.loc[rows.index == running] *= (self.now - running) / SLOT
        return rows


def _flat(last: dict[str, int]) -> pd.DataFrame:
    """Return a metric that is always 100; `last` says of which slot, from the end, it is 10."""
    index = pd.date_range("2026-10-22T00:00Z", "2026-10-26T00:00Z", freq=SLOT, inclusive="left")
    panel = pd.DataFrame({"views": 100.0}, index=index)
    for name, position in last.items():
        panel.loc[index[position], name] = 10.0
    return panel


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def _pipeline(
    source: Source, channel: FakeNotifier | TelegramNotifier, folder: Path, timezone: str = "UTC"
) -> Pipeline:
    monitor = Monitor(source, [Metric("views", DayLagRatio())], timezone=timezone)
    return Pipeline([monitor], [channel], Ledger(folder / "alerts.db"), deadline="10s")


def _kinds(chat: FakeNotifier) -> list[str]:
    return [_kind(told) for told in chat.messages]


def _kind(told: Message) -> str:
    return told.alerts[0].kind
