"""Messages: what people read, in both languages, to the letter; and that none is lost on its way through JSON."""

import itertools
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomalert import Baseline, Bounds, DayLagRatio, Detector, FrameSource, Metric, Monitor, WeeklyAverage
from anomalert.digests import digest
from anomalert.episodes import Incident, Observation, Outage, Said, State
from anomalert.interfaces import Alert, AlertKind, Fact
from anomalert.messages import Draft, draft
from anomalert.phrases import LANGUAGES, Language
from anomalert.scenes import Scene, Sketch
from anomalert.testing import synthetic_panel

SLOT = pd.Timestamp("2026-11-02T15:15Z")
QUARTER = pd.Timedelta("15min")
ZONE = "Europe/Moscow"
NAN, INF = math.nan, math.inf
NUMBERS = ("value", "expected", "lower", "upper", "deviation", "score")


def seen(metric: str = "likes", value: float = 812.0, expected: float = 2106.355, **changes: Any) -> Observation:
    """Return an anomaly by the rule of the reference: half to double of what is expected."""
    known: dict[str, Any] = {
        "metric": metric,
        "value": value,
        "expected": expected,
        "lower": expected / 2,
        "upper": expected * 2,
        "deviation": (value - expected) / max(abs(value), abs(expected), 1e-300),
        "score": 1.23,
        "direction": "up" if value > expected else "down",
        "status": "anomaly",
        "is_alert": True,
    }
    return Observation(**{**known, **changes})


UNSEEN: dict[str, Any] = {**dict.fromkeys(NUMBERS, NAN), "direction": None, "status": "no_data", "is_alert": False}


def incident_of(now: Observation, start: pd.Timestamp = SLOT, **changes: Any) -> Incident:
    """Return an incident that began with `now`."""
    direction = now.direction or "down"
    known = {"opening": now, "peak": now, "told": now, "peak_slot": start, "start": start, "last": start}
    return Incident(metric=now.metric, direction=direction, **{**known, **changes})


def said_of(kind: AlertKind, *about: tuple[Incident, Observation], slot: pd.Timestamp = SLOT) -> Said:
    """Return what there is to say of the episode that the first of `about` opened."""
    return Said(kind, f"down/{about[0][0].metric}/20261102T1515Z", slot, about)


def scene_of(metric: str, slot: pd.Timestamp = SLOT, detector: Detector | None = None, **settings_: Any) -> Scene:
    """Return a scene on ten days of quiet."""
    panel = synthetic_panel(10, start="2026-10-25", timezone=ZONE)[["views"]].set_axis([metric], axis=1)
    watched = Metric(metric, detector or DayLagRatio(), **settings_)
    monitor = Monitor(FrameSource(panel, name="feed"), [watched], timezone=ZONE)
    return Scene(monitor, watched, monitor.panel(panel.index[0], slot + QUARTER), State(), slot)


def text_of(written: Draft) -> list[str]:
    """Return what a reader sees, line by line."""
    return [written.headline, *(line for fact in written.facts for line in (fact.heading, *fact.lines))]


def write(said: Said, language: Language = "en", *, with_scenes: bool = True, **scene: Any) -> Draft:
    """Return the message of `said`, its metrics on quiet panels."""
    names = {incident.metric for incident, _ in said.about} if with_scenes else ()
    scenes = {name: scene_of(name, slot=said.slot, **scene) for name in names}
    return draft(said, "feed_messenger", scenes, {}, language)


def test_an_opening_in_russian() -> None:
    """The three lines are those of the script that teams know, to the letter."""
    now = seen()
    written = write(said_of("opened", (incident_of(now), now)), "ru")
    assert text_of(written) == [
        "▼ likes −61%",
        "Метрика likes:",
        "текущее значение = 812.00",
        "отклонение от вчера 61.45%",
        "ожидалось 2106.36, обычно от 1053.18 до 4212.71",
        "02.11.2026 18:15–18:30, Europe/Moscow",
    ]


def test_an_opening_in_english() -> None:
    """The same, in English; the alert carries the numbers unrounded, and the metric's own slot."""
    now = seen()
    written = write(said_of("opened", (incident_of(now), now)))
    assert text_of(written) == [
        "▼ likes −61%",
        "Metric likes:",
        "current value = 812.00",
        "deviation from usual 61.45%",
        "expected 2106.36, usually 1053.18 to 4212.71",
        "2026-11-02 18:15–18:30, Europe/Moscow",
    ]
    numbers = {name: getattr(now, name) for name in NUMBERS}
    assert written.alerts == (
        Alert(
            "opened", "feed_messenger", "likes", SLOT, **numbers, direction="down", incident="likes/down/20261102T1515Z"
        ),
    )


LATER = {
    ("worsened", "en"): ("▼ Getting worse: likes −90%", ["expected 2000.00, usually 1000.00 to 4000.00"]),
    ("worsened", "ru"): ("▼ Стало хуже: likes −90%", ["ожидалось 2000.00, обычно от 1000.00 до 4000.00"]),
    ("reminder", "en"): ("▼ Still going on: likes −90%", ["expected 2000.00, usually 1000.00 to 4000.00"]),
    ("reminder", "ru"): ("▼ Всё ещё продолжается: likes −90%", ["ожидалось 2000.00, обычно от 1000.00 до 4000.00"]),
}


@pytest.mark.parametrize(("kind", "language"), LATER)
def test_what_goes_on(kind: Any, language: Language) -> None:
    """A later message says since when it goes on, for how long, and how bad it was at its worst."""
    now = seen(value=200.0, expected=2000.0)
    peak = seen(value=100.0, expected=2000.0)
    incident = incident_of(now, start=SLOT - 6 * QUARTER, last=SLOT, peak=peak)
    headline, usual = LATER[kind, language]
    english = language == "en"
    assert text_of(write(said_of(kind, (incident, now)), language)) == [
        headline,
        "Metric likes:" if english else "Метрика likes:",
        "current value = 200.00" if english else "текущее значение = 200.00",
        "deviation from usual 90.00%" if english else "отклонение от вчера 90.00%",
        *usual,
        "incident: 2026-11-02 16:45–18:30, Europe/Moscow (1 h 45 min)"
        if english
        else "инцидент: 02.11.2026 16:45–18:30, Europe/Moscow (1 ч 45 мин)",
        "at its worst −95%" if english else "в худший момент −95%",
        "2026-11-02 18:15–18:30, Europe/Moscow" if english else "02.11.2026 18:15–18:30, Europe/Moscow",
    ]


def test_an_end() -> None:
    """A resolution names the incident's whole length, over midnight too, and its worst; not what is usual again."""
    now = seen(value=1900.0, expected=2000.0, direction="down", status="ok", is_alert=False)
    start = pd.Timestamp("2026-11-01T20:45Z")
    peak = seen(value=100.0, expected=2000.0)
    incident = incident_of(now, start=start, peak=peak, end=start + 2 * QUARTER)
    written = write(said_of("resolved", (incident, now)))
    assert written.headline == "✔ Back to usual: likes"
    assert "incident: 2026-11-01 23:45–2026-11-02 00:15, Europe/Moscow (0 h 30 min)" in text_of(written)
    assert written.replies_to == "feed_messenger/opened/down/likes/20261102T1515Z/20261102T1515Z"
    assert write(said_of("resolved", (incident, now)), "ru").headline == "✔ Снова как обычно: likes"


def test_a_rise_and_what_is_more() -> None:
    """Of many metrics the gravest come first, three of them in the headline and all of them in the text."""
    values = {"a": 201.0, "b": 500.0, "c": 240.0, "d": 1000.0, "e": 240.0}
    about = [(incident_of(now), now) for name, value in values.items() for now in [seen(name, value, expected=100.0)]]
    written = write(said_of("opened", *about))
    assert written.headline == "▲ d ×10.0, b ×5.0, c ×2.4 and 2 more"
    assert [fact.heading for fact in written.facts[:5]] == [f"Metric {name}:" for name in "dbcea"]
    assert [alert.metric for alert in written.alerts] == list("dbcea")
    assert [sketch.metric for sketch in written.sketches] == list("dbcea")
    assert write(said_of("opened", *about), "ru").headline == "▲ d ×10.0, b ×5.0, c ×2.4 и ещё 2"


@pytest.mark.parametrize(
    ("value", "expected", "text"),
    [
        (50.0, 100.0, "−50%"),
        (0.0, 100.0, "−100%"),
        (240.0, 100.0, "×2.4"),
        (5.0, 0.0, "0.00 → 5.00"),
        (5.0, -0.0, "0.00 → 5.00"),
        (3.0, -5.0, "-5.00 → 3.00"),
        (-1.0, -5.0, "-5.00 → -1.00"),
        (0.00012, 0.0, "0.00 → 0.00012"),
        (-5.0, 5.0, "−200%"),
        (0.0, 0.0, "−0%"),
        (1e308, 1e-308, "×inf"),
    ],
)
def test_a_change_in_one_word(value: float, expected: float, text: str) -> None:
    """A drop is a share, a rise a multiple, and where there is no multiple both numbers stand."""
    level = max(abs(value), abs(expected))
    assert LANGUAGES["en"].change(value, expected, (value - expected) / level if level else 0.0) == text


@pytest.mark.parametrize(
    ("lower", "upper", "text"),
    [
        (0.0, 0.0123456, "usually 0.00 to 0.0123"),
        (-INF, 1.0, "usually −∞ to 1.00"),
        (-3.5, INF, "usually -3.50 to ∞"),
        (1e-12, 12345678.9, "usually 1e-12 to 12345678.90"),
        (0.1, 0.2134, "usually 0.10 to 0.21"),
        (-0.0, 0.09999, "usually 0.00 to 0.1"),
    ],
)
def test_bounds_of_every_size(lower: float, upper: float, text: str) -> None:
    """Small numbers keep three digits, infinite bounds are said so."""
    now = seen(lower=lower, upper=upper)
    assert text_of(write(said_of("opened", (incident_of(now), now))))[4] == f"expected 2106.36, {text}"


def test_a_small_value_is_said_as_what_was_expected_is() -> None:
    """A rate of a few in ten thousand is not told as 0.00: value, expected and range keep the same digits."""
    now = seen("err_rate", value=0.00108, expected=0.00012)
    lines = text_of(write(said_of("opened", (incident_of(now), now))))
    assert lines[0] == "▲ err_rate ×9.0"
    assert (lines[2], lines[4]) == ("current value = 0.00108", "expected 0.00012, usually 6e-05 to 0.00024")
    russian = text_of(write(said_of("opened", (incident_of(now), now)), "ru"))
    assert (russian[2], russian[4]) == ("текущее значение = 0.00108", "ожидалось 0.00012, обычно от 6e-05 до 0.00024")


def test_of_what_is_not_known_nothing_is_said() -> None:
    """A metric that was not judged in the slot has no number in the message; none reads "nan"."""
    now = seen("views", value=100.0, expected=2000.0)
    unseen = Observation(metric="likes", **UNSEEN)
    incidents = (incident_of(now), now), (incident_of(seen()), unseen)
    for language, unknown in (("en", "current value is unknown"), ("ru", "текущее значение неизвестно")):
        written = write(said_of("reminder", *incidents), language)  # type: ignore[arg-type]
        assert written.headline.endswith(": views −95%, likes")
        assert written.facts[1].lines[0] == unknown
        assert len(written.facts[1].lines) == 3
        assert "nan" not in " ".join([*text_of(written), *(sketch.title for sketch in written.sketches)])


OUTAGES = {
    "no_data": ("✖ No data from feed, messages", "✖ Нет данных: feed, messages"),
    "source_failed": ("✖ Cannot read feed, messages", "✖ Не читается источник: feed, messages"),
    "data_back": ("✔ Data again from feed, messages", "✔ Данные снова есть: feed, messages"),
}


OUTAGE_LINES = {
    ("no_data", "en"): [
        "Metric likes:",
        "expected 2106.36",
        "since 2026-11-02 15:15, UTC",
        "not watched meanwhile: likes, dau",
    ],
    ("no_data", "ru"): [
        "Метрика likes:",
        "ожидалось 2106.36",
        "с 02.11.2026 15:15, UTC",
        "пока не отслеживаются: likes, dau",
    ],
    ("source_failed", "en"): ["since 2026-11-02 15:15, UTC", "not watched meanwhile: likes, dau"],
    ("source_failed", "ru"): ["с 02.11.2026 15:15, UTC", "пока не отслеживаются: likes, dau"],
    ("data_back", "en"): ["nothing was seen from 2026-11-02 14:30 to 15:15 (0 h 45 min), UTC"],
    ("data_back", "ru"): ["ничего не было видно с 02.11.2026 14:30 до 15:15 (0 ч 45 мин), UTC"],
}


@pytest.mark.parametrize("kind", OUTAGES)
def test_outages(kind: Any) -> None:
    """It names all sources and since when; what was expected of silent ones, what is not watched, and until when."""
    began = "source_failed" if kind == "source_failed" else "no_data"
    start = SLOT if kind == began else SLOT - 3 * QUARTER
    outages = tuple(Outage(name, began, start, f"feed+messages/{start:%Y%m%dT%H%MZ}") for name in ("feed", "messages"))  # type: ignore[arg-type]
    said = Said(kind, outages[0].told, SLOT, outages=outages)
    rows: Mapping[str, Mapping[str, Any]] = {
        "likes": {"value": NAN, "expected": 2106.355, "lower": 1.0, "upper": 9.0},
        "dau": {},
    }
    for language, headline in zip(("en", "ru"), OUTAGES[kind], strict=True):
        written = draft(said, "shop", {}, rows, language)  # type: ignore[arg-type]
        assert written.headline == headline
        assert [(alert.metric, alert.kind, alert.direction) for alert in written.alerts] == [
            ("likes", kind, None),
            ("dau", kind, None),
        ]
        assert text_of(written)[1:] == OUTAGE_LINES[kind, language]
        follows = f"shop/no_data/{outages[0].told}/{start:%Y%m%dT%H%MZ}" if kind == "data_back" else None
        assert written.replies_to == follows


def test_an_end_follows_the_message_that_it_ends() -> None:
    """What a later message replies to is the very key that the opening one had."""
    now = seen()
    about = (incident_of(now), now)
    opening = write(said_of("opened", about))
    assert opening.replies_to is None
    for kind in ("worsened", "reminder", "resolved"):
        assert write(said_of(kind, about, slot=SLOT + QUARTER)).replies_to == opening.key
    lost = Said(
        "no_data", "feed/20261102T1515Z", SLOT, outages=(Outage("feed", "no_data", SLOT, "feed/20261102T1515Z"),)
    )
    back = replace(lost, kind="data_back", slot=SLOT + QUARTER)
    assert draft(back, "shop", {}, {}).replies_to == draft(lost, "shop", {}, {}).key


def test_keys_tell_messages_apart_and_nothing_else() -> None:
    """A key is unique to pipeline, episode, slot and kind, and the same in another language or with other numbers."""
    kinds: list[AlertKind] = ["opened", "worsened", "reminder", "resolved"]
    slots = pd.date_range(SLOT, periods=4, freq="30s")
    keys: list[str] = []
    for pipeline, metric, kind, slot in itertools.product(("one", "two"), ("likes", "views"), kinds, slots):
        if kind == "opened" and slot != SLOT:
            continue  # An episode is opened once.
        texts = set()
        for language, value in itertools.product(LANGUAGES, (812.0, 3.0)):
            now = seen(metric, value)
            texts.add(draft(said_of(kind, (incident_of(now), now), slot=slot), pipeline, {}, {}, language).key)
        assert len(texts) == 1, texts
        keys += texts
    assert len(set(keys)) == len(keys) == 2 * 2 * (1 + 3 * 4)


def test_metrics_that_join_late_in_one_slot_are_two_messages() -> None:
    """A metric that is judged late and joins in a slot of which others were told already is not taken for them."""
    a, b = seen("a"), seen("b")
    opening = said_of("opened", (incident_of(seen("z")), seen("z")))
    keys = [
        draft(replace(opening, kind="worsened", about=((incident_of(now), now),)), "shop", {}, {}).key for now in (a, b)
    ]
    assert keys[0] != keys[1]


def test_links_of_all_metrics_are_kept() -> None:
    """Two metrics with different dashboards keep both; one that they share stands once."""
    first, second = seen("a", 5.0, 100.0), seen("b", 10.0, 100.0)
    shared = {"Runbook": "https://wiki/1"}
    scenes = {
        "a": scene_of("a", links={"Dashboard": "https://bi/a", **shared}),
        "b": scene_of("b", links={"Dashboard": "https://bi/b", **shared}),
    }
    said = said_of("opened", (incident_of(second), second), (incident_of(first), first))
    assert draft(said, "shop", scenes, {}).links == {
        "Dashboard": "https://bi/a",
        "Runbook": "https://wiki/1",
        "Dashboard (b)": "https://bi/b",
    }


HOSTILE = ["{metric}", "{0.__class__}", "%s %(x)s", "<b>&amp;</b>", "_*[]()~`", "a\nb", "\u202ecba", "{", "}{", "%", ""]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("language", LANGUAGES)
def test_names_are_text_and_nothing_else(name: str, language: Language) -> None:
    """Braces, percents and markup in the names of metrics, pipelines and sources stand in the text as they are."""
    now = seen(name)
    incident = incident_of(now)
    for kind in ("opened", "worsened", "reminder", "resolved"):
        written = write(said_of(kind, (incident, now)), language)
        assert name in written.headline
        assert written.facts[0].heading == ("Metric " if language == "en" else "Метрика ") + f"{name}:"
        message = written.message(may_repeat=True, notes=[f"note {name}"])
        assert name in message.headline
        assert message.facts[-1] == Fact(f"note {name}", ())
    lost = Said("no_data", name, SLOT, outages=(Outage(name, "no_data", SLOT, name),))
    written = draft(lost, name, {}, {name: {"expected": 1.0}}, language)
    assert name in written.headline
    assert written.key.startswith(f"{name}/no_data/")
    assert digest([written, written], "key").facts[0].heading == written.headline


def test_what_a_notifier_gets() -> None:
    """The message has the draft's words, the receipt it follows, the notes, and a warning where it may be a repeat."""
    now = seen()
    written = write(said_of("opened", (incident_of(now), now)), links={"Board": "https://bi"})
    message = written.message("42", may_repeat=True, notes=["first", "second"])
    assert message.key == written.key
    assert message.headline == "▼ likes −61% (may be a repeat)"
    assert message.facts == (*written.facts, Fact("first", ()), Fact("second", ()))
    assert (message.reply_to, message.links, message.alerts) == ("42", {"Board": "https://bi"}, written.alerts)
    assert [picture.name for picture in message.pictures] == ["likes-20261102T1515Z"]
    assert message.pictures[0].description == "likes −61%"
    plain = written.message()
    assert (plain.headline, plain.facts, plain.reply_to) == (written.headline, written.facts, None)
    assert replace(written, language="ru").message(may_repeat=True).headline == "▼ likes −61% (возможно, повтор)"


TEXTS = st.text(max_size=8)
FLOATS = st.floats(allow_nan=True, allow_infinity=True)
INSTANTS = st.integers(0, 2**31).map(lambda seconds: pd.Timestamp(seconds, unit="s", tz="UTC"))
ALERTS = st.builds(
    Alert,
    kind=st.sampled_from(["opened", "no_data", "data_back"]),
    pipeline=TEXTS,
    metric=TEXTS,
    slot=INSTANTS,
    **dict.fromkeys(NUMBERS, FLOATS),
    direction=st.sampled_from(["up", "down", None]),
    incident=TEXTS,
)


def frames_of(size: int) -> st.SearchStrategy[dict[str, list[Any]]]:
    """Return the columns of frames with any numbers."""
    numbers = st.lists(FLOATS, min_size=size, max_size=size)
    flags = st.lists(st.booleans(), min_size=size, max_size=size)
    return st.tuples(numbers, numbers, numbers, numbers, flags).map(
        lambda columns: dict(zip(("value", "expected", "lower", "upper", "is_anomaly"), columns, strict=True))
    )


COLUMNS = st.integers(1, 4).flatmap(frames_of)


@st.composite
def sketches(draw_: st.DrawFn) -> Sketch:
    """Return sketches of frames with any numbers."""
    columns = draw_(COLUMNS)
    size = len(columns["value"])
    zone = draw_(st.sampled_from(["UTC", "Europe/Berlin", "Australia/Lord_Howe"]))
    index = pd.date_range(draw_(INSTANTS), periods=size, freq=draw_(st.sampled_from(["15min", "1D"]))).tz_convert(zone)
    return Sketch.of("band", draw_(TEXTS), draw_(TEXTS), draw_(TEXTS), pd.DataFrame(columns, index=index))


DRAFTS = st.builds(
    Draft,
    key=TEXTS,
    slot=INSTANTS,
    headline=TEXTS,
    alerts=st.lists(ALERTS, max_size=2).map(tuple),
    facts=st.lists(st.builds(Fact, TEXTS, st.lists(TEXTS, max_size=2).map(tuple)), max_size=2).map(tuple),
    sketches=st.lists(sketches(), max_size=2).map(tuple),
    links=st.one_of(st.none(), st.dictionaries(TEXTS, TEXTS, max_size=2)),
    replies_to=st.one_of(st.none(), TEXTS),
    language=st.sampled_from(["en", "ru"]),
    folded=st.integers(0, 3),
)
DIGESTS = st.builds(replace, DRAFTS, parts=st.lists(DRAFTS, max_size=2).map(tuple))


@settings(deadline=None, max_examples=60)
@given(DIGESTS)
def test_a_draft_outlives_json(written: Draft) -> None:
    """What waits in a ledger is what was written: every text, number, NaN and infinite bound of it."""
    stored = json.dumps(written.to_dict(), allow_nan=False)
    again = Draft.from_dict(json.loads(stored))
    assert json.dumps(again.to_dict(), allow_nan=False) == stored
    # Two NaN are two numbers to Python, and one to a reader.
    assert repr(again) == repr(written)
    assert (again.slot, again.facts, again.sketches, again.links) == (
        written.slot, written.facts, written.sketches, written.links,
    )  # fmt: skip


@settings(deadline=None, max_examples=40)
@given(
    COLUMNS, st.sampled_from(["UTC", "Europe/Berlin", "Australia/Lord_Howe"]), st.sampled_from(["15min", "1h", "1D"])
)
def test_a_sketch_is_its_frame(columns: dict[str, list[Any]], zone: str, slot: str) -> None:
    """A frame comes back from its sketch as it was, over a change of the clocks too."""
    start = pd.Timestamp("2026-10-24T22:45Z") if slot == "15min" else pd.Timestamp("2026-10-24")
    index = pd.date_range(start.tz_localize(None), periods=len(columns["value"]), freq=slot, tz="UTC").tz_convert(zone)
    frame = pd.DataFrame(columns, index=index)
    again = Sketch(**json.loads(json.dumps(vars(Sketch.of("day", "n", "t", "m", frame)), allow_nan=False))).frame()
    pd.testing.assert_frame_equal(again, frame, check_freq=False, check_index_type=False)


def test_the_picture_of_a_day_is_the_whole_local_day() -> None:
    """The line reaches to the judged slot and the baseline to the end of the day; both are the detection's numbers."""
    scene = scene_of("likes", detector=WeeklyAverage())
    frame = scene.day("title").frame()
    midnight = pd.Timestamp("2026-11-02", tz=ZONE)
    assert (frame.index[0], frame.index[-1], len(frame)) == (midnight, midnight + pd.Timedelta("23h45min"), 96)
    assert frame["value"].last_valid_index() == SLOT.tz_convert(ZONE)
    assert frame["expected"].notna().all()
    detection = WeeklyAverage().detect(scene.panel, midnight)
    known = frame.loc[: SLOT.tz_convert(ZONE)]
    for column in ("value", "expected", "lower", "upper"):
        np.testing.assert_array_equal(known[column], getattr(detection, column)["likes"])


def test_the_picture_of_an_incident_shows_what_came_before() -> None:
    """It begins three hours before the incident and ends with the slot that was judged last."""
    scene = scene_of("likes")
    sketch = scene.incident(incident_of(seen(), start=SLOT - 8 * QUARTER), "title")
    frame = sketch.frame()
    assert sketch.kind == "band"
    assert (frame.index[0], frame.index[-1]) == (SLOT - 20 * QUARTER, SLOT)
    assert frame[["value", "expected"]].notna().all(axis=None)


@pytest.mark.parametrize("kind", ["opened", "resolved"])
def test_a_picture_is_drawn_when_asked_for(kind: Any) -> None:
    """Both kinds of pictures come out as PNG after a stay in JSON."""
    now = seen()
    written = write(said_of(kind, (incident_of(now, end=SLOT + QUARTER), now)))
    (picture,) = Draft.from_dict(json.loads(json.dumps(written.to_dict()))).message().pictures
    assert picture.draw().startswith(b"\x89PNG\r\n")


@dataclass(frozen=True)
class FailsOnGaps(DayLagRatio):
    """A detector of other people that does not bear the unknown rest of a day."""

    def bounds(self, baseline: Baseline) -> Bounds:
        """Raise if anything is unknown at the end."""
        if baseline.frame.iloc[-1].isna().any():
            raise ValueError("the last row is unknown")
        return super().bounds(baseline)


def test_a_picture_that_cannot_be_made_costs_no_text(caplog: pytest.LogCaptureFixture) -> None:
    """The message goes without the picture of a metric whose detector fails on the whole day; the log says why."""
    now = seen()
    written = write(said_of("opened", (incident_of(now), now)), detector=FailsOnGaps())
    assert written.headline == "▼ likes −61%"
    assert written.sketches == ()
    assert "no picture of 'likes': ValueError: the last row is unknown" in caplog.text


@pytest.mark.parametrize(
    ("language", "headline"), [("en", "▼ Now also: likes −90%"), ("ru", "▼ Теперь ещё: likes −90%")]
)
def test_a_metric_that_joins_is_not_said_to_get_worse(language: Language, headline: str) -> None:
    """A metric whose incident begins with this slot joins the episode; it has not become worse."""
    now = seen(value=200.0, expected=2000.0)
    assert text_of(write(said_of("worsened", (incident_of(now), now)), language))[0] == headline


def test_outages_are_told_in_the_time_of_the_monitor() -> None:
    """Since when a source is silent is said in the zone in which its metrics are told."""
    said = Said("source_failed", "feed", SLOT, outages=(Outage("feed", "source_failed", SLOT, "feed"),))
    written = draft(said, "shop", {}, {"likes": {}}, "en", ZONE)
    assert text_of(written)[1] == "since 2026-11-02 18:15, Europe/Moscow"


def test_of_many_metrics_that_are_not_watched_ten_are_named() -> None:
    """A source of a hundred metrics is one line too."""
    said = Said("source_failed", "feed", SLOT, outages=(Outage("feed", "source_failed", SLOT, "feed"),))
    for language, more in (("en", " and 2 more"), ("ru", " и ещё 2")):
        line = text_of(draft(said, "shop", {}, {f"m{number}": {} for number in range(12)}, language))[2]  # type: ignore[arg-type]
        assert line.endswith(f": m0, m1, m2, m3, m4, m5, m6, m7, m8, m9{more}")


@pytest.mark.parametrize(
    ("language", "lines"),
    [
        ("en", ["no values from 2026-11-01 23:45 to 2026-11-02 18:15 (18 h 30 min), Europe/Moscow"]),
        ("ru", ["значений не было с 01.11.2026 23:45 до 02.11.2026 18:15 (18 ч 30 мин), Europe/Moscow"]),
    ],
)
def test_values_that_are_back_say_for_how_long_there_were_none(language: Language, lines: list[str]) -> None:
    """From when to when, with the day of the end if it is another one."""
    start = SLOT - pd.Timedelta("18h30min")
    outages = tuple(Outage("feed", "no_data", start, "likes/x", name) for name in ("likes", "ctr"))
    said = Said("data_back", "likes/x", SLOT, outages=outages)
    assert text_of(draft(said, "shop", {}, {}, language, ZONE))[1:] == lines


def test_outages_that_began_apart_are_told_apart_when_they_end() -> None:
    """Each source has its own span, and one that could not be read ends with the read that made up for it."""
    feed = Outage("feed", "no_data", SLOT - 4 * QUARTER, "feed/x")
    messages = Outage("messages", "source_failed", SLOT - 2 * QUARTER, "messages/x", end=SLOT + 8 * QUARTER)
    said = Said("data_back", "feed/x", SLOT, outages=(messages, feed))
    assert text_of(draft(said, "shop", {}, {}))[1:] == [
        "feed:",
        "nothing was seen from 2026-11-02 14:15 to 15:15 (1 h 00 min), UTC",
        "messages:",
        "nothing was seen from 2026-11-02 14:45 to 17:15 (2 h 30 min), UTC",
    ]
