"""What an answer of the Bot API means: which outcome, and what a person can do about it.

Pure functions of a status and a body. `telegram` and `telegram_sending` call this; it calls `plain_text`.
"""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from anomalert.errors import DeliveryError, NotSentError, Outcome, RejectedError, UnknownOutcomeError
from anomalert.notifiers.plain_text import visible
from anomalert.redaction import Secret, redact

__all__ = ["Answer", "error_of", "read_answer"]

LONGEST_DESCRIPTION = 300

MARKUP = re.compile(r"can't parse|\bentit(y|ies)\b|\bbutton|keyboard|reply.?markup", re.IGNORECASE)
ADDRESS = re.compile(r"chat not found|chat_id|peer_id|thread|topic|upgraded|deactivated", re.IGNORECASE)


@dataclass(frozen=True)
class Answer:
    """What became of one request.

    Parameters
    ----------
    outcome : {"accepted", "not_sent", "rejected", "unknown"}
        Accepted only if a message id came back.
    text : str
        What happened, without secrets.
    message_id : int, optional
        Of the accepted message; of an album, its first.
    code : int, optional
        The Bot API's error code, if it answered with one.
    retry_after : float, optional
        Seconds after which it accepts again.
    migrate_to : int, optional
        The chat's new id, if the group became a supergroup.
    may_repeat : bool
        Certainly not delivered, for a cause that may pass: try again freely.
    ok : bool
        The Bot API said yes, be it to a message or to something else.
    """

    outcome: Outcome
    text: str
    message_id: int | None = None
    code: int | None = None
    retry_after: float | None = None
    migrate_to: int | None = None
    may_repeat: bool = False
    ok: bool = False

    @property
    def refuses_markup(self) -> bool:
        """Telegram could not read our formatting or buttons: the plain text will do."""
        return self.code == 400 and MARKUP.search(self.text) is not None

    @property
    def refuses_content(self) -> bool:
        """Telegram refused what was sent and not where to: another form of the message may be accepted."""
        return self.code in (400, 413) and ADDRESS.search(self.text) is None


def read_answer(status: int, content: bytes, secrets: Sequence[Secret] = ()) -> Answer:
    """Return what an HTTP answer says: accepted only with a message id, rejected only in the API's own words.

    Parameters
    ----------
    status : int
        HTTP status.
    content : bytes
        The body, perhaps cut.
    secrets : sequence of Secret
        Kept out of the answer's text.

    Examples
    --------
    >>> read_answer(200, b'{"ok": true, "result": {"message_id": 7}}').message_id
    7
    >>> read_answer(200, b'{"ok": true, "result": {"messa').outcome
    'unknown'
    >>> read_answer(403, b"<html>this page is blocked</html>").outcome
    'unknown'
    """
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        return Answer("unknown", _unusable(status, content))
    if answer.get("ok") is True and 200 <= status < 300:
        message_id = _message_id(answer.get("result"))
        if message_id is not None:
            return Answer("accepted", "accepted", message_id, ok=True)
        return Answer("unknown", f"Telegram answered {status} and ok, but gave no message id", ok=True)
    return _refusal(status, answer, secrets)


def error_of(answer: Answer, chat_id: int | str, topic_id: int | None) -> DeliveryError:
    """Return the error that tells of an answer that was no acceptance."""
    if answer.outcome == "not_sent":
        return NotSentError(f"no message went to Telegram chat {chat_id}: {answer.text}")
    if answer.outcome == "rejected":
        advice = _advice(answer, chat_id, topic_id)
        return RejectedError(f"{answer.text}. {advice}".rstrip(), retry_after=answer.retry_after)
    return UnknownOutcomeError(f"a message to Telegram chat {chat_id} may have arrived or not: {answer.text}")


def _refusal(status: int, answer: dict[str, Any], secrets: Sequence[Secret]) -> Answer:
    named = answer.get("error_code")
    code = named if _is_integer(named) else status
    words = visible(redact(str(answer.get("description", "")), secrets))[:LONGEST_DESCRIPTION]
    text = f"Telegram answered {code}: {words or 'no reason given'}"
    if answer.get("ok") is not False or not 400 <= code < 500 or status >= 500:
        return Answer("unknown", text)
    parameters = answer.get("parameters")
    extra = parameters if isinstance(parameters, dict) else {}
    migrate_to = extra.get("migrate_to_chat_id")
    return Answer(
        "rejected",
        text,
        code=code,
        retry_after=_seconds(extra.get("retry_after")) if code == 429 else None,
        migrate_to=migrate_to if _is_integer(migrate_to) else None,
    )


def _advice(answer: Answer, chat_id: int | str, topic_id: int | None) -> str:
    if answer.code in (401, 404):
        return "The bot's token was revoked or mistyped: take the current one from @BotFather"
    if answer.code == 403:
        return (
            f"The bot may not write to chat {chat_id}: add it to the chat again and let it post; "
            "in a private chat, the person has to press Start"
        )
    if answer.code == 429:
        when = "later" if answer.retry_after is None else f"after {answer.retry_after:.3g} s"
        return f"Too many messages went to chat {chat_id}: the bot may write again {when}"
    if re.search(r"thread|topic", answer.text, re.IGNORECASE):
        return f"Check `topic_id`, it is {topic_id}: the topic may be closed or deleted, or chat {chat_id} has none"
    if ADDRESS.search(answer.text):
        return (
            f"Check `chat_id`, it is {chat_id}: groups have negative ids, supergroups and channels begin with -100, "
            "and the bot has to be a member"
        )
    return ""


def _unusable(status: int, content: bytes) -> str:
    if 300 <= status < 400:
        return f"the server answered {status}, a redirect, which is not followed: the token would travel with it"
    return f"the server answered {status} with {len(content)} bytes that are no whole answer of the Bot API"


def _message_id(result: Any) -> int | None:
    message = result[0] if isinstance(result, list) and result else result
    message_id = message.get("message_id") if isinstance(message, dict) else None
    return message_id if _is_integer(message_id) and message_id > 0 else None


def _seconds(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) and value >= 0 else None


def _is_integer(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
