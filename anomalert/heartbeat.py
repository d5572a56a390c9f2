"""The signal to an outside watcher that a run began, went well or failed: nobody else can tell that we stopped.

Pipelines call this; it calls nothing of the package but `errors`.
"""

import logging
import urllib.error
import urllib.request
from typing import Literal
from urllib.parse import urlsplit

from anomalert.errors import ConfigurationError
from anomalert.redaction import Secret

__all__ = ["Heartbeat"]

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 5.0


class Heartbeat:
    """A URL that is asked for with ``/start`` when a run begins, as it is after success, with ``/fail`` else.

    This is the protocol of common cron monitors. The URL is a secret: who knows it can pretend that we live.

    Parameters
    ----------
    url : str
        http or https.
    """

    def __init__(self, url: str) -> None:
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise ConfigurationError("`heartbeat` is no http or https URL")
        self._url = Secret(url.rstrip("/"))

    def ping(self, signal: Literal["start", "success", "fail"]) -> None:
        """Send a signal; a watcher that cannot be reached must not fail a run, so that is only logged."""
        url = self._url.reveal() + ("" if signal == "success" else f"/{signal}")
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS):  # noqa: S310 - the scheme was checked
                pass
        except (urllib.error.URLError, OSError) as error:
            # Not the text of the error: it may hold the URL.
            logger.warning("the heartbeat %s could not be sent: %s", signal, type(error).__name__)

    def __repr__(self) -> str:
        return "Heartbeat(***)"
