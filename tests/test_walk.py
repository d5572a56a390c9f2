"""The walk from panels to what there is to say: days, chunks, baselines, slots of several lengths, broken detectors."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from anomalert import (
    IQR,
    Baseline,
    Bounds,
    DayLagRatio,
    Detector,
    FrameSource,
    Metric,
    Monitor,
    Policy,
    RollingSigma,
    WeeklyAverage,
)
from anomalert.episodes import Replacement, State, state_from_dict, state_to_dict
from anomalert.errors import AnomalertError, DetectorError, SourceError, raised
from anomalert.testing import synthetic_panel
from anomalert.walk import Stretch, baseline_of, walk, watches_of

HOUR = pd.Timedelta("1h")
ZONE = "Europe/Berlin"


def instants(panel: pd.DataFrame) -> list[pd.Timestamp]:
    """Return the slots of a panel in UTC."""
    return list(pd.DatetimeIndex(panel.index).tz_convert("UTC"))


@dataclass
class Walked:
    """What a walk gave, as plain as tests compare it."""

    judgements: dict[str, list[pd.DataFrame]] = field(default_factory=dict)
    said: list[tuple[pd.Timestamp, str, str, tuple[str, ...]]] = field(default_factory=list)
    slots: list[tuple[pd.Timestamp, pd.Timestamp]] = field(default_factory=list)
    errors: list[AnomalertError] = field(default_factory=list)
    state: State = field(default_factory=State)

    def frame(self, monitor: str) -> pd.DataFrame:
        """Return all judgements of a monitor."""
        return pd.concat(self.judgements[monitor], ignore_index=True)

    def alerts(self, monitor: str) -> list[pd.Timestamp]:
        """Return the slots in which an anomaly is told."""
        frame = self.frame(monitor)
        return list(frame.loc[frame["is_alert"], "slot"])


def walk_in_chunks(
    monitors: Sequence[Monitor],
    panels: Mapping[str, pd.DataFrame],
    start: pd.Timestamp,
    ends: Sequence[pd.Timestamp],
    keep: Callable[[State], State] = lambda state: state,
) -> Walked:
    """Walk from `start` to each of `ends` in turn, every chunk with new stretches and the state from JSON.

    `keep` is what becomes of the state between two chunks.
    """
    walked = Walked()
    for first, last in zip([start, *ends], ends, strict=False):
        stretches = []
        for monitor in monitors:
            length = monitor.slot_length
            slots = [s for s in instants(panels[monitor.name]) if first < s + length <= last]
            # A chunk is not shown what lies after it, as a run is not.
            stretches.append(Stretch(monitor, panels[monitor.name].loc[: last - length], slots))
        state = state_from_dict(json.loads(json.dumps(state_to_dict(keep(walked.state)), allow_nan=False)))
        for step in walk(stretches, state, watches_of(monitors)):
            for name, frame in step.judgements.items():
                walked.judgements.setdefault(name, []).append(frame)
            walked.said += [(s.slot, s.kind, s.subject, tuple(i.metric for i, _ in s.about)) for s in step.said]
            walked.slots.append((step.slot, step.end))
            walked.state = step.state
        walked.errors += [error for stretch in stretches for error in stretch.errors]
    return walked


def monitor_of(panel: pd.DataFrame, *metrics: Metric, **settings: Any) -> Monitor:
    """Return a monitor of a panel of hours."""
    return Monitor(FrameSource(panel, name="feed"), metrics, **{"slot": "1h", "timezone": ZONE, **settings})


def steady(days: int = 30, slot: str = "1h") -> pd.DataFrame:
    """Return a metric that is 100 in every slot of many local days, over the change of the clocks in October."""
    slots = pd.date_range("2026-09-30T20:00Z", pd.Timestamp("2026-09-30T20:00Z") + days * 24 * HOUR, freq=slot)
    return pd.DataFrame({"likes": 100.0}, slots.tz_convert(ZONE))


INCIDENT = pd.date_range("2026-10-22T08:00Z", periods=2, freq="4h").tz_convert(ZONE)
ECHOING = [
    # Detector, what the incident multiplies by, whether a return to normal echoes on the next days without a memory.
    (DayLagRatio(1), 0.1, [1]),
    (DayLagRatio(1), 20.0, [1]),
    (DayLagRatio(7), 0.1, [7]),
    (WeeklyAverage(), 20.0, [1, 2, 3, 4, 5, 6, 7]),
    (WeeklyAverage(days=2, min_count=1), 20.0, [1, 2]),
]


@pytest.mark.parametrize(("detector", "factor", "echoes"), ECHOING)
def test_an_incident_of_today_raises_no_echo_on_the_days_after(
    detector: Detector, factor: float, echoes: list[int]
) -> None:
    """What was told today is no baseline tomorrow, nor a week later; without a memory it would raise echoes."""
    panel = steady(slot="4h")
    panel.loc[INCIDENT] *= factor
    watched = monitor_of(panel, Metric("likes", detector, policy=Policy(adapt="9D")), slot="4h")
    noons = pd.date_range(INCIDENT[0], periods=10, freq="D").tz_convert("UTC").floor("4h")
    ends = [watched.local_day(noon)[0].tz_convert("UTC") for noon in noons]
    panels = {"feed": watched.panel(panel.index[0], ends[-1])}

    told = walk_in_chunks([watched], panels, ends[0], ends[1:])
    assert told.alerts("feed") == instants(panel.loc[INCIDENT])
    assert [kind for _, kind, _, _ in told.said] == ["opened", "resolved"]

    forgetful = walk_in_chunks([watched], panels, ends[0], ends[1:], keep=lambda _: State())
    days = {(slot.tz_convert(ZONE).date() - INCIDENT[0].date()).days for slot in forgetful.alerts("feed")}
    assert days == {0, *echoes}


def test_one_odd_value_is_not_handed_on_as_the_baseline_of_every_day_after() -> None:
    """A value that is low but usual makes the next day look high: not for ever, since its slot recurs, but `adapt`.

    Without that, the high day would be replaced by the low value that was expected, and so would every day after.
    """
    panel = steady(slot="4h")
    noons = pd.date_range(INCIDENT[0] - pd.Timedelta("9D"), periods=10, freq="D")
    # Within the bounds of its own day; the day after, a usual value lies outside of those around it.
    panel.loc[noons[0]], panel.loc[noons[1:]] = 60.0, 125.0
    watched = monitor_of(panel, Metric("likes", DayLagRatio(), policy=Policy(adapt="3D")), slot="4h")
    ends = [watched.local_day(noon)[0].tz_convert("UTC") for noon in noons.tz_convert("UTC")]
    told = walk_in_chunks([watched], {"feed": watched.panel(panel.index[0], ends[-1])}, ends[0], ends[1:])
    assert told.alerts("feed") == instants(panel.loc[noons[1:5]])


def test_the_baseline_is_replaced_from_the_next_local_midnight_on() -> None:
    """The rest of the day is judged by what was, the day after by an ordinary value; so is an incident over midnight.

    The incident lasts from 22:00 to 02:00. On its second day what it did before midnight is replaced, and not what it
    does after; on the third day all of it is.
    """
    panel = steady()
    incident = pd.date_range("2026-10-16T22:00", periods=4, freq="1h", tz=ZONE)
    panel.loc[incident] = 10.0
    trailing = RollingSigma(window="12h", sigmas=2, min_count=2)
    watched = monitor_of(panel, Metric("likes", trailing))
    start, end = pd.Timestamp("2026-10-16T20:00", tz=ZONE), pd.Timestamp("2026-10-18T06:00", tz=ZONE)
    whole = watched.panel(panel.index[0], end)
    found = walk_in_chunks([watched], {"feed": whole}, start.tz_convert("UTC"), [end.tz_convert("UTC")])
    judged = found.frame("feed").set_index("slot")

    def expected(baseline: pd.DataFrame, first: str, last: str) -> pd.DataFrame:
        detection = trailing.detect(whole, baseline=baseline)
        return detection.expected.loc[pd.Timestamp(first, tz=ZONE) : pd.Timestamp(last, tz=ZONE)]

    edges = judged.loc[incident, ["expected", "lower"]]
    # A standard deviation below what was expected: half of the way to the bound.
    ordinary = (edges["expected"] - (edges["expected"] - edges["lower"]) / 2).to_frame("likes")
    before_midnight = whole.copy()
    before_midnight.loc[incident[:2]] = ordinary[:2]
    all_of_it = before_midnight.copy()
    all_of_it.loc[incident[2:]] = ordinary[2:]
    for baseline, first, last in (
        (whole, "2026-10-16T20:00", "2026-10-16T23:00"),
        (before_midnight, "2026-10-17T00:00", "2026-10-17T23:00"),
        (all_of_it, "2026-10-18T00:00", "2026-10-18T05:00"),
    ):
        wanted = expected(baseline, first, last)
        np.testing.assert_allclose(judged.loc[wanted.index, "expected"], wanted["likes"], rtol=1e-12, err_msg=first)
    assert dict(found.state.replaced["likes"]).keys() == set(incident.tz_convert("UTC"))


def test_a_baseline_without_incidents_is_the_panel_itself() -> None:
    """None is given where nothing is replaced, so that nothing is copied; slots outside of the panel are left out."""
    panel = steady(2)
    metrics = [Metric("likes", DayLagRatio())]
    midnight = panel.index[24]
    assert baseline_of(metrics, panel, State(), midnight) is None
    later, other = Replacement(1.0, "down"), Replacement(2.0, "up")
    after = State(replaced={"likes": {panel.index[30].tz_convert("UTC"): later}, "views": {panel.index[0]: other}})
    assert baseline_of(metrics, panel, after, midnight) is None
    outside = pd.Timestamp("2026-09-01T00:00Z")
    known = {panel.index[3].tz_convert("UTC"): Replacement(7.0, "down"), outside: Replacement(9.0, "up")}
    baseline = baseline_of(metrics, panel, State(replaced={"likes": known}), midnight)
    assert baseline is not None
    replaced = baseline["likes"]
    assert replaced[replaced != 100.0].to_dict() == {panel.index[3]: 7.0}
    assert (panel["likes"] == 100.0).all()


@st.composite
def lives(draw: st.DrawFn) -> tuple[Monitor, pd.DataFrame, pd.Timestamp]:
    """Return a monitor, a panel with incidents and gaps over a change of the clocks, and the first slot to judge."""
    zone, start = draw(
        st.sampled_from([(ZONE, "2026-10-20"), ("Australia/Lord_Howe", "2026-03-31"), ("UTC", "2026-10-20")])
    )
    panel = synthetic_panel(9, draw(st.integers(0, 99)), start=start, slot="4h", timezone=zone, gaps=0.05)
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    for _ in range(draw(st.integers(1, 6))):
        first, length = rng.integers(24, len(panel)), rng.integers(1, 10)
        columns = [["views"], ["likes"], ["views", "likes"]][rng.integers(3)]
        panel.loc[panel.index[first : first + length], columns] *= rng.choice([0.0, 0.2, 6.0, np.nan])
    detectors: list[Detector] = [DayLagRatio(), WeeklyAverage(3, min_count=2), IQR("3D"), RollingSigma("16h", sigmas=2)]
    policy = Policy(
        persist=draw(st.sampled_from([(1, 1), (2, 3)])),
        remind=draw(st.sampled_from([None, "12h"])),
        adapt=draw(st.sampled_from(["12h", "3D"])),
        recover=draw(st.integers(1, 3)),
    )
    metrics = [
        Metric("views", draw(st.sampled_from(detectors)), absent="zero", policy=policy),
        Metric("likes", draw(st.sampled_from(detectors)), policy=policy),
    ]
    watched = Monitor(FrameSource(panel, name="feed"), metrics, slot="4h", timezone=zone)
    whole = watched.panel(panel.index[0], panel.index[-1] + 4 * HOUR)
    return watched, whole, whole.index[24].tz_convert("UTC")


@settings(deadline=None, max_examples=6, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(lives(), st.lists(st.integers(1, 10), max_size=6))
def test_days_at_once_are_slots_one_by_one(drawn: tuple[Monitor, pd.DataFrame, pd.Timestamp], cuts: list[int]) -> None:
    """One walk, a walk for every slot with the state from JSON, and anything between, say and remember the same."""
    watched, panel, start = drawn
    ends = [slot + 4 * HOUR for slot in instants(panel) if slot >= start]
    some = [ends[position] for position in np.cumsum(cuts) if position < len(ends) - 1]
    whole = walk_in_chunks([watched], {"feed": panel}, start, [ends[-1]])
    assert whole.errors == []
    for chunks in ([*some, ends[-1]], ends):
        parts = walk_in_chunks([watched], {"feed": panel}, start, chunks)
        pd.testing.assert_frame_equal(parts.frame("feed"), whole.frame("feed"), check_exact=True)
        assert parts.said == whole.said
        assert parts.slots == whole.slots
        assert state_to_dict(parts.state) == state_to_dict(whole.state)


def test_slots_of_several_lengths_go_side_by_side() -> None:
    """Instants are in order, each monitor is judged as it would be alone, and incidents keep their own slots."""
    quarters = synthetic_panel(10, slot="15min", timezone=ZONE, start="2026-10-19")[["views"]]
    hours = synthetic_panel(10, slot="1h", timezone=ZONE, start="2026-10-19")[["likes"]]
    low = pd.Timestamp("2026-10-27T12:30", tz=ZONE)
    quarters.loc[low : low + 1.5 * HOUR] *= 0.1  # 12:30 to 14:15
    hours.loc[pd.Timestamp("2026-10-27T13:00", tz=ZONE)] *= 0.1
    fine = Monitor(FrameSource(quarters), [Metric("views", WeeklyAverage())], timezone=ZONE, name="fine")
    coarse = Monitor(FrameSource(hours), [Metric("likes", WeeklyAverage())], slot="1h", timezone=ZONE, name="coarse")
    start, end = pd.Timestamp("2026-10-27T00:00", tz=ZONE), pd.Timestamp("2026-10-28T00:00", tz=ZONE)
    panels = {
        "fine": fine.panel(quarters.index[0], end),
        "coarse": coarse.panel(hours.index[0], end),
    }
    walked = walk_in_chunks([coarse, fine], panels, start.tz_convert("UTC"), [end.tz_convert("UTC")])
    quarter = pd.Timedelta("15min")
    assert walked.slots == [(slot, slot + quarter) for slot in pd.date_range(start, end, freq=quarter)[:-1]]
    for each in (fine, coarse):
        pd.testing.assert_frame_equal(walked.frame(each.name), each.judge(panels[each.name], start), check_exact=True)

    def at(clock: str) -> pd.Timestamp:
        return pd.Timestamp(f"2026-10-27T{clock}", tz=ZONE).tz_convert("UTC")

    assert [(slot, kind, metrics) for slot, kind, _, metrics in walked.said] == [
        (at("12:30"), "opened", ("views",)),
        (at("13:45"), "worsened", ("likes",)),  # The hour from 13:00 ends with that quarter.
        (at("15:45"), "resolved", ("views", "likes")),  # After two quiet hours.
    ]
    assert list(walked.state.replaced["likes"]) == [at("13:00")]
    assert list(walked.state.replaced["views"]) == list(pd.date_range(at("12:30"), at("14:00"), freq=quarter))


@dataclass(frozen=True)
class Broken(Detector):
    """A detector of other people that raises."""

    what: type[BaseException] = ValueError

    @property
    def lookback(self) -> pd.Timedelta:
        """Return a day."""
        return pd.Timedelta("1D")

    def bounds(self, baseline: Baseline) -> Bounds:
        """Raise."""
        raise self.what(f"no bounds for {len(baseline.frame)} rows")


@dataclass(frozen=True)
class Shapeless(Broken):
    """A detector of other people that breaks its contract."""

    def bounds(self, baseline: Baseline) -> Bounds:  # noqa: ARG002 - the seam of detectors
        """Return bounds of no shape."""
        return Bounds(1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("broken", "text"),
    [
        (Broken(), "metric 'views': Broken(what=<class 'ValueError'>): raised ValueError: no bounds for"),
        (Broken(MemoryError), "metric 'views': Broken(what=<class 'MemoryError'>): raised MemoryError"),
        (Broken(SystemExit), "metric 'views': Broken(what=<class 'SystemExit'>): raised SystemExit"),
        (Broken(DetectorError), "metric 'views': no bounds for"),
        (Shapeless(), "metric 'views': Shapeless("),
    ],
)
def test_a_detector_that_raises_fails_its_metric_only(broken: Detector, text: str) -> None:
    """The other metrics of its monitor, and the other monitors, are judged; the error names metric and detector."""
    panel = synthetic_panel(9, slot="1h", timezone=ZONE)
    here = monitor_of(panel, Metric("views", broken), Metric("likes", DayLagRatio()))
    there = monitor_of(panel.rename(columns={"views": "posts"}), Metric("posts", DayLagRatio()), name="other")
    start = panel.index[5 * 24].tz_convert("UTC")
    panels = {each.name: each.panel(panel.index[0], panel.index[-1] + HOUR) for each in (here, there)}
    walked = walk_in_chunks([here, there], panels, start, [start + 48 * HOUR])
    assert walked.frame("feed")["metric"].value_counts().to_dict() == {"likes": 48}
    assert walked.frame("other")["metric"].value_counts().to_dict() == {"posts": 48}
    assert len(walked.errors) == 2, "one error for each local day"
    assert all(isinstance(error, DetectorError) and text in str(error) for error in walked.errors)


def test_a_monitor_whose_every_detector_raises_still_walks() -> None:
    """Steps without a judgement come all the same, and nothing is said."""
    panel = synthetic_panel(3, slot="1h", timezone=ZONE)
    watched = monitor_of(panel, Metric("views", Broken()))
    walked = walk_in_chunks(
        [watched], {"feed": watched.panel(panel.index[0], panel.index[-1])}, panel.index[24], [panel.index[30]]
    )
    assert len(walked.slots) == 6
    assert len(walked.frame("feed")) == 0
    assert walked.said == []


def test_nothing_is_judged_by_what_came_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A detector is not even shown the days after the one that is judged, so that none can cheat in a replay."""
    shown: list[pd.Timestamp] = []

    def bounds(detector: DayLagRatio, baseline: Baseline) -> Bounds:
        shown.append(baseline.frame.index[-1])
        return of_a_day(detector, baseline)

    of_a_day = DayLagRatio.bounds
    monkeypatch.setattr(DayLagRatio, "bounds", bounds)
    panel = steady(9)
    watched = monitor_of(panel, Metric("likes", DayLagRatio()))
    panels = {"feed": watched.panel(panel.index[0], panel.index[-1])}
    days = [watched.local_day(panel.index[number])[-1] for number in (60, 84, 108)]
    start = watched.local_day(panel.index[60])[0].tz_convert("UTC")
    walk_in_chunks([watched], panels, start, [days[-1].tz_convert("UTC") + HOUR])
    assert shown == days


def test_an_interrupt_is_not_held_up() -> None:
    """Ctrl-C inside a detector is no failure of its metric."""
    panel = synthetic_panel(3, slot="1h", timezone=ZONE)
    watched = monitor_of(panel, Metric("views", Broken(KeyboardInterrupt)))
    with pytest.raises(KeyboardInterrupt):
        walk_in_chunks(
            [watched], {"feed": watched.panel(panel.index[0], panel.index[-1])}, panel.index[24], [panel.index[30]]
        )


def test_a_source_that_falls_silent_is_told_once_and_its_return_once() -> None:
    """Slots without anything are no quiet slots of an incident, and one outage is two messages."""
    panel = steady(8)
    gone, low = panel.index[150:160], panel.index[145:150]
    panel.loc[low] = 10.0
    watched = monitor_of(panel.drop(gone), Metric("likes", DayLagRatio()))
    panels = {"feed": watched.panel(panel.index[0], panel.index[170])}
    utc = instants(panel)
    walked = walk_in_chunks([watched], panels, utc[140], utc[141:171])
    assert [(slot, kind) for slot, kind, _, _ in walked.said] == [
        (utc[145], "opened"),
        (utc[150], "no_data"),
        (utc[160], "data_back"),
        (utc[161], "resolved"),
    ]


def test_a_wrapped_error_names_its_place_and_keeps_its_cause() -> None:
    """Of an error of ours the text is kept. Of another source's only the type: its text may hold a password."""
    cause = OSError("no route to http://reader:canary@db")
    error = raised(SourceError, "source 'feed'", cause)
    assert str(error) == "source 'feed': raised OSError; the cause is chained"
    assert error.__cause__ is cause
    with pytest.raises(KeyError) as caught:
        pd.DataFrame()["canary"]
    line = test_a_wrapped_error_names_its_place_and_keeps_its_cause.__code__.co_firstlineno + 7
    shown = f"source 'feed': raised KeyError in {__file__}, line {line}; the cause is chained"
    assert str(raised(SourceError, "source 'feed'", caught.value)) == shown
    assert str(raised(SourceError, "source 'feed'", SourceError("it is closed"))) == "source 'feed': it is closed"
    of_metric = raised(DetectorError, "metric 'likes'", ValueError("bad shape"))
    assert str(of_metric) == "metric 'likes': raised ValueError: bad shape"
