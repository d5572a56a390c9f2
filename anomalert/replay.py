"""A pipeline over history: the very walk that a run takes, from one slot to another, telling nobody.

Notebooks and tests call this; it calls `walk` and what lies below, and knows neither ledger nor notifiers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from anomalert.episodes import Said, State
from anomalert.errors import AnomalertError, ConfigurationError
from anomalert.monitor import Monitor
from anomalert.panel import as_instant
from anomalert.walk import Stretch, walk, watches_of

__all__ = ["Replay", "replay"]


@dataclass(frozen=True)
class Replay:
    """What a pipeline would have found and said.

    Parameters
    ----------
    judgements : pandas.DataFrame
        One row per metric and slot, as in a run's report.
    said : tuple of Said
        What there was to say, slot by slot; each is one message per channel.
    state : State
        What is open at the end.
    errors : tuple of AnomalertError
        The metrics that could not be judged.
    """

    judgements: pd.DataFrame
    said: tuple[Said, ...]
    state: State
    errors: tuple[AnomalertError, ...]

    @property
    def messages(self) -> pd.DataFrame:
        """What would have been sent: ``slot, kind, subject, metrics``, one row per message."""
        rows = [
            (said.slot, said.kind, said.subject, ", ".join(sorted({incident.metric for incident, _ in said.about})))
            for said in self.said
        ]
        return pd.DataFrame(rows, columns=["slot", "kind", "subject", "metrics"])


def replay(
    monitors: Sequence[Monitor],
    panels: Mapping[str, pd.DataFrame],
    start: str | pd.Timestamp,
    end: str | pd.Timestamp | None = None,
) -> Replay:
    """Walk through history as runs with a ledger would have, had each slot been judged when it was complete.

    Parameters
    ----------
    monitors : sequence of Monitor
        Those of a pipeline: ``pipeline.monitors``.
    panels : mapping of str to pandas.DataFrame
        By the name of the monitor: as `Monitor.panel` gives it, beginning its `lookback` before `start`.
    start, end : str or Timestamp
        Aware instants: the first slot to judge, and the first that is not; by default all that the panels hold.

    Returns
    -------
    Replay

    Raises
    ------
    ConfigurationError
        If a monitor has no panel.

    Examples
    --------
    >>> from anomalert import DayLagRatio, FrameSource, Metric, Monitor
    >>> index = pd.date_range("2026-11-01", periods=288, freq="15min", tz="UTC")
    >>> likes = pd.DataFrame({"likes": 100.0}, index)
    >>> likes.iloc[200:212] = 20.0
    >>> monitor = Monitor(FrameSource(likes), [Metric("likes", DayLagRatio())])
    >>> panel = monitor.panel(index[0], index[-1] + index.freq)
    >>> replay([monitor], {monitor.name: panel}, start=index[150]).messages["kind"].tolist()
    ['opened', 'resolved']
    """
    first = as_instant(start, "start")
    last = None if end is None else as_instant(end, "end")
    stretches = []
    for monitor in monitors:
        if monitor.name not in panels:
            raise ConfigurationError(f"there is no panel for monitor {monitor.name!r}; there are {list(panels)}")
        slots = pd.DatetimeIndex(panels[monitor.name].index).tz_convert("UTC")
        judged = [slot for slot in slots if slot >= first and (last is None or slot < last)]
        stretches.append(Stretch(monitor, panels[monitor.name], judged))
    state = State()
    said: list[Said] = []
    frames: list[pd.DataFrame] = []
    for step in walk(stretches, state, watches_of(monitors)):
        state = step.state
        said += step.said
        frames += [frame for frame in step.judgements.values() if len(frame)]
    judgements = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    return Replay(judgements, tuple(said), state, tuple(error for each in stretches for error in each.errors))
