"""Losses by name."""

from replearn.training.annealed_vae import AnnealedVAELoss
from replearn.training.beta_tc_vae import BetaTCVAELoss
from replearn.training.cascade_vae import CascadeVAELoss
from replearn.training.dip_vae import DIPVAEIILoss, DIPVAEILoss
from replearn.training.elbo import BetaVAELoss, VAELoss
from replearn.training.factor_vae import FactorVAELoss
from replearn.training.hellinger_vae import HellingerVAELoss
from replearn.training.lie_group_vae import LieGroupVAELoss
from replearn.training.loss import Loss
from replearn.training.reconstruction import ReconstructionLoss
from replearn.training.supervised import CrossEntropyLoss, MeanSquaredErrorLoss
from replearn.training.wasserstein import WAEGANLoss, WAEMMDLoss

LOSSES: dict[str, type[Loss]] = {
    "vae": VAELoss,
    "beta_vae": BetaVAELoss,
    "annealed_vae": AnnealedVAELoss,
    "factor_vae": FactorVAELoss,
    "beta_tc_vae": BetaTCVAELoss,
    "dip_vae_i": DIPVAEILoss,
    "dip_vae_ii": DIPVAEIILoss,
    "hellinger_vae": HellingerVAELoss,
    "wae_mmd": WAEMMDLoss,
    "wae_gan": WAEGANLoss,
    "cascade_vae": CascadeVAELoss,
    "lie_group_vae": LieGroupVAELoss,
    "cross_entropy": CrossEntropyLoss,
    "mse": MeanSquaredErrorLoss,
    "reconstruction": ReconstructionLoss,
}

__all__ = ["LOSSES", "Loss"]
