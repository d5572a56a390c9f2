"""Long-lived programs of a scheduler, each with all its children in a group that is ended as a whole."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

__all__ = ["free_port", "running", "until"]

T = TypeVar("T")


@contextmanager
def running(command: Sequence[str], environment: Mapping[str, str], log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a program until the block ends; what it prints goes into a file."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env=dict(environment),
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        # Its children too: ending the parent alone leaves those of Airflow alive.
        for number, seconds in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 10.0)):
            try:
                os.killpg(process.pid, number)
                process.wait(seconds)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue


def until(found: Callable[[], T | None], seconds: float, what: str) -> T:
    """Ask again and again until there is an answer that is not None, and return it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if (answer := found()) is not None:
            return answer
        time.sleep(0.5)
    raise TimeoutError(f"after {seconds:.0f} s there is still no {what}")


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])
