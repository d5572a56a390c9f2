"""The benchmarks run and print what they promise; how fast anything is, no test judges."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_the_cost_of_importing_is_measured() -> None:
    """The benchmark of imports prints seconds of pandas and of us, and a ratio that is theirs."""
    script = ROOT / "benchmarks" / "import_cost.py"
    printed = subprocess.run([sys.executable, script, "1"], check=True, capture_output=True, text=True).stdout
    seconds = dict(re.findall(r"(pandas|anomalert) (\d\.\d{3}) s", printed))
    (ratio,) = re.findall(r"^ratio (\d+\.\d\d), goal 1\.3: (?:kept|missed)$", printed, re.MULTILINE)
    assert abs(float(ratio) - float(seconds["anomalert"]) / float(seconds["pandas"])) < 0.02
