"""Losses by name."""

from replearn.training.elbo import BetaVAELoss, VAELoss
from replearn.training.factor_vae import FactorVAELoss
from replearn.training.loss import Loss
from replearn.training.supervised import CrossEntropyLoss, MeanSquaredErrorLoss

LOSSES: dict[str, type[Loss]] = {
    "vae": VAELoss,
    "beta_vae": BetaVAELoss,
    "factor_vae": FactorVAELoss,
    "cross_entropy": CrossEntropyLoss,
    "mse": MeanSquaredErrorLoss,
}

__all__ = ["LOSSES", "Loss"]
