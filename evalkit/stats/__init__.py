"""Statistics of evaluations: numbers in, numbers out. Undefined raises `ValueError`."""

from evalkit.stats.agreement import cohen_kappa, confusion, gwet_ac1
from evalkit.stats.changepoint import Cusum, cusum
from evalkit.stats.correction import CorrectedRate, PredictionPowered, ppi_mean, rogan_gladen
from evalkit.stats.intervals import Interval, clopper_pearson, mean_interval, wilson
from evalkit.stats.multiple import benjamini_hochberg, benjamini_yekutieli, holm
from evalkit.stats.paired import (
    NonInferiority,
    PairedDifference,
    mcnemar_midp,
    newcombe_paired,
    noninferiority,
    paired_difference,
    tango,
)
from evalkit.stats.paired_ratios import cost_ratio, mean_ratio, quantile_ratio
from evalkit.stats.passing import pass_at_k, pass_hat_k
from evalkit.stats.power import (
    minimum_detectable_effect,
    needed_units,
    sample_size_noninferiority,
)
from evalkit.stats.preferences import (
    LengthControlledWinRate,
    WinRate,
    length_controlled_win_rate,
    win_rate,
)
from evalkit.stats.quantiles import quantile_interval
from evalkit.stats.ranking import Strengths, bradley_terry
from evalkit.stats.ratios import cost_per_success, fieller
from evalkit.stats.reliability import PairwiseAgreement, krippendorff_alpha, pairwise_agreement
from evalkit.stats.replacement import AltTest, Comparison, alt_test
from evalkit.stats.resampling import bootstrap
from evalkit.stats.sequential import BettingTest, confidence_sequence, e_process
from evalkit.stats.stopping import StoppingRates, simulate_stopping

__all__ = [
    "AltTest",
    "BettingTest",
    "Comparison",
    "CorrectedRate",
    "Cusum",
    "Interval",
    "LengthControlledWinRate",
    "NonInferiority",
    "PairedDifference",
    "PairwiseAgreement",
    "PredictionPowered",
    "StoppingRates",
    "Strengths",
    "WinRate",
    "alt_test",
    "benjamini_hochberg",
    "benjamini_yekutieli",
    "bootstrap",
    "bradley_terry",
    "clopper_pearson",
    "cohen_kappa",
    "confidence_sequence",
    "confusion",
    "cost_per_success",
    "cost_ratio",
    "cusum",
    "e_process",
    "fieller",
    "gwet_ac1",
    "holm",
    "krippendorff_alpha",
    "length_controlled_win_rate",
    "mcnemar_midp",
    "mean_interval",
    "mean_ratio",
    "minimum_detectable_effect",
    "needed_units",
    "newcombe_paired",
    "noninferiority",
    "paired_difference",
    "pairwise_agreement",
    "pass_at_k",
    "pass_hat_k",
    "ppi_mean",
    "quantile_interval",
    "quantile_ratio",
    "rogan_gladen",
    "sample_size_noninferiority",
    "simulate_stopping",
    "tango",
    "wilson",
    "win_rate",
]
