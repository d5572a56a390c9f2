"""Twelve bugs that alerting tools have had, planted into what is shipped: a suite that cannot go red proves nothing.

``python -m tests.reliability.planted`` plants one after another and prints which check saw it; `test_planted` requires
12 of 12, and that each check holds without its bug.
"""

import argparse
import json
import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import pytest

from anomalert import Message, Monitor, TelegramNotifier, channel, episodes, messages, sight
from anomalert.episodes import Incident, Observation, Said, State
from anomalert.errors import UnknownOutcomeError
from anomalert.ledger import Ledger, sqlite_place
from anomalert.ledger.outbox import LedgerOutbox
from anomalert.ledger.session import LedgerSession
from anomalert.notifiers import telegram
from anomalert.panel import as_instant, slot_of
from anomalert.phrases import Phrases
from anomalert.sources import clickhouse_query
from tests.reliability import planted_checks as checks

__all__ = ["BUGS", "Bug", "seen"]

Patches = pytest.MonkeyPatch


@dataclass(frozen=True)
class Bug:
    """A bug, and the check that has to see it."""

    name: str
    does: str
    plant: Callable[[Patches], None]
    check: Callable[[checks.Plant], None]


def mark_first(patches: Patches) -> None:
    """M1."""
    claim, record = LedgerOutbox.claim, LedgerOutbox.record

    def claim_and_record(self: LedgerOutbox, keys: Sequence[str], notifier: str) -> int | None:
        attempt = claim(self, keys, notifier)
        if attempt is not None:
            record(self, keys, notifier, attempt, "accepted", final=True)
        return attempt

    patches.setattr(LedgerOutbox, "claim", claim_and_record)
    patches.setattr(LedgerOutbox, "record", lambda *_, **__: None)


def save_at_exit(patches: Patches) -> None:
    """M2."""
    record, open_ledger = LedgerOutbox.record, Ledger.open
    outcomes: list[Callable[[], None]] = []

    @contextmanager
    def saving(self: Ledger, pipeline: str) -> Iterator[LedgerSession]:
        with open_ledger(self, pipeline) as session:
            yield session
            while outcomes:
                outcomes.pop(0)()

    patches.setattr(LedgerOutbox, "record", lambda *call, **rest: outcomes.append(lambda: record(*call, **rest)))
    patches.setattr(Ledger, "open", saving)


def no_claim(patches: Patches) -> None:
    """M3."""
    claim, record = LedgerOutbox.claim, LedgerOutbox.record

    def claim_and_record(self: LedgerOutbox, keys: Sequence[str], notifier: str, *rest: Any, **more: Any) -> None:
        attempt = claim(self, keys, notifier)
        if attempt is not None:
            record(self, keys, notifier, attempt, *rest[1:], **more)

    patches.setattr(sqlite_place, "file_lock", lambda *_: nullcontext())
    patches.setattr(LedgerOutbox, "claim", lambda *_: 1)
    patches.setattr(LedgerOutbox, "record", claim_and_record)


def retry_unknown(patches: Patches) -> None:
    """M4."""
    send = TelegramNotifier.send

    def send_thrice(self: TelegramNotifier, message: Message) -> str:
        for _ in range(2):
            try:
                return send(self, message)
            except UnknownOutcomeError:
                continue
        return send(self, message)

    patches.setattr(TelegramNotifier, "send", send_thrice)


def naive_time(patches: Patches) -> None:
    """M5."""
    _everywhere(patches, episodes.stamp, lambda slot: f"{slot.tz_convert('Europe/Berlin'):%Y%m%dT%H%M}")


def judge_the_open_slot(patches: Patches) -> None:
    """M6."""
    patches.setattr(Monitor, "newest_slot", lambda self, at: slot_of(as_instant(at, "at"), self.slot_length))


def swallow_a_cut(patches: Patches) -> None:
    """M7."""
    patches.setattr(clickhouse_query, "_sealed_count", lambda seals, _: len(seals))


def resolve_on_error(patches: Patches) -> None:
    """M8."""
    lose_sight = sight.lose_sight

    def closing(state: State, slot: pd.Timestamp, seen: Mapping[str, Any]) -> tuple[State, list[Said]]:
        after, said = lose_sight(state, slot, seen)
        if "source_failed" not in seen.values():
            return after, said
        over = [
            Said("resolved", episode.key, slot, tuple((incident, incident.told) for incident in episode.incidents))
            for episode in state.episodes
        ]
        return replace(after, episodes=()), [*said, *over]

    _everywhere(patches, lose_sight, closing)


def share_one_deadline(patches: Patches) -> None:
    """M9."""
    start = channel.Channel.start

    def start_and_wait(self: channel.Channel) -> None:
        start(self)
        self.wait(self.seconds)

    patches.setattr(channel.Channel, "start", start_and_wait)


def follow_redirects(patches: Patches) -> None:
    """M10."""
    adapter = telegram._adapter

    def following(*call: Any) -> Any:
        made: Any = adapter(*call)
        send = made.send

        def send_on(request: Any, **route: Any) -> Any:
            answer = send(request, **route)
            if answer.is_redirect:
                request.url = answer.headers["Location"]
                return send(request, **route)
            return answer

        made.send = send_on
        return made

    patches.setattr(telegram, "_adapter", following)


def format_text(patches: Patches) -> None:
    """M11."""
    headline = messages._headline

    def formatted(said: Said, about: Sequence[tuple[Incident, Observation]], phrases: Phrases) -> str:
        return headline(said, about, phrases).format(metrics=[incident for incident, _ in about], source=said)

    patches.setattr(messages, "_headline", formatted)


def log_the_url(patches: Patches) -> None:
    """M12."""
    post = TelegramNotifier._post

    def logging_post(self: TelegramNotifier, request: Any, *rest: Any) -> Any:
        logging.getLogger("anomalert").info("POST %s/bot%s/%s", self.api_url, self._token.reveal(), request.method)
        return post(self, request, *rest)

    patches.setattr(TelegramNotifier, "_post", logging_post)


BUGS = (
    Bug("M1", 'records "sent" before sending', mark_first, checks.killed_runs_lose_and_repeat_nothing),
    Bug("M2", "keeps the send log in memory", save_at_exit, checks.killed_runs_lose_and_repeat_nothing),
    Bug("M3", "reads state, then sends", no_claim, checks.runs_at_once_repeat_nothing),
    Bug("M4", "repeats after a lost answer", retry_unknown, checks.lost_answers_make_two_copies_at_most),
    Bug("M5", "local labels as keys", naive_time, checks.hours_that_come_twice_keep_their_alerts),
    Bug("M6", "uses the running slot", judge_the_open_slot, checks.slots_that_fill_up_raise_nothing),
    Bug("M7", "accepts a short body", swallow_a_cut, checks.cut_answers_are_refused),
    Bug("M8", "a failed read closes alarms", resolve_on_error, checks.failed_reads_resolve_nothing),
    Bug("M9", "channels wait for each other", share_one_deadline, checks.a_channel_that_hangs_delays_no_other),
    Bug("M10", "follows redirects, the token travels", follow_redirects, checks.redirects_are_not_followed),
    Bug("M11", "reads attributes from names", format_text, checks.names_are_no_templates),
    Bug("M12", "prints the token", log_the_url, checks.no_window_shows_the_token),
)


def seen(bug: Bug) -> dict[str, str | None]:
    """Return what the bug's check says of what is shipped, which has to be nothing, and of the bug."""
    shipped = _failure(lambda: bug.check(lambda: None))
    with pytest.MonkeyPatch.context() as patches:
        planted = _failure(lambda: bug.check(lambda: bug.plant(patches)))
    return {"shipped": shipped, "planted": planted}


def _failure(check: Callable[[], None]) -> str | None:
    """Return what a failed check says; any other exception is a fault of the check itself."""
    try:
        check()
    except (AssertionError, pytest.fail.Exception) as error:
        return str(error) or "an assertion failed"
    return None


def _everywhere(patches: Patches, original: Callable[..., Any], replacement: Callable[..., Any]) -> None:
    """Put a function in place of another in every module that imported it."""
    for name, module in list(sys.modules.items()):
        if name.startswith("anomalert") and vars(module).get(original.__name__) is original:
            patches.setattr(module, original.__name__, replacement)


def main() -> None:
    """Plant every bug, and print which check saw it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="a line of JSON for each")
    parser.add_argument("--only", nargs="+", help="names, such as M1")
    options = parser.parse_args()
    caught = 0
    bugs = [bug for bug in BUGS if options.only is None or bug.name in options.only]
    for bug in bugs:
        begun = time.monotonic()
        found = seen(bug)
        caught += found["planted"] is not None and found["shipped"] is None
        if options.json:
            print(json.dumps({"name": bug.name, **found}), flush=True)
            continue
        said = " ".join((found["planted"] or "NOT SEEN").split())[:160]
        without = "holds" if found["shipped"] is None else f"FAILS WITHOUT IT: {found['shipped']}"
        print(f"{bug.name} {bug.does}: {bug.check.__name__} {without}; {said} ({time.monotonic() - begun:.0f} s)")
    if not options.json:
        print(f"{caught} of {len(bugs)} caught")


if __name__ == "__main__":
    main()
