"""What a backtest draws and counts of a metric: its course, what was told of it, and which step held back the rest."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from anomalert import Backtest, DayLagRatio, FrameSource, Metric, Monitor, Pipeline, backtest, charts
from anomalert.errors import ConfigurationError
from anomalert.policy import STEPS
from anomalert.testing import synthetic_panel
from tests.backtesting.found import DROP, END, START, TAGGED, ZONE, found
from tests.backtesting.lives import START as LIFE
from tests.backtesting.lives import feeds


def labels_of(figure: Figure) -> list[str]:
    """Return what the legend says."""
    return [text.get_text() for text in figure.legends[0].get_texts()]


def rows_of(figure: Figure) -> list[str]:
    """Return the rows of the strip."""
    return [label.get_text() for label in figure.axes[1].get_yticklabels()]


def values_of(axes: Axes) -> list[float]:
    """Return what is drawn as the value."""
    (line,) = [line for line in axes.get_lines() if line.get_label() in {"value", "mean value"}]
    return [float(value) for value in np.asarray(line.get_ydata())]


def test_a_day_shows_the_course_that_was_judged() -> None:
    """Within a local day the drawn values are those of the judgements, in their zone."""
    day = "2026-10-14"
    figure = found().plot("views", day, "2026-10-15")
    judged = found().judgements.query("metric == 'views'").set_index("slot")["value"].tz_convert(ZONE)
    assert values_of(figure.axes[0]) == judged.loc[day].tolist()
    assert figure.axes[0].get_title(loc="left") == "views"
    assert [text.get_text() for text in figure.axes[0].texts] == ["2026-10-14, Europe/Moscow"]


def test_what_was_told_is_on_the_picture() -> None:
    """What each metric was told with is marked on its value in the slot of the message; the known event is shaded."""
    around = DROP - pd.Timedelta("3h"), DROP + pd.Timedelta("5h")
    for metric, kind, other in ((TAGGED, "opened", "worsened"), ("views", "worsened", "opened")):
        figure = found().plot(metric, *around)
        assert {f"{kind}: 1", "resolved: 1"} <= set(labels_of(figure))
        assert f"{other}: 1" not in labels_of(figure)
        (mark,) = [line for line in figure.axes[0].get_lines() if line.get_label() == f"{kind}: 1"]
        message = found().messages.query(f"kind == '{kind}'").iloc[0]
        value = found().judgements.query(f"metric == '{metric}'").set_index("slot")["value"]
        assert list(np.asarray(mark.get_ydata())) == [value[message["slot"]]]
    assert "known event" in labels_of(figure)


def test_what_was_held_back_is_below_it_by_step() -> None:
    """Only the steps that held something are rows, with the number of slots, and the last row is what was told."""
    views, tagged = (found().plot(metric) for metric in ("views", TAGGED))
    held = found().held
    assert rows_of(views) == [f"{name}: {held[name]['views']}" for name in ("persist", "told")]
    assert rows_of(tagged) == [f"{name}: {held[name][TAGGED]}" for name in ("direction", "told")]
    assert held["persist"]["views"] > 1
    assert held["direction"][TAGGED] > 3


def test_an_event_of_another_metric_is_not_shaded() -> None:
    """Labels are those of the metric that is drawn."""
    assert "known event" not in labels_of(found().plot(TAGGED))


def test_labels_may_have_a_zone_or_be_local_times() -> None:
    """An event is where it was, told as an instant or in the local time of its metric's monitor."""
    panel = synthetic_panel(days=4, seed=1, timezone=ZONE)[["views"]]
    watched = Monitor(FrameSource(panel, name="feed"), [Metric("views", DayLagRatio())], timezone=ZONE)
    local = pd.DataFrame({"metric": ["views"], "start": ["2026-10-07 15:00"], "end": ["2026-10-07 17:00"]})
    aware = local.assign(start="2026-10-07T12:00Z", end="2026-10-07T14:00Z")
    results = [backtest(watched, panel, labels=labels, progress=False) for labels in (local, aware, None)]
    pictures = [charts.to_png(each.plot("views")) for each in results]
    assert pictures[0] == pictures[1] != pictures[2]


def test_all_that_was_judged_is_drawn_unless_a_part_is_asked_for() -> None:
    """Without a range, or with one that reaches beyond it, the picture is that of the whole."""
    whole = found().plot("views")
    beyond = found().plot("views", "2026-01-01", "2027-01-01T00:00Z")
    assert charts.to_png(whole) == charts.to_png(beyond)
    assert whole.axes[0].texts[0].get_text() == "2026-10-12–2026-10-25, Europe/Moscow"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((None,), "'views'"),
        (("clicks",), "`metric` is 'clicks'"),
        (("views", "2027-01-01"), "nothing was judged"),
        (("views", "2026-10-14", "2026-10-14"), "nothing was judged"),
        (("views", "noon"), "`start` is 'noon'"),
    ],
)
def test_what_cannot_be_drawn_is_named(arguments: tuple[str, ...], said: str) -> None:
    """An unknown metric, or a range of which nothing was judged, is refused in words."""
    with pytest.raises(ConfigurationError, match=said):
        found().plot(*arguments)


def test_a_metric_that_is_alone_needs_no_name() -> None:
    """Like a detection, a backtest of one metric draws it unasked."""
    rows = pd.DataFrame({"views": 100.0}, pd.date_range("2026-11-01", periods=288, freq="15min", tz="UTC"))
    alone = backtest(Monitor(FrameSource(rows), [Metric("views", DayLagRatio())]), rows, progress=False)
    figure = alone.plot()
    assert figure.axes[0].get_title(loc="left") == "views"
    assert rows_of(figure) == ["told: 0"]


def test_a_source_that_is_gone_is_marked() -> None:
    """That nothing was seen, and that it is seen again, is told of a source and drawn with each of its metrics."""
    rows = pd.DataFrame({"views": 100.0}, pd.date_range("2026-11-01", periods=384, freq="15min", tz="UTC"))
    gone = rows.drop(rows.index[200:208])
    monitor = Monitor(FrameSource(gone), [Metric("views", DayLagRatio())])
    figure = backtest(monitor, gone, progress=False).plot()
    assert {"no data: 1", "data back: 1"} <= set(labels_of(figure))


def slow_held(backtested: Backtest) -> pd.DataFrame:
    """Return the table of what was held back, counted over the judgements row by row."""
    counts = {
        name: dict.fromkeys(["anomalies", *(step for step, _ in STEPS), "told"], 0) for name in backtested.metrics
    }
    for row in backtested.judgements.to_dict("records"):
        counted = counts[row["metric"]]
        counted["anomalies"] += row["status"] == "anomaly"
        counted["told"] += bool(row["is_alert"])
        for step, _ in STEPS:
            counted[step] += bool(row[f"held_by_{step}"])
    return pd.DataFrame.from_dict(counts, orient="index").rename_axis(index="metric").astype("int64")


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(feeds())
def test_what_was_held_back_is_counted_as_in_the_judgements(feed: Monitor) -> None:
    """Whatever the settings and gaps, the table counts the columns of the judgements, and all metrics are drawn."""
    start = LIFE + pd.Timedelta("5D")
    backtested = backtest(Pipeline([feed]), start=start, end=start + pd.Timedelta("4D"), chunk="30h", progress=False)
    pd.testing.assert_frame_equal(backtested.held, slow_held(backtested))
    figure = backtested.plot(backtested.metrics[0])
    steps = [row.partition(":")[0] for row in rows_of(figure)]
    counts = backtested.held.loc[backtested.metrics[0]]
    assert steps == [*(step for step, _ in STEPS if counts[step]), "told"]


def test_the_range_is_that_of_the_test() -> None:
    """The weeks of the backtest above are whole, so that no number here depends on a half one."""
    assert found().weeks == 2
    assert [str(each.tz_convert(ZONE).date()) for each in (found().start, found().end)] == [START, END]
