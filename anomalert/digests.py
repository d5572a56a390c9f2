"""Several messages as one: what happened while nothing could be told, and what may not have arrived.

Its headline is all that a phone shows, so it names the gravest; inside, what is not known to be over comes before what
is, and what is grave before what is light. Channels call this; it calls `messages` and `phrases`.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import accumulate, chain, count

from anomalert.errors import LedgerDamagedError
from anomalert.interfaces import Alert, Fact
from anomalert.ledger.records import StoredMessage
from anomalert.messages import PICTURED, Draft
from anomalert.phrases import LANGUAGES, NAMED_IN_HEADLINE, Phrases
from anomalert.scenes import Sketch, sketch_name

__all__ = [
    "UNSURE",
    "digest",
    "digest_key",
    "draft_of",
    "goes_as_it_is",
    "headlines",
    "is_unsure_digest",
    "unsure_count",
    "unsure_digest",
    "unsure_lines",
]

UNSURE = "unsure"
"""How the keys of digests begin that name what may not have arrived."""

LINES_TOLD = 60
"""After so many lines of numbers a digest goes on with headlines: it must stay short enough to be sent and read."""

OF_INCIDENTS = ("opened", "worsened", "reminder", "resolved")
ENDS = ("resolved", "data_back")

PICTURED_FIRST = ("opened", "worsened", "reminder")
LAST = (len(PICTURED_FIRST), True, 0.0)


def digest_key(kind: str, notifier: str, keys: Sequence[str]) -> str:
    """Return a key made from what a digest stands for, so that two of one slot never share one."""
    content = hashlib.sha256("\n".join(keys).encode()).hexdigest()[:16]
    return f"{kind}/{notifier}/{content}"


def draft_of(message: StoredMessage) -> Draft:
    """Return what a stored message was written as."""
    try:
        return Draft.from_dict(message.body)
    except (KeyError, TypeError, ValueError) as error:
        raise LedgerDamagedError(f"message {message.key} in the ledger cannot be read: {error!r}") from error


def is_unsure_digest(message: StoredMessage) -> bool:
    """Whether a stored message names what may not have arrived."""
    return message.key.startswith(f"{UNSURE}/")


def goes_as_it_is(message: StoredMessage, beside: Sequence[Draft]) -> bool:
    """Whether one late message needs no digest: nothing goes beside it, or it is one that would say the same again."""
    if not beside or is_unsure_digest(message):
        return True
    known = draft_of(message)
    anew = digest([known], message.key, beside)
    return (anew.headline, anew.facts) == (known.headline, known.facts)


def digest(drafts: Sequence[Draft], key: str, beside: Sequence[Draft] = ()) -> Draft:
    """Return one message for those that are late: what happened while nothing could be told.

    If one of them says that it may be a repeat, so does the whole. Each is named by its headline, also where there are
    too many numbers to tell. One alone answers what it would have answered.

    Parameters
    ----------
    drafts : sequence of Draft
        At least one, the oldest first; may be digests themselves.
    key : str
        Of the digest.
    beside : sequence of Draft
        What is told at the same time in messages of its own: it may be the end of something in here.
    """
    phrases = LANGUAGES[drafts[0].language]
    mark = phrases.may_repeat.format(headline="")
    may_repeat = any(each.headline.endswith(mark) for each in drafts)
    parts = [part for each in drafts for part in (each.parts or (replace(each, sketches=()),))]
    going_on, over = _by_gravity(parts, beside)
    ordered = [*going_on, *over]
    facts = _shortened([_folded(each) for each in ordered])
    if going_on and over:
        facts.insert(len(going_on), Fact(phrases.over, ()))
    total = sum(each.folded or 1 for each in drafts)
    sentence = phrases.digest.format(messages=phrases.messages(total))
    return replace(
        drafts[-1],
        key=key,
        headline=_headline(sentence, going_on, over, phrases) + (mark if may_repeat else ""),
        alerts=tuple(alert for each in ordered for alert in each.alerts),
        facts=tuple(facts),
        sketches=_gravest_sketches(drafts, going_on, over),
        links=_links(ordered),
        replies_to=drafts[0].replies_to if len(drafts) == 1 else None,
        folded=total,
        parts=tuple(ordered),
    )


def unsure_digest(drafts: Sequence[Draft], key: str) -> Draft:
    """Return one message for those that may not have arrived: it says so, and that it may repeat them."""
    phrases = LANGUAGES[drafts[0].language]
    whole = digest(drafts, key)
    if whole.folded == 1:
        said = phrases.unsure.format(headline=drafts[0].headline)
    else:
        going_on, over = _by_gravity(whole.parts, ())
        said = _headline(phrases.all_unsure.format(messages=phrases.messages(whole.folded)), going_on, over, phrases)
    return replace(whole, headline=phrases.may_repeat.format(headline=said))


def unsure_lines(messages: Sequence[StoredMessage], phrases: Phrases) -> list[str]:
    """Return what the next message says of those that may not have arrived: each is named."""
    return [phrases.unsure.format(headline=headline) for each in messages for headline in headlines(each)]


def unsure_count(messages: Sequence[StoredMessage], phrases: Phrases) -> str:
    """Return how many may not have arrived, in words that hold none of theirs."""
    return phrases.all_unsure.format(messages=phrases.messages(sum(len(headlines(each)) for each in messages)))


def headlines(message: StoredMessage) -> list[str]:
    """Return what a stored message says in short: its headline, or those of what it stands for."""
    return [str(part["headline"]) for part in message.body.get("parts") or (message.body,)]


def _folded(each: Draft) -> Fact:
    """Return a whole message as one paragraph."""
    return Fact(each.headline, tuple(line for fact in each.facts for line in (fact.heading, *fact.lines) if line))


def _shortened(facts: Sequence[Fact]) -> list[Fact]:
    """Return paragraphs, those without their lines for which there is no room any more."""
    told = accumulate(len(fact.lines) for fact in facts)
    return [fact if lines <= LINES_TOLD else replace(fact, lines=()) for fact, lines in zip(facts, told, strict=True)]


def _by_gravity(parts: Sequence[Draft], beside: Sequence[Draft]) -> tuple[list[Draft], list[Draft]]:
    """Return what is not known to be over, and what is; the gravest first, what follows a message right behind it."""
    ended = _ended([*parts, *beside])
    threads: dict[str, list[Draft]] = {}
    for part in parts:
        threads.setdefault(_thread(part), []).append(part)
    going_on: list[Draft] = []
    over: list[Draft] = []
    for thread in sorted(threads.values(), key=_depth_of_thread, reverse=True):
        (over if all(_is_over(part, ended) for part in thread) else going_on).extend(thread)
    return going_on, over


def _thread(each: Draft) -> str:
    """Return what the messages of one episode or outage share: the key of the first."""
    return each.replies_to or each.key


def _is_end(each: Draft) -> bool:
    return bool(each.alerts) and all(alert.kind in ENDS for alert in each.alerts)


def _ended(drafts: Iterable[Draft]) -> set[str | tuple[str, str]]:
    """Return what messages tell the end of: episodes by their thread, outages by name and metric.

    Sources that fail together may come back apart, and others that failed apart together.
    """
    ends = [each for each in drafts if _is_end(each)]
    outages = {(alert.incident, alert.metric) for each in ends for alert in each.alerts}
    return {_thread(each) for each in ends if each.alerts[0].kind == "resolved"} | outages


def _is_over(part: Draft, ended: set[str | tuple[str, str]]) -> bool:
    if _is_end(part) or not part.alerts:
        return _is_end(part)
    if part.alerts[0].kind in OF_INCIDENTS:
        return _thread(part) in ended
    return all((alert.incident, alert.metric) in ended for alert in part.alerts)


def _depth(alert: Alert) -> float:
    """Return how grave it is; of what nothing is seen, as grave as a drop to zero."""
    if alert.kind in ENDS:
        return 0.0
    if alert.kind in OF_INCIDENTS:
        return abs(alert.deviation) if alert.deviation == alert.deviation else 0.0
    return 1.0


def _depth_of_thread(thread: Sequence[Draft]) -> float:
    return max((_depth(alert) for part in thread for alert in part.alerts), default=0.0)


def _headline(sentence: str, going_on: Sequence[Draft], over: Sequence[Draft], phrases: Phrases) -> str:
    """Return a sentence with the gravest of what is going on, or of what was."""
    named: dict[str, tuple[float, str]] = {}
    for part in going_on or over:
        for what, depth, text in _named(part, phrases):
            named[what] = max(named.get(what, (-1.0, text)), (depth, text), key=lambda pair: pair[0])
    gravest = sorted(named.values(), key=lambda pair: -pair[0])[:NAMED_IN_HEADLINE]
    if len(over) == 1 and not going_on and not gravest:  # The return of data without its loss, which was told before.
        gravest = [(0.0, _unmarked(over[0], phrases))]
    if not gravest:
        return sentence
    return (phrases.gravest if going_on else phrases.all_over).format(
        sentence=sentence, gravest=", ".join(text for _, text in gravest)
    )


def _named(part: Draft, phrases: Phrases) -> list[tuple[str, float, str]]:
    """Return what a message is about, how grave each is, and how it is named in a headline."""
    if not part.alerts or part.alerts[0].kind not in OF_INCIDENTS:
        said = _unmarked(part, phrases)
        return [(said, 1.0, said)] if part.alerts and not _is_end(part) else []
    return [(alert.metric, _depth(alert), _changed(alert, phrases)) for alert in part.alerts]


def _unmarked(part: Draft, phrases: Phrases) -> str:
    return part.headline.removesuffix(phrases.may_repeat.format(headline=""))


def _changed(alert: Alert, phrases: Phrases) -> str:
    if alert.kind in ENDS or alert.deviation != alert.deviation:
        return alert.metric
    return f"{alert.metric} {phrases.change(alert.value, alert.expected, alert.deviation)}"


def _links(parts: Iterable[Draft]) -> dict[str, str]:
    """Return all links; a label that two messages use for two places is told apart by a message's first metric."""
    links: dict[str, str] = {}
    for part in parts:
        for label, url in (part.links or {}).items():
            apart = part.alerts[0].metric if part.alerts else part.key
            others = (f"{label} ({apart})" if number < 2 else f"{label} ({apart}, {number})" for number in count(1))
            links[next(each for each in chain([label], others) if links.get(each, url) == url)] = url
    return links


def _gravest_sketches(drafts: Iterable[Draft], going_on: Sequence[Draft], over: Sequence[Draft]) -> tuple[Sketch, ...]:
    """Return the pictures of what opened, then of what went on and of what ended; of each what is over by now last."""
    ranks: dict[str, tuple[int, bool, float]] = {}
    for number, part in enumerate([*going_on, *over]):
        for alert in part.alerts:
            kind = PICTURED_FIRST.index(alert.kind) if alert.kind in PICTURED_FIRST else len(PICTURED_FIRST)
            name = sketch_name(alert.metric, alert.slot)
            ranks[name] = min(ranks.get(name, LAST), (kind, number >= len(going_on), -_depth(alert)))
    sketches = [sketch for each in drafts for sketch in each.sketches]
    return tuple(sorted(sketches, key=lambda sketch: ranks.get(sketch.name, LAST))[:PICTURED])
