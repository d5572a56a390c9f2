"""What `import anomalert` costs beside `import pandas`, which it cannot do without. The goal is at most 1.3 times.

Fresh interpreters import one and the other in turn; what is compared are medians of their CPU seconds, so that neither
a busy machine nor a slow disk decides. Bytecode is made by a first import that does not count, whatever the environment
says about writing it.

    python benchmarks/import_cost.py [runs]
"""

import os
import statistics
import subprocess
import sys

GOAL = 1.3


def cpu_seconds(module: str) -> float:
    """Return the CPU time that a fresh interpreter uses for importing `module`."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before = os.times()
    subprocess.run([sys.executable, "-c", f"import {module}"], check=True, env=environment)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def medians(modules: tuple[str, ...], runs: int) -> dict[str, float]:
    """Return the median CPU seconds of each module, over `runs` imports of each in turn."""
    for module in modules:
        cpu_seconds(module)
    rounds = [{module: cpu_seconds(module) for module in modules} for _ in range(runs)]
    return {module: statistics.median(each[module] for each in rounds) for module in modules}


def main() -> None:
    """Measure and print."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 11
    cost = medians(("pandas", "anomalert"), runs)
    ratio = cost["anomalert"] / cost["pandas"]
    print(f"median of {runs}: pandas {cost['pandas']:.3f} s, anomalert {cost['anomalert']:.3f} s")
    print(f"ratio {ratio:.2f}, goal {GOAL}: {'kept' if ratio <= GOAL else 'missed'}")


if __name__ == "__main__":
    main()
