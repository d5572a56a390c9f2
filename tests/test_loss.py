"""A ledger that is damaged or lost: each channel is told once what is forgotten, also when there is nothing else."""

from itertools import repeat
from pathlib import Path

import pandas as pd
import pytest

from anomalert import DayLagRatio, FrameSource, Ledger, Message, Metric, Monitor, Pipeline, crashpoints
from anomalert.errors import LedgerDamagedError, NotSentError
from anomalert.phrases import Language
from anomalert.testing import FakeNotifier, synthetic_panel

SLOT = pd.Timedelta("15min")
PANEL = synthetic_panel(3, seed=2)[["views"]]
LAST = PANEL.index[-1]
DAMAGE = b"nothing that was written"


def pipeline(
    place: Path, *chats: FakeNotifier, name: str = "feed", language: Language = "en", panel: pd.DataFrame = PANEL
) -> Pipeline:
    """Build everything anew, as a process does."""
    monitor = Monitor(FrameSource(panel, name="feed"), [Metric("views", DayLagRatio())], timezone="Europe/Moscow")
    return Pipeline([monitor], chats, Ledger(place), name=name, language=language)


def texts(message: Message) -> list[str]:
    """Return what a message says below its headline."""
    return [fact.heading for fact in message.facts]


@pytest.mark.parametrize("language", ["en", "ru"])
def test_damage_is_told_once_to_each_channel_also_if_nothing_else_is(tmp_path: Path, language: Language) -> None:
    """One message: that it is forgotten, up to where it was known, where the file is; the next runs say nothing."""
    place, chats = tmp_path / "alerts.db", [FakeNotifier(name="chat"), FakeNotifier(name="mail")]
    pipeline(place, *chats, language=language).run(at=LAST - 2 * SLOT)
    place.write_bytes(DAMAGE)
    report = pipeline(place, *chats, language=language).run(at=LAST)
    assert [type(error) for error in report.errors] == [LedgerDamagedError]
    assert (report.exit_code, [alert.kind for alert in report.alerts]) == (1, ["ledger_lost"])
    assert pipeline(place, *chats, language=language).run(at=LAST + SLOT).exit_code == 0
    assert pipeline(place, *chats, language=language).run(at=LAST + SLOT).exit_code == 0
    for chat in chats:
        (message,) = chat.messages
        known, again, why = texts(message)
        assert message.headline.startswith("✖ The ledger was damaged" if language == "en" else "✖ Журнал повреждён")
        assert f"{(LAST - 3 * SLOT).tz_convert('Europe/Moscow'):%H:%M}, Europe/Moscow" in known
        assert f"{(LAST - SLOT).tz_convert('Europe/Moscow'):%H:%M}, Europe/Moscow" in known
        assert again.startswith("Incidents" if language == "en" else "О продолжающихся")
        (moved,) = place.parent.glob("*.damaged-*Z")
        assert str(moved) in why
        assert moved.read_bytes() == DAMAGE


def test_a_channel_that_is_down_is_told_later(tmp_path: Path) -> None:
    """It waits in the new ledger as every message does."""
    place, chat = tmp_path / "alerts.db", FakeNotifier()
    pipeline(place, chat).run(at=LAST - SLOT)
    place.write_bytes(DAMAGE)
    pipeline(place, FakeNotifier(repeat(NotSentError("down")))).run(at=LAST)
    assert pipeline(place, chat).run(at=LAST + SLOT).exit_code == 0
    assert [message.alerts[0].kind for message in chat.messages] == ["ledger_lost"]


def test_what_is_still_going_on_is_told_again_and_marked(tmp_path: Path) -> None:
    """The message about the ledger comes with it, not in its place."""
    place, chat, panel = tmp_path / "alerts.db", FakeNotifier(), PANEL.copy()
    panel.iloc[-4:] *= 0.1
    pipeline(place, chat, panel=panel).run(at=LAST - SLOT)
    place.write_bytes(DAMAGE)
    pipeline(place, chat, panel=panel).run(at=LAST)
    told = [(message.alerts[0].kind, message.headline.endswith("(may be a repeat)")) for message in chat.messages]
    assert told[0] == ("opened", False)
    assert sorted(told[1:]) == [("ledger_lost", False), ("opened", True)]


def test_every_pipeline_that_was_remembered_is_told_and_no_other(tmp_path: Path) -> None:
    """Pipelines share a ledger: each tells its own channels that it knows nothing now; a new one has lost nothing."""
    place, chats = tmp_path / "alerts.db", {name: FakeNotifier() for name in ("feed", "shop", "new")}
    for name in ("feed", "shop"):
        pipeline(place, chats[name], name=name).run(at=LAST - SLOT)
    place.write_bytes(DAMAGE)
    for name, chat in chats.items():
        pipeline(place, chat, name=name).run(at=LAST)
        assert pipeline(place, chat, name=name).run(at=LAST + SLOT).exit_code == 0
    told = {name: [message.alerts[0].kind for message in chat.messages] for name, chat in chats.items()}
    assert told == {"feed": ["ledger_lost"], "shop": ["ledger_lost"], "new": []}
    assert "was moved to" in texts(chats["shop"].messages[0])[-1]


def test_a_file_that_is_gone_is_told_and_a_new_place_is_not(tmp_path: Path) -> None:
    """Who removes the file alone is told so; who removes all that lies beside it begins anew, as a new machine does."""
    place, chat = tmp_path / "alerts.db", FakeNotifier()
    pipeline(place, chat).run(at=LAST - SLOT)
    for path in tmp_path.glob("alerts.db*"):
        path.unlink()
    assert pipeline(place, chat).run(at=LAST).exit_code == 0
    assert chat.messages == []
    place.unlink()
    report = pipeline(place, chat).run(at=LAST + SLOT)
    assert report.exit_code == 0
    (message,) = chat.messages
    assert "is gone" in texts(message)[-1]


def test_damage_of_a_ledger_without_a_note_beside_it_is_told_too(tmp_path: Path) -> None:
    """What an earlier release wrote has none: then it is not known which slots were judged, and the message says so."""
    place, chat = tmp_path / "alerts.db", FakeNotifier()
    pipeline(place, chat).run(at=LAST - SLOT)
    for note in tmp_path.glob("alerts.db.*.lock"):
        note.write_bytes(b"")
    place.write_bytes(DAMAGE)
    pipeline(place, chat).run(at=LAST)
    (message,) = chat.messages
    assert texts(message)[0].startswith("It is not known which slots were judged.")


def test_damage_that_is_found_while_messages_are_sent_is_told_by_the_next_run(tmp_path: Path) -> None:
    """The run sends what it has from memory and moves the file aside; the next one says what is forgotten."""
    place, chat, panel = tmp_path / "alerts.db", FakeNotifier(), PANEL.copy()
    panel.iloc[-3] *= 0.1
    pipeline(place, chat, panel=panel).run(at=LAST - 2 * SLOT)

    def damaged(name: str) -> None:
        if name == "record: to begin":
            raise LedgerDamagedError("the ledger is damaged: a row is not what was written")

    crashpoints.observers.append(damaged)
    try:
        report = pipeline(place, chat, panel=panel).run(at=LAST - SLOT)
    finally:
        crashpoints.observers.remove(damaged)
    assert report.exit_code == 1
    assert [message.alerts[0].kind for message in chat.messages] == ["opened"]
    for number in (0, 1):
        pipeline(place, chat, panel=panel).run(at=LAST + number * SLOT)
    assert [message.alerts[0].kind for message in chat.messages] == ["opened", "ledger_lost"]


def test_a_dry_run_tells_nobody_and_moves_nothing(tmp_path: Path) -> None:
    """It reports the damage and leaves the file where it is."""
    place, chat = tmp_path / "alerts.db", FakeNotifier()
    pipeline(place, chat).run(at=LAST - SLOT)
    place.write_bytes(DAMAGE)
    report = pipeline(place, chat).run(at=LAST, dry_run=True)
    assert (report.exit_code, chat.attempts, place.read_bytes()) == (1, [], DAMAGE)
