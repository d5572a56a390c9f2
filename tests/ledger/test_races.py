"""Several processes and one ledger: nothing is claimed twice, nothing is overwritten."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from anomalert.ledger import Ledger, RunRecord
from tests.ledger.racing import PROCESSES, ROUNDS
from tests.ledger.samples import contents_of, message


def race(what: str, place: str) -> list[Any]:
    """Have eight processes race, and return what each of them says."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.ledger.racing", what, place],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == PROCESSES
    return answers


def test_eight_owners_claim_every_message_once(place: str) -> None:
    """Also without the pipeline's lock each try has one owner, and all are taken."""
    keys = [f"feed/opened/{number}" for number in range(100)]
    with Ledger(place).open("feed") as session:
        session.commit(RunRecord(messages=[message(n, key) for n, key in enumerate(keys)], notifiers=["chat"]))
    won = race("claim", place)
    assert Counter(key for each in won for key in each) == Counter(keys)
    attempts = Ledger(place).history().attempts
    assert sorted(attempts["message"]) == sorted(keys)
    assert set(attempts["attempt"]) == {1}
    assert Ledger(place).verify() == []


def test_eight_runs_of_one_pipeline_take_turns(place: str) -> None:
    """What a session reads stays as it is until it ends; also while the ledger is made by all of them at once."""
    race("count", place)
    with Ledger(place).open("feed") as session:
        assert session.state() == {"count": PROCESSES * ROUNDS}
    assert Ledger(place).verify() == []
    assert len(contents_of(Ledger(place))["anomalert_states"]) == 1
