"""Where the values come from: frames, functions, and a query on a ClickHouse.

Each is a `Source`; monitors know them by that seam only.
"""

from anomalert.sources.clickhouse import ClickHouseSource
from anomalert.sources.clickhouse_clients import ChdbClient, ClickHouseConnectClient, PandahouseClient
from anomalert.sources.clickhouse_seam import ClickHouseClient, QueryError
from anomalert.sources.frame import FrameSource

__all__ = [
    "ChdbClient",
    "ClickHouseClient",
    "ClickHouseConnectClient",
    "ClickHouseSource",
    "FrameSource",
    "PandahouseClient",
    "QueryError",
]
