"""Every call into other people's code, raising everything that can be raised: one thing fails, and all else is told."""

import asyncio
import functools
import io
import re
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd
import pytest

from anomalert import (
    Baseline,
    Bounds,
    ClickHouseSource,
    ConsoleNotifier,
    DayLagRatio,
    FrameSource,
    Ledger,
    Message,
    Metric,
    Monitor,
    Pipeline,
    Policy,
    RunReport,
)
from anomalert.detection import Detection
from anomalert.errors import DetectorError, LedgerError, SourceError, UnknownOutcomeError
from anomalert.ledger import LedgerSession
from anomalert.policy import Held
from anomalert.testing import FakeNotifier

SLOT = pd.Timedelta("15min")
INDEX = pd.date_range("2026-11-02", periods=2 * 96, freq=SLOT, tz="UTC")
AT = INDEX[-1] + SLOT
HERE = re.escape(__file__)


class PanicError(BaseException):
    """What compiled code raises that has given up."""


class UnprintableError(Exception):
    """An exception that fails where its text is asked for."""

    def __str__(self) -> str:
        """Fail."""
        raise SystemExit(4)


ANYTHING: list[BaseException] = [
    ValueError("bad shape"),
    MemoryError(),
    RecursionError("too deep"),
    StopIteration(),
    SystemExit(3),
    GeneratorExit(),
    PanicError("the thread has panicked"),
    asyncio.CancelledError(),
    UnprintableError(),
    LedgerError("one of their own"),
]
anything = pytest.mark.parametrize("error", ANYTHING, ids=lambda error: type(error).__name__)


@dataclass(frozen=True, repr=False, eq=False)
class Breaks(DayLagRatio):
    """A detector of other people that works but for one call."""

    error: BaseException = field(default_factory=ValueError)
    call: str = "bounds"

    @property
    def lookback(self) -> pd.Timedelta:
        """Raise, or not."""
        return self._unless("lookback") or pd.Timedelta("1D")

    @property
    def recurrence(self) -> pd.Timedelta:
        """Raise, or not."""
        return self._unless("recurrence") or super().recurrence

    @property
    def ordinary_score(self) -> float:
        """Raise, or not."""
        return self._unless("ordinary_score") or super().ordinary_score

    def bounds(self, baseline: Baseline) -> Bounds:
        """Raise, or not."""
        return self._unless("bounds") or super().bounds(baseline)

    def __hash__(self) -> int:
        """Raise, or not."""
        return self._unless("hash") or 7

    def __repr__(self) -> str:
        """Raise, or not."""
        return self._unless("repr") or "Breaks()"

    def _unless(self, call: str) -> Any:
        if call == self.call:
            raise self.error
        if call == "bounds" and self.call == "repr":
            raise ValueError("shown by what cannot show itself")


@dataclass(frozen=True)
class BreakingPolicy(Policy):
    """A policy of other people."""

    error: BaseException = field(default_factory=ValueError)

    def hold(self, detection: Detection, weights: pd.DataFrame | None = None) -> Held:  # noqa: ARG002 - the seam
        """Raise."""
        raise self.error


@dataclass
class Raising:
    """A source, a client of one, a notifier and a picture that raise, whatever is asked of them."""

    act: Callable[[], Any]
    name: str = "theirs"
    database: str = "social"

    def read(self, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:  # noqa: ARG002 - the seam of sources
        """Raise."""
        frame: pd.DataFrame = self.act()
        return frame

    def query(self, sql: str, settings: Mapping[str, int]) -> pd.DataFrame:  # noqa: ARG002 - the seam of clients
        """Raise."""
        frame: pd.DataFrame = self.act()
        return frame

    def send(self, message: Message) -> str:  # noqa: ARG002 - the seam of notifiers
        """Raise."""
        receipt: str = self.act()
        return receipt

    def probe(self) -> None:
        """Raise."""
        self.act()


def raiser(error: BaseException) -> Callable[[], NoReturn]:
    """Return a function that raises."""

    def act() -> NoReturn:
        raise error

    return act


def fallen() -> pd.DataFrame:
    """Return two days of three metrics that fall in the last slot."""
    panel = pd.DataFrame(100.0, INDEX, columns=["views", "likes", "shares"])
    panel.iloc[-1] = 10.0
    return panel


def watched(*metrics: Metric) -> Monitor:
    """Return a monitor of what falls: two metrics that are judged as ever, beside those given."""
    return Monitor(
        FrameSource(fallen(), name="ours"), [Metric("views", DayLagRatio()), *metrics, Metric("shares", DayLagRatio())]
    )


def run(tmp_path: Path, *monitors: Monitor, others: tuple[Raising, ...] = ()) -> tuple[RunReport, FakeNotifier]:
    """Run a pipeline with a ledger, and hold it to what holds whatever breaks: the rest is judged, told and kept."""
    chat, ledger = FakeNotifier(), Ledger(tmp_path / "alerts.db")
    report = Pipeline(monitors, [*others, chat], ledger).run(at=AT)
    told = [alert.metric for message in chat.messages for alert in message.alerts if alert.kind == "opened"]
    assert {"views", "shares"} <= set(told)
    assert {"views", "shares"} <= set(ledger.history().judgements["metric"])
    assert report.exit_code == 1
    assert ledger.verify() == []
    return report, chat


def causes(error: BaseException | None) -> list[BaseException]:
    """Return an error and the chain of its causes."""
    return [] if error is None else [error, *causes(error.__cause__)]


@anything
@pytest.mark.parametrize("call", ["bounds", "lookback", "recurrence", "ordinary_score", "policy"])
def test_a_detector_or_policy_costs_its_own_metric_only(tmp_path: Path, call: str, error: BaseException) -> None:
    """The error names the metric and has what was raised for its cause; metrics of its monitor and others are told."""
    broken = (
        Metric("likes", DayLagRatio(), policy=BreakingPolicy(error=error))
        if call == "policy"
        else Metric("likes", Breaks(error=error, call=call))
    )
    report, chat = run(tmp_path, watched(broken))
    (failure,) = report.errors
    assert isinstance(failure, DetectorError)
    assert str(failure).startswith("metric 'likes': ")
    assert error in causes(failure)
    assert set(report.judgements["metric"]) == {"views", "shares"}
    assert len(chat.messages) == 1


@anything
def test_a_detector_that_cannot_be_compared_is_judged_alone(tmp_path: Path, error: BaseException) -> None:
    """Whether metrics are judged alike is a matter of speed: without an answer each is judged for itself."""
    ledger = Ledger(tmp_path / "alerts.db")
    report = Pipeline([watched(Metric("likes", Breaks(error=error, call="hash")))], [], ledger).run(at=AT)
    assert sorted(report.judgements["metric"]) == ["likes", "shares", "views"]
    assert report.errors == ()


@anything
def test_a_detector_that_cannot_show_itself_is_named_by_its_class(tmp_path: Path, error: BaseException) -> None:
    """Its failure is told all the same."""
    report, _ = run(tmp_path, watched(Metric("likes", Breaks(error=error, call="repr"))))
    (failure,) = report.errors
    assert str(failure).startswith("metric 'likes': Breaks: raised ValueError: shown by what cannot show itself (in ")


@anything
def test_a_source_costs_its_own_monitor_only(tmp_path: Path, error: BaseException) -> None:
    """It is told as a source that cannot be read, by name."""
    broken = Monitor(Raising(raiser(error)), [Metric("posts", DayLagRatio())])
    report, chat = run(tmp_path, broken, watched())
    (failure,) = report.errors
    assert isinstance(failure, SourceError)
    assert str(failure).startswith("source 'theirs': ")
    assert error in causes(failure)
    assert [message.alerts[0].kind for message in chat.messages] == ["opened", "source_failed"]


@anything
def test_a_client_of_a_source_fails_at_once(tmp_path: Path, error: BaseException) -> None:
    """Also what ends a thread without a word is told, and not waited for until the deadline."""
    query = "SELECT ts, posts FROM {db}.posts WHERE ts >= {start} AND ts < {end}"
    broken = Monitor(
        ClickHouseSource(query, client=Raising(raiser(error)), name="theirs"), [Metric("posts", DayLagRatio())]
    )
    begun = time.monotonic()
    report, _ = run(tmp_path, broken, watched())
    assert time.monotonic() - begun < 20
    assert [str(each) for each in report.errors] == [
        f"source 'theirs': {type(error).__name__} in the client, which should have been a QueryError"
    ]


@anything
def test_a_notifier_costs_its_own_channel_only(tmp_path: Path, error: BaseException) -> None:
    """Its outcome is unknown and it is named; the other channel has all there is."""
    report, _ = run(tmp_path, watched(), others=(Raising(raiser(error)),))
    (failure,) = report.errors
    assert isinstance(failure, UnknownOutcomeError)
    assert str(failure).startswith("notifier 'theirs' raised ")
    assert error in causes(failure)
    assert {(each.notifier, each.outcome) for each in report.deliveries} == {
        ("theirs", "unknown"),
        ("fake", "accepted"),
    }


@anything
def test_a_receipt_that_is_no_text_costs_its_own_channel_only(tmp_path: Path, error: BaseException) -> None:
    """A notifier may return what fails when it is written down."""

    class Receipt:
        def __str__(self) -> str:
            raise error

    report, _ = run(tmp_path, watched(), others=(Raising(Receipt),))
    assert [each.outcome for each in report.deliveries if each.notifier == "theirs"] == ["unknown"]
    assert error in causes(report.errors[0])


@anything
def test_a_probe_that_raises_is_no_answer(tmp_path: Path, error: BaseException) -> None:
    """What may not have arrived waits for another run, and the channel is named."""
    chat = Raising(raiser(UnknownOutcomeError("no answer")))
    monitor = Monitor(FrameSource(fallen(), name="ours"), [Metric("views", DayLagRatio(), policy=Policy(remind=None))])
    pipeline = Pipeline([monitor], [chat], Ledger(tmp_path / "alerts.db"))
    for _ in range(2):
        pipeline.run(at=AT)
    chat.act = raiser(error)
    (failure,) = pipeline.run(at=AT).errors
    assert isinstance(failure, UnknownOutcomeError)
    assert re.fullmatch(rf"notifier 'theirs': `probe` raised {type(error).__name__} in {HERE}, line \d+", str(failure))
    assert failure.__cause__ is error


@anything
def test_a_drawing_that_raises_costs_no_text(
    tmp_path: Path, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message goes out in whole, without its picture."""
    monkeypatch.setattr("anomalert.charts.draw_day", lambda *_, **__: raiser(error)())
    out = io.StringIO()
    report = Pipeline([watched()], [ConsoleNotifier(tmp_path, out)], Ledger(tmp_path / "alerts.db")).run(at=AT)
    assert report.exit_code == 0
    assert out.getvalue().count("is missing: ") == 2
    assert type(error).__name__ in out.getvalue()
    assert "Metric views:" in out.getvalue()


PLACES: dict[str, Callable[[Callable[[], Any]], Monitor]] = {
    "source": lambda act: Monitor(Raising(act), [Metric("posts", DayLagRatio())]),
    "bounds": lambda act: watched(Metric("likes", Acts(act=act))),
    "lookback": lambda act: watched(Metric("likes", Acts(act=act, call="lookback"))),
}


@dataclass(frozen=True)
class Acts(DayLagRatio):
    """A detector that does something else in one of its calls."""

    act: Callable[[], Any] = print
    call: str = "bounds"

    @property
    def lookback(self) -> pd.Timedelta:
        """Act, or not."""
        if self.call == "lookback":
            self.act()
        return pd.Timedelta("1D")

    def bounds(self, baseline: Baseline) -> Bounds:
        """Act, or not."""
        if self.call == "bounds":
            self.act()
        return super().bounds(baseline)


@pytest.mark.parametrize("place", PLACES)
def test_ctrl_c_ends_the_run_wherever_it_comes(place: str) -> None:
    """An interrupt is nobody's failure."""
    with pytest.raises(KeyboardInterrupt):
        Pipeline([PLACES[place](raiser(KeyboardInterrupt()))]).run(at=AT)


class TimeUp(Exception):  # noqa: N818 - named as schedulers name theirs
    """What a scheduler raises in the midst of a task whose time is up."""


@contextmanager
def handled(handler: Any) -> Iterator[None]:
    """Have a signal handled so."""
    before = signal.signal(signal.SIGUSR1, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR1, before)


def handlers(error: BaseException) -> dict[str, Any]:
    """Return all that Python takes for a handler, each raising."""

    class Holder:
        def handle(self, *_: object) -> NoReturn:
            raise error

        def __call__(self, *_: object) -> NoReturn:
            raise error

    def inner(_text: str, *_: object) -> NoReturn:
        raise error

    return {
        "function": lambda *_: raiser(error)(),
        "method": Holder().handle,
        "object": Holder(),
        "partial": functools.partial(inner, "x"),
    }


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", ["function", "method", "object", "partial"])
@pytest.mark.parametrize("error", [SystemExit(143), TimeUp("time is up"), PanicError()], ids=lambda e: type(e).__name__)
def test_what_a_signal_raises_ends_the_run(place: str, kind: str, error: BaseException) -> None:
    """SIGTERM and the time limits of schedulers come while a plug-in works, and are none of its failures."""
    with handled(handlers(error)[kind]), pytest.raises(type(error)) as caught:
        Pipeline([PLACES[place](lambda: signal.raise_signal(signal.SIGUSR1))]).run(at=AT)
    assert caught.value is error


def test_a_plugin_may_have_a_time_limit_of_its_own(tmp_path: Path) -> None:
    """What its own handler raised is its failure, once that handler is gone."""

    def limited() -> None:
        with handled(handlers(TimeUp("too slow"))["function"]):
            signal.raise_signal(signal.SIGUSR1)

    report, _ = run(tmp_path, Monitor(Raising(limited), [Metric("posts", DayLagRatio())]), watched())
    (error,) = report.errors
    assert re.fullmatch(rf"source 'theirs': raised TimeUp in {HERE}, line \d+; the cause is chained", str(error))


def test_a_ledger_that_fails_while_rows_are_read_is_no_failed_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is told that a source cannot be read; the ledger is opened anew and the run completed."""
    readings, failures = LedgerSession.readings, iter([LedgerError("the server has gone")])

    def failing(session: LedgerSession, *arguments: Any) -> Any:
        for failure in failures:
            raise failure
        return readings(session, *arguments)

    monkeypatch.setattr(LedgerSession, "readings", failing)
    chat = FakeNotifier()
    report = Pipeline([watched()], [chat], Ledger(tmp_path / "alerts.db")).run(at=AT)
    assert [message.alerts[0].kind for message in chat.messages] == ["opened"]
    assert (report.errors, report.exit_code) == ((), 0)
