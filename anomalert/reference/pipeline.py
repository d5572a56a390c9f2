"""The reference alert set: six metrics of a social app's feed and messenger, as one pipeline.

Called by users and the demo; calls the layers below it by their public names.
"""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

import pandas as pd

from anomalert.detector import Detector
from anomalert.detectors import DayLagRatio, WeeklyAverage
from anomalert.interfaces import Notifier
from anomalert.ledger import Ledger
from anomalert.metric import Metric
from anomalert.monitor import Monitor
from anomalert.phrases import Language
from anomalert.pipeline import Pipeline
from anomalert.policy import Policy
from anomalert.reference.events import TIMEZONE
from anomalert.sources import ClickHouseClient, ClickHouseSource

__all__ = ["feed_messenger"]


def feed_messenger(
    connection: Mapping[str, Any] | None = None,
    notifiers: Sequence[Notifier] = (),
    ledger: Ledger | None = None,
    *,
    client: ClickHouseClient | None = None,
    timezone: str = TIMEZONE,
    settle: str | pd.Timedelta = "0s",
    language: Language = "ru",
    links: Mapping[str, str] | None = None,
) -> Pipeline:
    """Return the pipeline that watches feed and messenger every 15 minutes.

    ================= ==================================== ==============================================
    metric            is, per slot                         compared with
    ================= ==================================== ==============================================
    ``users_feed``    distinct users of the feed           mean of the same slot over the previous 7 days
    ``views``         views                                the same
    ``likes``         likes                                the same
    ``ctr``           likes / views                        the same
    ``users_message`` distinct senders                     the same slot 3 days earlier
    ``sent_message``  messages sent                        mean of the same slot over the previous 7 days
    ================= ==================================== ==============================================

    Each is an anomaly where its deviation exceeds one half. The tables ``feed_actions`` and ``message_actions`` are
    read by the queries in ``feed.sql`` and ``messages.sql`` beside this file.

    Parameters
    ----------
    connection : mapping, optional
        As pandahouse takes it: host, database, user, password.
    notifiers : sequence of Notifier, optional
        Who is told.
    ledger : Ledger, optional
        The durable memory; without one every anomalous slot is told.
    client : ClickHouseClient, optional
        In place of `connection`: another way to the database.
    timezone : str, default "Europe/Moscow"
        Whose wall clock decides what the same slot on another day is.
    settle : str or Timedelta, default "0s"
        How long after its end a slot is waited for. A scheduler that starts runs on the quarter hour would tell a
        whole slot later with more than that.
    language : {"ru", "en"}, default "ru"
        What messages are written in.
    links : mapping of str to str, optional
        Label to URL, put into every alert: dashboards that help find the cause.

    Returns
    -------
    Pipeline

    Examples
    --------
    >>> connection = {"host": "http://127.0.0.1:8123", "database": "social", "user": "reader", "password": "..."}
    >>> feed_messenger(connection)  # doctest: +NORMALIZE_WHITESPACE
    Pipeline 'feed_messenger': watches feed (users_feed, views, likes, ctr), messages (users_message, sent_message);
    tells nobody; without a ledger, so it remembers nothing
    """

    def monitor(name: str, metrics: Sequence[Metric]) -> Monitor:
        query = files(__package__).joinpath(f"{name}.sql").read_text(encoding="utf-8")
        source = ClickHouseSource(query, connection, client=client, name=name)
        return Monitor(source, metrics, slot="15min", timezone=timezone, settle=settle)

    def count(name: str, detector: Detector) -> Metric:
        return Metric(name, detector, absent="zero", policy=_EVERY, links=links or {})

    week = WeeklyAverage(days=7, threshold=0.5)
    ctr = Metric("ctr", week, denominator="views", policy=_EVERY, links=links or {})
    feed = [count("users_feed", week), count("views", week), count("likes", week), ctr]
    # The number of users who write repeats every three days, so its past is the slot three days earlier.
    messenger = [count("users_message", DayLagRatio(days=3, threshold=0.5)), count("sent_message", week)]
    return Pipeline(
        [monitor("feed", feed), monitor("messages", messenger)],
        notifiers,
        ledger,
        name="feed_messenger",
        language=language,
    )


_EVERY = Policy(min_volume=0)
"""The alert set that is reproduced tells every anomaly, however few events are behind it."""
