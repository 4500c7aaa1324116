"""How well single latents stand for single factors of variation, by every published metric."""

from replearn.analysis.disentanglement.agreement import UDR, udr
from replearn.analysis.disentanglement.codes import ACTIVE_VARIANCE, LatentScores, active_latents
from replearn.analysis.disentanglement.dependence import (
    TotalCorrelation,
    WassersteinCorrelation,
    gaussian_total_correlation,
    wasserstein_correlation,
)
from replearn.analysis.disentanglement.importance import DCI, completeness, dci, disentanglement
from replearn.analysis.disentanglement.information import (
    MIG,
    LatentInformation,
    Modularity,
    mean_latent_mutual_information,
    mig,
    modularity,
)
from replearn.analysis.disentanglement.interventions import (
    InterventionScore,
    beta_vae_score,
    factor_vae_score,
    on_grid,
)
from replearn.analysis.disentanglement.predictors import METHODS
from replearn.analysis.disentanglement.readout import Explicitness, explicitness
from replearn.analysis.disentanglement.robustness import IRS, irs
from replearn.analysis.disentanglement.separability import SAP, sap

__all__ = [
    "ACTIVE_VARIANCE",
    "DCI",
    "IRS",
    "METHODS",
    "MIG",
    "SAP",
    "UDR",
    "Explicitness",
    "InterventionScore",
    "LatentInformation",
    "LatentScores",
    "Modularity",
    "TotalCorrelation",
    "WassersteinCorrelation",
    "active_latents",
    "beta_vae_score",
    "completeness",
    "dci",
    "disentanglement",
    "explicitness",
    "factor_vae_score",
    "gaussian_total_correlation",
    "irs",
    "mean_latent_mutual_information",
    "mig",
    "modularity",
    "on_grid",
    "sap",
    "udr",
    "wasserstein_correlation",
]
