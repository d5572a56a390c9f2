"""What may stand in no file of the project, wherever it is."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Written in two halves, so that this file is not its own finding.
FORBIDDEN = {
    "a folder of one machine": re.compile("(?<![\\w.}/-])/(?:wo" + "rk|ro" + "ot|ho" + "me|op" + "t)/", re.IGNORECASE),
    "the address of a package registry": re.compile(
        "py" + "pi\\.|python" + "hosted|index" + "-url|find" + "-links|npm" + "js", re.IGNORECASE
    ),
    "a mark for later": re.compile("\\b(?:TO" + "DO|FIX" + "ME|X" + "XX)\\b"),
}


def files() -> list[Path]:
    """Return the text files that git keeps or would keep."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout.splitlines()
    paths = [ROOT / name for name in listed]
    return [path for path in paths if path.is_file() and path.suffix not in {".png", ".db", ".gz"}]


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a git checkout")
@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds(what: str) -> None:
    """A checkout works on every machine, and says nothing about the one it was written on."""
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in files()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if FORBIDDEN[what].search(line)
    ]
    assert found == []
