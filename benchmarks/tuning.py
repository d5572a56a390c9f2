"""Whether `tune` keeps its budget on weeks it has not seen, and what it gains over the default detector.

``python benchmarks/tuning.py --seeds 50`` prints, over seeded synthetic histories: in how many the eight untouched
weeks have at most 1.5 times the budget of 2 messages a week; and the recall of incidents planted there, against that
of the default detector at equal messages: its threshold is the one that comes closest to the messages of the tuned
setting *on the untouched part itself*, which is more than anybody could know.
"""

import argparse
import time
from functools import cache

import numpy as np

from anomalert import FrameSource, Metric, Monitor, WeeklyAverage
from anomalert.testing import synthetic_panel
from anomalert.tuning import Search, tune
from anomalert.tuning.choice import loosest_within
from anomalert.tuning.trials import Ground, Trial

BUDGET = 2.0
TOLERATED = 1.5
RESAMPLES = 10_000
LEVELS = np.geomspace(0.04, 0.9, 56).round(4)


def default_at(ground: Ground, messages: int) -> Trial:
    """Return the default detector at the threshold whose messages come closest to a number, the looser of two."""

    @cache
    def tried(level: int) -> Trial:
        trial = ground.tried(WeeklyAverage(threshold=float(LEVELS[level])), ground.metric.policy)
        assert trial is not None
        return trial

    level = loosest_within(lambda each: len(tried(each).sent) <= messages, len(LEVELS))
    near = [tried(each) for each in (level, level - 1) if 0 <= each < len(LEVELS)]
    return ground.with_found(min(near, key=lambda each: abs(len(each.sent) - messages)))


def share_found(trial: Trial) -> float:
    """Return the share of the planted incidents that a setting tells of."""
    assert trial.found is not None
    return float(trial.found.mean())


def paired(seed: int, days: int) -> tuple[float, float, float]:
    """Return messages a week of the tuned setting, its recall, and that of the default detector."""
    history = synthetic_panel(days=days, seed=seed)[["views"]]
    metric, search = Metric("views", WeeklyAverage(), absent="zero"), Search(seed=seed)
    tuned = tune(metric, history, budget=BUDGET, search=search, progress=False)
    report = tuned.report
    monitor = Monitor(FrameSource(history, name="history"), [metric], timezone="UTC")
    panel = monitor.panel(history.index[0], report.end)
    ground = Ground.planting(monitor, panel, report.start, report.end, search)
    default = default_at(ground, len(report.said))
    tried = ground.tried(tuned.metric.detector, tuned.metric.policy)
    assert tried is not None
    return report.rate, share_found(ground.with_found(tried)), share_found(default)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--days", type=int, default=129, help="17 of lookback, 8 weeks to choose by, 8 untouched")
    options = parser.parse_args()
    begun, rows = time.monotonic(), []
    for seed in range(options.seeds):
        rate, recall, default = paired(seed, options.days)
        rows.append((rate, recall, default))
        print(f"seed {seed}: {rate:.2f} messages a week, recall {recall:.2f} against {default:.2f}", flush=True)
    rates, recalls, defaults = map(np.asarray, zip(*rows, strict=True))
    gains = recalls - defaults
    means = np.random.default_rng(0).choice(gains, (RESAMPLES, len(gains))).mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    print(f"{options.seeds} seeds, budget {BUDGET:g} a week, 8 untouched weeks each ({time.monotonic() - begun:.0f} s)")
    within = (rates <= TOLERATED * BUDGET).sum()
    print(f"within {TOLERATED:g} x budget: {within} of {len(rates)}; most {rates.max():.2f}, mean {rates.mean():.2f}")
    print(f"recall {recalls.mean():.3f}, default at equal messages {defaults.mean():.3f}")
    print(f"paired gain {gains.mean():.3f}, 95 % interval by bootstrap over seeds {low:.3f} to {high:.3f}")


if __name__ == "__main__":
    main()
