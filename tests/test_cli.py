"""The command line: what it prints, what it returns, and what it never shows."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import pytest

from anomalert import Ledger, cli
from anomalert.cli import main
from tests.stubs.telegram import CHAT, TOKEN, TelegramStub
from tests.stubs.telegram_faults import answer, refuse

AT = "2025-11-02T10:15Z"
SLOT = "2025-11-02T10:00:00+00:00"

PIPELINE = """
import pandas as pd

from anomalert import DayLagRatio, Metric, Monitor, Pipeline, WeeklyAverage
from anomalert.testing import FakeNotifier, FakeSource, synthetic_panel

panel = synthetic_panel(10, start="2025-10-24")
panel.loc[pd.Timestamp("2025-11-02T10:00Z"), "likes"] *= FACTOR
chat = FakeNotifier()
metrics = [Metric("likes", WeeklyAverage()), Metric("views", DayLagRatio())]
source = FakeSource(panel, name="feed")
pipeline = Pipeline([Monitor(source, metrics)], [chat])


def make():
    return pipeline
"""

Place = Callable[[str, str], str]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """Give what writes a module into the working directory and returns where a pipeline is in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    written = []

    def write(text: str, name: str = "pipeline") -> str:
        module = f"alerts_{len(list(tmp_path.iterdir()))}_{tmp_path.name.replace('-', '_')}"
        (tmp_path / f"{module}.py").write_text(text, encoding="utf-8")
        written.append(module)
        return f"{module}:{name}"

    yield write
    for module in written:
        sys.modules.pop(module, None)


def test_help_says_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    """The help of the command and of each of its parts names what can be given, and what the exit codes mean."""
    wanted = {
        (): ["demo", "check", "run", "exit codes:", "an anomaly is a success", "--version", "--verbose"],
        ("run",): ["package.module:pipeline", "--at", "--dry-run", "--json", "(default: now)"],
        ("check",): ["package.module:pipeline", "--at", "ledger", "every channel", "Exit code 1"],
        ("demo",): ["--directory", "--language", "--seed", "{en,ru}", "(default: alerts)"],
    }
    for command, words in wanted.items():
        with pytest.raises(SystemExit) as ended:
            main([*command, "--help"])
        assert ended.value.code == 0
        shown = capsys.readouterr().out
        assert [word for word in words if word not in shown] == [], command
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"anomalert {version('anomalert')}\n"


@pytest.mark.parametrize(
    "arguments",
    [[], ["fly"], ["run"], ["run", "a:b", "--from", "x"], ["demo", "--language", "fr"], ["demo", "--seed", "x"]],
)
def test_what_cannot_be_understood_is_exit_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A command that makes no sense shows the usage."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: anomalert" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["pipeline", "make"])
def test_run_judges_tells_and_sums_up(place: Place, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """An anomaly is exit code 0; the summary has the metrics, the alerts and the deliveries."""
    where = place(PIPELINE.replace("FACTOR", "0.1"), name)
    assert main(["run", where, "--at", AT]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "at 2025-11-02T10:15:00+00:00: 1 alerts; 1 anomaly, 1 ok"
    assert re.search(r"likes .* anomaly +True", shown[2])
    assert re.search(r"views .* ok +False", shown[3])
    assert shown[4] == "fake: accepted anomalert/opened/down/likes/20251102T1000Z/20251102T1000Z"
    assert len(sys.modules[where.partition(":")[0]].chat.messages) == 1


def test_run_as_json(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """What is printed is the report, and nothing else."""
    where = place(PIPELINE.replace("FACTOR", "float('nan')"), "pipeline")
    assert main(["run", where, "--at", AT, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["at"], report["exit_code"], report["alerts"]) == ("2025-11-02T10:15:00+00:00", 0, [])
    assert [(row["metric"], row["status"], row["value"] is None) for row in report["judgements"]] == [
        ("likes", "no_data", True),
        ("views", "ok", False),
    ]


def test_a_dry_run_sends_nothing(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """It shows the alert and no delivery."""
    where = place(PIPELINE.replace("FACTOR", "0.1"), "pipeline")
    assert main(["run", where, "--at", AT, "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert "1 alerts" in shown
    assert "accepted" not in shown
    assert sys.modules[where.partition(":")[0]].chat.attempts == []


def test_without_an_instant_it_is_now(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """The command line is the one place that reads the clock."""
    where = place(PIPELINE.replace("FACTOR", "0.1"), "pipeline")
    assert main(["run", where, "--dry-run", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["at"] > "2025-11-02"
    assert report["at"].endswith("+00:00")


BROKEN = PIPELINE.replace("FACTOR", "0.1").replace(
    'source = FakeSource(panel, name="feed")',
    'source = FakeSource(panel, [ERROR] * 9, name="feed")',
)


def test_a_run_that_fails_is_exit_code_1(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """The summary lists what could not be read."""
    error = "__import__('anomalert.errors').errors.SourceError(\"source 'feed': it is closed\")"
    where = place(BROKEN.replace("ERROR", error), "pipeline")
    assert main(["run", where, "--at", AT]) == 1
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "at 2025-11-02T10:15:00+00:00: 2 alerts"
    assert shown[-1] == "SourceError: source 'feed': it is closed"


@pytest.mark.parametrize("at", ["2025-11-02T10:15", "soon"])
@pytest.mark.parametrize("command", ["run", "check"])
def test_an_instant_without_a_zone_is_exit_code_2(
    place: Place, command: str, at: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line says what is wrong with it."""
    assert main([command, place(PIPELINE.replace("FACTOR", "0.1"), "pipeline"), "--at", at]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"anomalert: `at` is '{at}', ")
    assert len(error.splitlines()) == 1


def test_check_asks_every_source_for_one_slot_and_sends_nothing(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    """It shows the pipeline, and what the newest slot holds."""
    where = place(PIPELINE.replace("FACTOR", "float('nan')"), "pipeline")
    assert main(["check", where, "--at", AT]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].startswith("Pipeline 'anomalert': watches feed (likes, views); tells fake;")
    assert re.fullmatch(rf"feed: the slot from {re.escape(SLOT)} gives likes=nan, views=\d+", shown[1])
    module = sys.modules[where.partition(":")[0]]
    assert [[str(edge) for edge in read] for read in module.source.reads] == [
        ["2025-11-02 10:00:00+00:00", "2025-11-02 10:15:00+00:00"]
    ]
    assert module.chat.attempts == []


@pytest.mark.parametrize(
    ("error", "text"),
    [
        ("__import__('anomalert.errors').errors.SourceError('it is closed')", "feed: FAILED: it is closed"),
        (
            "OSError('http://me:canary@db')",
            "feed: FAILED: source 'feed': raised OSError in .*, line [0-9]+; the cause is chained",
        ),
    ],
)
def test_check_tells_which_source_fails(
    place: Place, error: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A source that cannot be read is exit code 1; what another library says of it is not quoted."""
    assert main(["check", place(BROKEN.replace("ERROR", error), "pipeline"), "--at", AT]) == 1
    shown = "".join(capsys.readouterr())
    assert re.search(text, shown)
    assert "canary" not in shown


LEDGERS = {
    "alerts.db": (0, "ledger: alerts.db will be created by the first run"),
    "no_folder/alerts.db": (1, "ledger: FAILED: ledger no_folder/alerts.db: there is no folder "),
    "settings.sh": (1, "ledger: FAILED: settings.sh is no SQLite file"),
}


@pytest.mark.parametrize("ledger", LEDGERS)
def test_check_looks_whether_the_ledger_can_be_used_and_makes_none(
    place: Place, ledger: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A ledger that the first run would make is fine, an impossible one is exit code 1; no file comes or goes."""
    Path("settings.sh").write_text("export A=1\n")
    made = f"Pipeline([Monitor(source, metrics)], [chat], Ledger({ledger!r}))"
    text = PIPELINE.replace("FACTOR", "0.1").replace("Pipeline([Monitor(source, metrics)], [chat])", made)
    where = place(text.replace("import DayLagRatio", "import DayLagRatio, Ledger"), "pipeline")
    before = {path.name for path in Path().iterdir()}
    code, line = LEDGERS[ledger]
    assert main(["check", where, "--at", AT]) == code
    shown = capsys.readouterr().out.splitlines()
    assert [each for each in shown if each.startswith(line)], shown
    assert {path.name for path in Path().iterdir()} - {"__pycache__"} == before
    if code == 0:
        assert main(["run", where, "--at", AT]) == 0
        assert main(["check", where, "--at", AT]) == 0
        assert "ledger: alerts.db can be used" in capsys.readouterr().out.splitlines()


def test_check_asks_every_channel_whether_it_answers(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """The fallback too; a dead token is exit code 1 and its own line, what cannot be asked is said so, none is sent."""
    chat = {"ok": True, "result": {"id": CHAT, "type": "group"}}
    with TelegramStub(answer(200, chat), refuse(401, "Unauthorized"), default=refuse(401, "Unauthorized")) as stub:
        bots = "[TelegramNotifier({!r}, {!r}, api_url={!r}, name=name) for name in ('works', 'dead')]"
        channels = f"[chat, Bug(), *{bots.format(TOKEN, CHAT, stub.url)}], fallback=Bug('last')"
        bug = (
            "class Bug:\n    def __init__(self, name='bug'):\n        self.name = name\n\n"
            "    def send(self, message):\n        raise OSError\n\n"
            "    def probe(self):\n        raise KeyError('canary')\n\n\n"
        )
        text = PIPELINE.replace("FACTOR", "0.1").replace("[chat])", f"{channels})")
        text = text.replace("import DayLagRatio", "import DayLagRatio, TelegramNotifier").replace(
            "panel =", f"{bug}panel ="
        )
        assert main(["check", place(text, "pipeline"), "--at", AT]) == 1
        assert [request.method for request in stub.requests] == ["getChat"] * 2
        assert stub.posts == []
    shown = capsys.readouterr().out
    lines = shown.splitlines()[2:]
    assert lines[0] == "fake: cannot be asked whether it answers (it has no `probe`)"
    assert re.fullmatch(r"bug: FAILED: `probe`: raised KeyError in .*, line \d+; the cause is chained", lines[1])
    assert lines[2] == "works: answers"
    assert lines[3].startswith("dead: FAILED: Telegram answered 401: Unauthorized. The bot's token was revoked")
    assert lines[4].startswith("last: FAILED: `probe`: raised KeyError")
    assert "canary" not in shown
    assert TOKEN not in shown


def test_no_such_module(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be imported is a matter of configuration, also if it is missing in the module's own imports."""
    assert main(["run", "no_such_module:pipeline"]) == 2
    assert capsys.readouterr().err == (
        "anomalert: 'no_such_module:pipeline' cannot be loaded: ModuleNotFoundError: No module named 'no_such_module'\n"
    )
    assert main(["run", place("x = 1\nimport no_such_module\n", "pipeline")]) == 2
    assert re.search(r"No module named 'no_such_module' \(alerts_\w+\.py, line 2\)$", capsys.readouterr().err.strip())


@pytest.mark.parametrize("where", ["alerts", "alerts:", ":pipeline", ""])
def test_a_place_needs_a_module_and_a_name(where: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The error says how a pipeline is named."""
    assert main(["check", where]) == 2
    assert "names no pipeline: write package.module:name" in capsys.readouterr().err


LOADING = {
    "a name that is not there": ("x = 1", "pipeline", "AttributeError: "),
    "another thing": ("pipeline = {'password': 'canary'}", "pipeline", "is of the type dict, not a Pipeline"),
    "a function of another thing": ("def make():\n    return 'canary'", "make", "is of the type str, not a Pipeline"),
    "a function that needs arguments": ("def make(token):\n    return token", "make", "TypeError: make() missing 1"),
    "a function that raises": ("def make():\n    return {}['HOST']", "make", "KeyError: 'HOST' (alerts_"),
    "a setting that does not exist": (
        "from anomalert import TelegramNotifier\npipeline = TelegramNotifier(tokn='canary', chat_id=1)",
        "pipeline",
        "TypeError: TelegramNotifier.__init__() got an unexpected keyword argument 'tokn' (alerts_",
    ),
    "a setting that makes no sense": (
        "from anomalert import IQR\nIQR(k=0)",
        "x",
        "`k` is 0: a number above 0 is needed",
    ),
    "no Python": ("pipeline = = 'canary'", "pipeline", "SyntaxError: invalid syntax"),
}


@pytest.mark.parametrize("case", LOADING)
def test_what_cannot_be_loaded_is_told_in_one_line(place: Place, case: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, the type, text and place of the error; and no line of the module, which may hold a password."""
    text, name, message = LOADING[case]
    assert main(["run", place(text, name), "--at", AT]) == 2
    shown = capsys.readouterr()
    assert message in shown.err
    assert len(shown.err.splitlines()) == 1
    assert "canary" not in shown.err + shown.out


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    script = "import sys; from anomalert.cli import main; sys.exit(main())"
    root = str(Path(__file__).parents[1])
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": root, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        timeout=110,
        check=False,
    )


SECRETIVE = """
from anomalert import ClickHouseSource, DayLagRatio, Metric, Monitor, Pipeline, TelegramNotifier
from anomalert.testing import FakeSource, synthetic_panel

connection = {"host": "http://127.0.0.1:9", "database": "d", "user": "reader", "password": "PASSWORD"}
query = "SELECT toStartOfFifteenMinutes(time) AS ts, count() AS n FROM t WHERE ts >= {start} AND ts < {end} GROUP BY ts"
down = Monitor(ClickHouseSource(query, connection, name="down"), [Metric("n", DayLagRatio())])
panel = synthetic_panel(10, start="2025-10-24")
panel.loc["2025-11-02T10:00Z":"2025-11-02T10:00Z"] *= 0.1
feed = Monitor(FakeSource(panel, name="feed"), [Metric("likes", DayLagRatio())])


class Driver:
    def read(self, start, end):
        raise OSError("no route to http://reader:PASSWORD@db")


class Hook:
    def send(self, message):
        raise OSError("no route to https://hooks/TOKEN")


legacy = Monitor(Driver(), [Metric("orders", DayLagRatio())], name="legacy")
chat = TelegramNotifier(token="TOKEN", chat_id=CHAT, api_url="URL")
pipeline = Pipeline([feed, down, legacy], [chat, Hook()], heartbeat="http://127.0.0.1:9/KEY")
"""


@pytest.mark.parametrize("arguments", [["run", "--json"], ["--verbose", "run"], ["--verbose", "check"]])
def test_no_secret_is_ever_printed(tmp_path: Path, arguments: list[str]) -> None:
    """With every library's log open, password, token and the heartbeat's URL are in neither output."""
    password, key = "pa55-canary", "key-canary"
    with TelegramStub() as stub:
        text = SECRETIVE.replace("PASSWORD", password).replace("TOKEN", TOKEN).replace("CHAT", str(CHAT))
        (tmp_path / "secretive.py").write_text(text.replace("URL", stub.url).replace("KEY", key))
        position = arguments.index("run" if "run" in arguments else "check") + 1
        done = command(tmp_path, *arguments[:position], "secretive:pipeline", "--at", AT, *arguments[position:])
    assert done.returncode == 1, done.stderr
    shown = done.stdout + done.stderr
    assert "down" in shown
    assert "legacy" in shown
    if arguments == ["--verbose", "run"]:
        assert re.search(r"OSError\n(  .+\n)*  .*secretive\.py, line \d+, in send\n", shown), (
            "the place is told, the text is not"
        )
    for secret in (password, key, TOKEN, TOKEN.partition(":")[2]):
        assert secret not in shown
    if "run" in arguments:
        assert len(stub.posts) > 0


@pytest.mark.chdb
def test_the_demo_tells_an_incident(tmp_path: Path) -> None:
    """One command shows the alert of the reference set, with its pictures, on an engine of its own."""
    pytest.importorskip("chdb")
    done = command(tmp_path, "demo", "--directory", "pictures", "--language", "ru")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("▼ ")
    assert "Метрика likes:" in lines
    assert any(re.fullmatch(r"  текущее значение = \d+\.\d\d", line) for line in lines)
    assert any(re.fullmatch(r"  отклонение от вчера \d\d\.\d\d%", line) for line in lines)
    pictures = sorted((tmp_path / "pictures").iterdir())
    assert len(pictures) >= 3
    assert all(picture.read_bytes().startswith(b"\x89PNG") for picture in pictures)
    assert list(tmp_path.iterdir()) == [tmp_path / "pictures"]


def test_json_stands_alone_on_standard_output(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """What a notifier prints goes to standard error, so that the report can be piped."""
    talkative = PIPELINE.replace(
        "chat = FakeNotifier()", "from anomalert import ConsoleNotifier\nchat = ConsoleNotifier()"
    )
    assert main(["run", place(talkative.replace("FACTOR", "0.1"), "pipeline"), "--at", AT, "--json"]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["status"] == "done"
    assert "likes" in shown.err


FUTURE = """
import pandas as pd

from anomalert import DayLagRatio, FrameSource, Ledger, Metric, Monitor, Pipeline
from anomalert.testing import FakeNotifier, synthetic_panel

panel = synthetic_panel(3, start="2025-11-01")[["views"]]
panel.loc["2025-11-03T12:00Z":] *= 0.1
chat = FakeNotifier()


def pipeline():
    monitor = Monitor(FrameSource(panel, name="feed"), [Metric("views", DayLagRatio())])
    return Pipeline([monitor], [chat], Ledger("alerts.db"))
"""


def at_clock(monkeypatch: pytest.MonkeyPatch, now: str) -> None:
    """Have the command line read this time."""
    monkeypatch.setattr(cli, "_now", lambda: pd.Timestamp(now).to_pydatetime())


@pytest.mark.parametrize(
    ("at", "refused"),
    [
        ("2025-11-03T11:00Z", False),
        ("2025-11-03T11:05Z", False),
        ("2025-11-03T11:05:01Z", True),
        ("2025-11-03T12:00+00:30", True),
        ("2026-11-03T11:00Z", True),
    ],
)
def test_an_instant_in_the_future_is_exit_code_2(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], at: str, refused: bool
) -> None:
    """More than five minutes ahead of the clock nothing is run and nothing recorded; the error says what to do."""
    at_clock(monkeypatch, "2025-11-03T11:00Z")
    assert main(["run", place(FUTURE, "pipeline"), "--at", at]) == (2 if refused else 0)
    error = capsys.readouterr().err
    assert Path("alerts.db").exists() is not refused
    if refused:
        assert "is in the future: it is 2025-11-03 11:00:00 UTC by this machine's clock" in error
        assert "--dry-run" in error
        assert len(error.splitlines()) == 1


def test_a_dry_run_may_look_into_the_future(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """It records nothing, so that nothing follows from it."""
    at_clock(monkeypatch, "2025-11-03T11:00Z")
    assert main(["run", place(FUTURE, "pipeline"), "--at", "2026-11-03T11:00Z", "--dry-run"]) == 0


def test_a_clock_that_is_set_back_an_hour_loses_and_repeats_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs of the hour that comes twice are done and say nothing; the incident of it was told, and once."""
    where = place(FUTURE, "pipeline")
    once = pd.date_range("2025-11-03T11:00Z", "2025-11-03T13:00Z", freq="15min")
    for now in [*once, *pd.date_range("2025-11-03T12:00Z", "2025-11-03T14:00Z", freq="15min")]:
        at_clock(monkeypatch, str(now))
        assert main(["run", where]) == 0, now
    chat = sys.modules[where.partition(":")[0]].chat
    assert [(alert.kind, str(alert.slot)) for message in chat.messages for alert in message.alerts] == [
        ("opened", "2025-11-03 12:00:00+00:00")
    ]
    judged = Ledger("alerts.db").history().judgements
    assert judged["slot"].tolist() == list(pd.date_range("2025-11-03T10:45Z", "2025-11-03T13:45Z", freq="15min"))


def test_a_clock_that_is_set_forward_an_hour_loses_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The slots of the hour that is left out are judged by the run after it."""
    where = place(FUTURE, "pipeline")
    for now in ("2025-11-03T11:30Z", "2025-11-03T11:45Z", "2025-11-03T12:45Z", "2025-11-03T13:00Z"):
        at_clock(monkeypatch, now)
        assert main(["run", where]) == 0
    chat = sys.modules[where.partition(":")[0]].chat
    assert [alert.kind for message in chat.messages for alert in message.alerts] == ["opened"]
    judged = Ledger("alerts.db").history().judgements
    assert judged["slot"].tolist() == list(pd.date_range("2025-11-03T11:15Z", "2025-11-03T12:45Z", freq="15min"))
