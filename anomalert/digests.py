"""Several messages as one: what happened while nothing could be told, and what may not have arrived.

Channels call this; it calls `messages`.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from anomalert.interfaces import Fact
from anomalert.ledger.records import StoredMessage
from anomalert.messages import Draft
from anomalert.phrases import LANGUAGES

__all__ = ["UNSURE", "digest", "digest_key", "headlines", "unsure_digest"]

UNSURE = "unsure"
"""How the keys of digests begin that name what may not have arrived."""

LINES_TOLD = 60
"""Above so many lines of numbers a digest is of headlines only: it must stay short enough to be sent and read."""


def digest_key(kind: str, notifier: str, keys: Sequence[str]) -> str:
    """Return a key made from what a digest stands for, so that two of one slot never share one."""
    content = hashlib.sha256("\n".join(keys).encode()).hexdigest()[:16]
    return f"{kind}/{notifier}/{content}"


def digest(drafts: Sequence[Draft], key: str) -> Draft:
    """Return one message for several that are late: what happened while nothing could be told, the oldest first.

    If one of them says that it may be a repeat, so does the whole. Each is named by its headline, also where there are
    too many numbers to tell.
    """
    phrases = LANGUAGES[drafts[0].language]
    mark = phrases.may_repeat.format(headline="")
    may_repeat = any(each.headline.endswith(mark) for each in drafts)
    facts = [fact for each in drafts for fact in (each.facts if each.folded else (_folded(each),))]
    if sum(len(fact.lines) for fact in facts) > LINES_TOLD:
        facts = [replace(fact, lines=()) for fact in facts]
    count = sum(each.folded or 1 for each in drafts)
    return replace(
        drafts[-1],
        key=key,
        headline=phrases.digest.format(count=count) + (mark if may_repeat else ""),
        alerts=tuple(alert for each in drafts for alert in each.alerts),
        facts=tuple(facts),
        replies_to=None,
        folded=count,
    )


def unsure_digest(drafts: Sequence[Draft], key: str) -> Draft:
    """Return one message for those that may not have arrived: it says so, and that it may repeat them."""
    phrases = LANGUAGES[drafts[0].language]
    whole = digest(drafts, key)
    said = phrases.all_unsure.format(count=whole.folded)
    return replace(whole, headline=phrases.may_repeat.format(headline=said))


def headlines(message: StoredMessage) -> list[str]:
    """Return what a stored message says in short: its headline, or those of what it stands for."""
    body = message.body
    return [str(fact["heading"]) for fact in body["facts"]] if body["folded"] else [str(body["headline"])]


def _folded(each: Draft) -> Fact:
    """Return a whole message as one paragraph."""
    return Fact(each.headline, tuple(line for fact in each.facts for line in (fact.heading, *fact.lines) if line))
