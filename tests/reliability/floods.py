"""A server that sends far more than it was asked for, and how large a process becomes that reads it.

``python -m tests.reliability.floods`` prints the figures of 10 million rows, against the limit that the client has by
default, or with ``--limit`` against another. The server is a process of its own, so that its memory is not counted, and
a limit is best measured in a process of its own too: what another read has left free is no growth. `test_floods` runs
it for every change.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from anomalert.errors import SourceError
from anomalert.sources import ClickHouseSource, PandahouseClient
from tests.reliability.printing import print_figures
from tests.sources.samples import COLUMNS, END, QUERY, START, sample_panel
from tests.stubs.clickhouse_stub import Reply, answers, described, stub_server, tsv

__all__ = ["Flood", "flood"]

ROOT = Path(__file__).parents[2]

BLOCK_ROWS = 10_000
MEGABYTE = 2**20


@dataclass
class Flood:
    """What a read came to.

    Parameters
    ----------
    limit, grown : float
        What the client may read, and how much larger than before the process became, in megabytes.
    seconds : float
        How long it took.
    error : str
        What it said.
    """

    limit: float
    grown: float
    seconds: float
    error: str


def flood(rows: int, max_bytes: int | None = None) -> Flood:
    """Read from a server that sends so many rows; before, a small answer, so that what is loaded once is loaded."""
    with _served(0) as url:
        ClickHouseSource(QUERY, {"host": url}).read(START, END)
    with _served(rows) as url:
        client = (
            PandahouseClient({"host": url})
            if max_bytes is None
            else PandahouseClient({"host": url}, max_bytes=max_bytes)
        )
        source = ClickHouseSource(QUERY, client=client, name="feed")
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # The peak begins anew.
        before, begun, said = _peak(), time.perf_counter(), "nothing"
        try:
            source.read(START, END)
        except SourceError as error:
            said = str(error)
        return Flood(client.max_bytes / MEGABYTE, _peak() - before, time.perf_counter() - begun, said)


def _peak() -> float:
    """Return the largest size that this process has had, in megabytes."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


@contextmanager
def _served(rows: int) -> Iterator[str]:
    command = [sys.executable, "-m", "tests.reliability.floods", "--serve", str(rows)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True, cwd=ROOT) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


def _serve(rows: int) -> None:
    whole = tsv(sample_panel(190))
    line = whole.body.splitlines(keepends=True)[-1]
    reply = Reply(whole.body, framing="close", more=line * BLOCK_ROWS, times=rows // BLOCK_ROWS)
    with stub_server(answers(described(COLUMNS), reply)) as stub:
        print(stub.url, flush=True)
        sys.stdin.read()


def main() -> None:
    """Print the figures of every limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--limit", type=int, help="in megabytes (default: that of the client)")
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true", help="a line of JSON for each")
    options = parser.parse_args()
    if options.serve is not None:
        _serve(options.serve)
        return
    found = flood(options.rows, None if options.limit is None else options.limit * MEGABYTE)
    name = f"{options.rows} rows"
    print_figures(name, found, as_json=options.json)


if __name__ == "__main__":
    main()
