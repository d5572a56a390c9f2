"""What a tuner chose, and how that does where nothing was chosen by it.

Part of `anomalert.tuning`: the tuner makes it, notebooks read it.
"""

from dataclasses import dataclass

import pandas as pd

from anomalert.backtesting import Backtest
from anomalert.errors import ConfigurationError
from anomalert.metric import Metric
from anomalert.monitor import Monitor
from anomalert.settings import is_number

__all__ = ["Tuned"]


@dataclass(frozen=True, repr=False, eq=False)
class Tuned:
    """What a tuner chose, and how that does on the last part of the history, which it was not chosen by.

    Parameters
    ----------
    monitor : Monitor
        As it was given, with the chosen detectors and policies.
    budget : float
        Messages a week and channel that it was chosen for; infinite if by labels alone.
    report : Backtest
        Of the chosen monitor over the untouched part.
    recall : pandas.DataFrame
        By metric and size: how many incidents were ``planted`` into the untouched part, how many were told of
        (``found``), their share (``recall``).
    trials : pandas.DataFrame
        What was tried on the older part: ``metric, detector, persist, messages_per_week``; ``quality``, the recall of
        planted incidents or the F1 of known ones, NaN where nobody looked since it is too loud; whether it was
        ``chosen``; and by which ``margin``, the share of the budget that the past was allowed.
    unkept : tuple of str
        Metrics for which nothing that finds an incident kept the budget on the older part. For these what sends least
        is taken, of what finds any incident if anything does.
    """

    monitor: Monitor
    budget: float
    report: Backtest
    recall: pd.DataFrame
    trials: pd.DataFrame
    unkept: tuple[str, ...] = ()

    @property
    def metric(self) -> Metric:
        """The chosen setting, if there is one metric."""
        if len(self.monitor.metrics) > 1:
            raise ConfigurationError("there are several metrics: see `monitor.metrics`")
        return self.monitor.metrics[0]

    @property
    def keeps_budget(self) -> bool:
        """Whether the untouched part has no more messages a week than the budget."""
        return self.report.rate <= self.budget

    def smallest(self, metric: str | None = None, recall: float = 0.8) -> str | None:
        """Return the smallest size from which on planted incidents are found at least so often; None if none is.

        Parameters
        ----------
        metric : str, optional
            May be left out if it is alone.
        recall : float, default 0.8
            The share of them, above 0 and at most 1.
        """
        name, known = metric or self.metric.name, [each.name for each in self.monitor.metrics]
        if name not in known:
            raise ConfigurationError(f"`metric` is {metric!r}: name one of {', '.join(map(repr, known))}")
        if not is_number(recall) or not 0 < recall <= 1:
            raise ConfigurationError(f"`recall` is {recall!r}: a share above 0 and at most 1 is needed")
        found = self.recall.xs(name, level="metric")["recall"]
        enough = (found >= recall)[::-1].cummin()
        sizes = [str(size) for size, is_enough in enough.items() if is_enough]
        return sizes[-1] if sizes else None

    def __repr__(self) -> str:
        lines = []
        for metric in self.monitor.metrics:
            k, n = metric.policy.persist
            lines.append(f"{metric.name}: {metric.detector!r}, persist=({k}, {n})")
            if metric.name in self.unkept:
                lines.append("  nothing that finds an incident keeps the budget: this sends least")
        kept = "within" if self.keeps_budget else "ABOVE"
        span = f"{self.report.start:%Y-%m-%d} to {self.report.end:%Y-%m-%d}"
        lines.append(
            f"untouched part, {span}: {self.report.rate:.2f} messages a week, {kept} the budget of {self.budget:g}"
        )
        return "\n".join(lines)
