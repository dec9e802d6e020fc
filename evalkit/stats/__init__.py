"""Statistics of evaluations: numbers in, numbers out. Undefined raises `ValueError`."""

from evalkit.stats.intervals import Interval, clopper_pearson, mean_interval, wilson
from evalkit.stats.quantiles import quantile_interval
from evalkit.stats.ratios import fieller

__all__ = [
    "Interval",
    "clopper_pearson",
    "fieller",
    "mean_interval",
    "quantile_interval",
    "wilson",
]
