"""The signal to an outside watcher that a run began, went well or failed: nobody else can tell that we stopped.

Pipelines call this; it calls `errors` and `redaction`.
"""

import logging
import urllib.request
from http.client import HTTPException
from threading import Thread
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from anomalert.errors import ConfigurationError
from anomalert.redaction import Secret

__all__ = ["Heartbeat"]

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 5.0
"""For the whole signal, names looked up and answers that drip included: a run waits for it."""


class Heartbeat:
    """A URL that is asked for with ``/start`` when a run begins, as it is after success, with ``/fail`` else.

    This is the protocol of common cron monitors. The URL is a secret: who knows it can pretend that we live.

    Parameters
    ----------
    url : str
        http or https.
    """

    def __init__(self, url: str) -> None:
        parts = _parts_of(url)
        if parts is None or parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
            raise ConfigurationError("`heartbeat` is no http or https URL, or has a user in it")
        self._url = Secret(url)

    def ping(self, signal: Literal["start", "success", "fail"]) -> None:
        """Send a signal; a watcher that cannot be reached must not fail a run, so that is only logged."""
        thread = Thread(target=self._send, args=(signal,), name="anomalert-heartbeat", daemon=True)
        thread.start()
        thread.join(TIMEOUT_SECONDS)
        if thread.is_alive():
            logger.warning("the heartbeat %s was not answered within %g s", signal, TIMEOUT_SECONDS)

    def _send(self, signal: Literal["start", "success", "fail"]) -> None:
        parts = urlsplit(self._url.reveal())
        # Into the path: a URL may end with options, such as the one that has a watcher make the check.
        path = parts.path.rstrip("/") + ("" if signal == "success" else f"/{signal}")
        try:
            with urllib.request.urlopen(parts._replace(path=path).geturl(), timeout=TIMEOUT_SECONDS):  # noqa: S310 - the scheme was checked
                pass
        except (OSError, HTTPException, ValueError) as error:
            # Not the text of the error: it may hold the URL.
            logger.warning("the heartbeat %s could not be sent: %s", signal, type(error).__name__)

    def __repr__(self) -> str:
        return "Heartbeat(***)"


def _parts_of(url: str) -> SplitResult | None:
    """Return the parts of a URL, None if it is none; the error of the parser would quote it."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts
