"""Compare detectors on the reference metrics. A notebook in percent format: editors show its cells."""

# %% [markdown]
# # Compare detectors
#
# Which detector suits my metrics? This notebook sets five of them side by side on the six metrics of the [reference
# alert set](../docs/reference.md): the feed and the messenger of a social app, in 15-minute slots. It needs the
# embedded ClickHouse: `pip install "anomalert[chdb]"`.
#
# ## Six weeks of metrics
#
# The events are made up, always the same for one seed. They go into two tables, and the reference pipeline reads its
# metrics from there with its own queries. Any other frame with a row per slot and a column per metric would do as
# well.

# %%
import pandas as pd

from anomalert import IQR, DayLagRatio, Policy, RollingSigma, WeeklyAverage, compare, inject
from anomalert.reference import create_tables, feed_messenger, generate_events, load_events
from anomalert.sources import ChdbClient

start, end = pd.Timestamp("2026-09-07", tz="Europe/Moscow"), pd.Timestamp("2026-10-19", tz="Europe/Moscow")
client = ChdbClient(database="notebook")
create_tables(client.session.query, "notebook")
for week in pd.date_range(start, end, freq="7D", inclusive="left"):
    load_events(client.session, *generate_events(week, days=7, seed=1), "notebook")

pipeline = feed_messenger(client=client)
clean = pd.concat([monitor.panel(start, end) for monitor in pipeline.monitors], axis="columns", sort=False)
clean.describe().loc[["count", "mean", "min", "max"]].round(2)

# %% [markdown]
# ## Incidents to find
#
# Nothing is wrong in these weeks. So we plant incidents and keep a note of where. `inject` gives back a copy with the
# incidents in it, and their labels: in each of the five counts three drops of an hour by 60 %, and two rises of half
# an hour by 150 %. They lie in the second half, since detectors need a past to compare with.

# %%
counts = [metric for metric in clean if metric != "ctr"]
panel, drops = inject(clean, "drop", size="60%", length="1h", metrics=counts, count=3, seed=1)
panel, rises = inject(panel, "spike", size="150%", length="30min", metrics=counts, count=2, seed=3)
labels = pd.concat([drops, rises], ignore_index=True)
labels.pivot_table(index="metric", columns="kind", values="start", aggfunc="count")

# %% [markdown]
# ## Side by side
#
# `compare` replays each detector over the history, slot by slot, as a scheduler would have run it, and counts what it
# finds and what it would have sent. All judge the same slots: those that the one with the longest past can judge.

# %%
detectors = {
    "yesterday": DayLagRatio(),
    "3 days ago": DayLagRatio(days=3),
    "7 days": WeeklyAverage(),
    "quartiles": IQR(),
    "2 hours": RollingSigma(),
}
found = compare(detectors, panel, labels)
found.table[["event_precision", "event_recall", "event_f1", "f1_low", "f1_high", "tie"]].round(2)

# %% [markdown]
# The best stands at the top. `event_recall` is the share of the planted incidents that it told of, `event_precision`
# the share of its incidents that were planted, and `event_f1` weighs the two. Four weeks are not much, so next to it
# stands the range that it would have in 95 of 100 other draws of weeks like these.
#
# `tie` says whether these weeks can tell a detector from the best one. "3 days ago" raised four false alarms and "7
# days" none, and still it is a tie: other weeks might turn it round. Do not choose between them by this table.

# %% [markdown]
# ## What it costs
#
# "Messages a week" are what a channel would get, such as a chat in Telegram. An incident is two: one when it opens,
# one when it is over. Metrics that fall together share theirs.

# %%
found.table[["messages_per_week", "low", "high", "incidents", "false_alerts_per_week"]].round(1)

# %%
told = pd.DataFrame({name: each.messages_per_metric["total"] for name, each in found.backtests.items()})
print(f"messages that name each metric, in {found.backtests['yesterday'].weeks:.1f} weeks")
print(told.rename_axis(None, axis="index").to_string())

# %% [markdown]
# 25 incidents in four weeks are 50 messages, or 12.6 a week; that is what the best one sends. `false_alerts_per_week`
# is counted for one metric. For all six together it is six times as many.
#
# The second table says where the rest comes from. `users_message` repeats every three days, so "yesterday" is the
# wrong day to compare it with, and three quarters of the messages of "yesterday" are about this one metric. "2 hours"
# takes the slope of the day, mornings up and nights down, for news.
#
# And "quartiles"? Fourteen values are few to take quartiles from, so that many a slot lies outside by chance. Replayed,
# it gets a little worse. In place of a slot that was told an ordinary value enters the past, so that an incident is not
# taken for usual later. In place of a false alarm, too, and so the past looks a little calmer than it was:

# %%
alone = IQR().detect(panel, start=found.backtests["quartiles"].start.tz_convert(start.tz)).is_anomaly.to_numpy().mean()
print(f"outside of the range: {alone:.1%} of the slots judged by themselves,")
print(f"{found.table.loc['quartiles', 'anomalous']:.1%} of them where told incidents enter the past")

# %% [markdown]
# ## Do they tell of the same?
#
# The share of the slots that both tell of, among those that either tells of: 1 is the same, 0 has nothing in common.

# %%
found.agreement.round(2)

# %% [markdown]
# ## Look at it
#
# A strip for each detector, over the metric that repeats every three days. Grey is the usual range, dashed what was
# expected. The planted incidents are shaded yellow, and what was told has an orange mark.

# %%
found.plot("users_message")

# %% [markdown]
# ## Detectors with policies
#
# A detector says how unusual a slot is. A policy says what is worth a message. So compare pairs of both, too. Here
# the two noisy detectors become stricter and wait until two of the last three slots are unusual.

# %%
settings = {
    "7 days": WeeklyAverage(),
    "7 days, 2 of 3": (WeeklyAverage(), Policy(persist=(2, 3))),
    "quartiles, 2 of 3": (IQR(k=3), Policy(persist=(2, 3))),
    "2 hours, 2 of 3": (RollingSigma(sigmas=4), Policy(persist=(2, 3))),
}
patient = compare(settings, panel, labels)
shown = patient.table[["messages_per_week", "event_precision", "event_recall", "event_f1", "tie"]].round(2)
shown.rename(columns={"messages_per_week": "messages"})

# %% [markdown]
# Stricter quartiles that wait send nothing but what was planted, and miss four of 25. "2 hours" misses all: a drop
# becomes part of the last two hours within a slot, so that its second slot is not unusual any more. A detector that
# only looks at the last hours must not be made to wait.
#
# ## What this shows, and what not
#
# For these metrics the mean of the same slot over seven days does best, and the same slot three days ago cannot be
# told from it. The [reference](../docs/reference.md) compares `users_message` with three days ago and the others with
# the mean of seven days. These weeks do not say that this is better than seven days for all.
#
# The incidents here are large and sudden, and the metrics are made up: all days of the week are nearly alike. On your
# own history plant incidents of the sizes that matter to you. [How to choose a detector](../docs/choosing.md) says
# where to begin, [measures](../docs/measures.md) what each number counts.
