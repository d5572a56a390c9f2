"""The share for every change of `machine`: 60 lives of 30 steps; the long form is a command of its own."""

import pytest

from tests.reliability.machine import live


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_lives_of_a_pipeline_keep_the_promise() -> None:
    """Whatever breaks in whatever order: nothing lost, nothing twice without a reason, every slot judged."""
    live(examples=60, steps=30)
