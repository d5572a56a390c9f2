"""What is done about a ledger that was damaged or lost: it is moved aside, and people are told what is forgotten.

Pipelines call this; it calls `messages` and a ledger by what it exports.
"""

from dataclasses import replace

import pandas as pd

from anomalert.episodes import NUMBERS, stamp
from anomalert.errors import LedgerDamagedError, LedgerError
from anomalert.interfaces import Alert, Fact
from anomalert.ledger import Ledger, LedgerSession
from anomalert.ledger.records import Loss
from anomalert.messages import Draft
from anomalert.phrases import LANGUAGES, Language

__all__ = ["doubtful", "loss_draft", "loss_of", "moved_aside"]


def moved_aside(ledger: Ledger, instant: pd.Timestamp) -> str:
    """Move a damaged ledger aside, and return in words where it is; not being able to must not stop a run."""
    try:
        moved = ledger.move_aside(instant)
    except LedgerError as error:
        return f"; it could not be moved aside: {error}"
    return "" if moved is None else f"; it was moved to {moved}, and a new one begun"


def loss_of(session: LedgerSession, trouble: LedgerError | None) -> Loss | None:
    """Return what was forgotten, if the ledger that is open now knows nothing of a pipeline that was remembered before.

    Parameters
    ----------
    session : LedgerSession
        Before anything is recorded in it.
    trouble : LedgerError, optional
        What befell the ledger in this run; a run that was killed before it could tell has left none.
    """
    loss = session.loss()
    if loss is None and isinstance(trouble, LedgerDamagedError) and session.state() is None:
        return Loss(None, None)
    return loss


def loss_draft(
    loss: Loss, trouble: LedgerError | None, pipeline: str, slot: pd.Timestamp, zone: str, language: Language
) -> Draft:
    """Return the message that says what was forgotten: since when, where it lies now, and what follows.

    Parameters
    ----------
    loss : Loss
        What is known of it.
    trouble : LedgerError, optional
        Which damage this run has found, and where it has moved the file.
    pipeline : str
        Whose memory it was.
    slot : pandas.Timestamp
        The newest slot: the only one that is judged now.
    zone, language : str
        Which time and which words it is told in.
    """
    phrases = LANGUAGES[language]
    until, now = (phrases.instant(each, zone) for each in (loss.newest or slot, slot))
    known = phrases.known_until if loss.newest is not None else phrases.known_until_when
    why = phrases.gone if loss.moved is None else phrases.moved_aside.format(place=loss.moved)
    said = (
        known.format(until=until, now=now),
        phrases.told_again,
        str(trouble) if isinstance(trouble, LedgerDamagedError) else why,
    )
    key = f"{pipeline}/ledger_lost/{stamp(slot)}"
    alert = Alert(
        kind="ledger_lost",
        pipeline=pipeline,
        metric="",
        slot=slot,
        direction=None,
        incident=key,
        **dict.fromkeys(NUMBERS, float("nan")),
    )
    facts = tuple(Fact(each, ()) for each in said)
    return Draft(key, slot, phrases.ledger_lost, (alert,), facts, language=language)


def doubtful(each: Draft, reason: str) -> Draft:
    """Return a message that says that it may be a repeat, because of what befell the ledger."""
    phrases = LANGUAGES[each.language]
    note = Fact(phrases.memory_lost.format(reason=reason), ())
    return replace(each, headline=phrases.may_repeat.format(headline=each.headline), facts=(*each.facts, note))
