"""The reference alert set, set up by Airflow's Connections and Variables: what the tasks of both DAG files import.

It holds no DAG and loads pandas, so `.airflowignore` keeps it from being parsed.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from airflow.sdk import Connection, Variable

from anomalert import Ledger, Message, Pipeline, TelegramNotifier
from anomalert.reference import feed_messenger


def pipeline() -> Pipeline:
    """Return the pipeline; called in a task, so that parsing asks for no connection."""
    clickhouse, telegram = Connection.get("clickhouse"), Connection.get("telegram")
    chat = TelegramNotifier(
        telegram.password or "",
        telegram.host or "",
        api_url=telegram.extra_dejson.get("api_url", "https://api.telegram.org"),
    )
    return feed_messenger(
        {
            "host": f"{clickhouse.conn_type}://{clickhouse.host}:{clickhouse.port}",
            "database": clickhouse.schema,
            "user": clickhouse.login,
            "password": clickhouse.password,
        },
        notifiers=[chat, PictureFolder(Path(Variable.get("alerts_pictures")))],
        # On a disk of the worker, or with several workers "postgresql://...".
        ledger=Ledger(Variable.get("alerts_ledger")),
    )


def pipeline_of(metric: str) -> Pipeline:
    """Return a pipeline that watches one metric; by its name it has a memory of its own in the same ledger."""
    whole = pipeline()
    (monitor,) = [replace(each, metrics=[m]) for each in whole.monitors for m in each.metrics if m.name == metric]
    return Pipeline([monitor], whole.notifiers, whole.ledger, name=f"{whole.name}/{metric}", language=whole.language)


@dataclass(frozen=True)
class PictureFolder:
    """Keep the pictures of messages as files. The receipt says where, and so does the report that becomes an XCom."""

    directory: Path
    name: str = "pictures"

    def send(self, message: Message) -> str | None:
        """Draw what there is to draw; sent again, a message overwrites its own files."""
        self.directory.mkdir(parents=True, exist_ok=True)
        places = [self.directory / f"{picture.name}.png" for picture in message.pictures]
        for place, picture in zip(places, message.pictures, strict=True):
            place.write_bytes(picture.draw())
        return " ".join(place.as_uri() for place in places) or None
