"""What the kernel saw: the ledger is on the disk before the first byte of a send, and what was sent before the next.

``python -m tests.reliability.order --runs 1000`` prints the figures. It needs strace, and watches a process that does
so many runs on fresh SQLite ledgers.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from anomalert.ledger.sqlite import SqliteEngine
from tests.reliability.messenger import running_messenger
from tests.reliability.places import SqlitePlaces
from tests.reliability.story import CHANNELS, NOW, TextNotifier, pipeline

__all__ = ["Order", "find_strace", "watched"]

CALL = re.compile(r"(?P<thread>\d+) +(?P<resumed><\.\.\. )?(?P<call>\w+)(?P<rest>.*)")


@dataclass
class Order:
    """How often there was a send, and how often the disk was behind it."""

    port: int
    sends: int = 0
    violations: int = 0
    _synced: dict[str, int] = field(default_factory=dict)
    _on_the_log: dict[str, bool] = field(default_factory=dict)
    _has_sent: set[str] = field(default_factory=set)
    _main: str | None = None

    def read(self, lines: Iterable[str]) -> "Order":
        """Take in what strace wrote: every channel is a thread of its own, so each is followed by itself."""
        for line in lines:
            found = CALL.match(line)
            if found is None:
                continue
            thread, call, rest = found["thread"], found["call"], found["rest"]
            self._main = self._main or thread
            if call == "connect" and not found["resumed"] and f"htons({self.port})" in rest:
                self._send(thread)
            if call in ("fsync", "fdatasync"):
                self._sync(thread, rest, is_resumed=bool(found["resumed"]))
        return self

    def _send(self, thread: str) -> None:
        if thread in self._has_sent:
            # The outcome of the send before it, and the claim of what is sent.
            on_the_disk = self._synced.get(thread, 0) >= 2
        else:
            # What the run has to say and the claims of what goes first, which each run notes before its channels begin.
            runs = 1 + len(self._has_sent) // len(CHANNELS)
            on_the_disk = self._synced.get(str(self._main), 0) >= runs
            self._has_sent.add(thread)
        self.sends += 1
        self.violations += not on_the_disk
        if thread != self._main:
            self._synced[thread] = 0

    def _sync(self, thread: str, rest: str, *, is_resumed: bool) -> None:
        if not is_resumed:
            # Not that of the history, which was written with care in any case.
            self._on_the_log[thread] = "copies/alerts.db-wal>" in rest
        if "unfinished" not in rest and rest.rstrip().endswith("= 0") and self._on_the_log.get(thread):
            self._synced[thread] = self._synced.get(thread, 0) + 1


def find_strace() -> str | None:
    """Return strace, if it is there and may be used."""
    program = shutil.which("strace")
    if program is None:
        return None
    allowed = subprocess.run([program, "-o", "/dev/null", "true"], capture_output=True, check=False).returncode == 0
    return program if allowed else None


def watched(program: str, runs: int, *, careless: bool = False) -> Order:
    """Watch so many runs; `careless` ones tell SQLite not to wait for the disk."""
    with tempfile.TemporaryDirectory() as folder, running_messenger() as port:
        trace = Path(folder, "trace")
        watch = [program, "-f", "-y", "-e", "trace=fsync,fdatasync,connect", "-o", str(trace)]
        work = [sys.executable, "-m", "tests.reliability.order", "--runs", str(runs), "--child", folder, str(port)]
        subprocess.run(
            [*watch, *work, *(["--careless"] if careless else [])], check=True, cwd=Path(__file__).parents[2]
        )
        with trace.open(encoding="utf-8", errors="replace") as lines:
            return Order(port).read(lines)


def child(folder: Path, port: int, runs: int, *, careless: bool) -> None:
    """Do the runs that are watched."""
    places = SqlitePlaces(folder)
    with ExitStack() as patches:
        if careless:
            execute = SqliteEngine.execute

            def careless_execute(engine: SqliteEngine, sql: str, *rest: Any) -> list[tuple[Any, ...]]:
                return execute(engine, sql.replace("synchronous = FULL", "synchronous = OFF"), *rest)

            patches.enter_context(patch.object(SqliteEngine, "execute", careless_execute))
        for number in range(runs):
            channels = [TextNotifier(name, port, f"run{number}") for name in CHANNELS]
            report = pipeline(places.fresh(), channels).run(NOW)
            assert report.exit_code == 0, report.to_dict()


def main() -> None:
    """Print the figures, or do what is watched."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--child", nargs=2, metavar=("FOLDER", "PORT"), help=argparse.SUPPRESS)
    parser.add_argument("--careless", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child is not None:
        child(Path(options.child[0]), int(options.child[1]), options.runs, careless=options.careless)
        return
    program = find_strace()
    if program is None:
        raise SystemExit("strace is not installed, or may not be used here (Debian: apt-get install strace)")
    order = watched(program, options.runs, careless=options.careless)
    print(f"{options.runs} runs: {order.sends} sends, {order.violations} with something not yet on the disk")


if __name__ == "__main__":
    main()
