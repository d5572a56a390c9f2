"""Arithmetic: arrays in, arrays out; plain numpy, no pandas, no class of the package.

`samples` summarises the past values a slot is compared with, `ratio` and `score` turn summaries into bounds and
distances, `missing` says where values stay away. Detectors, `detection` and `judging` call these; they call nothing of
the package.
"""

from anomalert.kernels.missing import missing
from anomalert.kernels.ratio import deviation, ratio_bounds
from anomalert.kernels.samples import mean, mean_and_std, quantiles
from anomalert.kernels.score import LARGEST_SCORE, score

__all__ = ["LARGEST_SCORE", "deviation", "mean", "mean_and_std", "missing", "quantiles", "ratio_bounds", "score"]
