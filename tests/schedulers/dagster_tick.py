"""Run by Dagster's Python: ask the schedule of a file what it starts at an instant, and print that as JSON."""

import importlib.util
import json
import sys
from datetime import datetime

import dagster

HEAVY = ("matplotlib", "scipy", "pandas", "anomalert")

spec = importlib.util.spec_from_file_location("definitions", sys.argv[1])
assert spec is not None
assert spec.loader is not None
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
repository = module.definitions.get_repository_def()
(schedule,) = repository.schedule_defs
context = dagster.build_schedule_context(
    scheduled_execution_time=datetime.fromisoformat(sys.argv[2]), repository_def=repository
)
found = schedule.evaluate_tick(context)
loaded = [name for name in HEAVY if name in sys.modules]
print(json.dumps({"partitions": [each.partition_key for each in found.run_requests], "loaded": loaded}))
