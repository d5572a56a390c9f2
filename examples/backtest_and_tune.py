"""Backtest and tune an alert on taxis in New York. A notebook in percent format: editors show its cells."""

# %% [markdown]
# # Backtest and tune: taxis in New York
#
# How many messages would this alert have sent last winter? And which setting keeps to one a week? Both are answered
# here on a public series: taxi passengers in New York, half-hour by half-hour, from July 2014 to January 2015. It is
# part of the Numenta Anomaly Benchmark, whose authors marked five events in it. Source and licence stand beside the
# data, in `examples/data/NOTICE.md`.
#
# ## The series and what is known of it

# %%
from pathlib import Path

import pandas as pd

from anomalert import (
    Backtest,
    DayLagRatio,
    FrameSource,
    Metric,
    Monitor,
    Policy,
    RollingSigma,
    WeeklyAverage,
    backtest,
    tune,
)
from anomalert.labels import read_nab_labels
from anomalert.tuning import Search

HERE = Path(__file__).parent if "__file__" in globals() else Path()
rows = pd.read_csv(HERE / "data" / "nyc_taxi.csv.gz", index_col="timestamp", parse_dates=True)
# The hours are those of New York, without clock changes; calling them UTC keeps every day at 48 slots.
history = rows.tz_localize("UTC").rename(columns={"value": "rides"}).astype(float)
labels = read_nab_labels(HERE / "data" / "nyc_taxi_windows.json", "realKnownCause/nyc_taxi.csv", slot="30min")
labels["metric"] = "rides"
labels[["start", "end"]] = labels[["start", "end"]].apply(lambda column: column.dt.tz_localize("UTC"))
labels["event"] = ["marathon", "Thanksgiving", "Christmas", "New Year", "blizzard"]
print(labels[["start", "end", "event"]].to_string(index=False))

# %% [markdown]
# ## A backtest
#
# Taxis repeat by the week. So a first idea is to compare each slot with the same slot of the same weekday in the last
# four weeks, and to call it unusual where it is more than five standard deviations away from their mean. A monitor
# holds that idea. `backtest` replays it as a scheduler would have run it, slot by slot, and counts the messages.
# Nothing is sent.


# %%
def replay(policy: Policy) -> Backtest:
    """Return what the first idea would have said with a policy."""
    metric = Metric("rides", RollingSigma(window="28D", season="7D", sigmas=5), policy=policy)
    taxis = Monitor(FrameSource(history, name="taxis"), [metric], slot="30min", timezone="UTC")
    return backtest(taxis, history, labels=labels, progress=False)


found = replay(Policy())
found

# %% [markdown]
# Three messages a day: nobody would read them for long. An incident is two messages, one when it opens and one when it
# is over, but that is not the trouble. Four weeks may agree by chance, and then the usual range is narrow.
#
# ## Fewer messages
#
# What is unusual is not yet worth a message. That is what a policy decides. `persist=(2, 3)` waits until two of the
# last three slots are unusual; `min_change=0.3` asks for a change of 30 %.

# %%
backtests = {
    "tell all": found,
    "two of three slots": replay(Policy(persist=(2, 3))),
    "and a change of 30 %": replay(Policy(persist=(2, 3), min_change=0.3)),
}
pd.Series({name: each.rate for name, each in backtests.items()}, name="messages a week").round(1)

# %% [markdown]
# "Why was I not told?" has an answer for every slot. `held` counts, in slots, what each step has held back. A slot
# that two steps hold back stands in both rows.

# %%
calm = backtests["and a change of 30 %"]
calm.held.T

# %% [markdown]
# By the week, what is left is far from even. These are the weeks with a message, named by their Monday:

# %%
per_week = calm.messages_per_week["rides"]
print(per_week[per_week > 0].to_string())
print(f"{(per_week == 0).sum()} of {len(per_week)} weeks without any")

# %% [markdown]
# Five of these ten weeks hold a known event. Three more hold public holidays that nobody labelled: Labor Day on 1
# September, Columbus Day on 13 October, Martin Luther King Day on 19 January. And the weeks of 5 and 12 January follow
# New Year: Christmas and New Year still stand among the four weeks that they are compared with.
#
# The picture shows Christmas and New Year, with the known events shaded: above, the course and what was told; below,
# a row for each step of the policy that held something back.

# %%
calm.plot("rides", start="2014-12-20", end="2015-01-05")

# %% [markdown]
# `to_html` makes one page of all this, for those who do not open notebooks.

# %%
page = calm.to_html(pictures=2)  # a path as first argument writes it to disk, too
print(f"{len(page) / 1024:.0f} KiB, and it needs no other file")

# %% [markdown]
# ## A message budget
#
# Now the other way round: we say how many messages are fine, and `tune` looks for the setting. It may not take the
# quietest, since silence finds nothing. So it plants drops of known sizes into the history, and among the settings
# that keep to the budget it takes the one that finds most of them. It chooses by the older part of the history only.
# The last eight weeks are left untouched, to see how the choice does on weeks that it has not seen.
#
# The list of what is tried is short here, so that the notebook runs quickly. Without `search` it is much longer.

# %%
levels = (0.3, 0.4, 0.5, 0.6)
search = Search(
    candidates=[
        [RollingSigma(window="28D", season="7D", sigmas=sigmas) for sigmas in (3, 5, 8, 12)],
        [DayLagRatio(days=7, threshold=level) for level in levels],
        [WeeklyAverage(threshold=level) for level in levels],
    ],
    persist=[(2, 3)],
    sizes=["20%", "40%", "60%", "80%"],
    length="2h",
    holdout="56D",
)
tuned = tune(calm.monitors[0].metrics[0], history, budget="1 per week", search=search, progress=False)
tuned

# %% [markdown]
# What was tried on the older part, the chosen setting first. `quality` is the share of the planted drops that it told
# of. The choice is made walk-forward: what was best by one stretch has to keep the budget in the next. Where it did
# not, the past is allowed only a share of the budget, so that there is room for worse weeks.

# %%
trials = tuned.trials.assign(detector=tuned.trials["detector"].str.replace(", min_count=None", ""))
print(trials[["detector", "messages_per_week", "quality"]].round(2).to_string(index=False))
print(f"the past was allowed {trials['margin'].max():.0%} of the budget")

# %% [markdown]
# What the choice finds of the drops that were planted into the untouched weeks:

# %%
tuned.recall.round(2)

# %% [markdown]
# ## What this shows, and what not
#
# On the weeks that the setting was chosen by, it kept to the budget. On the last eight it did not. Whose fault was
# it?

# %%
said = tuned.report.messages["slot"]
during = [((said >= event.start) & (said <= event.end)).sum() for event in labels.itertuples()]
print(f"{len(said)} messages in the untouched weeks, {sum(during)} of them during known events:")
for name, count in zip(labels["event"], during, strict=True):
    print(f"  {name}: {count}")

# %% [markdown]
# Most of what it said was about things that did happen, and of the other four messages two are about Martin Luther King
# Day. The last two come on 8 January. Christmas and New Year are a week apart, and what is unusual in two weeks running
# is learnt; then an ordinary Thursday is unusual once. The older part knew a marathon and one Thanksgiving. The last
# eight weeks hold Christmas, New Year and a blizzard, and no setting that was tried knows holidays in advance. So:
#
# - **A budget holds for weeks like those that it was chosen by.** A year of history would have held these holidays.
#   With seven months, say how the choice did on weeks it had not seen, as `tuned` does, and not how it did on the
#   past.
# - **What it finds is coarse.** Of the planted drops that last two hours it finds all that lose 80 %, and a third of
#   those that lose 60 %. With one message a week, and a reserve for worse weeks, none of these three detectors may be
#   finer on this series.
# - **The numbers are small.** There are nine or ten drops of each size. Three of nine may well be one in
#   eight or two in three, had other places been drawn.
#
# Go on with [how to read a backtest](../docs/backtesting.md), [how to choose a detector](../docs/choosing.md), or
# [policies](../docs/policies.md).
