"""Our measures agree with the published implementations on shared cases, whose numbers were computed with those.

`benchmarks/published_measures.py` made the file; packages, versions and seed stand in it.
"""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from anomalert.labels import labels_from_points
from anomalert.measures import nab_score, point_auc_pr, vus_pr

PUBLISHED = json.loads((Path(__file__).parent / "data" / "published.json").read_text(encoding="utf-8"))
CASES = range(len(PUBLISHED["cases"]))


def shared(number: int) -> tuple[dict[str, Any], pd.Series, pd.DataFrame]:
    """Return the numbers of a case, its scores and its labels."""
    case = PUBLISHED["cases"][number]
    index = pd.date_range("2026-11-01", periods=len(case["scores"]), freq="15min")
    labels = labels_from_points(pd.Series(case["labels"], index, name="likes"), gap=0)
    return case, pd.Series(case["scores"], index, name="likes"), labels


@pytest.mark.parametrize("number", CASES)
def test_average_precision_is_that_of_scikit_learn(number: int) -> None:
    """To 1e-9, ties included."""
    case, scores, labels = shared(number)
    assert point_auc_pr(scores, labels) == pytest.approx(case["average_precision"], abs=1e-9)


@pytest.mark.parametrize("number", CASES)
def test_vus_pr_is_that_of_tsb_ad_and_of_its_authors(number: int) -> None:
    """To 1e-9 with their 250 cuts; with 1,000 cuts, more than there are slots, theirs is ours of every score."""
    case, scores, labels = shared(number)
    ours = vus_pr(scores, labels, window=case["window"])
    assert ours == pytest.approx(case["vus_pr_tsb_ad"], abs=1e-9)
    assert ours == pytest.approx(case["vus_pr_vus"], abs=1e-9)
    every = vus_pr(scores, labels, window=case["window"], thresholds=None)
    assert every == pytest.approx(case["vus_pr_tsb_ad_1000"], abs=1e-9)


@pytest.mark.parametrize("number", [number for number in CASES if number != 1])
@pytest.mark.parametrize("profile", ["standard", "reward_low_FP_rate", "reward_low_FN_rate"])
def test_the_nab_score_is_that_of_nab(number: int, profile: str) -> None:
    """To 1e-9 at the cut of 1 and with the best cut, in all three profiles."""
    case, scores, labels = shared(number)
    published = case["nab"][profile]
    assert nab_score(scores, labels, profile=profile) == pytest.approx(published["at_one"], abs=1e-9)
    assert nab_score(scores, labels, profile=profile, threshold=None) == pytest.approx(published["best"], abs=1e-9)


def test_where_nab_divides_by_zero_we_do_not() -> None:
    """Behind a window of a single row NAB's own code fails; ours takes it for two rows long."""
    case, scores, labels = shared(1)
    assert case["nab"]["standard"] == {"at_one": None, "best": None}
    assert nab_score(scores, labels, threshold=None) > nab_score(scores, labels, threshold=0.0)
