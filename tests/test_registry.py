"""Nothing built in escapes its kit: the registry holds every detector, and the tests hold every source and notifier."""

from pathlib import Path

import pytest

from anomalert import detectors, notifiers, sources
from tests.registry import DETECTORS


def test_every_detector_is_in_the_registry() -> None:
    """A detector that is exported is configured in `tests/registry.py`, and nothing else is."""
    assert {type(detector).__name__ for detector in DETECTORS} == set(detectors.__all__)


@pytest.mark.parametrize(
    ("room", "check", "name"),
    [("sources", "check_source", name) for name in sources.__all__ if name.endswith("Source")]
    + [("notifiers", "check_notifier", name) for name in notifiers.__all__ if name.endswith("Notifier")],
)
def test_every_source_and_notifier_is_held_to_its_kit(room: str, check: str, name: str) -> None:
    """A source or notifier that is exported is named in a test file of its room that calls the kit."""
    texts = [path.read_text() for path in Path(__file__).parent.joinpath(room).glob("test_*.py")]
    assert any(f"{check}(" in text and f"{name}(" in text for text in texts)
