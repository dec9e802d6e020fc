"""Statistics of evaluations: numbers in, numbers out. Undefined raises `ValueError`."""

from evalkit.stats.agreement import cohen_kappa, confusion, gwet_ac1
from evalkit.stats.correction import CorrectedRate, PredictionPowered, ppi_mean, rogan_gladen
from evalkit.stats.intervals import Interval, clopper_pearson, mean_interval, wilson
from evalkit.stats.preferences import (
    LengthControlledWinRate,
    WinRate,
    length_controlled_win_rate,
    win_rate,
)
from evalkit.stats.quantiles import quantile_interval
from evalkit.stats.ranking import Strengths, bradley_terry
from evalkit.stats.ratios import fieller
from evalkit.stats.reliability import PairwiseAgreement, krippendorff_alpha, pairwise_agreement
from evalkit.stats.replacement import AltTest, Comparison, alt_test

__all__ = [
    "AltTest",
    "Comparison",
    "CorrectedRate",
    "Interval",
    "LengthControlledWinRate",
    "PairwiseAgreement",
    "PredictionPowered",
    "Strengths",
    "WinRate",
    "alt_test",
    "bradley_terry",
    "clopper_pearson",
    "cohen_kappa",
    "confusion",
    "fieller",
    "gwet_ac1",
    "krippendorff_alpha",
    "length_controlled_win_rate",
    "mean_interval",
    "pairwise_agreement",
    "ppi_mean",
    "quantile_interval",
    "rogan_gladen",
    "wilson",
    "win_rate",
]
