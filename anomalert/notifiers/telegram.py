"""Telegram as a channel: the notifier, its waits, and one request with a deadline.

The only module that knows `requests`. It calls `telegram_settings` for its arguments, `telegram_sending` for what to
send, `telegram_answers` for what an answer means and `telegram_connection` for the token. Pipelines call
`TelegramNotifier.send` through delivery.
"""

import logging
import random
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pandas as pd

from anomalert.interfaces import Message
from anomalert.notifiers.background import in_background
from anomalert.notifiers.plain_text import brief
from anomalert.notifiers.telegram_answers import Answer, error_of, read_answer
from anomalert.notifiers.telegram_connection import PLACEHOLDER, Attempt, fill_in_token
from anomalert.notifiers.telegram_sending import Request, deliver
from anomalert.notifiers.telegram_settings import (
    checked_api_url,
    checked_chat_id,
    checked_proxy,
    checked_token,
    credentials,
)
from anomalert.panel import as_duration
from anomalert.redaction import Secret, redact

if TYPE_CHECKING:
    import requests
    from requests.adapters import HTTPAdapter

__all__ = ["TelegramNotifier"]

logger = logging.getLogger(__name__)

HEADERS = {"User-Agent": "anomalert", "Accept-Encoding": "identity", "Connection": "close"}

LONGEST_ANSWER = 1 << 20
"""Bytes; real answers have a few thousand."""

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 4.0
"""Seconds between tries that certainly sent nothing; doubled each time."""

SHORTEST_FLOOD_WAIT = 0.1

PROBE_SECONDS = 5.0
"""What a question may take that nobody waits for but the end of the run."""


class TelegramNotifier:
    """Send messages to a Telegram chat, each as one post: picture, text under it, links as buttons.

    The text is the promise. A text too long for a caption goes first and its pictures follow as a reply; a text over
    4096 characters goes in several parts; pictures that are late (5 s), broken or refused are left out and told in
    the log. Whatever was written and not clearly answered is never sent again from here.

    Parameters
    ----------
    token : str or Secret
        The bot's token from @BotFather. It is never shown.
    chat_id : int or str
        The chat's number, or the @name of a public one. The bot has to be a member.
    topic_id : int, optional
        The topic of a forum (the API calls it ``message_thread_id``).
    deadline : str or pandas.Timedelta, default "20s"
        The longest that `send` may take in all, with drawing, waits and new tries.
    api_url : str
        The address of the Bot API: https, or a server on this machine.
    proxy : str or Secret, optional
        ``scheme://[user:password@]host:port``, with http, https or socks5h (``pip install 'requests[socks]'``).
    name : str, optional
        The channel's name in reports. Two Telegram channels of one pipeline need different ones.

    Notes
    -----
    Of the environment, only the proxies (``HTTPS_PROXY``, ``ALL_PROXY``, ``NO_PROXY``; `proxy` goes before them) and
    the certificates (``REQUESTS_CA_BUNDLE``, ``CURL_CA_BUNDLE``) are used, and neither for a server on this machine.

    The receipt is the id of the post that holds the text, or its first part. When a group becomes a supergroup, its
    new id is used for as long as this object lives, and told in the log.

    References
    ----------
    https://core.telegram.org/bots/api

    Examples
    --------
    >>> TelegramNotifier("123456:a-token", chat_id=-1001234567890, topic_id=7)
    TelegramNotifier(token=Secret('***'), chat_id=-1001234567890, topic_id=7, api_url='https://api.telegram.org')
    """

    def __init__(
        self,
        token: str | Secret,
        chat_id: int | str,
        *,
        topic_id: int | None = None,
        deadline: str | pd.Timedelta = "20s",
        api_url: str = "https://api.telegram.org",
        proxy: str | Secret | None = None,
        name: str | None = None,
    ) -> None:
        self.name = name
        self.topic_id = topic_id
        self.chat_id = checked_chat_id(chat_id)
        self.deadline = as_duration(deadline, "deadline")
        self.api_url = checked_api_url(api_url)
        self._token = checked_token(token)
        self._proxy = checked_proxy(proxy, self.api_url)
        self._silent_until = 0.0

    def __repr__(self) -> str:
        return (
            f"TelegramNotifier(token={self._token!r}, chat_id={self.chat_id!r}, topic_id={self.topic_id!r}, "
            f"api_url={self.api_url!r})"
        )

    def send(self, message: Message) -> str:
        """Deliver `message`; return the id of the post that holds its text.

        Raises
        ------
        NotSentError
            Nothing was written until the deadline: no such host, no connection, no TLS.
        RejectedError
            Telegram said no; the text says what to do, `retry_after` when it will accept again.
        UnknownOutcomeError
            Something was written, and no whole answer came back.
        """
        end = time.monotonic() + self.deadline.total_seconds()
        answer = deliver(message, lambda request: self._call(request, end), end)
        if answer.outcome == "accepted":
            return str(answer.message_id)
        # Raised here, outside of every handler, so that no foreign exception hangs on it as its context.
        raise error_of(answer, self.chat_id, self.topic_id)

    def probe(self) -> None:
        """Ask Telegram for the chat, which nobody sees; return if it answers.

        Raises
        ------
        NotSentError, RejectedError, UnknownOutcomeError
            There is no connection, Telegram says no, or it does not answer.
        """
        end = time.monotonic() + min(PROBE_SECONDS, self.deadline.total_seconds())
        answer = self._call(Request("getChat", {}), end)
        if not answer.ok:
            raise error_of(answer, self.chat_id, self.topic_id)

    def _call(self, request: Request, end: float) -> Answer:
        """Make one request, and again only after answers that say for certain that nothing was delivered."""
        has_moved = False
        pause = FIRST_PAUSE
        hindrance: Answer | None = None
        while True:
            # Again after each sleep: another thread may have been told to wait longer.
            while (silence := self._silent_until - time.monotonic()) > 0:
                if not _sleep_before(end, silence):
                    return Answer("rejected", "Telegram asked for a pause", code=429, retry_after=silence)
            answer = self._exchange(request, end)
            if answer.retry_after is not None:
                silent_until = time.monotonic() + max(answer.retry_after, SHORTEST_FLOOD_WAIT)
                self._silent_until = max(self._silent_until, silent_until)
                if self._silent_until >= end:
                    return answer
            elif answer.migrate_to is not None and not has_moved:
                has_moved = True
                self._move_to(answer.migrate_to)
            elif answer.may_repeat and _sleep_before(end, random.SystemRandom().uniform(pause / 2, pause)):
                hindrance, pause = answer, min(2 * pause, LONGEST_PAUSE)
            else:
                # The last try often ends by the deadline, and what hindered the ones before says more.
                return hindrance if hindrance is not None and answer.outcome == "not_sent" else answer

    def _move_to(self, chat_id: int) -> None:
        logger.warning(
            "Telegram group %s became supergroup %s: put the new chat_id into the configuration", self.chat_id, chat_id
        )
        self.chat_id = chat_id

    def _exchange(self, request: Request, end: float) -> Answer:
        """Make one request within the deadline, whatever hangs: name lookup, connection, upload or answer."""
        attempt = Attempt()
        seconds = max(0.0, end - time.monotonic())
        answer = in_background(lambda: self._post(request, attempt, seconds))
        try:
            return answer.result(timeout=seconds)
        except TimeoutError:
            pass
        finally:
            attempt.give_up()
        if attempt.written:
            return Answer("unknown", f"no whole answer came within the deadline of {self.deadline.total_seconds():g} s")
        return Answer("not_sent", f"no connection within the deadline of {self.deadline.total_seconds():g} s")

    def _post(self, request: Request, attempt: Attempt, seconds: float) -> Answer:
        import requests

        route: dict[str, Any] = {}
        try:
            prepared = self._prepared(request)
            route = self._route()
            with closing(_adapter(self._token, attempt)) as adapter:
                response = adapter.send(prepared, timeout=max(seconds, 0.001), **route)
                with closing(response):
                    return read_answer(response.status_code, _content(response), self._secrets(route))
        except Exception as error:  # noqa: BLE001 - it may show an address or a password, so none may get out
            reason = redact(brief(_root(error)), self._secrets(route))
            may_pass = isinstance(error, requests.RequestException) and not isinstance(error, ValueError)
        if attempt.written:
            return Answer("unknown", f"the connection broke after the request was written ({reason})")
        host = urlsplit(self.api_url).hostname
        return Answer("not_sent", f"no connection to {host} ({reason})", may_repeat=may_pass)

    def _prepared(self, request: Request) -> "requests.PreparedRequest":
        import requests

        topic = {} if self.topic_id is None else {"message_thread_id": str(self.topic_id)}
        return requests.Request(
            "POST",
            f"{self.api_url}/bot{PLACEHOLDER}/{request.method}",
            headers=HEADERS,
            data={"chat_id": str(self.chat_id), **topic, **request.form()},
            files={name: (f"{name}.png", png, "image/png") for name, png in request.files.items()},
        ).prepare()

    def _route(self) -> dict[str, Any]:
        """Return proxies and certificates. A session is used for nothing else: it would follow redirects and .netrc."""
        import requests

        with requests.Session() as session:
            session.trust_env = self.api_url.startswith("https:")
            proxies = {} if self._proxy is None else {"https": self._proxy.reveal()}
            return dict(session.merge_environment_settings(self.api_url, proxies, stream=True, verify=None, cert=None))

    def _secrets(self, route: dict[str, Any]) -> list[Secret]:
        proxies = route.get("proxies", {}).values()
        return [self._token, *(Secret(text) for proxy in proxies for text in credentials(proxy))]


def _adapter(token: Secret, attempt: Attempt) -> "HTTPAdapter":
    """Return an adapter for one request, whose connections fill in the token; it tries nothing again."""
    from requests.adapters import HTTPAdapter

    class TokenAdapter(HTTPAdapter):
        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
            super().init_poolmanager(*args, **kwargs)
            fill_in_token(self.poolmanager, token, attempt)

        def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
            manager = super().proxy_manager_for(*args, **kwargs)
            fill_in_token(manager, token, attempt)
            return manager

    return TokenAdapter(max_retries=0)


def _content(response: "requests.Response") -> bytes:
    """Return the body, or as much of it as came; a cut one is no whole JSON, and counts as no answer."""
    content = b""
    try:
        for chunk in response.iter_content(1 << 16):
            content += chunk
            if len(content) > LONGEST_ANSWER:
                break
    except OSError:
        logger.debug("Telegram's answer broke off after %d bytes", len(content))
    return content


def _root(error: BaseException) -> BaseException:
    """Return the innermost cause, such as "Connection refused", without the layers around it."""
    for _ in range(20):
        inner = error.__cause__ or error.__context__
        if inner is None:
            break
        error = inner
    return error


def _sleep_before(end: float, seconds: float) -> bool:
    """Sleep for `seconds` if that leaves time before `end`; tell whether it did."""
    if time.monotonic() + seconds >= end:
        return False
    time.sleep(seconds)
    return True
