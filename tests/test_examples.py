"""The examples do what they say: each is executed here, Airflow's against a stand-in for its few names that it uses."""

import ast
import importlib.util
import pickle
import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from anomalert import Message, RunReport, WeeklyAverage
from anomalert.errors import ConfigurationError, RunError, SourceError
from anomalert.interfaces import Picture
from anomalert.reference import create_tables
from anomalert.testing import check_detector, synthetic_panel
from tests.servers import ANALYST, ClickHouseServer

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"

AT = datetime(2026, 11, 9, 18, 30, tzinfo=UTC)
TRIGGERED = datetime(2026, 11, 9, 18, 34, 7, tzinfo=UTC)


TABLES = """
import pickle, runpy, sys
cells = runpy.run_path(sys.argv[1])
found = cells["found"]
tables = {name: cells[name] for name in ("told", "alone")}
tables |= {"table": found.table, "agreement": found.agreement, "patient": cells["patient"].table}
tables |= {"planted": len(cells["labels"]), "weeks": found.backtests["7 days"].weeks}
with open(sys.argv[2], "wb") as kept:
    pickle.dump(tables, kept)
"""
"""Runs the notebook that compares detectors and keeps what its texts speak of."""


def path_of(name: str) -> str:
    """Return where an example is."""
    return str(EXAMPLES / f"{name}.py")


def load(name: str) -> ModuleType:
    """Return an example as a module, without its `main`."""
    spec = importlib.util.spec_from_file_location(name, path_of(name))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_example_is_run_here() -> None:
    """An example that is added has to be added to these tests, or to those of the schedulers."""
    tests = [Path(__file__), *(ROOT / "tests" / "schedulers").glob("*.py")]
    source = "".join(path.read_text(encoding="utf-8") for path in tests)
    # What examples read is read where they are run.
    files = [path for path in EXAMPLES.rglob("*") if path.is_file() and not {"__pycache__", "data"} & set(path.parts)]
    named = {path: str(path.relative_to(EXAMPLES).with_suffix("")) for path in files if path.suffix == ".py"}
    named |= {path: path.name for path in files if path.suffix != ".py"}
    assert [path.name for path, name in named.items() if f'"{name}' not in source] == []


@pytest.fixture(scope="module")
def cells() -> dict[str, Any]:
    """Give what the notebook has defined at its end."""
    return runpy.run_path(path_of("notebook"))


class TestNotebook:
    """`notebook.py`, run from top to bottom."""

    def test_detectors_are_told_apart(self, cells: dict[str, Any]) -> None:
        """The table shows who sees both incidents without crying wolf, and who does not."""
        summary = cells["summary"]
        assert summary.loc["week"].tolist() == [1.0, 1.0, 0]
        assert summary.loc["last two hours", "other anomalies"] > summary.loc["last two hours, wide", "other anomalies"]
        assert (summary["drop"] < 1).any()

    def test_the_monitor_agrees_with_the_notebook(self, cells: dict[str, Any]) -> None:
        """Slot by slot, the monitor judges as the detector and the policy did by hand."""
        by_hand = cells["judgements"].query("metric == 'views'").set_index("slot")
        by_monitor = cells["told"].set_index("slot")
        assert len(by_monitor) > 600
        assert by_monitor["is_alert"].sum() == 7
        told_by_hand = by_hand["is_alert"].tz_convert("UTC").reindex(by_monitor.index)
        pd.testing.assert_series_equal(by_monitor["is_alert"], told_by_hand, check_freq=False)


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Give the tables of `compare_detectors.py`."""
    # In a process of its own: chDB opens one database per process.
    kept = tmp_path_factory.mktemp("compared") / "tables.pickle"
    command = [sys.executable, "-c", TABLES, path_of("compare_detectors"), str(kept)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    tables: dict[str, Any] = pickle.loads(kept.read_bytes())
    return tables


@pytest.mark.chdb
class TestCompareDetectors:
    """`compare_detectors.py`: what its texts say of its tables."""

    def test_the_best_finds_all_and_nothing_else(self, compared: dict[str, Any]) -> None:
        """The mean of seven days finds all that was planted; three days ago cannot be told from it, the rest can."""
        table = compared["table"]
        assert table.index[0] == "7 days"
        assert table.loc["7 days", ["event_precision", "event_recall"]].tolist() == [1.0, 1.0]
        assert set(table.index[table["tie"]]) == {"7 days", "3 days ago"}
        assert table.loc["3 days ago", "incidents"] - compared["planted"] == 4

    def test_an_incident_is_two_messages(self, compared: dict[str, Any]) -> None:
        """The best one sends two messages for each of 25 incidents, which is 12.6 a week."""
        rate = compared["table"].loc["7 days", "messages_per_week"]
        assert compared["planted"] == 25
        assert rate * compared["weeks"] == pytest.approx(50)
        assert f"{rate:.1f}" == "12.6"

    def test_the_wrong_day_and_few_values_are_what_costs(self, compared: dict[str, Any]) -> None:
        """Three quarters of what yesterday tells is of the metric with three days; quartiles are the rest."""
        yesterday = compared["told"]["yesterday"]
        assert 0.7 < yesterday["users_message"] / yesterday.sum() < 0.85
        assert 0.03 < compared["alone"] < compared["table"].loc["quartiles", "anomalous"] < 1.3 * compared["alone"]
        assert compared["agreement"].loc["7 days", "3 days ago"] > 0.8

    def test_trailing_hours_must_not_wait(self, compared: dict[str, Any]) -> None:
        """Made to wait, quartiles miss four of 25 and tell of nothing else; two hours find nothing."""
        patient = compared["patient"]
        assert patient.loc["quartiles, 2 of 3", "event_precision"] == 1.0
        assert (1 - patient.loc["quartiles, 2 of 3", "event_recall"]) * 25 == pytest.approx(4)
        assert patient.loc["2 hours, 2 of 3", "event_recall"] == 0.0


@pytest.fixture(scope="module")
def taxis() -> dict[str, Any]:
    """Give what `backtest_and_tune.py` has defined at its end."""
    return runpy.run_path(path_of("backtest_and_tune"))


class TestBacktestAndTune:
    """`backtest_and_tune.py`: what its texts say of its numbers."""

    def test_the_series_is_the_one_of_the_notice(self, taxis: dict[str, Any]) -> None:
        """Seven months of half-hours without a hole, and five events, each of whole slots."""
        history, labels = taxis["history"], taxis["labels"]
        assert len(history) == 215 * 48
        assert history["rides"].notna().all()
        assert (history.index[0], history.index[-1]) == (
            pd.Timestamp("2014-07-01T00:00Z"),
            pd.Timestamp("2015-01-31T23:30Z"),
        )
        assert len(labels) == 5
        assert labels["start"].isin(history.index).all()
        assert (EXAMPLES / "data" / "NOTICE.md").read_text(encoding="utf-8").count("Numenta Inc.") == 1

    def test_a_policy_makes_it_bearable(self, taxis: dict[str, Any]) -> None:
        """Three messages a day become fewer than three a week, in ten weeks of 27, the known events among them."""
        rates = [each.rate for each in taxis["backtests"].values()]
        assert rates == sorted(rates, reverse=True)
        assert 21 < rates[0] < 28
        assert rates[-1] < 3
        per_week = taxis["per_week"]
        mondays = [f"{week:%d %b}" for week in per_week.index[per_week > 0]]
        autumn, winter = ["01 Sep", "13 Oct", "27 Oct", "24 Nov"], ["22 Dec", "29 Dec"]
        assert mondays == [*autumn, *winter, "05 Jan", "12 Jan", "19 Jan", "26 Jan"]
        assert taxis["page"].startswith("<!")

    def test_the_budget_is_kept_where_it_was_chosen_and_not_on_holidays(self, taxis: dict[str, Any]) -> None:
        """The choice keeps to a message a week on the older part; after it most of what it says is of known events."""
        tuned, trials = taxis["tuned"], taxis["trials"]
        assert trials["chosen"].tolist() == [True] + [False] * (len(trials) - 1)
        assert trials.loc[0, "messages_per_week"] <= 1
        assert not tuned.unkept
        assert not tuned.keeps_budget
        assert f"{tuned.report.rate:.1f}" == "2.9"
        assert len(taxis["said"]) - sum(taxis["during"]) == 4
        events = taxis["labels"]
        is_known = [((events["start"] <= slot) & (slot <= events["end"])).any() for slot in taxis["said"]]
        others = [f"{slot:%d %b}" for slot, known in zip(taxis["said"], is_known, strict=True) if not known]
        assert others == ["08 Jan", "08 Jan", "19 Jan", "19 Jan"]

    def test_it_finds_large_drops_only(self, taxis: dict[str, Any]) -> None:
        """Of drops by 80 % all are found, of those by 60 % a third."""
        recall = taxis["tuned"].recall["recall"].xs("rides")
        assert recall["80%"] == 1.0
        assert recall["60%"] == pytest.approx(1 / 3)


@pytest.fixture(scope="module")
def written() -> ModuleType:
    """Give `write_a_detector.py` as a module, run from top to bottom."""
    return load("write_a_detector")


class TestWriteADetector:
    """`write_a_detector.py`: its detector, and what its texts say of it."""

    @pytest.mark.parametrize("settings", [{}, {"weeks": 2, "factor": 3.0, "floor": 0.05}], ids=["default", "tight"])
    def test_contract(self, written: ModuleType, settings: dict[str, Any]) -> None:
        """It keeps every promise of a detector."""
        check_detector(written.WeekdayMedian(**settings))

    def test_the_forgetful_one_is_caught(self, written: ModuleType) -> None:
        """A lookback that is a week too short is found out, by the check of that name."""
        with pytest.raises(AssertionError, match="fails the check `lookback`"):
            check_detector(written.Forgetful())

    def test_it_knows_the_weekend(self, written: ModuleType) -> None:
        """On a weekend it expects what comes, where the mean over all weekdays expects a sixth more."""
        panel = synthetic_panel(days=42, seed=2)
        own, mean = (
            each.detect(panel, start="2026-11-14").deviation.mean()
            for each in (written.WeekdayMedian(), WeeklyAverage())
        )
        assert own.abs().max() < 0.02
        assert mean.max() < -0.12

    def test_it_finds_smaller_drops_than_the_mean_of_a_week(self, written: ModuleType) -> None:
        """Of drops by 30 % it finds all, where the mean of seven days needs 50 %."""
        smallest = {name: each.smallest(recall=1.0) for name, each in written.recalls.items()}
        assert smallest == {repr(written.own): 30, repr(written.mean): 50}

    def test_it_does_no_better_than_last_week(self, written: ModuleType) -> None:
        """No false alarm and every drop, as by comparison with last week: a tie; to wait costs a slot."""
        table = written.found.table
        best = table.loc[["own", "own, patient", "last week, 30 %"]]
        assert best["tie"].all()
        assert (best[["event_precision", "event_recall"]] == 1).all(axis=None)
        assert table.loc["own, patient", "detection_delay"] == pd.Timedelta("15min")
        assert not table.loc["7 days, 50 %", "tie"]


class TestSocialAlerts:
    """`social_alerts.py`."""

    @pytest.mark.clickhouse
    def test_it_runs_on_a_server(
        self, clickhouse_server: ClickHouseServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """Set up by the environment alone, it reads both tables of a real server and judges all six metrics."""
        create_tables(clickhouse_server.execute, "social_alerts")
        user, password = ANALYST
        token = "123456:the-token-of-the-example"
        settings = {
            "CLICKHOUSE_HOST": clickhouse_server.url,
            "CLICKHOUSE_DATABASE": "social_alerts",
            "CLICKHOUSE_USER": user,
            "CLICKHOUSE_PASSWORD": password,
            "TELEGRAM_TOKEN": token,
            "TELEGRAM_CHAT": "-1001234567890",
            "ALERTS_LEDGER": str(tmp_path / "alerts.db"),
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        pipeline = load("social_alerts").pipeline()
        report = pipeline.run(at=AT, dry_run=True)
        report.raise_for_status()
        assert set(report.judgements["status"]) == {"no_data"}
        assert len(report.judgements) == 6
        shown = f"{pipeline!r} {pipeline.notifiers!r} {report.to_dict()}"
        assert password not in shown
        assert token not in shown


class FailedForGoodError(Exception):
    """Stands for Airflow's AirflowFailException."""


class Recorded:
    """A pipeline that notes the instants it is run at, and gives back what it was told to."""

    def __init__(self, answer: RunReport | Exception) -> None:
        self.answer = answer
        self.instants: list[datetime] = []
        self.pushed: dict[str, Any] = {}
        self.monitors = [SimpleNamespace(metrics=[SimpleNamespace(name="likes")])]

    def run(self, at: datetime) -> RunReport:
        """Note `at`."""
        self.instants.append(at)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def __call__(self, *_: object) -> "Recorded":
        """Be made by a function, as the examples' pipelines are."""
        return self

    def xcom_push(self, key: str, value: Any) -> None:
        """Stand for the task instance too: note what is handed to Airflow."""
        self.pushed[key] = value


@dataclass(frozen=True)
class Task:
    """Stands for what Airflow makes of a task's function."""

    function: Callable[..., Any]

    def __call__(self) -> Any:
        """Run it at once."""
        return self.function()

    def expand(self, metric: list[str]) -> None:
        """Run it for every metric."""
        for each in metric:
            self.function(metric=each)


def airflow_example() -> str:
    """Return the source of the example with one task."""
    return Path(path_of("airflow/social_alerts_dag")).read_text(encoding="utf-8")


def airflow_mapped_example() -> str:
    """Return the source of the example with a task for each metric."""
    return Path(path_of("airflow/metric_alerts_dag")).read_text(encoding="utf-8")


def airflow_in_readme() -> str:
    """Return the source of the DAG that README.md shows."""
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    (block,) = [block for block in blocks if "airflow" in block]
    return str(block)


@pytest.fixture(params=[airflow_example, airflow_mapped_example, airflow_in_readme], ids=["one", "mapped", "readme"])
def dag_source(request: pytest.FixtureRequest) -> str:
    """Give the source of each DAG in turn."""
    source: str = request.param()
    return source


def run_dag(source: str, pipeline: Recorded, context: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Parse a DAG file and run its tasks as Airflow would, with stand-ins for what it imports."""

    def task(function: Callable[..., Any] | None = None, **_: object) -> Any:
        return Task if function is None else Task(function)

    def dag(**settings: object) -> Callable[[Callable[[], None]], Callable[[], None]]:
        assert settings["schedule"] == "*/15 * * * *"
        assert settings["max_active_runs"] == 1
        assert settings["catchup"] is False
        return lambda function: function

    modules: dict[str, dict[str, Any]] = {
        "airflow": {},
        "airflow.sdk": {"dag": dag, "task": task, "get_current_context": lambda: {**context, "ti": pipeline}},
        "airflow.sdk.exceptions": {"AirflowFailException": FailedForGoodError},
        "pendulum": {"datetime": datetime},
        "reference_pipeline": {"pipeline": pipeline, "pipeline_of": pipeline},
        "mycompany": {},
        "mycompany.alerts": {"pipeline": pipeline},
    }
    stand_in(modules, monkeypatch)
    exec(compile(source, "dag.py", "exec"), {})


def stand_in(modules: dict[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Have modules with these names imported in place of real ones."""
    for name, names in modules.items():
        module = ModuleType(name)
        vars(module).update(names)
        monkeypatch.setitem(sys.modules, name, module)


def test_a_dag_file_is_cheap_to_parse(dag_source: str) -> None:
    """At its top a DAG file imports Airflow and what Airflow needs, nothing of ours: it is parsed again and again."""
    tops = [node for node in ast.parse(dag_source).body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {(node.module or "") if isinstance(node, ast.ImportFrom) else node.names[0].name for node in tops}
    assert {name.partition(".")[0] for name in names} <= {"airflow", "datetime", "pendulum"}


def test_what_holds_no_dag_is_not_parsed() -> None:
    """Airflow is told to leave the module alone that loads pandas."""
    folder = EXAMPLES / "airflow"
    without = [path.name for path in folder.glob("*.py") if "@dag" not in path.read_text(encoding="utf-8")]
    assert (folder / ".airflowignore").read_text(encoding="utf-8").split() == without


def test_a_scheduled_run_judges_the_end_of_its_interval(dag_source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The instant handed in is the end of the data interval."""
    pipeline = Recorded(RunReport(pd.Timestamp(AT), pd.DataFrame()))
    context = {"data_interval_end": AT, "dag_run": SimpleNamespace(run_after=TRIGGERED)}
    run_dag(dag_source, pipeline, context, monkeypatch)
    assert pipeline.instants == [AT]


@pytest.mark.parametrize("interval", [{}, {"data_interval_end": None}], ids=["absent", "none"])
def test_a_triggered_run_judges_when_it_was_asked_for(
    dag_source: str, interval: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run triggered by hand has no interval: Airflow then leaves the key out of the context."""
    pipeline = Recorded(RunReport(pd.Timestamp(TRIGGERED), pd.DataFrame()))
    run_dag(dag_source, pipeline, {**interval, "dag_run": SimpleNamespace(run_after=TRIGGERED)}, monkeypatch)
    assert pipeline.instants == [TRIGGERED]


def test_a_run_that_failed_in_part_fails_its_task(dag_source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A source that could not be read makes the task fail, so that Airflow tries it again."""
    report = RunReport(pd.Timestamp(AT), pd.DataFrame(), errors=(SourceError("the server does not answer"),))
    with pytest.raises(RunError, match="does not answer"):
        run_dag(dag_source, Recorded(report), {"data_interval_end": AT}, monkeypatch)


@pytest.mark.parametrize("source", [airflow_example, airflow_mapped_example])
def test_a_mistake_in_the_configuration_is_not_tried_again(
    source: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What another try cannot mend fails for good."""
    pipeline = Recorded(ConfigurationError("`at` has no time zone"))
    with pytest.raises(FailedForGoodError, match="time zone"):
        run_dag(source(), pipeline, {"data_interval_end": AT}, monkeypatch)


@pytest.mark.parametrize("source", [airflow_example, airflow_mapped_example])
@pytest.mark.parametrize("errors", [(), (SourceError("the server does not answer"),)], ids=["whole", "in part"])
def test_a_run_hands_its_report_to_airflow(
    source: Callable[[], str], errors: tuple[SourceError, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is plain data, there of a run that failed in part too, without the judgements, which can be many."""
    pipeline = Recorded(RunReport(pd.Timestamp(AT), pd.DataFrame({"slot": [AT]}), errors=errors))
    with pytest.raises(RunError) if errors else nullcontext():
        run_dag(source(), pipeline, {"data_interval_end": AT}, monkeypatch)
    assert pipeline.pushed["report"]["exit_code"] == len(errors)
    assert "judgements" not in pipeline.pushed["report"]


class TestAirflowPipeline:
    """`reference_pipeline.py`, with stand-ins for Airflow's Connections and Variables."""

    TOKEN, PASSWORD = "123456:the-token-of-the-example", "the-password"

    @pytest.fixture
    def module(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
        """Give the module, set up by the Connections and Variables that the documentation names."""
        clickhouse = {"conn_type": "http", "host": "127.0.0.1", "port": 8123, "schema": "social", "login": "reader"}
        connections = {
            "clickhouse": SimpleNamespace(**clickhouse, password=self.PASSWORD),
            "telegram": SimpleNamespace(host="-1001234567890", password=self.TOKEN, extra_dejson={}),
        }
        variables = {"alerts_ledger": str(tmp_path / "alerts.db"), "alerts_pictures": str(tmp_path / "pictures")}
        airflow_sdk = {
            "Connection": SimpleNamespace(get=connections.__getitem__),
            "Variable": SimpleNamespace(get=variables.__getitem__),
        }
        stand_in({"airflow": {}, "airflow.sdk": airflow_sdk}, monkeypatch)
        return load("airflow/reference_pipeline")

    def test_it_watches_all_six_metrics_and_shows_no_secret(self, module: ModuleType) -> None:
        """The pipeline tells a chat and a folder, and neither token nor password is in its text."""
        pipeline = module.pipeline()
        assert [len(monitor.metrics) for monitor in pipeline.monitors] == [4, 2]
        shown = f"{pipeline!r} {pipeline.notifiers!r} {pipeline.monitors!r}"
        assert "pictures" in shown
        assert self.TOKEN not in shown
        assert self.PASSWORD not in shown

    def test_each_metric_has_a_pipeline_of_its_own(self, module: ModuleType) -> None:
        """It watches the one metric, under a name of its own, in the language of the whole."""
        whole = module.pipeline()
        for monitor in whole.monitors:
            for metric in monitor.metrics:
                own = module.pipeline_of(metric.name)
                assert [each.name for one in own.monitors for each in one.metrics] == [metric.name]
                assert (own.name, own.language) == (f"feed_messenger/{metric.name}", "ru")
        assert module.pipeline_of("ctr").monitors[0].columns == ["ctr", "views"]

    def test_the_receipt_says_where_the_pictures_are(self, module: ModuleType, tmp_path: Path) -> None:
        """Each picture is a file; a message that is sent again leaves the same files, one without pictures none."""
        pictures = [Picture(name, "a chart", name.encode) for name in ("likes-1", "views-1")]
        folder = module.PictureFolder(tmp_path / "new")
        receipts = {folder.send(Message("key", (), "headline", pictures=tuple(pictures))) for _ in range(2)}
        files = [tmp_path / "new" / f"{name}.png" for name in ("likes-1", "views-1")]
        assert receipts == {" ".join(file.as_uri() for file in files)}
        assert [file.read_bytes() for file in sorted((tmp_path / "new").iterdir())] == [b"likes-1", b"views-1"]
        assert folder.send(Message("key", (), "headline")) is None
