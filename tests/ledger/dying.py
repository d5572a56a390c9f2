"""A process whose children note a run in a ledger and are killed on the way: at the first point, the second, ...

Run as ``python -m tests.ledger.dying POINTS PLACE...``, with what points are chosen by (the end of their names; "" for
all), and one empty place for each of them. Prints a line of JSON for every child: the points it reached, whether it was
killed, and what the ledger held afterwards. Children are forks, so that a kill costs no start of Python.
"""

import hashlib
import json
import os
import signal
import sys
from pathlib import Path

from anomalert import crashpoints
from anomalert.errors import LedgerError
from anomalert.ledger import Ledger, RunRecord
from tests.ledger.samples import contents_of, message, reading, run, slot


def noted_run(ledger: Ledger) -> None:
    """Do everything that a run can do with a ledger."""
    with ledger.open("feed") as session:
        session.commit(run(0))
        ended = {"key": "likes/down", "end": str(slot(0))}
        session.commit(
            RunRecord(
                readings=[reading(0, likes=5.0)], incidents=[ended], messages=[message(0, "of nobody's interest")]
            )
        )
        session.pending("chat")
        for outcome, final in (("not_sent", False), ("unknown", True)):
            attempt = session.claim([message(0).key], "chat")
            assert attempt is not None
            session.record([message(0).key], "chat", attempt, outcome, final=final)  # type: ignore[arg-type]
        session.told_unsure([message(0).key], "chat")
        session.queue(message(0), "fallback")
        session.fold([message(0).key], "mail", message(0, "digest"))
        session.prune(slot(1), {"digest"})


def child(place: str, chosen: str, dies_at: int, log: int) -> None:
    """Note a run, write every point that is reached to `log`, and die at one of them."""
    reached = 0

    def observe(point: str) -> None:
        nonlocal reached
        reached += point.endswith(chosen)
        os.write(log, f"{point}\n".encode())
        if reached == dies_at:
            os.kill(os.getpid(), signal.SIGKILL)

    crashpoints.observers.append(observe)
    noted_run(Ledger(place, wait="5s"))


def held(place: str) -> str | None:
    """Return a digest of all that the ledger holds, or None if there is none; a fault is told in its place."""
    if "://" not in place and not Path(place).exists():
        return None
    ledger = Ledger(place, wait="5s")
    # As the next run does: the lock has to be free, whoever died with it.
    with ledger.open("another") as session:
        assert session.state() is None
    with ledger.open("feed"):
        pass
    faults = ledger.verify()
    return f"faults: {faults}" if faults else hashlib.sha256(repr(contents_of(ledger)).encode()).hexdigest()


def main() -> None:
    """Kill a child at each point that is chosen, until one gets through."""
    chosen = sys.argv[1]
    for dies_at, place in enumerate(sys.argv[2:], start=1):
        reading_end, writing_end = os.pipe()
        process = os.fork()
        if process == 0:
            os.close(reading_end)
            child(place, chosen, dies_at, writing_end)
            os._exit(0)
        os.close(writing_end)
        with os.fdopen(reading_end, encoding="utf-8") as log:
            points = log.read().splitlines()
        _, status = os.waitpid(process, 0)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        if not killed and status:
            raise SystemExit(f"the child failed at point {dies_at}, {points[-1:]}")
        try:
            content = held(place)
        except LedgerError as error:
            content = f"{type(error).__name__}: {error}"
        print(json.dumps({"points": points, "killed": killed, "content": content}), flush=True)  # noqa: T201 - its answer
        if not killed:
            return


if __name__ == "__main__":
    main()
