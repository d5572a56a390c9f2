"""The page of a backtest: how often it would have written, why not more often, what happened, and how it looked.

`Backtest.to_html` and its notebook form call this; it calls `page` for the HTML, `course` for a warning, and
`charts` for the bytes of pictures.
"""

from collections.abc import Iterator
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import pandas as pd

from anomalert import charts
from anomalert.backtesting.course import no_data_warning
from anomalert.backtesting.page import Markup, bars, escaped, joined, link, page, picture, section, table

if TYPE_CHECKING:
    from anomalert.backtesting.result import Backtest
    from anomalert.metric import Metric

__all__ = ["page_of", "short_summary_of"]

MOST_ROWS = 1000
"""Of a list; the page says how many more there are."""

MOST_COLUMNS = 12
"""Metrics in the table of weeks; the others are summed up."""

MARGIN = pd.Timedelta("12h")
"""What is shown before and after an incident, at least."""


def page_of(found: "Backtest", pictures: int) -> str:
    """Return the page; see `Backtest.to_html`."""
    title = f"Backtest of {found.pipeline}"
    pictured = _gravest(found, pictures)
    parts = [
        Markup(f"<h1>{escaped(title)}</h1>\n"),
        _summary(found),
        _errors(found),
        _weeks(found),
        _metrics(found),
        _scores(found),
        _settings(found),
        _courses(found, pictures),
        _incidents(found, pictured),
        _messages(found),
    ]
    return page(title, parts)


def short_summary_of(found: "Backtest") -> str:
    """Return what a notebook shows: the words of the backtest, and the messages a week."""
    lines = (Markup(f"<p>{escaped(line)}</p>") for line in repr(found).splitlines())
    return joined([*lines, _weeks_table(found)])


def _summary(found: "Backtest") -> Markup:
    zone = found.monitors[0].timezone
    start, end = _clock(found.start, zone), _clock(found.end, zone)
    lines: list[Markup] = [
        Markup(
            f'<p class="quiet">{escaped(f"{start} to {end}, {found.weeks:.1f} weeks. Times are those of {zone}.")}</p>'
        )
    ]
    if not found.is_complete:
        lines.append(Markup('<p class="warning">It was interrupted: what follows is not judged.</p>'))
    if found.without_data:
        lines.append(Markup(f'<p class="warning">{escaped(no_data_warning(found.without_data))}</p>'))
    figures = {
        "messages a week and channel": f"{found.rate:.2f}",
        "messages a channel": len(found.said),
        "incidents": len(found.known_incidents),
        "metrics": len(found.metrics),
    }
    shown = (f"<div><b>{escaped(number)}</b>{escaped(name)}</div>" for name, number in figures.items())
    told = ", ".join(found.channels) or "nobody: the pipeline has no notifiers"
    lines += [Markup(f'<div class="figures">{"".join(shown)}</div>'), Markup(f"<p>It tells {escaped(told)}.</p>\n")]
    return joined(lines)


def _errors(found: "Backtest") -> Markup:
    if not found.errors:
        return Markup()
    words = "What follows is silent about what could not be judged."
    rows = ([type(error).__name__, str(error)] for error in found.errors[:MOST_ROWS])
    return section("Errors", words, table(["kind", "what"], rows), *_rest(len(found.errors)))


def _weeks(found: "Backtest") -> Markup:
    counts = found.messages_per_week
    labels = [f"{day.day} {charts.ENGLISH.months[day.month - 1]}" for day in pd.DatetimeIndex(counts.index)]
    totals = [int(total) for total in counts.sum(axis=1)]
    words = (
        "What each channel would have got in the weeks from these Mondays; the first and the last may be shorter. A "
        "message counts for its gravest metric."
    )
    return section("Messages a week", words, bars(labels, totals, "messages"), _weeks_table(found))


def _weeks_table(found: "Backtest") -> Markup:
    counts = found.messages_per_week
    by_size = counts.sum().sort_values(ascending=False, kind="stable").index
    shown = [name for name in counts.columns if name in set(by_size[:MOST_COLUMNS])]
    frame = counts[shown]
    if len(shown) < len(counts.columns):
        frame = frame.assign(others=counts.drop(columns=shown).sum(axis=1))
    rows = [
        [f"{week:%Y-%m-%d}", *map(int, row), int(sum(row))]
        for week, row in zip(pd.DatetimeIndex(frame.index), frame.to_numpy(), strict=True)
    ]
    return table(["week from", *frame.columns, "all"], rows)


def _metrics(found: "Backtest") -> Markup:
    words = "Messages that name each metric; one that names several counts for each."
    why = (
        "Why anomalies were not told, in slots: each step of a metric's policy counts for itself, so that an anomaly "
        "that two steps hold back counts for both. What was told is a slot of an incident, not a message."
    )
    told = _frame_table(found.messages_per_metric, "metric")
    return joined([section("By metric", words, told), section("Held back", why, _frame_table(found.held, "metric"))])


def _scores(found: "Backtest") -> Markup:
    if found.labels is None:
        return Markup()
    words = (
        f"Known events: {len(found.labels)}, shaded in the pictures. Precision, recall, F1 and delay are those of the "
        "incidents; the last three figures are of the detectors' scores, before any policy."
    )
    return section("Against the known events", words, _frame_table(found.scores, "metric"))


def _frame_table(frame: pd.DataFrame, name: object) -> Markup:
    columns = [name, *frame.columns]
    # Column by column, since the row of a frame of several kinds has one kind only.
    cells = [frame.index.tolist(), *(frame.iloc[:, place].tolist() for place in range(frame.shape[1]))]
    rows = list(zip(*cells, strict=True))
    return joined([table(columns, rows[:MOST_ROWS]), *_rest(len(rows))])


def _courses(found: "Backtest", pictures: int) -> Markup:
    told = found.messages_per_metric["total"].sort_values(ascending=False, kind="stable")
    shown = [name for name in found.metrics if name in set(told.index[: max(pictures, 0)])]
    if not shown or found.start == found.end:
        return Markup()
    drawn = (picture(charts.to_png(found.plot(name)), f"{name}: the whole course") for name in shown)
    left = len(found.metrics) - len(shown)
    rest = [f"{left} more metrics, with fewer messages, are not pictured."] if left else []
    words = "Below each course, the slots in which a step of the policy held an anomaly back, and those that were told."
    return section("Courses", words, *drawn, *rest)


def _gravest(found: "Backtest", pictures: int) -> list[int]:
    """Return which incidents are pictured, by their rows, the gravest first."""
    depth = found.incidents["peak_deviation"].abs().sort_values(ascending=False, kind="stable")
    return [int(row) for row in depth.index[: max(pictures, 0)]]


def _incidents(found: "Backtest", pictured: list[int]) -> Markup:
    incidents, zone = found.incidents, found.monitors[0].timezone
    columns = ["start", "lasted", "metric", "direction", "deepest", "value there", "expected there", "picture"]
    rows = []
    for row in range(min(len(incidents), MOST_ROWS)):
        each = incidents.iloc[row]
        shown = link(f"#incident-{row + 1}", "picture") if row in pictured else ""
        depth = f"{each['peak_deviation']:+.0%}".replace("-", "−")
        numbers = [float(each["peak_value"]), float(each["peak_expected"])]
        rows.append(
            [_time(each["start"], zone), _lasted(each), each["metric"], each["direction"], depth, *numbers, shown]
        )
    left = len(incidents) - len(pictured)
    words = f"Pictured are the {len(pictured)} gravest; {left} more are not." if left else ""
    parts: list[object] = [words] if words else []
    parts += [table(columns, rows), *_rest(len(incidents))] if len(incidents) else ["There were none."]
    drawn = (_incident_picture(found, row) for row in pictured)
    return section("Incidents", *parts, *drawn)


def _incident_picture(found: "Backtest", row: int) -> Markup:
    each = found.incidents.iloc[row]
    end = found.end if pd.isna(each["end"]) else each["end"]
    margin = max(MARGIN, (end - each["start"]) / 2)
    figure = found.plot(each["metric"], each["start"] - margin, end + margin)
    depth = f"{each['peak_deviation']:+.0%}".replace("-", "−")
    words = (
        f"Incident of {_clock(each['start'], found.monitors[0].timezone)}: {each['metric']} {depth}, {_lasted(each)}"
    )
    return picture(charts.to_png(figure), words, f"incident-{row + 1}")


def _lasted(incident: "pd.Series[Any]") -> str:
    if pd.isna(incident["end"]):
        return "goes on"
    minutes = int((incident["end"] - incident["start"]).total_seconds() // 60)
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    return " ".join(f"{number} {unit}" for number, unit in ((days, "d"), (hours, "h"), (rest, "min")) if number)


def _messages(found: "Backtest") -> Markup:
    messages, zone = found.messages, found.monitors[0].timezone
    if not len(messages):
        return section("Messages", "There were none.")
    rows = (
        [_time(slot, zone), kind, names or "sources", episode]
        for slot, kind, names, episode in messages[["slot", "kind", "metrics", "episode"]].head(MOST_ROWS).to_numpy()
    )
    return section("Messages", table(["slot", "kind", "about", "episode"], rows), *_rest(len(messages)))


def _settings(found: "Backtest") -> Markup:
    columns = ["metric", "source", "slot", "detector", "policy", "absent"]
    rows = []
    for monitor in found.monitors:
        slot = f"{_plain(monitor.slot_length)}, {monitor.timezone}, settles in {_plain(monitor.settle_time)}"
        for metric in monitor.metrics:
            name = joined([metric.name, *(link(target, label) for label, target in metric.links.items())], " · ")
            absent = f"share of {metric.denominator}" if metric.denominator else metric.absent
            rows.append([name, monitor.name, slot, _code(repr(metric.detector)), _policy(metric), absent])
    return section("Settings", table(columns, rows[:MOST_ROWS]), *_rest(len(rows)))


def _policy(metric: "Metric") -> Markup:
    settings = (f"{each.name}={getattr(metric.policy, each.name)!r}" for each in fields(metric.policy))
    return _code(", ".join(settings))


def _code(text: str) -> Markup:
    return Markup(f"<code>{escaped(text)}</code>")


def _time(instant: pd.Timestamp, zone: str) -> Markup:
    return Markup(f'<span class="time">{_clock(instant, zone)}</span>')


def _clock(instant: pd.Timestamp, zone: str) -> str:
    return f"{instant.tz_convert(zone):%Y-%m-%d %H:%M}"


def _plain(duration: pd.Timedelta) -> str:
    minutes, seconds = divmod(int(duration.total_seconds()), 60)
    return f"{minutes} min" if not seconds else f"{60 * minutes + seconds} s"


def _rest(count: int) -> Iterator[Markup]:
    if count > MOST_ROWS:
        yield Markup(f"<p>{count - MOST_ROWS} more are not listed.</p>")
