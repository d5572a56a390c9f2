"""Run by Airflow's Python: parse a folder of DAGs as Airflow does, and print what was found as JSON."""

import json
import sys
from pathlib import Path

HEAVY = ("matplotlib", "scipy", "pandas", "numpy", "statsmodels", "anomalert")


def main(folder: str) -> None:
    """Print the DAGs of a folder, errors, seconds a file, and which heavy modules were loaded by parsing."""
    from airflow.dag_processing.dagbag import DagBag

    before = set(sys.modules)
    bag = DagBag(dag_folder=folder)
    found = {
        "dags": sorted(bag.dag_ids),
        "errors": {Path(place).name: text for place, text in bag.import_errors.items()},
        "seconds": {Path(each.file).name: each.duration.total_seconds() for each in bag.dagbag_stats},
        "loaded": sorted({name.partition(".")[0] for name in set(sys.modules) - before} & set(HEAVY)),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
