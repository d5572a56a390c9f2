"""Write a detector, check it, and compare it with others. A notebook in percent format: editors show its cells."""

# %% [markdown]
# # Write a detector of your own
#
# The built-in detectors compare a slot with the days before it, with one earlier day, or with the last hours. Suppose
# that your weekends differ from your working days, and that now and then a week is odd. Then one would rather compare
# with the same slot of the same weekday, and not let a single odd week spoil it. This notebook writes such a
# detector, checks it, says what it can find, and sets it beside the built-in ones.
#
# ## The detector
#
# A detector says for every slot what was expected and which values are usual, from earlier rows only. It inherits
# from `Detector`, holds its settings in a frozen dataclass, and has two things of its own:
#
# - `lookback`: how much past the first slot needs;
# - `bounds`: what was expected, and the lower and upper edge of the usual range.
#
# `baseline.same_slot([7, 14])` gives the values of the same time of day 7 and 14 days earlier, as an array of shape
# `(days, slots, metrics)`. Clock changes are taken care of.

# %%
from dataclasses import dataclass
from textwrap import fill

import numpy as np
import pandas as pd

from anomalert import Baseline, Bounds, DayLagRatio, Detector, Policy, WeeklyAverage, compare, detectable, inject
from anomalert.testing import check_detector, synthetic_panel


@dataclass(frozen=True)
class WeekdayMedian(Detector):
    """Compare each slot with the median of the same slot of the same weekday over the previous weeks.

    The usual range reaches `factor` times the median absolute deviation from that median, but at least `floor` of it:
    four weeks may agree by chance.

    Parameters
    ----------
    weeks : int, default 4
        How many previous weeks; all have to be known.
    factor : float, default 5.0
        Width of the usual range in median absolute deviations.
    floor : float, default 0.25
        Smallest width, as a share of what is expected.
    """

    weeks: int = 4
    factor: float = 5.0
    floor: float = 0.25

    @property
    def lookback(self) -> pd.Timedelta:
        """The weeks, with room for a clock change."""
        return pd.Timedelta(weeks=self.weeks) + pd.Timedelta("3h")

    def bounds(self, baseline: Baseline) -> Bounds:
        """Return the median and the range around it; a week that is unknown makes the slot unjudged."""
        weeks = baseline.same_slot([7 * week for week in range(1, self.weeks + 1)])
        expected = np.median(weeks, axis=0)
        scatter = np.median(np.abs(weeks - expected), axis=0)
        reach = np.maximum(self.factor * scatter, self.floor * np.abs(expected))
        return Bounds(expected, expected - reach, expected + reach)


# %% [markdown]
# ## Check it
#
# `check_detector` tries whatever the rest of the library relies on: that it does not look ahead, does not judge a
# slot by itself, needs no more past than it says, and more. It is silent if all holds.

# %%
check_detector(WeekdayMedian())

# %% [markdown]
# So what does it say if something does not hold? Here the same detector claims to need three weeks only.


# %%
class Forgetful(WeekdayMedian):
    """Says that it needs a week less than it does."""

    @property
    def lookback(self) -> pd.Timedelta:
        """One week too short."""
        return super().lookback - pd.Timedelta("7D")


try:
    check_detector(Forgetful())
except AssertionError as error:
    for line in str(error).splitlines():
        print(fill(line, width=92, subsequent_indent="  "))

# %% [markdown]
# ## Look at it
#
# Eight weeks of two made-up metrics, `views` and `likes`, a fifth lower at weekends. On the last Sunday they fall to
# 65 % for two hours. The range follows the weekend.

# %%
panel = synthetic_panel(days=56, seed=2)
fallen = panel.copy()
fallen.loc["2026-11-29 14:00":"2026-11-29 15:45"] *= 0.65
WeekdayMedian().detect(fallen, start="2026-11-27").plot("views")

# %% [markdown]
# ## What does it find?
#
# `detectable` plants drops of an hour and of each size, one at a time, and counts how many are found. Here beside the
# mean of the last seven days with a threshold of its own, 40 %: a weekend is a fifth lower than other days, and a
# smaller threshold would be near to calling each a drop.

# %%
own, mean = WeekdayMedian(), WeeklyAverage(threshold=0.4)
sizes = ["10%", "20%", "30%", "40%", "50%", "60%"]
recalls = {repr(each): detectable(each, panel, sizes=sizes) for each in (own, mean)}
pd.DataFrame({name: each.frame.set_index("size")["recall"] for name, each in recalls.items()}).T.round(2)

# %%
recalls[repr(own)].plot()

# %% [markdown]
# ## And what does it cost?
#
# What finds everything may also tell of everything. So plant eight drops by 40 % per metric into these weeks, and let
# `compare` replay the detectors as a scheduler would have run them. The new one may wait for a second slot, too.

# %%
planted, labels = inject(panel, "drop", size="40%", length="1h", count=8, seed=5)
settings = {
    "own": own,
    "own, patient": (own, Policy(persist=(2, 3))),
    "7 days, 40 %": mean,
    "7 days, 50 %": WeeklyAverage(),
    "last week, 30 %": DayLagRatio(days=7, threshold=0.3),
}
found = compare(settings, planted, labels)
found.table[["event_precision", "event_recall", "event_f1", "f1_low", "f1_high", "tie"]].round(2)

# %%
found.table[["messages_per_week", "incidents", "detection_delay"]].round({"messages_per_week": 1})

# %%
found.plot("views")

# %% [markdown]
# ## What this shows, and what not
#
# Of drops by 30 % and more the new detector finds all, without a false alarm in these four weeks. The mean of seven
# days needs 50 % for that, because it expects the same on weekends as on other days. Waiting for a second slot costs
# a quarter of an hour and gains nothing here.
#
# But the plain comparison with last week does as well: a tie. What the median is for, an odd week among the four,
# does not occur in made-up weeks. Four weeks of warm-up are its price. Whether it is worth that, only your own
# history can say.
#
# The same way goes for [sources and notifiers](../docs/extending.md). In a test, `parametrize_with_checks` makes one
# test of each promise that `check_detector` tries.
