"""Backtests: a pipeline over history, and how many messages it would have sent.

Notebooks and the command line call this, by the names in `anomalert`; it stands above `pipeline`.
"""

from anomalert.backtesting.result import Backtest
from anomalert.backtesting.runner import backtest

__all__ = ["Backtest", "backtest"]
