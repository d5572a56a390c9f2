"""For other people's tests: the contracts of plug-ins as checks, fakes, and seeded panels.

pytest is needed by `parametrize_with_checks` only. Tests and notebooks call this; nothing of the package does.
"""

from anomalert.testing.detectors import DetectorCheck, check_detector, detector_checks, parametrize_with_checks
from anomalert.testing.fakes import FakeNotifier, FakeSource
from anomalert.testing.notifiers import check_notifier
from anomalert.testing.panels import synthetic_panel
from anomalert.testing.sources import check_source

__all__ = [
    "DetectorCheck",
    "FakeNotifier",
    "FakeSource",
    "check_detector",
    "check_notifier",
    "check_source",
    "detector_checks",
    "parametrize_with_checks",
    "synthetic_panel",
]
