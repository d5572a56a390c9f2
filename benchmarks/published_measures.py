"""Computes the measures of seeded cases with other people's published code, for the tests to compare ours with.

What it prints is `tests/measures/data/published.json`. It needs scikit-learn, vus and TSB-AD (for the last two
``--no-deps`` is enough), which are no dependencies of this project, and a copy of NAB, which is in no registry:

    python benchmarks/published_measures.py NAB/nab/sweeper.py its-commit > tests/measures/data/published.json
"""

import importlib.util
import json
import sys
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

SEED = 20261127
CASES = [
    # slots, events, longest event, decimals of the scores, window
    (300, 4, 12, 3, 8),
    (300, 3, 1, 3, 8),
    (250, 6, 9, 1, 5),
    (400, 9, 30, 2, 20),
    (180, 2, 40, 0, 8),
    (600, 5, 20, 3, 0),
    (240, 12, 4, 2, 8),
]
"""Few decimals make ties; the last case has events whose buffers touch."""

PROFILES = {"standard": (0.11, 1.0), "reward_low_FP_rate": (0.22, 1.0), "reward_low_FN_rate": (0.11, 2.0)}
"""Weights of false positives and of false negatives in NAB's config/profiles.json."""


def load(path: str) -> ModuleType:
    """Return the module in a file that is not installed."""
    spec = importlib.util.spec_from_file_location("sweeper", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def drawn(rng: np.random.Generator, shape: tuple[int, int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return scores that are higher around labelled slots, and labels of 0 and 1; events never touch."""
    slots, events, longest, decimals = shape
    labels = np.zeros(slots, dtype=int)
    for place in np.linspace(slots * 0.05, slots * 0.9, events).astype(int):
        labels[place : min(place + int(rng.integers(min(2, longest), longest + 1)), slots)] = 1
    seen = np.roll(labels, int(rng.integers(-2, 4))) * rng.random(slots)
    return np.round(rng.random(slots) + seen, decimals), labels


def nab(sweeper: ModuleType, scores: np.ndarray, labels: np.ndarray, profile: tuple[float, float]) -> dict[str, Any]:
    """Return NAB's normalised score at a cut of 1, and with the best cut: `None` for windows it divides by 0 for."""
    edges = np.flatnonzero(np.diff(labels, prepend=0, append=0))
    windows = [(int(first), int(after) - 1) for first, after in zip(edges[::2], edges[1::2], strict=True)]
    weights = {"tpWeight": 1.0, "fpWeight": profile[0], "fnWeight": profile[1]}
    runner = sweeper.Sweeper(costMatrix=weights)
    try:
        points = runner.calcSweepScore(list(range(len(scores))), (scores / 10).tolist(), windows, "case")
    except ZeroDivisionError:
        return {"at_one": None, "best": None}
    rows = runner.calcScoreByThreshold(points)
    counted = len({point.windowName for point in points} - {None, "probationary"})
    null, perfect = -profile[1] * counted, counted
    # The code of NAB wants scores up to 1: these are divided by 10, and the cut with them.
    at_one = [row for row in rows if row.threshold > 0.1][-1]
    best = max(rows, key=lambda row: row.score)
    return {name: 100 * (row.score - null) / (perfect - null) for name, row in {"at_one": at_one, "best": best}.items()}


def case(sweeper: ModuleType, rng: np.random.Generator, settings: tuple[int, ...]) -> dict[str, Any]:
    """Return one case with the numbers of all implementations."""
    from sklearn.metrics import average_precision_score
    from TSB_AD.evaluation.basic_metrics import generate_curve
    from vus.utils.metrics import metricor

    slots, events, longest, decimals, window = settings
    scores, labels = drawn(rng, (slots, events, longest, decimals))
    return {
        "window": window,
        "scores": scores.tolist(),
        "labels": labels.tolist(),
        "average_precision": float(average_precision_score(labels, scores)),
        "vus_pr_tsb_ad": float(generate_curve(labels, scores, window, "opt", 250)[-1]),
        "vus_pr_tsb_ad_1000": float(generate_curve(labels, scores, window, "opt", 1000)[-1]),
        "vus_pr_vus": float(metricor().RangeAUC_volume_opt(labels, scores, window, 250)[-1]),
        "nab": {name: nab(sweeper, scores, labels, profile) for name, profile in PROFILES.items()},
    }


def main() -> None:
    """Print the cases as JSON."""
    path, commit = sys.argv[1:]
    rng = np.random.default_rng(SEED)
    sweeper = load(str(Path(path).resolve()))
    provenance = {name: version(name) for name in ("scikit-learn", "TSB-AD", "vus", "numpy")}
    cases = [case(sweeper, rng, settings) for settings in CASES]
    head = {
        "seed": SEED,
        "made_by": "benchmarks/published_measures.py",
        "versions": provenance | {"numenta/NAB": commit},
    }
    rows = ",\n".join(json.dumps(each) for each in cases)
    print(f'{json.dumps(head)[:-1]}, "cases": [\n{rows}\n]}}')


if __name__ == "__main__":
    main()
