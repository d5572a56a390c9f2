"""Runs in processes of their own: forks of one that has everything imported, watched at every crash point.

The parent that forks has no thread of its own while it does, and no database open.
"""

import gc
import logging
import os
import random
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from anomalert import crashpoints

__all__ = ["Child", "Ended", "Point", "counted", "forking", "started"]

PATIENCE = 120.0
"""Seconds after which a child that says nothing and does not end is taken for hung."""

CRASHED = 99
"""Exit code of a child that raised."""

INTERRUPTED, TERMINATED = 128 + signal.SIGINT, 128 + signal.SIGTERM
"""Exit codes of a child in which a signal was raised as an exception."""


class Point(NamedTuple):
    """A crash point: the n-th, from 1, that a thread of the run reaches. Threads are named by their channels."""

    thread: str
    number: int


@dataclass(frozen=True)
class Ended:
    """What is known of a child that is gone.

    Parameters
    ----------
    code : int
        Its exit code; the negative number of the signal that ended it.
    log : list of (str, str)
        Thread and name of every crash point, in the order in which they were reached.
    """

    code: int
    log: list[tuple[str, str]]

    @property
    def was_cut_short(self) -> bool:
        """Whether a signal, or what Python makes of it, ended it before it was done."""
        return self.code in (-signal.SIGKILL, -signal.SIGTERM, INTERRUPTED, TERMINATED)


@dataclass
class Child:
    """A process that runs, and the pipe its crash points come through."""

    pid: int
    log: int

    def signalled(self, number: signal.Signals) -> None:
        """Send it a signal; it may be gone already."""
        os.kill(self.pid, number)

    def stopped(self) -> bool:
        """Wait until it has stopped itself; False if it ended instead."""
        # Without reaping it: that is for `ended`.
        found = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WSTOPPED | os.WNOWAIT)
        return found is not None and found.si_code == os.CLD_STOPPED

    def ended(self) -> Ended:
        """Wait for its end, and read what it reached."""
        lines = b"".join(self._read()).decode().splitlines()
        _, status = os.waitpid(self.pid, 0)
        log = [(thread, point) for thread, _, point in (line.partition("\t") for line in lines)]
        code = os.waitstatus_to_exitcode(status)
        if code == CRASHED:
            raise AssertionError(f"a child raised after {log[-1:]}: see standard error")
        return Ended(code, log)

    def _read(self) -> Iterator[bytes]:
        while True:
            if not select.select([self.log], [], [], PATIENCE)[0]:
                os.kill(self.pid, signal.SIGKILL)
                raise AssertionError(f"a child has hung for {PATIENCE} s")
            read = os.read(self.log, 65536)
            if not read:
                os.close(self.log)
                return
            yield read


def started(
    work: Callable[[], int], at: Point | None = None, act: Callable[[], None] = lambda: None, delay: float = 0.0
) -> Child:
    """Fork a child that does `work` and exits with what that returns.

    Parameters
    ----------
    work : callable
        The run.
    at : Point, optional
        Where the child does `act` to itself.
    act : callable
        What it does there, such as killing itself.
    delay : float
        Seconds to wait before it begins.
    """
    assert threading.active_count() == 1, threading.enumerate()
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        return Child(pid, reading)
    try:
        os.close(reading)
        # What goes wrong is done to the child on purpose.
        logging.disable(logging.CRITICAL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        crashpoints.observers[:] = [_observer(writing, at, act)]
        random.seed(os.getpid())
        time.sleep(delay)
        os._exit(work())
    except KeyboardInterrupt:
        os._exit(INTERRUPTED)
    except SystemExit:
        os._exit(TERMINATED)
    except BaseException:  # noqa: BLE001 - a fork must never return into what called it
        traceback.print_exc(file=sys.stderr)
        os._exit(CRASHED)


def counted(log: list[tuple[str, str]]) -> list[Point]:
    """Return every point of a run that got through, thread by thread."""
    numbers: dict[str, int] = {}
    for thread, _ in log:
        numbers[thread] = numbers.get(thread, 0) + 1
    return [Point(thread, number) for thread, last in sorted(numbers.items()) for number in range(1, last + 1)]


@contextmanager
def forking() -> Iterator[None]:
    """Keep what is there now out of the garbage collector, so that children share its memory."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _observer(log: int, at: Point | None, act: Callable[[], None]) -> Callable[[str], None]:
    numbers: dict[str, int] = {}

    def observe(name: str) -> None:
        thread = threading.current_thread().name.removeprefix("anomalert-")
        numbers[thread] = numbers.get(thread, 0) + 1
        os.write(log, f"{thread}\t{name}\n".encode())
        if at == (thread, numbers[thread]):
            act()

    return observe
