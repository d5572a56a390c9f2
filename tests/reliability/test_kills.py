"""The share of `kills` for every change: every crash point, a dozen pairs, sixty random times.

Of `telegram_kills`: four. The whole is ``python -m tests.reliability.kills --points --pairs --random 10000`` and
``python -m tests.reliability.telegram_kills --count 100``.
"""

from typing import Any

import pytest

from tests.reliability.harness import printed
from tests.reliability.messenger import Accepted
from tests.reliability.story import MARK, SENDING, tellings, told_in
from tests.reliability.tally import Case, Figures, in_flight

AGAINST = ("lost", "outside", "unmarked", "afterwards", "damaged", "failed")


def kept(figures: dict[str, Any]) -> None:
    """Hold figures to the promise of the documentation."""
    assert {name: figures[name] for name in AGAINST} == dict.fromkeys(AGAINST, 0), figures["broken"]
    assert figures["most_per_channel_and_kill"] <= 1, figures["broken"]


@pytest.fixture(scope="module")
def sqlite() -> dict[str, dict[str, Any]]:
    """Give the figures of a SQLite ledger."""
    return printed("kills", "--points", "--pairs", "12", "--random", "60")


def test_a_kill_at_any_point_loses_nothing_and_repeats_what_was_in_flight(sqlite: dict[str, dict[str, Any]]) -> None:
    """At every crash point of a run: in the ledger, in delivery, on the line to the messenger."""
    figures = sqlite["every point"]
    kept(figures)
    assert figures["kills"] == figures["cases"] > 100
    # A message that was accepted and not noted is sent again: else nothing would have been in flight.
    assert 0 < figures["repeats"] <= 2 * figures["while_sending"]


def test_kills_of_a_run_and_of_the_next_repeat_once_for_each(sqlite: dict[str, dict[str, Any]]) -> None:
    """Pairs of points: the run that completes a killed one is killed too."""
    figures = sqlite["12 pairs, seed 1"]
    kept(figures)
    assert figures["kills"] == 2 * figures["cases"] == 24


def test_kills_at_random_times_lose_nothing(sqlite: dict[str, dict[str, Any]]) -> None:
    """From the start of a process to its end, wherever that hits."""
    figures = sqlite["random times, seed 1"]
    kept(figures)
    assert 10 <= figures["kills"] <= figures["cases"] == 60


def test_the_next_slot_tells_what_a_killed_run_has_not() -> None:
    """A scheduler that does not try again loses nothing either: its next run completes the slot before."""
    figures = printed("kills", "--points", "--step", "10", "--next-slot")["every point"]
    kept(figures)
    assert figures["kills"] == figures["cases"] >= 12


def test_a_kill_keeps_from_the_fallback_nothing_that_was_refused() -> None:
    """What one channel refuses is owed to the other, whenever the process dies between the two."""
    figures = printed("kills", "--points", "--step", "5", "--fallback")["every point"]
    kept(figures)
    assert figures["kills"] == figures["cases"] >= 30


def test_a_kill_of_the_run_that_finds_the_ledger_damaged_loses_nothing() -> None:
    """Also that what was before is forgotten: it is told once, whenever the run dies that has moved the file aside."""
    figures = printed("kills", "--points", "--step", "8", "--engine", "damaged")["every point"]
    kept(figures)
    assert figures["kills"] == figures["cases"] >= 15


@pytest.mark.postgres
def test_a_kill_with_a_server_s_ledger_loses_nothing(postgres_url: str) -> None:
    """The same on PostgreSQL, where a dead client's transaction and lock are the server's to end."""
    figures = printed("kills", "--points", "--step", "10", "--engine", postgres_url)["every point"]
    kept(figures)
    assert figures["kills"] == figures["cases"] >= 12


def test_telegram_gets_what_a_killed_run_owes_it() -> None:
    """The shipped channel, pictures and all, killed at random times."""
    figures = printed("telegram_kills", "--count", "4")["random times"]
    kept(figures)
    assert figures["cases"] == 4


FELL, BACK, VIEWS, LIKES = sorted(told_in("chat"), key="▼ comments −80% ✔ Back to usual: comments ▼ views ▲ likes".find)


def lived(*told: str, flight: str | None = None, kills: int = 0) -> Figures:
    """Return the figures of a case in which `chat` was told this, and `mail` everything."""
    accepted = [Accepted("chat", text.partition("\n")[0].removesuffix(MARK), text) for text in told]
    accepted += [Accepted("mail", text, text) for text in sorted(told_in("mail"))]
    flights = [{"chat": flight}] if flight else []
    figures = Figures()
    figures.add("case", Case(accepted=accepted, flights=flights, kills=kills))
    return figures


WHOLE = (f"While nothing could be told\n{FELL}\n{BACK}", VIEWS, LIKES)


def test_the_tally_knows_a_kept_promise() -> None:
    """All that there is to tell, in any order; and once more what was in flight, marked."""
    lived(*WHOLE).check()
    lived(*WHOLE[::-1]).check()
    lived(*WHOLE, VIEWS + MARK, flight=VIEWS, kills=1).check()


@pytest.mark.parametrize(
    ("figures", "what"),
    [
        (lived(*WHOLE[1:]), "lost"),
        (lived(*WHOLE, VIEWS, flight=VIEWS, kills=1), "unmarked"),
        (lived(*WHOLE, VIEWS + MARK), "outside"),
        (lived(*WHOLE, VIEWS + MARK, flight=LIKES, kills=1), "outside"),
        (lived(*WHOLE, VIEWS + MARK, VIEWS + MARK, flight=VIEWS, kills=1), "outside"),
        (lived(*WHOLE, "▼ revenue −90%"), "outside"),
        (lived(*WHOLE, "nothing in particular"), "outside"),
    ],
)
def test_the_tally_knows_a_broken_promise(figures: Figures, what: str) -> None:
    """What is missing, said twice without a reason or a mark, or never to be said, is counted."""
    assert getattr(figures, what) > 0
    with pytest.raises(AssertionError, match=what):
        figures.check()


def test_nothing_tried_is_nothing_proved() -> None:
    """Figures of no case are no success."""
    with pytest.raises(AssertionError, match="nothing was tried"):
        Figures().check()


def test_what_is_in_flight_is_read_off_the_points() -> None:
    """From the moment before the first byte until the outcome is noted, on each channel by itself."""
    log = [("chat", f"{SENDING}a"), ("mail", f"{SENDING}b"), ("chat", "record: to end")]
    assert in_flight(log) == {"chat": "a", "mail": "b"}
    assert in_flight([*log, ("chat", "record: ended")]) == {"mail": "b"}


def test_headlines_are_read_out_of_texts() -> None:
    """Of a message its headline, of a digest those inside it; without the mark."""
    assert tellings(f"{VIEWS}{MARK}\nMetric views:") == [VIEWS]
    assert tellings(WHOLE[0]) == [FELL, BACK]
