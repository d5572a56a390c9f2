"""How incidents end, and how that is said: in runs, in a catch-up and in a backtest."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from anomalert import (
    IQR,
    DayLagRatio,
    Detector,
    FrameSource,
    Ledger,
    Message,
    Metric,
    Monitor,
    Pipeline,
    Policy,
    RollingSigma,
    WeeklyAverage,
    backtest,
)
from anomalert.endings import headline_of_end
from anomalert.episodes import Ending, Incident, Observation, State
from anomalert.phrases import LANGUAGES
from anomalert.testing import FakeNotifier
from anomalert.walk import Stretch, walk, watches_of

INDEX = pd.date_range("2026-11-07T00:00Z", "2026-11-09T12:00Z", freq="15min")
FIRST, AFTER_ALL = pd.Timestamp("2026-11-08T07:00Z"), pd.Timestamp("2026-11-08T16:00Z")


def latency(until: str | None, factor: float, seed: int = 0) -> pd.DataFrame:
    """Return 180 ms, give or take 6, times `factor` from eight o'clock until the last slot of it."""
    values = pd.DataFrame({"latency": np.random.default_rng(seed).normal(180, 6, len(INDEX))}, INDEX)
    values.loc["2026-11-08T08:00Z" : until and f"2026-11-08T{until}Z"] *= factor
    return values


def watching(panel: pd.DataFrame, *metrics: Metric, ledger: Path | None = None) -> Pipeline:
    """Return a pipeline that watches `metrics` and tells a fake channel."""
    monitor = Monitor(FrameSource(panel, name="service"), metrics)
    return Pipeline([monitor], [FakeNotifier()], None if ledger is None else Ledger(ledger))


def heard(pipeline: Pipeline, *ats: pd.Timestamp) -> list[Message]:
    """Run a pipeline at every instant, and return what its channel was sent, by key."""
    for at in ats:
        pipeline.run(at).raise_for_status()
    (chat,) = pipeline.notifiers
    assert isinstance(chat, FakeNotifier)
    return sorted(chat.messages, key=lambda message: (message.alerts[0].slot, message.key))


def lines_of(message: Message) -> list[str]:
    """Return what is read of a message below its headline."""
    return [line for fact in message.facts for line in (fact.heading, *fact.lines)]


TWO_HOURS, SIX_HOURS, FENCES = RollingSigma(sigmas=6), RollingSigma("6h", sigmas=6), IQR("6h", season=None, k=4)
COURSES = [
    # Until when, times what, by which detector; said of it, in which slot; and when it was over.
    ("09:00", 4, TWO_HOURS, ["08:00 ▲ latency ×", "09:30 ✔ Back to usual: latency"], "09:15"),
    ("09:00", 4, FENCES, ["08:00 ▲ latency ×", "09:30 ✔ Back to usual: latency"], "09:15"),
    (None, 4, TWO_HOURS, ["08:00 ▲ latency ×", "10:00 ■ Stays at a new level: latency"], "10:15"),
    (None, 4, SIX_HOURS, ["08:00 ▲ latency ×", "14:00 ■ Stays at a new level: latency"], "14:15"),
    ("10:45", 0, TWO_HOURS, ["08:00 ▼ latency −100%", "10:00 ■ Stays at a new level: latency"], "10:15"),
    ("10:45", 0, SIX_HOURS, ["08:00 ▼ latency −100%", "11:15 ✔ Back to usual: latency"], "11:00"),
    ("08:00", 4, TWO_HOURS, ["08:00 ▲ latency ×", "08:30 ✔ Back to usual: latency"], "08:15"),
]


@pytest.mark.parametrize(("until", "factor", "detector", "said", "end"), COURSES)
def test_a_trailing_detector_calls_over_what_is_over(
    tmp_path: Path, until: str | None, factor: float, detector: Detector, said: list[str], end: str
) -> None:
    """A metric is told to be back when it is back, or to stay where it is; runs, a catch-up and a backtest agree."""
    panel, metric = latency(until, factor), Metric("latency", detector)
    ats = pd.date_range(FIRST, AFTER_ALL, freq="15min")
    pipeline = watching(panel, metric, ledger=tmp_path / "runs.db")
    messages = heard(pipeline, *ats)
    found = [f"{message.alerts[0].slot:%H:%M} {message.headline}" for message in messages]
    assert [line[: len(wanted)] for line, wanted in zip(found, said, strict=True)] == said
    assert pipeline.ledger is not None
    assert [f"{ended:%H:%M}" for ended in pipeline.ledger.history().incidents["end"]] == [end]

    (digest,) = heard(watching(panel, metric, ledger=tmp_path / "late.db"), ats[0], ats[-1])
    assert lines_of(digest) == [line for message in messages for line in (message.headline, *lines_of(message))]
    replayed = backtest(watching(panel, metric), start=FIRST, end=AFTER_ALL, progress=False)
    assert sorted(replayed.messages["key"]) == sorted(message.key for message in messages)
    assert [f"{ended:%H:%M}" for ended in replayed.incidents["end"]] == [end]


@pytest.mark.parametrize("seed", range(1, 5))
def test_noise_neither_ends_nor_prolongs(seed: int) -> None:
    """Whatever the noise, a step for an hour and a quarter is two messages, and one that stays is two, for ever."""
    ends = {}
    for until in ("09:00", None):
        replayed = backtest(
            watching(latency(until, 4, seed), Metric("latency", TWO_HOURS)),
            start=FIRST,
            end=INDEX[-1],
            progress=False,
        )
        assert replayed.messages["kind"].tolist() == ["opened", "resolved"]
        ends[until] = f"{replayed.incidents['end'].item():%H:%M}"
    assert ends["09:00"] == "09:15"
    assert "10:15" <= str(ends[None]) <= "11:30"


def test_a_new_level_is_told_with_what_was_usual_before(tmp_path: Path) -> None:
    """The numbers are those of the level now, and of the range that the metric left."""
    messages = heard(
        watching(latency(None, 4), Metric("latency", TWO_HOURS), ledger=tmp_path / "alerts.db"),
        *pd.date_range(FIRST, AFTER_ALL, freq="15min"),
    )
    (value, now, before, lasted), opened = lines_of(messages[1])[1:5], lines_of(messages[0])
    assert 650 < float(value.removeprefix("current value = ")) < 800
    assert 650 < float(now.removeprefix("now: expected ").split(",")[0]) < 800
    assert before == f"before: {opened[3]}"
    assert lasted == "incident: 2026-11-08 08:00–10:15, UTC (2 h 15 min)"


def test_nobody_knows_how_a_metric_goes_on_that_is_watched_no_more(tmp_path: Path) -> None:
    """One that is taken out of the configuration while its incident is open is not said to be back to usual."""
    panel = latency("12:00", 4).assign(errors=latency("08:30", 4, seed=1)["latency"], quiet=100.0)
    latency_, errors, quiet = (Metric(str(name), WeeklyAverage(days=1, min_count=1)) for name in panel)
    for others, headline in (
        ([quiet], "■ Not watched any more: latency"),
        ([quiet, errors], "✔ Back to usual: errors"),
    ):
        place = tmp_path / f"{len(others)}.db"
        heard(watching(panel, latency_, *others, ledger=place), FIRST, FIRST + pd.Timedelta("75min"))
        after = pd.date_range(FIRST + pd.Timedelta("90min"), AFTER_ALL, freq="15min")
        (message,) = heard(watching(panel, *others, ledger=place), *after)
        assert (message.alerts[0].kind, message.headline) == ("resolved", headline)
        lines = lines_of(message)
        assert lines[lines.index("Metric latency:") + 1] == "not watched any more: how it went on is not known"
        assert "current value is unknown" not in lines


def ended(ending: Ending, *names: str) -> list[Incident]:
    """Return incidents that ended in one way."""
    slot = pd.Timestamp("2026-11-08T08:00Z")
    now = Observation("", 1.0, 2.0, 1.5, 3.0, -0.5, 2.0, "down", "anomaly", is_alert=True)
    return [
        Incident(name, "down", slot, slot, now, now, now, slot, end=slot + pd.Timedelta("15min"), ending=ending)
        for name in names
    ]


HEADLINES: list[tuple[list[Incident], str, str]] = [
    (ended("usual", "a", "b"), "✔ Back to usual: a, b", "✔ Снова как обычно: a, b"),
    (ended("turned", "a"), "■ On the other side now: a", "■ Теперь в другую сторону: a"),
    (ended("settled", "a"), "■ Stays at a new level: a", "■ Держится на новом уровне: a"),
    (ended("unwatched", "a", "b"), "■ Not watched any more: a, b", "■ Больше не отслеживается: a, b"),
    (ended("unwatched", "a") + ended("usual", "b"), "✔ Back to usual: b", "✔ Снова как обычно: b"),
    (
        ended("usual", "b", "c", "d", "e", "f") + ended("settled", "g") + ended("unwatched", "a"),
        "■ Stays at a new level: g. Back to usual: b, c, d and 2 more",
        "■ Держится на новом уровне: g. Снова как обычно: b, c, d и ещё 2",
    ),
]


@pytest.mark.parametrize(("incidents", "english", "russian"), HEADLINES)
def test_a_headline_says_how_each_metric_ended(incidents: list[Incident], english: str, russian: str) -> None:
    """Nothing that is not as usual is called so, and a new level comes before what is back."""
    assert headline_of_end(incidents, LANGUAGES["en"]) == english
    assert headline_of_end(incidents, LANGUAGES["ru"]) == russian


def test_a_reminder_of_what_only_stays_names_the_metric_and_what_was_usual(tmp_path: Path) -> None:
    """How far a value is from what a detector expects that has seen the incident is nothing for a headline."""
    metric = Metric("latency", SIX_HOURS, policy=Policy(remind="3h"))
    pipeline = watching(latency(None, 4), metric, ledger=tmp_path / "alerts.db")
    opened, reminder, _ = heard(pipeline, *pd.date_range(FIRST, "2026-11-08T14:30Z", freq="15min"))
    assert reminder.headline == "▲ Still going on: latency"
    assert f"before: {lines_of(opened)[3]}" in lines_of(reminder)


SLOT = pd.Timedelta("4h")
DAYS = pd.date_range("2026-10-12T00:00Z", "2026-11-16T00:00Z", freq=SLOT)
NOON = pd.Timestamp("2026-11-02T12:00Z")
LEARNING = [
    # By which detector, for how long it is low; and how it ends: not before it is learnt, and not so if it is over.
    (DayLagRatio(), None, "settled"),
    (DayLagRatio(), "3D", "usual"),
    (DayLagRatio(), "8h", "usual"),
    (WeeklyAverage(), None, "settled"),
    (WeeklyAverage(), "4D", "usual"),
    (RollingSigma("14D", "1D", sigmas=4), None, "settled"),
    (RollingSigma("14D", "1D", sigmas=4), "3D", "usual"),
    (DayLagRatio(7), None, "settled"),
    # Until Saturday noon, which is low as every Saturday.
    (DayLagRatio(7), "5D", "usual"),
]


@pytest.mark.parametrize(("detector", "length", "ending"), LEARNING)
def test_what_is_learnt_is_a_new_level(detector: Detector, length: str | None, ending: Ending) -> None:
    """A detector that compares with other days calls a drop over when these are like it, and that is no all-clear."""
    weekend = DAYS.day_of_week >= 5
    shape = np.where(weekend, 30.0, 100.0) if detector == DayLagRatio(7) else np.full(len(DAYS), 100.0)
    scatter = np.random.default_rng(0).normal(1, 0.03, len(DAYS))
    values = pd.Series(shape * (1 + 0.5 * np.sin(DAYS.hour / 24 * 2 * np.pi)) * scatter, DAYS)
    values[NOON : DAYS[-1] if length is None else NOON + pd.Timedelta(length) - SLOT] *= 0.2
    metric = Metric("orders", detector, policy=Policy(adapt="2D", direction="down", remind=None))
    monitor = Monitor(FrameSource(values.to_frame("orders"), name="shop"), [metric], slot=SLOT)
    slots = [slot for slot in DAYS[:-1] if slot >= NOON - SLOT]
    stretch = Stretch(monitor, monitor.panel(DAYS[0], DAYS[-1]), slots)
    said = [each for step in walk([stretch], State(), watches_of([monitor])) for each in step.said]
    assert [each.kind for each in said] == ["opened", "resolved"]
    ((incident, _),) = said[-1].about
    assert (incident.start, incident.ending) == (NOON, ending)
    assert length is None or incident.end == NOON + pd.Timedelta(length)
