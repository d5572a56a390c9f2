"""Paragraphs of messages: the numbers of one metric, and how many are told before the rest is only counted.

Messages, findings and digests call this; it calls `endings`, `scenes` and `phrases`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from anomalert.endings import usual_lines
from anomalert.episodes import Incident, Observation, Said
from anomalert.interfaces import Alert, Fact
from anomalert.phrases import TOLD_IN_FULL, Phrases, number
from anomalert.scenes import Scene

__all__ = ["expected_paragraph", "incident_paragraph", "leading"]

T = TypeVar("T")


def leading(items: Sequence[T], write: Callable[[T], Fact], phrases: Phrases) -> list[Fact]:
    """Return the first `TOLD_IN_FULL` of `items` as paragraphs, and how many follow as a last one."""
    facts = [write(item) for item in items[:TOLD_IN_FULL]]
    rest = len(items) - len(facts)
    return [*facts, Fact(phrases.more.format(count=rest), ())] if rest else facts


def incident_paragraph(
    said: Said, incident: Incident, now: Observation, scenes: Mapping[str, Scene], phrases: Phrases
) -> Fact:
    """Return the numbers of one incident; once it goes on, also since when and how bad it was."""
    heading = phrases.heading.format(metric=incident.metric)
    if incident.ending == "unwatched":
        return Fact(heading, (phrases.unseen,))
    lines = [phrases.value.format(value=number(now.value)) if now.value == now.value else phrases.unknown]
    lines += usual_lines(incident, now, phrases)
    # What is told when it opens has not lasted, unless its beginning was missed.
    if incident.metric in scenes and (said.kind != "opened" or incident.start < scenes[incident.metric].slot):
        zone = scenes[incident.metric].monitor
        end = incident.end or scenes[incident.metric].slot + zone.slot_length
        lines.append(
            phrases.lasted.format(
                span=phrases.span(incident.start, end, zone.timezone), duration=phrases.duration(end - incident.start)
            )
        )
        peak = incident.peak
        lines.append(phrases.depth.format(change=phrases.change(peak.value, peak.expected, peak.deviation)))
    return Fact(heading, tuple(lines))


def expected_paragraph(alert: Alert, phrases: Phrases) -> Fact:
    """Return what was expected of a metric of which nothing is seen."""
    return Fact(
        phrases.heading.format(metric=alert.metric), (phrases.expected.format(expected=number(alert.expected)),)
    )
