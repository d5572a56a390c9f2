"""The reference alert set, set up by the environment: what a scheduler's task or `anomalert run` imports.

::

    export CLICKHOUSE_HOST=http://127.0.0.1:8123 CLICKHOUSE_USER=reader CLICKHOUSE_PASSWORD=...
    export TELEGRAM_TOKEN=... TELEGRAM_CHAT=-1001234567890
    anomalert check social_alerts:pipeline
    anomalert run social_alerts:pipeline
"""

import os

from anomalert import Ledger, Pipeline, TelegramNotifier
from anomalert.reference import feed_messenger


def pipeline() -> Pipeline:
    """Return the pipeline; a function, so that importing this file opens nothing and needs no secret."""
    return feed_messenger(
        {
            "host": os.environ["CLICKHOUSE_HOST"],
            "database": os.environ.get("CLICKHOUSE_DATABASE", "social"),
            "user": os.environ["CLICKHOUSE_USER"],
            "password": os.environ["CLICKHOUSE_PASSWORD"],
        },
        notifiers=[
            TelegramNotifier(
                os.environ["TELEGRAM_TOKEN"],
                os.environ["TELEGRAM_CHAT"],
                api_url=os.environ.get("TELEGRAM_API", "https://api.telegram.org"),
            )
        ],
        ledger=Ledger(os.environ.get("ALERTS_LEDGER", "alerts.db")),
        language="ru",
    )
