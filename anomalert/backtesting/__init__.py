"""Backtests: a pipeline over history, and how many messages it would have sent.

`history` says what is replayed, `work` shares it out, `spans` judges a part of it, `telling` leads the incident machine
through what was judged; `result` is what came of it, with its `course`, `scoring`, `report` and `page`. Notebooks and
the command line call this, by the names in `anomalert`; it stands above `pipeline`.
"""

from anomalert.backtesting.result import Backtest
from anomalert.backtesting.runner import backtest

__all__ = ["Backtest", "backtest"]
