"""From what there is to say to messages: headline, numbers, links and pictures, in the languages there are.

Plain text only; a channel's markup is its notifier's. A `Draft` is a message as plain data, so that it can wait in a
ledger; `Draft.message` makes what a notifier sends. Pipelines call this; it calls `scenes` and what lies below.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import pandas as pd

from anomalert.incidents import Incident, Observation, Said
from anomalert.interfaces import Alert, Fact, Message
from anomalert.phrases import LANGUAGES, Language, Phrases
from anomalert.scenes import Scene, Sketch

__all__ = ["Draft", "digest", "draft"]

NAMED_IN_HEADLINE = 3


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
        return Message(
            key=self.key,
            alerts=self.alerts,
            headline=phrases.may_repeat.format(headline=self.headline) if may_repeat else self.headline,
            facts=(*self.facts, *(Fact(note, ()) for note in notes)),
            links=self.links or {},
            pictures=tuple(sketch.picture(phrases.words) for sketch in self.sketches),
            reply_to=reply_to,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the draft as plain data that JSON can hold."""
        alerts = [{**asdict(a), "slot": a.slot.isoformat(), **_numbers(a)} for a in self.alerts]
        return {**asdict(self), "slot": self.slot.isoformat(), "alerts": alerts}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Draft":
        """Return the draft that `to_dict` gave."""
        numbers = {name: float("nan") for name in NUMBERS}
        alerts = (
            {**alert, **{name: numbers[name] if alert[name] is None else alert[name] for name in NUMBERS}}
            for alert in data["alerts"]
        )
        return cls(
            **{
                **data,
                "slot": pd.Timestamp(data["slot"]),
                "alerts": tuple(Alert(**{**alert, "slot": pd.Timestamp(alert["slot"])}) for alert in alerts),
                "facts": tuple(Fact(fact["heading"], tuple(fact["lines"])) for fact in data["facts"]),
                "sketches": tuple(Sketch(**sketch) for sketch in data["sketches"]),
            }
        )


NUMBERS = ("value", "expected", "lower", "upper", "deviation", "score")


def _numbers(alert: Alert) -> dict[str, float | None]:
    return {name: None if (value := getattr(alert, name)) != value else value for name in NUMBERS}


def draft(
    said: Said,
    pipeline: str,
    scenes: Mapping[str, Scene],
    rows: Mapping[str, Mapping[str, Any]],
    language: Language = "en",
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
    """
    phrases = LANGUAGES[language]
    if said.outages:
        return _about_outages(said, pipeline, rows, phrases, language)
    about = sorted(said.about, key=lambda pair: (-abs(pair[0].peak.deviation), pair[0].metric))
    facts = [_fact(said, incident, now, scenes, phrases) for incident, now in about]
    zone = next((scenes[i.metric].monitor for i, _ in about if i.metric in scenes), None)
    if zone is not None:
        facts.append(Fact(phrases.span(said.slot, said.slot + zone.slot_length, zone.timezone), ()))
    return Draft(
        key=f"{pipeline}/{said.kind}/{said.subject}/{said.slot:%Y%m%dT%H%MZ}",
        slot=said.slot,
        headline=_headline(said, about, phrases),
        alerts=tuple(_alert(said, pipeline, incident, now) for incident, now in about),
        facts=tuple(facts),
        sketches=tuple(_sketch(said, i, now, scenes[i.metric], phrases) for i, now in about if i.metric in scenes),
        links={k: v for i, _ in about if i.metric in scenes for k, v in scenes[i.metric].metric.links.items()},
        replies_to=None if said.kind == "opened" else f"{pipeline}/opened/{said.subject}/{said.subject.split('/')[-1]}",
        language=language,
    )


def digest(drafts: Sequence[Draft], key: str) -> Draft:
    """Return one message for several that are late: what happened while nothing could be told, the oldest first."""
    phrases = LANGUAGES[drafts[0].language]
    facts = [fact for each in drafts for fact in (each.facts if each.folded else (_folded(each),))]
    count = sum(each.folded or 1 for each in drafts)
    return replace(
        drafts[-1],
        key=key,
        headline=phrases.digest.format(count=count),
        alerts=tuple(alert for each in drafts for alert in each.alerts),
        facts=tuple(facts),
        replies_to=None,
        folded=count,
    )


def _folded(each: Draft) -> Fact:
    """Return a whole message as one paragraph."""
    return Fact(each.headline, tuple(line for fact in each.facts for line in (fact.heading, *fact.lines) if line))


def _alert(said: Said, pipeline: str, incident: Incident, now: Observation) -> Alert:
    numbers = {name: getattr(now, name) for name in NUMBERS}
    return Alert(
        kind=said.kind,
        pipeline=pipeline,
        metric=incident.metric,
        slot=said.slot,
        direction=incident.direction,
        incident=incident.key,
        **numbers,
    )


def _about_outages(
    said: Said, pipeline: str, rows: Mapping[str, Mapping[str, Any]], phrases: Phrases, language: Language
) -> Draft:
    sources = ", ".join(outage.monitor for outage in said.outages)
    first = min(outage.start for outage in said.outages)
    nothing = dict.fromkeys(NUMBERS, float("nan"))
    alerts = tuple(
        Alert(
            kind=said.kind,
            pipeline=pipeline,
            metric=metric,
            slot=said.slot,
            direction=None,
            incident=said.subject,
            **{name: float(row.get(name, nothing[name])) for name in NUMBERS},
        )
        for metric, row in rows.items()
    )
    facts = [
        Fact(phrases.heading.format(metric=a.metric), (phrases.expected.format(expected=_number(a.expected)),))
        for a in alerts
        if said.kind == "no_data" and a.expected == a.expected
    ]
    return Draft(
        key=f"{pipeline}/{said.kind}/{said.subject}/{said.slot:%Y%m%dT%H%MZ}",
        slot=said.slot,
        headline=getattr(phrases, said.kind).format(source=sources),
        alerts=alerts,
        facts=(*facts, Fact(phrases.since.format(start=f"{first:%Y-%m-%d %H:%M} UTC"), ())),
        # What is back is told once for outages that began apart: it follows the first of them.
        replies_to=f"{pipeline}/{said.outages[0].kind}/{said.subject}/{said.outages[0].start:%Y%m%dT%H%MZ}"
        if said.kind == "source_back"
        else None,
        language=language,
    )


def _headline(said: Said, about: Sequence[tuple[Incident, Observation]], phrases: Phrases) -> str:
    resolved = said.kind == "resolved"
    named = [
        incident.metric if resolved else f"{incident.metric} {phrases.change(now.value, now.expected, now.deviation)}"
        for incident, now in about[:NAMED_IN_HEADLINE]
    ]
    rest = len(about) - len(named)
    listed = ", ".join(named) + (f" {phrases.more.format(count=rest)}" if rest else "")
    sign = "✔" if resolved else "▼" if about[0][0].direction == "down" else "▲"
    sentence: str = getattr(phrases, said.kind)
    return f"{sign} {sentence.format(metrics=listed)}"


def _fact(said: Said, incident: Incident, now: Observation, scenes: Mapping[str, Scene], phrases: Phrases) -> Fact:
    lines = [
        phrases.value.format(value=now.value),
        phrases.deviation.format(size=abs(now.deviation)),
        phrases.usual.format(expected=_number(now.expected), lower=_number(now.lower), upper=_number(now.upper)),
    ]
    if said.kind != "opened" and incident.metric in scenes:
        zone = scenes[incident.metric].monitor
        end = incident.end or said.slot + zone.slot_length
        lines.append(
            phrases.lasted.format(
                span=phrases.span(incident.start, end, zone.timezone), duration=phrases.duration(end - incident.start)
            )
        )
        peak = incident.peak
        lines.append(phrases.depth.format(change=phrases.change(peak.value, peak.expected, peak.deviation)))
    return Fact(phrases.heading.format(metric=incident.metric), tuple(lines))


def _sketch(said: Said, incident: Incident, now: Observation, scene: Scene, phrases: Phrases) -> Sketch:
    if said.kind == "resolved":
        change = phrases.change(incident.peak.value, incident.peak.expected, incident.peak.deviation)
        return scene.incident(incident, said.slot, f"{incident.metric}: {phrases.depth.format(change=change)}")
    return scene.day(said.slot, f"{incident.metric} {phrases.change(now.value, now.expected, now.deviation)}")


def _number(value: float) -> str:
    return f"{value:.2f}" if abs(value) >= 1 or value == 0 else f"{value:.3g}"
