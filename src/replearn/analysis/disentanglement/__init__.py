"""How well single latents stand for single factors of variation, by every published metric."""

from replearn.analysis.disentanglement.codes import ACTIVE_VARIANCE, LatentScores, active_latents
from replearn.analysis.disentanglement.importance import DCI, completeness, dci, disentanglement
from replearn.analysis.disentanglement.information import (
    MIG,
    LatentInformation,
    Modularity,
    mean_latent_mutual_information,
    mig,
    modularity,
)
from replearn.analysis.disentanglement.predictors import METHODS
from replearn.analysis.disentanglement.separability import SAP, sap

__all__ = [
    "ACTIVE_VARIANCE",
    "DCI",
    "METHODS",
    "MIG",
    "SAP",
    "LatentInformation",
    "LatentScores",
    "Modularity",
    "active_latents",
    "completeness",
    "dci",
    "disentanglement",
    "mean_latent_mutual_information",
    "mig",
    "modularity",
    "sap",
]
