"""Tuning: which setting finds the smallest incidents while its messages stay within a budget.

`settings` says what is tried, `history` on what, `planting` puts incidents into it, `trials` tries one setting,
`levels` those of one candidate that are worth it, `choice` chooses among them, `tuner` does it all and gives a
`result`. Notebooks call `tune`; this stands above `backtesting`.
"""

from anomalert.tuning.result import Tuned
from anomalert.tuning.settings import Search
from anomalert.tuning.tuner import tune

__all__ = ["Search", "Tuned", "tune"]
