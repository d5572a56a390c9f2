"""How the end of incidents is put into words: not every one that is over is back to usual.

Messages and their paragraphs call this; it calls `episodes` and `phrases`.
"""

from collections.abc import Sequence

from anomalert.episodes import Ending, Incident, Observation
from anomalert.phrases import NAMED_IN_HEADLINE, Phrases, listed, number

__all__ = ["headline_of_end", "usual_lines"]


def headline_of_end(incidents: Sequence[Incident], phrases: Phrases) -> str:
    """Return the headline of an episode that is over.

    Of a metric that nobody looks at any more only its paragraph tells, unless there is nothing else to say: it has not
    come to an end. A new level is said first, since it asks for more than what is as it was.
    """
    ended: dict[Ending, list[str]] = {"turned": [], "settled": [], "usual": [], "unwatched": []}
    for incident in incidents:
        ended[incident.ending].append(incident.metric)
    sentences: dict[Ending, str] = {
        "turned": phrases.turned,
        "settled": phrases.settled,
        "usual": phrases.resolved,
        "unwatched": phrases.unwatched,
    }
    endings: tuple[Ending, ...] = ("turned", "settled", "usual")
    told: list[Ending] = [ending for ending in endings if ended[ending]] or ["unwatched"]
    said = [sentences[ending].format(metrics=listed(ended[ending], phrases, NAMED_IN_HEADLINE)) for ending in told]
    return f"{'✔' if told == ['usual'] else '■'} {'. '.join(said)}"


def usual_lines(incident: Incident, now: Observation, phrases: Phrases) -> list[str]:
    """Return what is usual of a metric, and what was before an incident that its detector has become used to."""
    if incident.end is not None and incident.ending == "settled":
        lines = [_usual(phrases.level, now)] if now.expected == now.expected else []
    else:
        lines = [phrases.deviation.format(size=abs(now.deviation))] if now.deviation == now.deviation else []
        lines += [_usual(phrases.usual, now)] if now.expected == now.expected else []
    # Where other days are compared with, what was usual at another time of the day says nothing of this one.
    return lines if incident.staying is None else [*lines, _usual(phrases.before, incident.opening)]


def _usual(sentence: str, seen: Observation) -> str:
    return sentence.format(expected=number(seen.expected), lower=number(seen.lower), upper=number(seen.upper))
