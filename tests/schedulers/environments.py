"""Virtual environments of schedulers, with anomalert put into them, and whether that changes what was there.

``python -m tests.schedulers.environments`` builds all three and prints figures. They are kept in the folder that
``ANOMALERT_SCHEDULERS`` names, by default ``~/.cache/anomalert-schedulers``, so that a second run is quick.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["REQUIREMENTS", "Environment", "environment", "folder", "installed", "summed_up"]

ROOT = Path(__file__).resolve().parents[2]

REQUIREMENTS = {
    "airflow": ["apache-airflow==3.3.2"],
    "dagster": ["dagster==1.13.27", "dagster-webserver==1.13.27"],
    # Later releases of fastapi break it as installed: `Body() got an unexpected keyword`.
    "prefect": ["prefect==3.8.8", "fastapi<0.150"],
}

Versions = dict[str, str]


def folder() -> Path:
    """Return where the environments are kept."""
    return Path(os.environ.get("ANOMALERT_SCHEDULERS") or Path.home() / ".cache" / "anomalert-schedulers")


class Environment:
    """A virtual environment in a folder."""

    def __init__(self, place: Path) -> None:
        self.bin = place / "bin"
        self.python = self.bin / "python"
        self.before = place / "before.txt"

    def run(self, *arguments: str) -> str:
        """Run its Python, and return what it prints."""
        command = [str(self.python), *arguments]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout

    def install(self, *requirements: str) -> None:
        """Install packages, quietly."""
        self.run("-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements)

    def versions(self) -> Versions:
        """Return what is installed."""
        return _versions(self.run("-m", "pip", "freeze", "--all"))

    def changed(self) -> dict[str, tuple[str, str | None]]:
        """Return which packages of the scheduler have another version since anomalert was installed, or are gone."""
        now = self.versions()
        was = _versions(self.before.read_text(encoding="utf-8"))
        return {name: (version, now.get(name)) for name, version in was.items() if now.get(name) != version}


def installed(scheduler: str) -> Environment | None:
    """Return a scheduler's environment if it was built completely."""
    found = Environment(folder() / scheduler)
    return found if found.before.exists() else None


def environment(scheduler: str) -> Environment:
    """Return a scheduler's environment, built if need be, with this tree's anomalert installed into it."""
    place = folder() / scheduler
    made = Environment(place)
    if not made.before.exists():
        venv.create(place, with_pip=True, clear=True)
        made.install(*REQUIREMENTS[scheduler])
        made.before.write_text(made.run("-m", "pip", "freeze", "--all"), encoding="utf-8")
    with tempfile.TemporaryDirectory() as wheels:
        build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", wheels, str(ROOT)]
        subprocess.run(build, check=True)
        (wheel,) = Path(wheels).glob("*.whl")
        made.install(str(wheel))
        # Its version does not change while it is developed, so that pip would keep what it has.
        made.install("--no-deps", "--force-reinstall", str(wheel))
    return made


def summed_up(made: Environment, figures: Mapping[str, Any], broken: Sequence[str]) -> int:
    """Print what was seen and which promises were broken, among them that installing changes no version."""
    changed = [f"installing changes no version: {changed}"] if (changed := made.changed()) else []
    print(json.dumps(figures, ensure_ascii=False, indent=1))
    print("\n".join(f"NOT AS PROMISED: {each}" for each in [*changed, *broken]) or "all as promised")
    return int(bool(changed or broken))


def _versions(frozen: str) -> Versions:
    pairs = [line.replace(" @ ", "==", 1).partition("==") for line in frozen.splitlines()]
    return {name: version for name, _, version in pairs}


def main(arguments: Sequence[str]) -> int:
    """Build the environments that are named, or all, and print what became of their versions."""
    failed = 0
    for scheduler in arguments or REQUIREMENTS:
        begun = time.monotonic()
        made = environment(scheduler)
        had, changed = len(_versions(made.before.read_text(encoding="utf-8"))), made.changed()
        added = len(made.versions()) - had
        made.run("-m", "pip", "check")
        seconds = time.monotonic() - begun
        print(f"{scheduler}: {had} packages, {added} added, {len(changed)} changed {changed or ''} ({seconds:.0f} s)")
        failed += bool(changed)
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
