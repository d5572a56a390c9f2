"""Digests: what a phone shows of many messages, in which order they stand, and that none loses anything."""

import json
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from anomalert.digests import digest, headlines, unsure_digest
from anomalert.episodes import Incident, Observation, Outage, Said
from anomalert.interfaces import AlertKind, Direction
from anomalert.ledger.records import StoredMessage
from anomalert.messages import PICTURED, Draft, draft
from anomalert.notifiers.telegram_sending import ALBUM_LIMIT
from anomalert.phrases import Language
from anomalert.scenes import Sketch, sketch_name

SLOT = pd.Timestamp("2026-11-02T15:15Z")
QUARTER = pd.Timedelta("15min")


def told(kind: AlertKind, number: int, episode: str = "", /, **values: float) -> Draft:
    """Return the message about metrics in the slot `number`: name and value, where 100 was expected."""
    slot = SLOT + number * QUARTER
    about = []
    for metric, value in values.items():
        direction: Direction = "down" if value < 100 else "up"
        deviation = (value - 100.0) / max(value, 100.0)
        now = Observation(metric, value, 100.0, 50.0, 200.0, deviation, 2.0, direction, "anomaly", True)
        start = SLOT - 1000 * QUARTER
        about.append((Incident(metric, direction, start, slot, now, now, now, slot), now))
    subject = f"down/{episode or next(iter(values))}/20261102T1515Z"
    written = draft(Said(kind, subject, slot, tuple(about)), "shop", {}, {})
    return replace(written, sketches=tuple(sketch_of(metric, slot) for metric in values))


def sketch_of(metric: str, slot: pd.Timestamp) -> Sketch:
    """Return a picture of nothing, by its name."""
    return Sketch("day", sketch_name(metric, slot), "title", metric, slot.isoformat(), "UTC", 900, {})


def blind(kind: AlertKind, number: int, *metrics: str, began: int | None = None, name: str = "feed") -> Draft:
    """Return the message about a source of these metrics."""
    start = SLOT + (number if began is None else began) * QUARTER
    outage = Outage(name, "source_failed", start, f"{name}/{start:%Y%m%dT%H%MZ}")
    return draft(
        Said(kind, outage.told, SLOT + number * QUARTER, outages=(outage,)),
        "shop",
        {},
        {metric: {} for metric in metrics},
    )


def through_json(written: Draft) -> Draft:
    """Return what comes back from a ledger."""
    return Draft.from_dict(json.loads(json.dumps(written.to_dict(), allow_nan=False)))


NIGHT = [
    told("opened", 0, revenue=39.0),
    told("opened", 1, sessions=45.0),
    told("resolved", 2, revenue=98.0),
    told("opened", 3, orders=20.0, carts=48.0),
    told("worsened", 4, "orders", orders=10.0),
]


def test_a_headline_names_the_gravest_of_what_goes_on() -> None:
    """A phone shows nothing else: three metrics, the deepest first, each once, and none that is over by now."""
    whole = digest(NIGHT, "digest/1")
    assert (
        whole.headline == "While nothing could be told: 5 messages, first of all orders −90%, sessions −55%, carts −52%"
    )
    russian = digest([replace(each, language="ru") for each in NIGHT], "digest/1")
    assert russian.headline == (
        "Пока нельзя было сообщить, накопилось сообщений: 5, прежде всего orders −90%, sessions −55%, carts −52%"
    )


def test_what_goes_on_comes_before_what_is_over_and_what_is_grave_before_what_is_light() -> None:
    """Messages of one episode stand together, in the order in which they were written; so do their alerts."""
    whole = digest(NIGHT, "digest/1")
    assert [fact.heading for fact in whole.facts] == [
        "▼ orders −80%, carts −52%",
        "▼ Getting worse: orders −90%",
        "▼ sessions −55%",
        "Over by now:",
        "▼ revenue −61%",
        "✔ Back to usual: revenue",
    ]
    assert whole.facts[0].lines[:2] == ("Metric orders:", "current value = 20.00")
    assert [alert.metric for alert in whole.alerts] == ["orders", "carts", "orders", "sessions", "revenue", "revenue"]
    assert (whole.key, whole.slot, whole.replies_to, whole.folded) == ("digest/1", NIGHT[-1].slot, None, 5)


@pytest.mark.parametrize(
    ("language", "headline"),
    [
        ("en", "While nothing could be told: 2 messages, all over by now: revenue −61%"),
        ("ru", "Пока нельзя было сообщить, накопилось сообщений: 2, всё уже закончилось: revenue −61%"),
    ],
)
def test_a_night_that_is_over_is_told_as_over(language: Language, headline: str) -> None:
    """Whoever was woken may sleep on; what it was is named all the same, and no line says it twice."""
    whole = digest([replace(each, language=language) for each in (NIGHT[0], NIGHT[2])], "digest/1")
    assert whole.headline == headline
    assert len(whole.facts) == 2


def test_an_end_without_its_beginning_names_what_ended() -> None:
    """The opening was told before; its end says nothing about a change that is past."""
    assert digest([NIGHT[2], told("resolved", 3, carts=99.0)], "digest/1").headline == (
        "While nothing could be told: 2 messages, all over by now: revenue, carts"
    )


def test_a_digest_of_one_names_it_and_answers_what_it_would_have_answered() -> None:
    """The loss was told before: its end is named by its own words, in the same thread."""
    back = blind("data_back", 4, "likes", began=1)
    whole = digest([replace(back, replies_to="feed/1")], "digest/1")
    assert whole.headline == "While nothing could be told: 1 message, all over by now: ✔ Data again from feed"
    assert whole.replies_to == "feed/1"
    assert digest([through_json(whole)], "digest/2").headline == whole.headline


def test_a_source_that_cannot_be_read_is_as_grave_as_a_drop_to_zero() -> None:
    """It stands first, in the words of its own headline, until data is back."""
    lost, back = blind("source_failed", 1, "likes"), blind("data_back", 4, "likes", began=1)
    whole = digest([NIGHT[0], lost], "digest/1")
    assert whole.headline == "While nothing could be told: 2 messages, first of all ✖ Cannot read feed, revenue −61%"
    assert [fact.heading for fact in digest([NIGHT[0], lost, back], "digest/2").facts] == [
        "▼ revenue −61%",
        "Over by now:",
        "✖ Cannot read feed",
        "✔ Data again from feed",
    ]


def test_a_source_that_comes_back_does_not_bring_back_another() -> None:
    """Two that failed together: where one of them is back, the message of both is not over."""
    outages = tuple(Outage(name, "source_failed", SLOT, "a+b/20261102T1515Z") for name in "ab")
    lost = draft(Said("source_failed", outages[0].told, SLOT, outages=outages), "shop", {}, {"likes": {}, "views": {}})
    said = Said("data_back", outages[0].told, SLOT + QUARTER, outages=outages[:1])
    whole = digest([lost, draft(said, "shop", {}, {"likes": {}})], "digest/1")
    assert whole.headline == "While nothing could be told: 2 messages, first of all ✖ Cannot read a, b"


def test_links_of_all_are_kept() -> None:
    """A label that two messages use for two places is told apart by metric, and by number where that is not enough."""
    values = ({"orders": 90.0}, {"revenue": 89.0}, {"revenue": 88.0})
    drafts = [
        replace(told("opened", number, **value), links={"Runbook": "https://wiki", "Board": f"https://bi/{number}"})
        for number, value in enumerate(values)
    ]
    drafts[2] = replace(drafts[2], key="another")
    assert digest(drafts, "digest/1").links == {
        "Runbook": "https://wiki",
        "Board": "https://bi/2",
        "Board (revenue)": "https://bi/1",
        "Board (orders)": "https://bi/0",
    }
    drafts[1] = replace(drafts[1], links={"Board": "https://bi/1"}, alerts=drafts[2].alerts)
    drafts[0] = replace(drafts[0], alerts=drafts[2].alerts)
    assert digest(drafts, "digest/1").links == {
        "Runbook": "https://wiki",
        "Board": "https://bi/0",
        "Board (revenue)": "https://bi/1",
        "Board (revenue, 2)": "https://bi/2",
    }


def test_pictures_of_the_gravest_are_kept() -> None:
    """As many as an album holds: what opened, what is over last and the deepest first, then what went on and ended."""
    drafts = [told("resolved", 40, revenue=99.0), told("worsened", 41, orders=1.0)]
    drafts += [told("opened", number, **{f"m{number}": 50.0 - number}) for number in range(9)]
    whole = digest(drafts, "digest/1")
    assert PICTURED == ALBUM_LIMIT == len(whole.sketches)
    assert [sketch.metric for sketch in whole.sketches] == [*(f"m{number}" for number in range(8, -1, -1)), "orders"]
    night = digest(NIGHT, "digest/1").sketches
    assert [sketch.metric for sketch in night] == ["orders", "sessions", "carts", "revenue", "orders", "revenue"]
    more = digest([through_json(whole), told("opened", 50, last=10.0)], "digest/2")
    assert [sketch.metric for sketch in more.sketches] == ["last", *(f"m{number}" for number in range(8, -1, -1))]


def test_a_digest_of_digests_is_a_digest_of_all() -> None:
    """After a second outage nothing of the first is lost, told as one or out of order."""
    first = through_json(digest(NIGHT[:2], "digest/1"))
    second = digest([first, *NIGHT[2:]], "digest/2")
    whole = digest(NIGHT, "digest/2")
    assert (second.headline, second.facts, second.alerts, second.folded) == (
        whole.headline, whole.facts, whole.alerts, whole.folded,
    )  # fmt: skip


def test_a_digest_of_an_earlier_version_loses_nothing() -> None:
    """One that waits in a ledger without its parts is told as it was written, and counted right."""
    old = digest(NIGHT[:2], "digest/1").to_dict()
    del old["parts"]
    whole = digest([Draft.from_dict(json.loads(json.dumps(old))), NIGHT[3]], "digest/2")
    assert whole.headline.startswith("While nothing could be told: 3 messages")
    text = "\n".join(line for fact in whole.facts for line in (fact.heading, *fact.lines))
    assert all(line in text for line in ("▼ revenue −61%", "▼ sessions −55%", "▼ orders −80%"))


@pytest.mark.parametrize(("language", "mark"), [("en", " (may be a repeat)"), ("ru", " (возможно, повтор)")])
def test_a_digest_of_what_may_be_a_repeat_says_so(language: Language, mark: str) -> None:
    """In its own headline, also when it goes into another digest."""
    plain = replace(NIGHT[0], language=language)
    first = digest([plain, replace(NIGHT[1], language=language, headline=f"{NIGHT[1].headline}{mark}")], "digest/1")
    assert first.headline.endswith(mark)
    assert digest([first, replace(NIGHT[3], language=language)], "digest/2").headline.endswith(mark)
    assert not digest([plain, plain], "digest/3").headline.endswith(mark)


@pytest.mark.parametrize(
    ("language", "one", "two"),
    [
        (
            "en",
            "May not have reached you: ▼ revenue −61% (may be a repeat)",
            "May not have reached you: 2 messages, first of all revenue −61%, sessions −55% (may be a repeat)",
        ),
        (
            "ru",
            "Могло не дойти: ▼ revenue −61% (возможно, повтор)",
            "Могло не дойти сообщений: 2, прежде всего revenue −61%, sessions −55% (возможно, повтор)",
        ),
    ],
)
def test_what_may_not_have_arrived_is_named(language: Any, one: str, two: str) -> None:
    """One by its own headline, several by the gravest; nobody reads "1 messages"."""
    drafts = [replace(each, language=language) for each in NIGHT[:2]]
    assert unsure_digest(drafts[:1], "unsure/1").headline == one
    assert unsure_digest(drafts, "unsure/2").headline == two
    assert "1 messages" not in digest(drafts[:1], "digest/1").headline


def test_a_digest_is_named_by_what_it_stands_for() -> None:
    """Where it may not have arrived itself, the next message says what was in it, and no heading of a section."""
    whole = digest(NIGHT[:3], "digest/1")
    stored = StoredMessage(whole.key, whole.slot, whole.to_dict())
    assert headlines(stored) == ["▼ sessions −55%", "▼ revenue −61%", "✔ Back to usual: revenue"]
    assert headlines(replace(stored, body=NIGHT[0].to_dict())) == ["▼ revenue −61%"]
