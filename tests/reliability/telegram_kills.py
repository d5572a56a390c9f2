"""Runs that send to Telegram, with pictures, are killed at random times: the shipped channel in place of a fast one.

``python -m tests.reliability.telegram_kills --count 100`` prints the figures; `test_kills` does a few for every change.
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from anomalert import Ledger, Message, TelegramNotifier
from anomalert.crashpoints import reached
from tests.reliability.children import forking, started
from tests.reliability.messenger import Accepted
from tests.reliability.places import SqlitePlaces
from tests.reliability.printing import print_figures
from tests.reliability.story import CHANNELS, MARK, NOW, SENDING, pipeline
from tests.reliability.tally import Case, Figures
from tests.stubs.telegram import CHAT, TOKEN, TelegramStub

__all__ = ["telegram_kills"]


class Channel(TelegramNotifier):
    """A topic of a chat; says when it begins, so that a log tells what was in flight."""

    def __init__(self, name: str, url: str) -> None:
        super().__init__(TOKEN, CHAT, topic_id=1 + CHANNELS.index(name), api_url=url, name=name)

    def send(self, message: Message) -> str:
        """Send, as the shipped one does."""
        reached(f"{SENDING}{message.headline.removesuffix(MARK)}")
        return super().send(message)


class Telegram:
    """The stub in a process of its own."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._asking, self._answers = process.stdin, process.stdout
        self.url = self._answers.readline().strip()

    def accepted(self) -> list[Accepted]:
        """Return what the chat shows, named by headlines."""
        self._asking.write("posts\n")
        self._asking.flush()
        posts = json.loads(self._answers.readline())
        return [Accepted(CHANNELS[int(topic) - 1], _headline(text), text) for topic, text in posts]


@contextmanager
def running_telegram() -> Iterator[Telegram]:
    """Start a Telegram of its own."""
    command = [sys.executable, "-m", "tests.reliability.telegram_kills", "--serve"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    ) as process:
        try:
            yield Telegram(process)
        finally:
            process.kill()


def telegram_kills(count: int, seed: int = 1) -> Figures:
    """Kill a run at a random time, then run the slot twice; `count` times."""
    import matplotlib.backends.backend_agg
    import matplotlib.figure  # noqa: F401 - so that children need not
    import requests  # noqa: F401

    figures, choose = Figures(), random.Random(seed)
    with tempfile.TemporaryDirectory() as folder, running_telegram() as telegram, forking():
        places = SqlitePlaces(Path(folder))
        longest = 1.1 * _lived(places, telegram, None)[1]
        for _ in range(count):
            after = choose.uniform(0, longest)
            figures.add(f"after {after:.3f} s", _lived(places, telegram, after)[0])
    return figures


def _lived(places: SqlitePlaces, telegram: Telegram, after: float | None) -> tuple[Case, float]:
    place, case, before = places.fresh(), Case(), len(telegram.accepted())

    def run() -> int:
        return pipeline(place, [Channel(name, telegram.url) for name in CHANNELS]).run(NOW).exit_code

    begun = time.monotonic()
    child = started(run)
    if after is not None:
        time.sleep(after)
        child.signalled(signal.SIGKILL)
    case.hit(child.ended())
    seconds = time.monotonic() - begun
    case.faults += Ledger(place).verify()
    case.failed += started(run).ended().code != 0
    told = len(telegram.accepted())
    case.failed += started(run).ended().code != 0
    case.accepted = telegram.accepted()[before:]
    case.afterwards = before + len(case.accepted) - told
    case.faults += Ledger(place).verify()
    return case, seconds


def _headline(text: str) -> str:
    return text.splitlines()[0].removesuffix(MARK)


def serve() -> None:
    """Print the address, and what the chat shows whenever a line comes."""
    with TelegramStub() as stub:
        print(stub.url, flush=True)
        for _ in sys.stdin:
            # An album is a post for each of its pictures, and one message.
            whole = {id(post.request): post for post in list(stub.posts)}.values()
            posts = [(post.request.fields["message_thread_id"], post.text) for post in whole]
            print(json.dumps(posts), flush=True)


def main() -> None:
    """Print the figures, or be a Telegram."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="a line of JSON")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve()
        return
    begun = time.monotonic()
    found = telegram_kills(options.count, options.seed)
    called = f"Telegram, random times, seed {options.seed}"
    print_figures("random times", found, as_json=options.json, begun=begun, called=called)


if __name__ == "__main__":
    main()
