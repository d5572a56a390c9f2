"""What messages say of sources and metrics of which nothing is seen: headlines, and from when to when.

Messages call this; it calls `paragraphs` and `phrases`.
"""

from collections.abc import Sequence

import pandas as pd

from anomalert.episodes import Said
from anomalert.interfaces import Alert, Fact
from anomalert.paragraphs import expected_paragraph, leading
from anomalert.phrases import NAMED_IN_HEADLINE, Phrases, listed

__all__ = ["NAMED_IN_TEXT", "outage_facts", "outage_headline"]

NAMED_IN_TEXT = 10
"""Metrics that are not watched: enough to know what they are about, few enough for one line."""


def outage_headline(said: Said, phrases: Phrases) -> str:
    """Return of what nothing is seen, or something again."""
    names = [outage.name for outage in said.outages]
    if said.outages[0].metric is None:
        sentence: str = getattr(phrases, said.kind)
        return sentence.format(source=listed(names, phrases))
    sentence = phrases.no_values if said.kind == "no_data" else phrases.values_back
    return sentence.format(metrics=listed(names, phrases, NAMED_IN_HEADLINE))


def outage_facts(said: Said, alerts: Sequence[Alert], zone: str, phrases: Phrases) -> tuple[Fact, ...]:
    """Return the paragraphs of a message about outages.

    Parameters
    ----------
    said : Said
        What there is to say.
    alerts : sequence of Alert
        One for each metric of which nothing is seen, or was.
    zone : str
        Where times are told.
    phrases : Phrases
        In which language.
    """
    if said.kind == "data_back":
        return _spans(said, zone, phrases)
    start = min(outage.start for outage in said.outages)
    since = phrases.since.format(start=phrases.instant(start, zone))
    # Of metrics that stopped the headline tells; of a source nobody need know by heart what is read from it.
    unwatched = [alert.metric for alert in alerts if said.outages[0].metric is None]
    names = phrases.not_watched.format(metrics=listed(unwatched, phrases, NAMED_IN_TEXT))
    blind = Fact(since, (names,) if unwatched else ())
    if said.kind == "source_failed":
        return (blind,)
    expecting = [alert for alert in alerts if alert.expected == alert.expected]
    return (*leading(expecting, lambda alert: expected_paragraph(alert, phrases), phrases), blind)


def _spans(said: Said, zone: str, phrases: Phrases) -> tuple[Fact, ...]:
    """Return from when to when nothing was seen; of outages that did not begin and end together, each by name."""
    spans: dict[tuple[pd.Timestamp, pd.Timestamp], list[str]] = {}
    for outage in said.outages:
        end = outage.end or said.slot
        # A run for an instant in the future found nothing in slots that are still to come.
        if outage.start < end:
            spans.setdefault((outage.start, end), []).append(outage.name)
    sentence = phrases.nothing_seen if said.outages[0].metric is None else phrases.lacking

    def paragraph(span: tuple[tuple[pd.Timestamp, pd.Timestamp], list[str]]) -> Fact:
        (start, end), names = span
        first, until = phrases.edges(start, end, zone)
        text = sentence.format(start=first, end=until, duration=phrases.duration(end - start), zone=zone)
        return Fact(text, ()) if len(spans) == 1 else Fact(f"{listed(names, phrases)}:", (text,))

    return tuple(leading(sorted(spans.items(), key=lambda span: span[0]), paragraph, phrases))
