"""Incidents planted into a panel on purpose, each with the label that says where it is.

`noise` says what is usual for a metric and how much it scatters, `kinds` what an incident does to it, `places` where
there is room for one, `planting` puts them together. Notebooks, `sensitivity` and tuners call this; it calls `panel`
and `kernels`. (Incidents in single events are planted by `anomalert.reference`.)
"""

from anomalert.injection.kinds import Incident, Kind, Size, Unit
from anomalert.injection.noise import noise_of, usual_of
from anomalert.injection.planting import Injected, inject

__all__ = ["Incident", "Injected", "Kind", "Size", "Unit", "inject", "noise_of", "usual_of"]
