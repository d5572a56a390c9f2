"""The lines that cron and systemd run, run here by a shell: two starts that overlap, and units that systemd accepts."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Event

import pandas as pd
import pytest

from tests.conftest import unavailable
from tests.stubs.telegram import CHAT, TOKEN, Exchange, TelegramStub, accept

ROOT = Path(__file__).resolve().parents[2]
CRON = ROOT / "examples" / "cron"

MODULE = """
import os
import pandas as pd
from anomalert import DayLagRatio, FrameSource, Ledger, Metric, Monitor, Pipeline, TelegramNotifier

begin = pd.Timestamp(os.environ["TROUBLE"])
index = pd.date_range(begin - pd.Timedelta("3D"), begin + pd.Timedelta("1D"), freq="15min")
likes = pd.DataFrame({"likes": [20.0 if slot >= begin else 100.0 for slot in index]}, index)
token, chat_id, api_url = (os.environ[f"TELEGRAM_{name}"] for name in ("TOKEN", "CHAT", "API"))
chat = TelegramNotifier(token, chat_id, api_url=api_url, deadline=os.environ["DEADLINE"])
pipeline = Pipeline([Monitor(FrameSource(likes), [Metric("likes", DayLagRatio())])], [chat], Ledger("alerts.db"))
"""


def cron_line() -> str:
    """Return the command of the crontab."""
    (line,) = re.findall(r"^\*/15 \* \* \* \* (.+)$", (CRON / "crontab").read_text(encoding="utf-8"), re.MULTILINE)
    return str(line)


def systemd_line() -> str:
    """Return the command of the service, in its folder and with its environment."""
    (line,) = re.findall(r"^ExecStart=(.+)$", (CRON / "anomalert.service").read_text(encoding="utf-8"), re.MULTILINE)
    return f"cd /srv/alerts && . ./settings.sh && {line}"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Give a folder that has what `/srv/alerts` has on a machine that is set up."""
    if shutil.which("flock") is None:
        unavailable("flock is not installed (Debian: apt-get install util-linux)")
    (tmp_path / "social_alerts.py").write_text(MODULE, encoding="utf-8")
    program = tmp_path / ".venv" / "bin" / "anomalert"
    program.parent.mkdir(parents=True)
    main = "import sys; from anomalert.cli import main; sys.exit(main())"
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -c "{main}" "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    script = (CRON / "run.sh").read_text(encoding="utf-8").replace("/srv/alerts", str(tmp_path))
    (tmp_path / "run.sh").write_text(script, encoding="utf-8")
    (tmp_path / "run.sh").chmod(0o755)
    return tmp_path


def settled(place: Path, chat: TelegramStub, deadline: str = "50s") -> None:
    """Write the settings that the lines read."""
    trouble = pd.Timestamp.now("UTC").floor("15min") - pd.Timedelta("15min")
    settings = {
        "TROUBLE": trouble.isoformat(),
        "DEADLINE": deadline,
        "TELEGRAM_API": chat.url,
        "TELEGRAM_TOKEN": TOKEN,
        "TELEGRAM_CHAT": str(CHAT),
    }
    lines = [f"export {name}='{value}'" for name, value in settings.items()]
    (place / "settings.sh").write_text("\n".join(lines), encoding="utf-8")


@pytest.fixture
def start(place: Path) -> Iterator[Callable[[str], "subprocess.Popen[bytes]"]]:
    """Give what starts a line as cron does, by a shell with almost no environment; end what a failed test leaves."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(place), "MPLCONFIGDIR": os.environ.get("MPLCONFIGDIR", "")}
    with ExitStack() as stack:

        def started(line: str) -> "subprocess.Popen[bytes]":
            command = ["/bin/sh", "-c", line.replace("/srv/alerts", str(place))]
            process = stack.enter_context(
                subprocess.Popen(
                    command,
                    env=environment,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            )
            stack.callback(end, process)
            return process

        yield started


def end(process: "subprocess.Popen[bytes]") -> None:
    """Kill a line and all that it started, if it still runs."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.parametrize("line", [cron_line(), systemd_line()], ids=["crontab", "systemd"])
def test_a_start_that_finds_another_run_leaves_at_once(
    line: str, place: Path, start: Callable[[str], "subprocess.Popen[bytes]"]
) -> None:
    """Of two overlapping starts one tells and the other says nothing; a later one finds nothing left to tell."""
    sending, may_go_on = Event(), Event()

    def held(exchange: Exchange) -> None:
        sending.set()
        may_go_on.wait(60)
        accept(exchange)

    with TelegramStub(held) as chat:
        settled(place, chat)
        first = start(line)
        assert sending.wait(60)
        second = start(line)
        # Without the lock it would wait for the ledger, which the first has until it is answered.
        said, _ = second.communicate(timeout=10)
        assert (second.returncode, said) == (0, b"")
        assert first.poll() is None
        may_go_on.set()
        said, _ = first.communicate(timeout=60)
        assert first.returncode == 0, said
        third = start(line)
        said, _ = third.communicate(timeout=60)
        assert third.returncode == 0, said
        assert b"0 alerts" in (said or (place / "last-run.txt").read_bytes())
        assert [post.text.splitlines()[0] for post in chat.posts] == ["▼ likes −80%"]


def test_a_line_that_fails_says_so(place: Path, start: Callable[[str], "subprocess.Popen[bytes]"]) -> None:
    """Cron mails what is printed, which is nothing unless a run is not whole."""
    with TelegramStub() as chat:
        settled(place, chat, deadline="2s")
    failed = start(cron_line())  # The chat is gone, so nobody can be told.
    said, _ = failed.communicate(timeout=60)
    assert failed.returncode == 1
    assert b"NotSentError" in said
    assert TOKEN.encode() not in said


def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    """Service and timer have no line that systemd does not know, and the timer elapses on the quarter hour."""
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed (Debian: apt-get install systemd)")
    for unit in ("anomalert.service", "anomalert.timer"):
        shutil.copy(CRON / unit, tmp_path)
    verified = subprocess.run(
        [analyze, "verify", str(tmp_path / "anomalert.timer")], check=False, capture_output=True, text=True
    )
    complaints = [line for line in verified.stderr.splitlines() if "anomalert" in line]
    assert complaints == []
    (calendar,) = re.findall(r"^OnCalendar=(.+)$", (CRON / "anomalert.timer").read_text(encoding="utf-8"), re.MULTILINE)
    elapses = subprocess.run(
        [analyze, "calendar", "--iterations=4", calendar], check=True, capture_output=True, text=True
    )
    assert set(re.findall(r":(\d\d):00 UTC", elapses.stdout)) == {"00", "15", "30", "45"}
