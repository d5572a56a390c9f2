"""Two hosts run the same slot at once, which share the address of a PostgreSQL ledger and nothing else.

Each is a process of its own, with its own name, home, time zone, folder for temporary files and folder to work in; it
stays for all rounds, as the process of a scheduler does. ``python -m tests.reliability.hosts
--rounds 100`` prints the figures; `test_hosts` runs ten for every change.
"""

import argparse
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.reliability.concurrency import SPREAD
from tests.reliability.kills import Stage, staged
from tests.reliability.printing import print_figures
from tests.reliability.story import CHANNELS, NOW, TextNotifier, pipeline
from tests.reliability.tally import Figures

__all__ = ["alternating", "running_hosts"]

ROOT = Path(__file__).parents[2]
ZONES = ("America/St_Johns", "Asia/Kolkata")


@dataclass
class Host:
    """A process that runs a slot when it is told to, and says how that ended."""

    name: str
    orders: IO[str]
    answers: IO[str]

    def order(self, place: str, case: str, delay: float) -> None:
        """Have it run the story's slot."""
        self.orders.write(json.dumps({"place": place, "case": case, "delay": delay}) + "\n")
        self.orders.flush()

    def ended(self) -> int:
        """Return the exit code of what it ran."""
        answer = json.loads(self.answers.readline())
        assert answer["name"] == self.name, answer
        return int(answer["code"])


@contextmanager
def running_hosts(port: int) -> Iterator[list[Host]]:
    """Start two hosts that can reach a messenger, and stop them at the end."""
    # A name of its own takes the right to make a namespace; where that is missing they share the machine's.
    unshare = shutil.which("unshare") or "false"
    may_be_named = subprocess.run([unshare, "--uts", "true"], capture_output=True, check=False).returncode == 0
    apart, named = ([unshare, "--uts"], ["--named"]) if may_be_named else ([], [])
    with ExitStack() as held:
        hosts = []
        for number, zone in enumerate(ZONES):
            folder = Path(held.enter_context(tempfile.TemporaryDirectory()))
            name = f"host{number}"
            own = {"HOME": str(folder), "TMPDIR": str(folder), "TZ": zone, "PYTHONPATH": str(ROOT)}
            process = held.enter_context(
                subprocess.Popen(
                    [
                        *apart,
                        sys.executable,
                        "-m",
                        "tests.reliability.hosts",
                        "--as-host",
                        name,
                        "--port",
                        str(port),
                        *named,
                    ],
                    env={"PATH": os.environ["PATH"], **own},
                    cwd=folder,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            assert process.stdin is not None
            assert process.stdout is not None
            held.callback(process.kill)
            assert json.loads(process.stdout.readline())["name"] == name
            hosts.append(Host(name, process.stdin, process.stdout))
        yield hosts


def alternating(stage: Stage, hosts: Sequence[Host], rounds: int, seed: int = 1) -> Figures:
    """Have all hosts run one slot at once, and one more run after them; count over so many rounds."""
    figures, choose = Figures(), random.Random(seed)
    for number in range(rounds):
        place, name, case = stage.places.fresh(), stage.case(), stage.owing()
        for host in hosts:
            host.order(place, name, choose.uniform(0, SPREAD))
        case.failed = sum(host.ended() != 0 for host in hosts)
        stage.settle(case, place, name)
        figures.add(f"round {number}", case)
    return figures


def _be_host(name: str, port: int, *, is_named: bool) -> None:
    """Run what is ordered on standard input, until that is closed."""
    if is_named:
        socket.sethostname(name)
    print(json.dumps({"name": name}), flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        time.sleep(order["delay"])
        channels = [TextNotifier(channel, port, order["case"]) for channel in CHANNELS]
        code = pipeline(order["place"], channels).run(NOW).exit_code
        print(json.dumps({"name": name, "code": code}), flush=True)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--engine", default="postgres", help="postgres, or the address of a PostgreSQL ledger")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="a line of JSON")
    parser.add_argument("--as-host", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--named", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.as_host:
        _be_host(options.as_host, options.port, is_named=options.named)
        return
    with staged(options.engine) as stage, running_hosts(stage.port) as hosts:
        begun = time.monotonic()
        found = alternating(stage, hosts, options.rounds, options.seed)
        name = f"two hosts, seed {options.seed}"
        print_figures(name, found, as_json=options.json, begun=begun)


if __name__ == "__main__":
    main()
