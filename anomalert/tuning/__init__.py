"""Tuning: which setting finds the smallest incidents while its messages stay within a budget.

`settings` says what is tried, `trials` tries one setting on history, `choice` chooses among those that were tried, and
`tuner` does it all. Notebooks call `tune`; this stands above `backtesting`.
"""

from anomalert.tuning.settings import Search
from anomalert.tuning.tuner import Tuned, tune

__all__ = ["Search", "Tuned", "tune"]
