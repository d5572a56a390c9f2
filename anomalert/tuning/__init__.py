"""Tuning: which setting finds the smallest incidents while its messages stay within a budget.

`settings` says what is tried, `history` on what, `trials` tries one setting, `choice` chooses among those that were
tried, `tuner` does it all and gives a `result`. Notebooks call `tune`; this stands above `backtesting`.
"""

from anomalert.tuning.result import Tuned
from anomalert.tuning.settings import Search
from anomalert.tuning.tuner import tune

__all__ = ["Search", "Tuned", "tune"]
