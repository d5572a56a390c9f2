"""Runs that are paused while another one comes, and runs that are asked to end: what people got, and how soon they end.

``python -m tests.reliability.signals`` prints the figures of a signal at every crash point, on a SQLite file or, with
``--engine postgres``, on a server, where an owner can also lose its lock while it is paused. `test_signals` does the
same at some of the points for every change.
"""

import argparse
import mmap
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, NoReturn

from anomalert import Ledger, Pipeline
from tests.reliability.children import started
from tests.reliability.kills import Stage, staged
from tests.reliability.messenger import accepted
from tests.reliability.places import cut_lines
from tests.reliability.printing import print_figures
from tests.reliability.story import MARK, NOW, TextNotifier, pipeline, tellings, write_history
from tests.reliability.tally import Case, Figures

__all__ = [
    "ASKS",
    "EndedEarly",
    "SignalFigures",
    "asked_to_end",
    "asked_while_hanging",
    "hanging_pipeline",
    "paused",
    "taken_over",
]

ASKS = (signal.SIGINT, signal.SIGTERM)
"""What Ctrl-C sends, and what schedulers and containers send before they kill."""

ROOT = Path(__file__).parents[2]

PROGRAM = str(Path(sys.executable).with_name("anomalert"))

MAY_TAKE = 5.0
"""Seconds that a run may take to end when it is asked to."""


@dataclass
class SignalFigures(Figures):
    """Figures of runs that got signals."""

    by_the_other: int = 0
    neither_marked: int = 0
    """Things said twice in a channel, and neither time as a possible repeat."""
    longest_to_end: float = 0.0

    def against(self) -> int:
        """Return how often the promise was broken."""
        return super().against() + self.neither_marked + (self.longest_to_end > MAY_TAKE)


def asked_to_end(stage: Stage, ask: signal.Signals, *, handled: bool = False, step: int = 1) -> SignalFigures:
    """Ask a run to end at every `step`-th point; run the slot again, and once more.

    With `handled` the process has a handler that raises, as schedulers put there.
    """
    figures, asked_at = SignalFigures(), mmap.mmap(-1, 8)

    def act() -> None:
        asked_at[:] = struct.pack("d", time.monotonic())
        os.kill(os.getpid(), ask)

    for point in stage.points()[::step]:
        place, name, case = stage.places.fresh(), stage.case(), stage.owing()
        run = stage.run(place, name)
        child = started(_handling(ask, run) if handled else run, point, act).ended()
        figures.longest_to_end = max(figures.longest_to_end, time.monotonic() - struct.unpack("d", asked_at)[0])
        case.hit(child)
        case.failed += started(stage.run(place, name)).ended().code != 0
        stage.settle(case, place, name)
        figures.add(str(point), case)
    return figures


def paused(stage: Stage, step: int = 1) -> SignalFigures:
    """Pause a run at every `step`-th point while another one comes; let it go on, and run once more."""
    figures = SignalFigures()
    for point in stage.points()[::step]:
        place, name, case = stage.places.fresh(), stage.case(), stage.owing()
        owner = started(stage.run(place, name), point, _pause)
        if owner.stopped():
            started(stage.run(place, f"{name}-other", wait="100ms")).ended()
            owner.signalled(signal.SIGCONT)
        case.failed += owner.ended().code != 0
        stage.settle(case, place, name)
        figures.by_the_other += len(accepted(stage.port, f"{name}-other"))
        figures.add(str(point), case)
    return figures


def taken_over(stage: Stage, step: int = 1) -> SignalFigures:
    """Pause a run at every `step`-th point and cut its connection, so that another one takes over; let it go on.

    What it was sending just then is told by both, since no look at the ledger can be the last thing before a send.
    """
    figures = SignalFigures()
    for point in stage.points()[::step]:
        place, name, case = stage.places.fresh(), stage.case(), stage.owing()
        owner = started(stage.run(place, name), point, _pause)
        if owner.stopped():
            cut_lines(place)
            case.failed += started(stage.run(place, name)).ended().code != 0
            owner.signalled(signal.SIGCONT)
        owner.ended()
        stage.settle(case, place, name)
        figures.neither_marked += _twice_without_a_mark(case)
        figures.add(str(point), case)
    return figures


def _twice_without_a_mark(case: Case) -> int:
    """Return how much was said twice in a channel, both times as if it was the first."""
    unmarked = [message for message in case.accepted if MARK not in message.text.splitlines()[0]]
    copies = Counter((message.channel, said) for message in unmarked for said in tellings(message.text))
    return sum(count > 1 for count in copies.values())


class EndedEarly(NamedTuple):
    """How a command line ended that was asked to."""

    code: int
    seconds: float
    outcomes: list[str | None]
    """Of the tries that it made, as the ledger knows them."""


def asked_while_hanging(ask: signal.Signals) -> EndedEarly:
    """Ask the command line to end while a channel hangs that has taken a message."""
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as silent:
        place = str(Path(folder, "alerts.db"))
        write_history(place)
        command = [PROGRAM, "run", "tests.reliability.signals:hanging_pipeline", "--at", NOW.isoformat()]
        story = {"ANOMALERT_STORY_PLACE": place, "ANOMALERT_STORY_PORT": str(silent.getsockname()[1])}
        # A process in the background ignores Ctrl-C, and what it starts would inherit that.
        before = signal.signal(ask, signal.SIG_DFL)
        try:
            process = subprocess.Popen(
                command, env=os.environ | story, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        finally:
            signal.signal(ask, before)
        silent.settimeout(60)
        with process, silent.accept()[0] as connection:
            connection.recv(1)
            begun = time.monotonic()
            process.send_signal(ask)
            code = process.wait(timeout=60)
            seconds = time.monotonic() - begun
        tries = Ledger(place).history().attempts
        return EndedEarly(code, seconds, tries[tries["message"].isin(_live(place))]["outcome"].tolist())


def _live(place: str) -> set[str]:
    messages = Ledger(place).history().messages
    return set(messages[messages["slot"] == messages["slot"].max()]["message"])


def hanging_pipeline() -> Pipeline:
    """Build the story's pipeline with a channel that never answers, for the command line to run."""
    channel = TextNotifier("chat", int(os.environ["ANOMALERT_STORY_PORT"]), "hanging")
    return pipeline(os.environ["ANOMALERT_STORY_PLACE"], [channel])


def _pause() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def _handling(ask: signal.Signals, run: Callable[[], int]) -> Callable[[], int]:
    def handler(number: int, _frame: object) -> NoReturn:
        raise SystemExit(128 + number)

    def handled() -> int:
        signal.signal(ask, handler)
        return run()

    return handled


def main() -> None:
    """Print the figures of every signal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", default="sqlite", help="sqlite, postgres, or the address of a PostgreSQL ledger")
    parser.add_argument("--step", type=int, default=1, help="take every N-th point (default: %(default)s)")
    parser.add_argument("--only", nargs="+", metavar="SCENE", help="these scenes, such as paused (default: all)")
    parser.add_argument("--json", action="store_true", help="a line of JSON for each")
    options = parser.parse_args()
    with staged(options.engine) as stage:
        scenes: dict[str, Callable[[], SignalFigures]] = {
            "SIGINT": lambda: asked_to_end(stage, signal.SIGINT, step=options.step),
            "SIGTERM": lambda: asked_to_end(stage, signal.SIGTERM, step=options.step),
            "SIGTERM, handled": lambda: asked_to_end(stage, signal.SIGTERM, handled=True, step=options.step),
            "paused": lambda: paused(stage, options.step),
        }
        if options.engine != "sqlite":
            scenes["taken over while paused"] = lambda: taken_over(stage, options.step)
        for name in options.only or scenes:
            begun = time.monotonic()
            found = scenes[name]()
            print_figures(name, found, as_json=options.json, begun=begun)
    for ask in ASKS if not (options.json or options.only) else ():
        ended = asked_while_hanging(ask)
        print(f"{ask.name} while a channel hangs: the command line ends after {ended.seconds:.2f} s, {ended.outcomes}")


if __name__ == "__main__":
    main()
