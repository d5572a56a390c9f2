"""Compare detectors on a frame, then watch it. A notebook in percent format: editors show its cells."""

# %% A frame: one row per slot, one column per metric. Two things go wrong in it.
import pandas as pd

from anomalert import IQR, DayLagRatio, FrameSource, Metric, Monitor, Policy, RollingSigma, WeeklyAverage
from anomalert.testing import synthetic_panel

panel = synthetic_panel(days=28, seed=7, timezone="Europe/Moscow")
incidents = {
    "drop": slice("2026-10-30 14:00", "2026-10-30 15:45"),
    "spike": slice("2026-10-31 11:00", "2026-10-31 11:15"),
}
panel.loc[incidents["drop"], "views"] *= 0.3
panel.loc[incidents["spike"], "views"] *= 3

# %% One detector: frames of the same shape, events, a picture.
detection = WeeklyAverage(days=7, threshold=0.5).detect(panel, start="2026-10-26")
print(detection)
print(detection.events())
detection.plot("views")

# %% Several detectors, side by side: what each sees of both incidents, and how often it cries wolf.
detectors = {
    "yesterday": DayLagRatio(),
    "week": WeeklyAverage(),
    "quartiles": IQR(),
    "last two hours": RollingSigma(),
    "last two hours, wide": RollingSigma(sigmas=5),
}
rows = {}
for name, detector in detectors.items():
    flagged = detector.detect(panel["views"], start="2026-10-26").is_anomaly["views"]
    seen = {incident: flagged[slots].mean() for incident, slots in incidents.items()}
    quiet = flagged.copy()
    for slots in incidents.values():
        quiet[slots] = False
    rows[name] = {**seen, "other anomalies": int(quiet.sum())}
summary = pd.DataFrame(rows).T
print(summary)

# %% A policy says which anomalies are told, and for the rest which step held them back.
judgements = Policy(direction="down", min_change=0.3, persist=(2, 3)).judge(detection)
anomalies = judgements[judgements["status"] == "anomaly"]
print(anomalies.filter(regex="slot|deviation|held_by|is_alert").to_string(index=False))

# %% A monitor judges the same rows in the same way, whoever asks it: a notebook or a scheduled run.
policy = Policy(direction="down", min_change=0.3, persist=(2, 3))
metrics = [Metric("views", WeeklyAverage(days=7, threshold=0.5), policy=policy)]
monitor = Monitor(FrameSource(panel, name="feed"), metrics, timezone="Europe/Moscow")
read = monitor.panel(panel.index[0], panel.index[-1])
told = monitor.judge(read, start=detection.value.index[0])
print(told["is_alert"].sum(), "slots are told")
