"""Hundreds of metrics that leave their usual course in one slot, and what people and the ledger get of it.

``python -m tests.reliability.crowds`` prints the figures of 1, 50, 500 and 5,000 metrics, of one monitor and of five:
through whole runs with a ledger, Telegram's stub over real sockets and the terminal, with pictures. `test_crowds` runs
a share of it for every change.
"""

import argparse
import io
import json
import resource
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from anomalert import ConsoleNotifier, DayLagRatio, FrameSource, Ledger, Metric, Monitor, Pipeline, TelegramNotifier
from tests.stubs.telegram import CHAT, TOKEN, TelegramStub

__all__ = ["Crowd", "crowd", "fallen"]

SLOT = pd.Timedelta("15min")
FALLS_AT, BACK_AT, SLOTS = 2, 5, 9
"""Of the slots that are run: the first of the drop, the first after it, and how many there are."""


@dataclass
class Crowd:
    """What became of one crowd of metrics.

    Parameters
    ----------
    messages, posts : int
        The most that one channel got in one slot: messages, and what Telegram was asked to show for them.
    told : list of str
        Kinds of the messages, in order.
    failed : int
        Runs that did not end well, and deliveries that were not accepted.
    in_ledger : int
        Incidents that `history()` lists.
    named : int
        Metrics that the stored message of the opening lists.
    pictures : int
        The most of one message.
    texts : list of str
        What Telegram showed, without the pictures.
    slowest, megabytes : float
        Seconds of the slowest run, and the largest size of the process in all.
    """

    messages: int = 0
    posts: int = 0
    told: list[str] = field(default_factory=list)
    failed: int = 0
    in_ledger: int = 0
    named: int = 0
    pictures: int = 0
    texts: list[str] = field(default_factory=list)
    slowest: float = 0.0
    megabytes: float = 0.0


def fallen(metrics: int, seed: int = 1) -> pd.DataFrame:
    """Return two days of metrics and the slots that are run; all fall for three of these, each by its own share."""
    index = pd.date_range("2026-11-02", periods=2 * 96 + SLOTS, freq=SLOT, tz="UTC")
    values = np.full((len(index), metrics), 1000.0)
    drop = slice(len(index) - SLOTS + FALLS_AT, len(index) - SLOTS + BACK_AT)
    values[drop] *= np.random.default_rng(seed).uniform(0.05, 0.4, metrics)
    return pd.DataFrame(values, index, columns=[f"metric {number:04d}" for number in range(metrics)])


def crowd(metrics: int, monitors: int = 1) -> Crowd:
    """Run every slot of a drop of so many metrics, spread over so many monitors, and count."""
    panel, found = fallen(metrics), Crowd()
    shares = np.array_split(np.arange(metrics), monitors)
    watched = [
        Monitor(
            FrameSource(panel.iloc[:, share], name=f"feed {number}"),
            [Metric(name, DayLagRatio(), links={"Dashboard": f"https://bi.example/{name[-4:]}"}) for name in names],
        )
        for number, share in enumerate(shares)
        if len(names := list(panel.columns[share]))
    ]
    with tempfile.TemporaryDirectory() as folder, TelegramStub() as chat:
        ledger = Ledger(Path(folder, "alerts.db"))
        telegram = TelegramNotifier(TOKEN, CHAT, api_url=chat.url)
        pipeline = Pipeline(watched, [telegram, ConsoleNotifier(Path(folder, "pictures"), io.StringIO())], ledger)
        for slot in panel.index[-SLOTS:]:
            _run(pipeline, slot, chat, found)
        history = ledger.history()
        found.in_ledger = len(history.incidents)
        opened = history.messages[history.messages["message"].str.contains("/opened/")]
        found.named = sum(len({alert["metric"] for alert in alerts}) for alerts in opened["alerts"])
        found.texts = [post.text for post in chat.posts if post.text]
    found.megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return found


def _run(pipeline: Pipeline, slot: pd.Timestamp, chat: TelegramStub, found: Crowd) -> None:
    asked, begun = len(chat.requests), time.perf_counter()
    report = pipeline.run(at=slot + SLOT)
    found.slowest = max(found.slowest, time.perf_counter() - begun)
    of_a_channel = Counter(delivery.notifier for delivery in report.deliveries)
    found.messages = max([found.messages, *of_a_channel.values()])
    new = chat.requests[asked:]
    found.posts = max(found.posts, len(new))
    found.pictures = max(found.pictures, sum(len(each.files) for each in new))
    found.told += sorted({alert.kind for alert in report.alerts})
    found.failed += report.exit_code + sum(each.outcome != "accepted" for each in report.deliveries)


def main() -> None:
    """Print the figures of every size, the small ones first: the size of a process only grows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--metrics", type=int, nargs="+", default=[1, 50, 500, 5000])
    parser.add_argument("--monitors", type=int, nargs="+", default=[1, 5])
    parser.add_argument("--json", action="store_true", help="a line of JSON for each")
    options = parser.parse_args()
    for metrics in options.metrics:
        for monitors in options.monitors:
            found, name = crowd(metrics, monitors), f"{metrics} metrics, {monitors} monitors"
            shown = {key: value for key, value in asdict(found).items() if key != "texts"}
            print(json.dumps({"name": name, **asdict(found)}) if options.json else f"{name}: {shown}", flush=True)


if __name__ == "__main__":
    main()
