"""Run by Dagster's Python: ask the schedule of a file what it starts at an instant, and print that as JSON."""

import importlib.util
import json
import sys
from datetime import datetime

HEAVY = ("matplotlib", "scipy", "pandas", "anomalert")


def main(place: str, instant: str) -> None:
    """Print the partitions that are started, and which heavy modules were loaded by reading the file."""
    import dagster

    spec = importlib.util.spec_from_file_location("definitions", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    repository = module.definitions.get_repository_def()
    (schedule,) = repository.schedule_defs
    context = dagster.build_schedule_context(
        scheduled_execution_time=datetime.fromisoformat(instant), repository_def=repository
    )
    requests = schedule.evaluate_tick(context).run_requests
    loaded = [name for name in HEAVY if name in sys.modules]
    print(json.dumps({"partitions": [each.partition_key for each in requests], "loaded": loaded}))


if __name__ == "__main__":
    main(*sys.argv[1:])
