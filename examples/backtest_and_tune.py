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

from anomalert import DayLagRatio, FrameSource, Metric, Monitor, Policy, RollingSigma, WeeklyAverage, backtest, tune
from anomalert.labels import read_nab_labels
from anomalert.tuning import Search

HERE = Path(__file__).parent if "__file__" in globals() else Path()
rows = pd.read_csv(HERE / "data" / "nyc_taxi.csv.gz", index_col="timestamp", parse_dates=True)
# The hours are those of New York, without clock changes; calling them UTC keeps every day at 48 slots.
history = rows.tz_localize("UTC").rename(columns={"value": "rides"}).astype(float)
labels = read_nab_labels(HERE / "data" / "nyc_taxi_windows.json", "realKnownCause/nyc_taxi.csv", slot="30min")
labels = labels.assign(
    metric="rides", start=labels["start"].dt.tz_localize("UTC"), end=labels["end"].dt.tz_localize("UTC")
)
labels["event"] = ["marathon, end of summer time", "Thanksgiving", "Christmas", "New Year", "blizzard"]
print(labels[["start", "end", "event"]].to_string(index=False))

# %% [markdown]
# ## A backtest
#
# Taxis repeat by the week, so a first idea is to compare each slot with the same slot seven days earlier, and to speak
# up where it is less than half or more than double. A monitor holds that idea. `backtest` replays it as a scheduler
# would have run it, slot by slot, and counts the messages. Nothing is sent.

# %%
first_idea = Metric("rides", DayLagRatio(days=7, threshold=0.5))
taxis = Monitor(FrameSource(history, name="taxis"), [first_idea], slot="30min", timezone="UTC")
found = backtest(taxis, history, labels=labels, progress=False)
print(found)

# %% [markdown]
# An incident is two messages: one when it opens, one when it is over. So one message a week is an incident every two
# weeks.
#
# By the week, the messages are far from even:

# %%
per_week = found.messages_per_week["rides"]
per_week[per_week > 0]

# %%
busiest = per_week.nlargest(4)
print(f"{busiest.sum()} of {per_week.sum()} messages fall into 4 of {len(per_week)} weeks, those that begin on:")
print(", ".join(f"{week:%d %B %Y}" for week in busiest.sort_index().index))

# %% [markdown]
# The picture shows when something was told, and shades the events that are known. A day that is special is seen twice:
# when it happens, and a week later, when an ordinary day is compared with it.

# %%
found.plot("rides", start="2014-12-15", end="2015-01-12")

# %% [markdown]
# ## Why not fewer?
#
# Many incidents last one slot. A policy with `persist=(2, 3)` waits until two of the last three slots are unusual.
# `held` says what each step of a policy has held back, in slots.

# %%
patient = Metric("rides", DayLagRatio(days=7, threshold=0.5), policy=Policy(persist=(2, 3)))
calmer = backtest(
    Monitor(FrameSource(history, name="taxis"), [patient], slot="30min", timezone="UTC"),
    history,
    labels=labels,
    progress=False,
)
print(f"{found.rate:.2f} messages a week became {calmer.rate:.2f}")
calmer.held.T

# %% [markdown]
# `to_html` makes one page of all this, for those who do not open notebooks.

# %%
page = calmer.to_html(pictures=2)  # a path as first argument writes it to disk
print(f"{len(page) / 1024:.0f} KiB, needs nothing else")

# %% [markdown]
# ## A message budget
#
# Now the other way round: we say how many messages are fine, and `tune` looks for the setting. It cannot take the
# quietest, since silence finds nothing. So it plants drops of known sizes into the history, and among the settings
# that keep to the budget it takes the one that finds most of them. It chooses by the older part of the history only.
# The last eight weeks are left untouched, to see how the choice does on weeks that it has not seen.
#
# The list of what is tried is short here, so that the notebook runs quickly; without `search` it is much longer.

# %%
levels = (0.3, 0.4, 0.5, 0.6)
search = Search(
    candidates=[
        [DayLagRatio(days=7, threshold=level) for level in levels],
        [WeeklyAverage(threshold=level) for level in levels],
        [RollingSigma("28D", "7D", sigmas=sigmas) for sigmas in (4, 6, 8, 12)],
    ],
    persist=[(2, 3)],
    sizes=["20%", "40%", "60%", "80%"],
    length="2h",
    holdout="56D",
)
tuned = tune(first_idea, history, budget="1 per week", search=search, progress=False)
tuned

# %%
tuned.trials[["detector", "messages_per_week", "quality", "chosen"]].round(2)

# %% [markdown]
# What it finds of the drops that were planted into the untouched weeks, by their size:

# %%
tuned.recall
