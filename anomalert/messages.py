"""From what there is to say to messages: headline, numbers, links and pictures, in the languages there are.

Plain text only; a channel's markup is its notifier's. A `Draft` is a message as plain data, so that it can wait in a
ledger; `Draft.message` makes what a notifier sends. However much there is to say, a text stays short enough to be read:
it tells the gravest in full and counts the rest. Findings and digests call this; it calls `outage_text`, `paragraphs`,
`endings`, `scenes` and what lies below.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import pandas as pd

from anomalert.endings import headline_of_end
from anomalert.episodes import NUMBERS, Incident, Observation, Said, number_of, plain_number, stamp
from anomalert.foreign import ends_the_run, text_of
from anomalert.interfaces import Alert, AlertKind, Fact, Message
from anomalert.metric import Metric
from anomalert.outage_text import outage_facts, outage_headline
from anomalert.paragraphs import incident_paragraph, leading
from anomalert.phrases import LANGUAGES, NAMED_IN_HEADLINE, TOLD_IN_FULL, Language, Phrases, listed
from anomalert.scenes import Scene, Sketch

__all__ = ["PICTURED", "Draft", "draft", "gravest_first", "key_of", "links_of", "opened_key"]

logger = logging.getLogger(__name__)

PICTURED = 10
"""As many as a messenger shows in one album; more would take longer to draw than anybody waits."""


@dataclass(frozen=True)
class Draft:
    """A message as plain data.

    Parameters
    ----------
    key : str
        Unique to (pipeline, episode or outage, slot, kind).
    slot : pandas.Timestamp
        UTC: what it is about.
    headline : str
        One line.
    alerts, facts, sketches : tuple
        The gravest first.
    links : mapping of str to str
        Label to URL.
    replies_to : str, optional
        Key of the message that this one follows.
    language : {"en", "ru"}
        What it is written in.
    folded : int
        For a digest: how many messages it stands for.
    parts : tuple of Draft
        For a digest: those messages, without their pictures.
    """

    key: str
    slot: pd.Timestamp
    headline: str
    alerts: tuple[Alert, ...]
    facts: tuple[Fact, ...]
    sketches: tuple[Sketch, ...] = ()
    links: Mapping[str, str] | None = None
    replies_to: str | None = None
    language: Language = "en"
    folded: int = 0
    parts: tuple["Draft", ...] = ()

    def message(self, reply_to: str | None = None, may_repeat: bool = False, notes: Sequence[str] = ()) -> Message:
        """Return what a notifier sends.

        Parameters
        ----------
        reply_to : str, optional
            The channel's receipt of the message this one follows.
        may_repeat : bool
            Whether it may have been delivered before; said in its headline.
        notes : sequence of str
            What else has to be said with it.
        """
        phrases = LANGUAGES[self.language]
        # Once is enough, also where the ledger's trouble has marked it already.
        marked = may_repeat and not self.headline.endswith(phrases.may_repeat.format(headline=""))
        return Message(
            key=self.key,
            alerts=self.alerts,
            headline=phrases.may_repeat.format(headline=self.headline) if marked else self.headline,
            facts=(*self.facts, *(Fact(note, ()) for note in notes)),
            links=self.links or {},
            pictures=tuple(sketch.picture(phrases.words) for sketch in self.sketches),
            reply_to=reply_to,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the draft as plain data that JSON can hold."""
        alerts = [{**vars(a), "slot": a.slot.isoformat(), **_numbers(a)} for a in self.alerts]
        plain = asdict(replace(self, alerts=(), parts=()))
        parts = [part.to_dict() for part in self.parts]
        return {**plain, "slot": self.slot.isoformat(), "alerts": alerts, "parts": parts}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Draft":
        """Return the draft that `to_dict` gave."""
        alerts = ({**alert, **{name: number_of(alert[name]) for name in NUMBERS}} for alert in data["alerts"])
        return cls(
            **{
                **data,
                "slot": pd.Timestamp(data["slot"]),
                "alerts": tuple(Alert(**{**alert, "slot": pd.Timestamp(alert["slot"])}) for alert in alerts),
                "facts": tuple(Fact(fact["heading"], tuple(fact["lines"])) for fact in data["facts"]),
                "sketches": tuple(Sketch(**sketch) for sketch in data["sketches"]),
                # Digests of earlier versions have none.
                "parts": tuple(cls.from_dict(part) for part in data.get("parts", ())),
            }
        )


def _numbers(alert: Alert) -> dict[str, float | str | None]:
    return {name: plain_number(getattr(alert, name)) for name in NUMBERS}


def opened_key(pipeline: str, episode: str) -> str:
    """Return the key of the message that opened an episode: its later ones follow it."""
    return _first_key(pipeline, "opened", episode)


def _first_key(pipeline: str, kind: AlertKind, subject: str) -> str:
    """Return the key of the first message about an episode or outage: what it is called ends with the slot of that."""
    return f"{pipeline}/{kind}/{subject}/{subject.rsplit('/', maxsplit=1)[-1]}"


def gravest_first(said: Said) -> list[tuple[Incident, Observation]]:
    """Return what is said of metrics in the order in which a message names them."""
    return sorted(said.about, key=lambda pair: (-abs(pair[0].peak.deviation), pair[0].metric))


def key_of(said: Said, pipeline: str) -> str:
    """Return the key of the message of what is said: unique, and the same whenever it is said again."""
    if said.kind == "opened":
        return opened_key(pipeline, said.subject)
    apart = ""
    if said.kind == "worsened":
        # A metric that is judged late may join in a slot in which others were told to have joined already.
        apart = f"/{gravest_first(said)[0][0].metric}"
    if said.kind == "data_back":
        # Outages that began together may end apart, and both be told in the first slot that was missed.
        apart = "/" + min(outage.name for outage in said.outages)
    return f"{pipeline}/{said.kind}/{said.subject}/{stamp(said.slot)}{apart}"


def draft(
    said: Said,
    pipeline: str,
    scenes: Mapping[str, Scene],
    rows: Mapping[str, Mapping[str, Any]],
    language: Language = "en",
    zone: str = "UTC",
) -> Draft:
    """Return the message of what one slot gave to say of one episode or outage.

    Parameters
    ----------
    said : Said
        What there is to say.
    pipeline : str
        Name of the pipeline.
    scenes : mapping of str to Scene
        By metric; a metric whose source failed may have none.
    rows : mapping of str to mapping
        By metric: its judgement in that slot, where there is one; for what is said of outages.
    language : {"en", "ru"}, default "en"
        What the message is written in.
    zone : str, default "UTC"
        Where what is said of outages is told the time.
    """
    phrases = LANGUAGES[language]
    if said.outages:
        return _about_outages(said, pipeline, scenes, rows, zone, language)
    about = gravest_first(said)
    facts = leading(about, lambda pair: incident_paragraph(said, *pair, scenes, phrases), phrases)
    shown = [scenes[incident.metric] for incident, _ in about[:TOLD_IN_FULL] if incident.metric in scenes]
    if shown:
        monitor = shown[0].monitor
        facts.append(Fact(phrases.span(shown[0].slot, shown[0].slot + monitor.slot_length, monitor.timezone), ()))
    return Draft(
        key=key_of(said, pipeline),
        slot=said.slot,
        headline=_headline(said, about, phrases),
        alerts=tuple(_alert(said, pipeline, incident, now, scenes) for incident, now in about),
        facts=tuple(facts),
        sketches=_sketches(said, about[:PICTURED], scenes, phrases),
        links=links_of(scene.metric for scene in shown),
        replies_to=None if said.kind == "opened" else opened_key(pipeline, said.subject),
        language=language,
    )


def links_of(metrics: Iterable[Metric]) -> dict[str, str]:
    """Return the links of metrics; a label that two metrics use for two places is told apart by the metric."""
    links: dict[str, str] = {}
    for metric in metrics:
        for label, url in metric.links.items():
            links[label if links.get(label, url) == url else f"{label} ({metric.name})"] = url
    return links


def _alert(said: Said, pipeline: str, incident: Incident, now: Observation, scenes: Mapping[str, Scene]) -> Alert:
    numbers = {name: getattr(now, name) for name in NUMBERS}
    return Alert(
        kind=said.kind,
        pipeline=pipeline,
        metric=incident.metric,
        slot=scenes[incident.metric].slot if incident.metric in scenes else said.slot,
        direction=incident.direction,
        incident=incident.key,
        **numbers,
    )


def _about_outages(
    said: Said,
    pipeline: str,
    scenes: Mapping[str, Scene],
    rows: Mapping[str, Mapping[str, Any]],
    zone: str,
    language: Language,
) -> Draft:
    phrases = LANGUAGES[language]
    outages = _outages_of(said, scenes)
    alerts = tuple(
        Alert(
            kind=said.kind,
            pipeline=pipeline,
            metric=metric,
            slot=said.slot,
            direction=None,
            incident=outages.get(metric, said.subject),
            **{name: float(row.get(name, float("nan"))) for name in NUMBERS},
        )
        for metric, row in rows.items()
    )
    return Draft(
        key=key_of(said, pipeline),
        slot=said.slot,
        headline=outage_headline(said, phrases),
        alerts=alerts,
        facts=outage_facts(said, alerts, zone, phrases),
        # What is back is told once for outages that began apart: it follows the first of them.
        replies_to=_first_key(pipeline, said.outages[0].kind, said.subject) if said.kind == "data_back" else None,
        language=language,
    )


def _outages_of(said: Said, scenes: Mapping[str, Scene]) -> dict[str, str]:
    """Return the outage of each metric, as far as it is known: those that end together may have begun apart."""
    sources = {outage.monitor: outage.told for outage in said.outages if outage.metric is None}
    of_sources = {metric: sources[s.monitor.name] for metric, s in scenes.items() if s.monitor.name in sources}
    return {**of_sources, **{outage.metric: outage.told for outage in said.outages if outage.metric is not None}}


def _headline(said: Said, about: Sequence[tuple[Incident, Observation]], phrases: Phrases) -> str:
    if said.kind == "resolved":
        return headline_of_end([incident for incident, _ in about], phrases)
    metrics = listed([_named(incident, now, phrases) for incident, now in about], phrases, NAMED_IN_HEADLINE)
    sign = "▼" if about[0][0].direction == "down" else "▲"
    # What joins begins with this slot; what got worse began before.
    joined = said.kind == "worsened" and all(incident.start == incident.last for incident, _ in about)
    sentence: str = phrases.joined if joined else getattr(phrases, said.kind)
    return f"{sign} {sentence.format(metrics=metrics)}"


def _named(incident: Incident, now: Observation, phrases: Phrases) -> str:
    # Where the detector has got used to the incident, it says little how far the value is from what it was.
    known = now.deviation == now.deviation and incident.staying is None
    return f"{incident.metric} {phrases.change(now.value, now.expected, now.deviation)}" if known else incident.metric


def _sketches(
    said: Said, about: Sequence[tuple[Incident, Observation]], scenes: Mapping[str, Scene], phrases: Phrases
) -> tuple[Sketch, ...]:
    sketches = []
    for incident, now in about:
        if incident.metric in scenes:
            try:
                sketches.append(_sketch(said, incident, now, scenes[incident.metric], phrases))
            except BaseException as error:
                if ends_the_run(error):
                    raise
                # A detector may fail on a whole day; the text must not depend on it.
                logger.warning("no picture of %r: %s: %s", incident.metric, type(error).__name__, text_of(error))
    return tuple(sketches)


def _sketch(said: Said, incident: Incident, now: Observation, scene: Scene, phrases: Phrases) -> Sketch:
    if said.kind == "resolved":
        change = phrases.change(incident.peak.value, incident.peak.expected, incident.peak.deviation)
        return scene.incident(incident, f"{incident.metric}: {phrases.depth.format(change=change)}")
    return scene.day(_named(incident, now, phrases))
