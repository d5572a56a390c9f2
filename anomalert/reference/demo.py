"""The demo: two weeks of seeded events in an embedded ClickHouse, ending in an incident that is told.

Called by the command line; calls the rest of `anomalert.reference` as a user would.
"""

import sys
import tempfile

import pandas as pd
from tqdm import tqdm

from anomalert.interfaces import RunReport
from anomalert.notifiers import ConsoleNotifier
from anomalert.phrases import Language
from anomalert.reference.events import TIMEZONE, generate_events
from anomalert.reference.pipeline import feed_messenger
from anomalert.reference.planted import PlantedIncident
from anomalert.reference.tables import create_tables, load_events
from anomalert.sources import ChdbClient

__all__ = ["run_demo"]

DAYS = 15
FIRST_DAY = pd.Timestamp("2026-10-26", tz=TIMEZONE)
AT = pd.Timestamp("2026-11-09 18:30", tz=TIMEZONE)


def run_demo(directory: str = "alerts", language: Language = "en", seed: int = 1) -> RunReport:
    """Fill an embedded ClickHouse, run the reference on its last slot, print the alerts.

    In the last hour one platform, two thirds of the users, loses 90 % of its feed.

    Parameters
    ----------
    directory : str, default "alerts"
        Where the pictures go.
    language : {"en", "ru"}, default "en"
        What the messages are written in.
    seed : int, default 1
        Of the events.
    """
    incident = PlantedIncident("partial_drop", AT - pd.Timedelta("1h"), AT, "feed_actions")
    with tempfile.TemporaryDirectory() as folder:
        client = ChdbClient(folder, database="demo")
        create_tables(client.session.query, "demo")
        for day in tqdm(pd.date_range(FIRST_DAY, periods=DAYS), "filling an embedded ClickHouse", unit="day"):
            feed, messages = (rows[rows["arrived"] < AT] for rows in generate_events(day, 1, seed, [incident]))
            load_events(client.session, feed, messages, "demo")
        pipeline = feed_messenger(client=client, notifiers=[ConsoleNotifier(directory)], language=language)
        sys.stderr.write(f"running {pipeline}\n")
        return pipeline.run(at=AT)
