"""Eight processes that race for the same ledger.

Run as ``python -m tests.ledger.racing claim PLACE`` or ``... count PLACE``: they are forks that begin at once. What
each of them says is printed, one line of JSON each.
"""

import json
import os
import sys
from collections.abc import Callable

from anomalert.ledger import Ledger, LedgerSession, RunRecord

PROCESSES = 8
ROUNDS = 10

Wait = Callable[[], None]


def claim(place: str, wait_for_the_others: Wait) -> list[str]:
    """Claim everything, having seen it pending before anybody claimed; nobody holds the pipeline's lock."""
    with Ledger(place)._where().store(None) as store:
        session = LedgerSession(store, "feed")
        pending = session.pending("chat")
        wait_for_the_others()
        return [each.message.key for each in pending if session.claim([each.message.key], "chat") is not None]


def count(place: str, wait_for_the_others: Wait) -> int:
    """Add one to what the last session left, again and again; only the lock keeps the others from it meanwhile."""
    wait_for_the_others()
    for _ in range(ROUNDS):
        with Ledger(place, wait="60s").open("feed") as session:
            state = session.state() or {"count": 0}
            session.commit(RunRecord(state={"count": state["count"] + 1}))
    return ROUNDS


def main() -> None:
    """Fork the racers, let them go when all are ready, and print what they say."""
    racer = {"claim": claim, "count": count}[sys.argv[1]]
    ready_reading, ready_writing = os.pipe()
    go_reading, go_writing = os.pipe()
    answers = []
    for _ in range(PROCESSES):
        answer_reading, answer_writing = os.pipe()
        if os.fork() == 0:
            os.close(go_writing)

            def wait_for_the_others() -> None:
                os.write(ready_writing, b"r")
                os.read(go_reading, 1)  # Ends when the parent closes its end.

            with os.fdopen(answer_writing, "w", encoding="utf-8") as answer:
                json.dump(racer(sys.argv[2], wait_for_the_others), answer)
            os._exit(0)
        os.close(answer_writing)
        answers.append(answer_reading)
    for _ in range(PROCESSES):
        os.read(ready_reading, 1)
    os.close(go_writing)
    for reading in answers:
        with os.fdopen(reading, encoding="utf-8") as answer:
            print(answer.read())  # noqa: T201 - its answer


if __name__ == "__main__":
    main()
