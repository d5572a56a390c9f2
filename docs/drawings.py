"""Draws the pictures of the documentation from code: each detector on the same days, and what each measure counts."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from anomalert import (
    IQR,
    Backtest,
    DayLagRatio,
    Detector,
    FrameSource,
    Metric,
    Monitor,
    Pipeline,
    Policy,
    RollingSigma,
    WeeklyAverage,
    backtest,
    charts,
    compare,
    detectable,
    inject,
)
from anomalert.injection import Kind
from anomalert.measures import alerts_from_scores, detection_delay, event_precision, event_recall, point_auc_pr
from anomalert.measures import recall_at as recall_within
from anomalert.measures.nab import PROFILES, scaled_sigmoid
from anomalert.measures.vus import widened
from anomalert.testing import synthetic_panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DETECTORS: dict[str, Detector] = {
    "day-lag-ratio": DayLagRatio(),
    "weekly-average": WeeklyAverage(),
    "iqr": IQR(),
    "rolling-sigma": RollingSigma(),
}


def falling_views() -> pd.Series:
    """Return three weeks of a metric that falls to 35 % for two hours on the last afternoon."""
    views = synthetic_panel(days=21, seed=3)["views"]
    views.iloc[-36:-28] *= 0.35
    return views


def two_days_of(detector: Detector) -> "Figure":
    """Draw what a detector says of the last two days."""
    views = falling_views()
    figure = detector.detect(views, start=views.index[-192]).plot("views")
    figure.axes[0].set_title(repr(detector), loc="left", fontsize=18)
    return figure


def first_detection() -> "Figure":
    """Draw what the first block of the page for beginners plots."""
    panel = synthetic_panel(days=21, seed=1)
    panel.iloc[-4:] *= 0.3
    return WeeklyAverage(days=7, threshold=0.5).detect(panel, start=panel.index[-192]).plot("views")


def replayed() -> Backtest:
    """Return the backtest that the page about backtests runs."""
    history = synthetic_panel(days=56, seed=5, timezone="Europe/Moscow")
    history.loc["2026-11-11 15:00":"2026-11-11 17:00"] *= 0.3
    history.loc["2026-11-12 06:00":"2026-11-12 06:15", "likes"] *= 0.2
    history.loc["2026-11-11 03:00":"2026-11-11 03:30", "likes"] *= 3
    drops = Policy(direction="down", persist=(2, 3))
    metrics = [Metric(name, WeeklyAverage(), absent="zero", policy=drops) for name in ("views", "likes")]
    feed = Monitor(FrameSource(history, name="feed"), metrics, timezone="Europe/Moscow")
    known = pd.DataFrame({"metric": ["likes"], "start": ["2026-11-11 15:00"], "end": ["2026-11-11 17:15"]})
    return backtest(Pipeline([feed], name="feed"), start="2026-10-26", end="2026-11-30", labels=known, progress=False)


def compared() -> "Figure":
    """Draw what the page about choosing a detector plots."""
    likes = synthetic_panel(days=42, seed=5, timezone="Europe/Moscow")["likes"].copy()
    starts = pd.to_datetime(["2026-10-28 15:00", "2026-11-05 06:00", "2026-11-12 20:00"])
    known = pd.DataFrame({"metric": "likes", "start": starts, "end": starts + pd.Timedelta("2h")})
    for start in starts.tz_localize("Europe/Moscow"):
        likes[start : start + pd.Timedelta("105min")] *= 0.55
    drops = Policy(direction="down", persist=(2, 3))
    settings = {
        "yesterday": DayLagRatio(threshold=0.3),
        "week": WeeklyAverage(threshold=0.3),
        "week, drops": (WeeklyAverage(threshold=0.3), drops),
        "usual range": (IQR(k=3.0), drops),
        "two hours": RollingSigma(window="2h", sigmas=4),
    }
    return compare(settings, likes, known).plot()


BLUE, RED, GREY, LIGHT = "#0072b2", "#d55e00", "#56606d", "#cfdae6"
"""Those of the charts, told apart by colour-blind readers."""

SIZE = 19


def judged_day() -> tuple[pd.Series, pd.DataFrame]:
    """Return the scores of one day, which make four alerts, and three labelled events, of which they catch two."""
    index = pd.date_range("2026-11-01", periods=96, freq="15min")
    scores = pd.Series(0.25 + 0.3 * np.random.default_rng(4).random(96), index, name="likes")
    scores.iloc[[9, 27, 28, 32, 33, 58, 77, 78]] = [1.6, 1.9, 2.4, 2.1, 1.4, 1.5, 2.2, 1.8]
    events = [(26, 36), (48, 54), (73, 78)]
    starts, ends = (index[[event[which] for event in events]] for which in (0, 1))
    return scores, pd.DataFrame({"metric": "likes", "start": starts, "end": ends})


def canvas(columns: int = 1, height: float = 5.6) -> "tuple[Figure, list[Axes]]":
    """Return an empty picture with axes side by side, made to be read small."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12.8, height), dpi=100, layout="constrained")
    axes = list(figure.subplots(1, columns, squeeze=False)[0])
    for each in axes:
        each.spines[["top", "right"]].set_visible(False)
        each.tick_params(labelsize=SIZE - 2)
    return figure, axes


def alerts_and_events() -> "Figure":
    """Draw a day of scores, the alerts made of them, and the events that they meet or miss."""
    scores, labels = judged_day()
    found = alerts_from_scores(scores)
    figure, (axes,) = canvas(height=6.4)
    hours = ((scores.index - scores.index[0]) / pd.Timedelta("1h")).to_numpy()
    axes.step(hours, scores, where="post", color=GREY, linewidth=2)
    axes.axhline(1.0, color=GREY, linestyle=(0, (4, 2)), linewidth=1.5)
    axes.text(24.1, 1.0, "score 1", va="center", fontsize=SIZE - 2, color=GREY)
    for event in labels.itertuples():
        start, end = ((each - scores.index[0]) / pd.Timedelta("1h") for each in (event.start, event.end))
        caught = event_recall(found, labels.loc[[event.Index]]) == 1
        axes.axvspan(start, end, color=LIGHT)
        axes.axvspan(end, end + 0.25, facecolor="none", edgecolor="#8fa6bd", hatch="////", linewidth=0)
        said = "event, caught" if caught else "event, missed"
        axes.text((start + end) / 2, 3.02, said, ha="center", fontsize=SIZE, color=BLUE if caught else RED)
    for _, stretches in found.groupby("alert"):
        right = event_precision(stretches, labels) == 1
        draw_alert(axes, stretches, scores.index[0], "right" if right else "false", BLUE if right else RED)
    delay = detection_delay(found, labels) / pd.Timedelta("1min")
    numbers = f"precision {event_precision(found, labels):.2f}, recall {event_recall(found, labels):.2f}"
    axes.set_title(f"{numbers}, median delay {delay:g} min", loc="left", fontsize=SIZE + 3, pad=14)
    axes.set(xlim=(0, 24), ylim=(-1.0, 3.3), xticks=range(0, 25, 4), yticks=[0, 1, 2, 3])
    axes.set_xticklabels([f"{hour:02}:00" for hour in range(0, 25, 4)])
    axes.set_ylabel("score", fontsize=SIZE)
    return figure


def draw_alert(axes: "Axes", stretches: pd.DataFrame, begin: pd.Timestamp, word: str, colour: str) -> None:
    """Draw the four hours of an alert as a frame below the scores, and in it what is flagged."""
    first, last = ((stretches[each] - begin) / pd.Timedelta("1h") for each in ("start", "end"))
    opened = float(first.iloc[0])
    axes.plot([opened, opened, opened + 4, opened + 4], [-0.1, -0.45, -0.45, -0.1], color=colour, linewidth=2)
    axes.text(opened + 2, -0.55, f"alert, {word}", ha="center", va="top", fontsize=SIZE, color=colour)
    for start, end in zip(first, last, strict=True):
        axes.plot([start, end], [-0.22, -0.22], color=colour, linewidth=10, solid_capstyle="butt")


def recall_within_budgets() -> "Figure":
    """Draw the recall of two detectors against the budget of false alerts, on eight weeks with planted drops."""
    panel = synthetic_panel(days=84, seed=5)[["views"]]
    rng = np.random.default_rng(5)
    first = np.sort(rng.choice(np.arange(28, 83), 30, replace=False)) * 96 + rng.integers(0, 88, 30)
    for row, depth in zip(first, np.linspace(0.1, 0.6, 30), strict=True):
        panel.iloc[row : row + 6] *= 1 - depth
    start = panel.index[28 * 96]
    labels = pd.DataFrame({"metric": "views", "start": panel.index[first], "end": panel.index[first + 6]})
    figure, (axes,) = canvas()
    rates = np.concatenate([[0.0], np.geomspace(0.1, 10, 40)])
    detectors = {"IQR": (IQR(window="28D"), BLUE, "-"), "RollingSigma": (RollingSigma(), RED, (0, (4, 2)))}
    for name, (detector, colour, dashes) in detectors.items():
        scores = detector.detect(panel, start=start).score
        recalls = [recall_within(scores, labels, rate=rate) for rate in rates]
        axes.step(rates, recalls, where="post", color=colour, linestyle=dashes, linewidth=3, label=name)
    for budget in (0.25, 1.0):
        axes.axvline(budget, color=GREY, linewidth=1.5, linestyle=(0, (1, 2)))
        axes.text(budget * 1.04, 1.0, f"budget {budget:g}", fontsize=SIZE - 2, color=GREY, va="top")
    axes.set_xscale("log")
    axes.set(xlim=(0.1, 10), ylim=(0, 1.04), xticks=[0.1, 0.25, 1, 4, 10])
    axes.set_xticklabels(["0.1", "0.25", "1", "4", "10"])
    axes.set_xlabel("false alerts per metric-week", fontsize=SIZE)
    axes.set_ylabel("recall of events", fontsize=SIZE)
    axes.legend(fontsize=SIZE, frameon=False, loc="lower right")
    return figure


def curve_and_buffers() -> "Figure":
    """Draw the precision-recall curve of a day, and the labels of one of its events as VUS-PR widens them."""
    scores, labels = judged_day()
    figure, (curve, buffers) = canvas(2)
    labelled = np.zeros(len(scores), dtype=bool)
    for event in labels.itertuples():
        labelled |= np.asarray((scores.index >= event.start) & (scores.index < event.end))
    # Recall grows at labelled slots only, and there the area takes its height.
    flagged = np.flatnonzero(labelled[np.argsort(-scores.to_numpy(), kind="stable")]) + 1
    hits = np.arange(1, len(flagged) + 1)
    recall, precision = hits / len(hits), hits / flagged
    curve.step(np.append(0, recall), np.append(precision[0], precision), where="pre", color=BLUE, linewidth=3)
    curve.fill_between(np.append(0, recall), np.append(precision[0], precision), step="pre", color=LIGHT)
    curve.set_title(f"average precision {point_auc_pr(scores, labels):.2f}", loc="left", fontsize=SIZE + 1)
    curve.set(xlim=(0, 1), ylim=(0, 1.04))
    curve.set_xlabel("recall of slots", fontsize=SIZE)
    curve.set_ylabel("precision of slots", fontsize=SIZE)
    slots = np.zeros(27, dtype=bool)
    slots[13:18] = True
    for width, colour, dashes in ((8, BLUE, "-"), (4, RED, (0, (4, 2))), (0, GREY, (0, (1, 1)))):
        values = widened(slots, np.array([13]), np.array([17]), width)
        buffers.step(np.arange(-13, 14), values, where="mid", color=colour, linestyle=dashes, linewidth=3, label=width)
    buffers.set(xlim=(-13, 9.5), ylim=(0, 1.04), xticks=[-12, -8, -4, 0, 4, 8])
    buffers.set_title("an event of five slots, widened", loc="left", fontsize=SIZE + 1)
    buffers.set_xlabel("slots since its start", fontsize=SIZE)
    buffers.legend(title="buffer", title_fontsize=SIZE, fontsize=SIZE, frameon=False, loc="upper left")
    return figure


def what_nab_gives() -> "Figure":
    """Draw what the first flag in a window earns and what flags around it cost, by their place."""
    figure, (axes,) = canvas()
    width, weight = 20, PROFILES["standard"].false_positive
    inside, behind = np.arange(width), np.arange(width, 5 * width)
    earned = scaled_sigmoid(-(width - inside) / width) / scaled_sigmoid(np.array(-1.0))
    cost = weight * scaled_sigmoid((behind - width + 1) / (width - 1))
    axes.axvspan(0, 1, color=LIGHT)
    axes.axhline(0, color=GREY, linewidth=1)
    axes.plot(inside / width, earned, "o", color=BLUE, markersize=7)
    axes.plot(
        np.append(np.linspace(-1, -0.05, width), behind / width),
        np.append([-weight] * width, cost),
        "o",
        color=RED,
        markersize=7,
    )
    axes.text(0.5, 1.12, "window", ha="center", fontsize=SIZE, color=GREY)
    axes.text(1.1, 0.62, "the earliest flag earns", fontsize=SIZE, color=BLUE)
    axes.text(1.6, -0.32, "each flag outside costs, at most 0.11", fontsize=SIZE, color=RED)
    axes.set(xlim=(-1, 4), ylim=(-0.45, 1.25), xticks=range(-1, 5), yticks=[0, 0.5, 1])
    axes.set_xlabel("rows since the window began, in lengths of the window", fontsize=SIZE)
    axes.set_ylabel("raw score", fontsize=SIZE)
    return figure


KINDS: dict[Kind, str | None] = {
    "zero": None,
    "drop": "40%",
    "spike": "40%",
    "shift": "-30%",
    "drift": "-80%",
    "variance": "400%",
    "missing": None,
    "late": "60%",
}
"""What is planted side by side, and how large."""


def kinds_side_by_side() -> "Figure":
    """Draw one evening with each kind of incident: what the metric would have shown, and what it shows."""
    from anomalert.charts.canvas import ANOMALY, BAND, EXPECTED, FONT, QUIET, SMALL, TEXT, VALUE, picture

    views = synthetic_panel(days=22, seed=5)["views"]
    figure = picture()
    hours = (views.index[-48:] - views.index[-48].normalize()) / pd.Timedelta("1h")
    for position, (kind, size) in enumerate(KINDS.items()):
        across, down = position % 4, position // 4
        axes = figure.add_axes((0.03 + across * 0.245, 0.56 - down * 0.5, 0.215, 0.34))
        injected, labels = inject(
            views, kind, size=size, length=None if kind == "shift" else "3h", at=[views.index[-30]]
        )
        first, last = (
            (labels[edge][0] - views.index[-48].normalize()) / pd.Timedelta("1h") for edge in ("start", "end")
        )
        axes.axvspan(first, last, color=BAND, linewidth=0)
        axes.plot(hours, views.iloc[-48:], color=EXPECTED, linewidth=2, linestyle=(0, (1, 1)))
        axes.plot(hours, injected.iloc[-48:], color=VALUE, linewidth=3)
        changed = injected.iloc[-48:].where((injected != views).iloc[-48:])
        axes.plot(hours, changed, "o", color=ANOMALY, markersize=5, clip_on=False)
        axes.set_title(f"{kind} {size or ''}", loc="left", fontsize=SMALL, fontweight="bold", color=TEXT, family=FONT)
        axes.set_ylim(0, 11_000)
        axes.set_yticks([])
        axes.set_xticks([14, 18, 22], ["14:00", "18:00", "22:00"], fontsize=14, color=QUIET, family=FONT)
        for side, spine in axes.spines.items():
            spine.set(visible=side == "bottom", color=QUIET)
    return figure


def recall_of_drops() -> "Figure":
    """Draw how often drops of an hour are found by the weekly average."""
    return detectable(WeeklyAverage(threshold=0.3), synthetic_panel(days=28, seed=1)).plot()


PICTURES: dict[str, "Callable[[], Figure]"] = {
    "first-detection": first_detection,
    "backtest": lambda: replayed().plot("likes", "2026-11-11", "2026-11-13"),
    "comparison": compared,
    "injection-kinds": kinds_side_by_side,
    "recall-of-drops": recall_of_drops,
    **{name: partial(two_days_of, detector) for name, detector in DETECTORS.items()},
    "measures-events": alerts_and_events,
    "measures-recall": recall_within_budgets,
    "measures-points": curve_and_buffers,
    "measures-nab": what_nab_gives,
}
"""What is drawn, by the name of its file."""


def draw_all(folder: Path) -> None:
    """Write every picture into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in PICTURES.items():
        (folder / f"{name}.png").write_bytes(charts.to_png(draw()))
