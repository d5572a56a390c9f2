"""Settings of the wrong kind are refused in words that name the setting, before anything runs."""

from collections.abc import Callable
from typing import Any

import pytest

from anomalert import (
    IQR,
    ConsoleNotifier,
    DayLagRatio,
    FrameSource,
    Metric,
    Monitor,
    Pipeline,
    Policy,
    RollingSigma,
    WeeklyAverage,
)
from anomalert.errors import ConfigurationError
from anomalert.testing import synthetic_panel

WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "threshold": (lambda: WeeklyAverage(threshold="0.5"), "`threshold` is '0.5'"),  # type: ignore[arg-type]
    "no threshold": (lambda: DayLagRatio(threshold=None), "`threshold` is None"),  # type: ignore[arg-type]
    "k": (lambda: IQR(k="x"), "`k` is 'x'"),  # type: ignore[arg-type]
    "sigmas": (lambda: RollingSigma(sigmas="x"), "`sigmas` is 'x'"),  # type: ignore[arg-type]
    "min_change": (lambda: Policy(min_change="a"), "`min_change` is 'a'"),  # type: ignore[arg-type]
    "min_score": (lambda: Policy(min_score="a"), "`min_score` is 'a'"),  # type: ignore[arg-type]
    "min_volume": (lambda: Policy(min_volume="x"), "`min_volume` is 'x'"),  # type: ignore[arg-type]
    "recover": (lambda: Policy(recover="2"), "`recover` is '2'"),  # type: ignore[arg-type]
    "policy": (lambda: Metric("v", IQR(), policy={"direction": "down"}), "`policy` is"),  # type: ignore[arg-type]
    "list of links": (lambda: Metric("v", IQR(), links=["http://a"]), "`links` is"),  # type: ignore[arg-type]
    "number as link": (lambda: Metric("v", IQR(), links={"a": 5}), "`links` is"),  # type: ignore[dict-item]
    "one metric": (lambda: Monitor(source(), Metric("v", IQR())), "`metrics` is one Metric: put it in a list"),  # type: ignore[arg-type]
    "text as metrics": (lambda: Monitor(source(), "views"), "`metrics` is a str"),  # type: ignore[arg-type]
    "one monitor": (lambda: Pipeline(monitor()), "`monitors` is one Monitor: put it in a list"),  # type: ignore[arg-type]
    "one notifier": (lambda: Pipeline([monitor()], ConsoleNotifier()), "`notifiers` is one Notifier"),  # type: ignore[arg-type]
    "class of notifier": (
        lambda: Pipeline([monitor()], [ConsoleNotifier]),  # type: ignore[list-item]
        "`notifiers` holds the class ConsoleNotifier, make one of it",
    ),
    "minimum above the sample": (lambda: IQR(window="7D", min_count=20), "has only 7 past slots"),
}


def source() -> FrameSource:
    """Return a source of two metrics."""
    return FrameSource(synthetic_panel(2))


def monitor() -> Monitor:
    """Return a monitor of one metric."""
    return Monitor(source(), [Metric("views", IQR())])


@pytest.mark.parametrize("name", WRONG)
def test_a_setting_of_the_wrong_kind_is_refused_in_words(name: str) -> None:
    """The error names the setting and what it is."""
    make, text = WRONG[name]
    with pytest.raises(ConfigurationError) as caught:
        make()
    assert text in str(caught.value)


def test_a_minimum_that_a_trailing_window_never_reaches_is_refused_when_the_slot_is_known() -> None:
    """Four slots in an hour cannot hold twenty values; every slot would be warming up for ever."""
    with pytest.raises(ConfigurationError, match="only 4 past slots"):
        RollingSigma(window="1h", min_count=20).detect(synthetic_panel(2))
