"""The Lie group VAE's loss: generators that do not interfere, an encoder that speaks as they do."""

import torch
from torch import Generator, Tensor

from replearn.errors import InputError
from replearn.models.lie_group_vae import LieGroupVAEOutput
from replearn.models.precision import full_precision
from replearn.training.annealed_vae import AnnealedVAELoss
from replearn.training.elbo import LatentOutput
from replearn.training.loss import not_negative


class LieGroupVAELoss(AnnealedVAELoss):
    """reconstruction + gamma |KL - C(t)| + lambda_hessian H + lambda_feature F + lambda_commute K.

    With generators A_1 ... A_D: H = 1/D^2 sum_{i != j} |A_i A_j|^2, which holds latents from acting
    on one another; K = 1/D^2 sum_ij |A_i A_j - A_j A_i|^2, which is 0 if the group is commutative,
    and lets them act; F = |features - group|^2, averaged over images, |.|^2 the sum of squares. Of
    examples of the composition task H and K count once: they are the model's, not an image's.

    Terms: loss, reconstruction, kl, capacity (nats per image), hessian, feature_distance,
    commutator.

    Args:
        gamma: weight of the distance between KL and capacity.
        capacity: the last capacity, in nats; with 0 the first term is gamma KL.
        capacity_steps: optimiser steps from capacity 0 to the last; 0 for the last at once.
        lambda_hessian: weight of H.
        lambda_feature: weight of F.
        lambda_commute: weight of K.
        likelihood: "bernoulli", "gaussian" or "squared_error".
        variance: of the Gaussian likelihood, per pixel (0.5 unless given).

    Source:
        Zhu, Xu & Tao (2021), arXiv:2106.03375, sections 4.2 and 4.3; strengths of
        github.com/zhuxinqimac/CommutativeLieGroupVAE-Pytorch for dSprites (3DShapes:
        lambda_hessian of 20). Their code has A_i A_j less its own transpose for the commutator,
        with weight 0; here it is the commutator.
    """

    def __init__(
        self,
        gamma: float = 1.0,
        capacity: float = 0.0,
        capacity_steps: float = 0,
        lambda_hessian: float = 40.0,
        lambda_feature: float = 0.1,
        lambda_commute: float = 0.0,
        likelihood: str = "bernoulli",
        variance: float | None = None,
    ) -> None:
        super().__init__(gamma, capacity, capacity_steps, likelihood, variance)
        self.lambda_hessian = not_negative("lambda_hessian", lambda_hessian)
        self.lambda_feature = not_negative("lambda_feature", lambda_feature)
        self.lambda_commute = not_negative("lambda_commute", lambda_commute)

    def penalty(
        self, output: LatentOutput, step: int = 0, generator: Generator | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the terms beside the reconstruction, and kl, capacity, hessian ... by name.

        Raises:
            InputError: if the model has no generators.
        """
        if not isinstance(output, LieGroupVAEOutput):
            raise InputError(
                "the loss 'lie_group_vae' is of the model 'lie_group_vae', whose generators it "
                "reads; add model.liegroup, or choose another loss"
            )
        penalty, terms = super().penalty(output, step, generator)
        hessian, commutator = interference(output.generators)
        difference = full_precision(output.features) - full_precision(output.group)
        distance = difference.square().sum(1).mean()
        own = self.lambda_hessian * hessian + self.lambda_commute * commutator
        # The penalty counts once for each encoded image of an example; the model's own terms once.
        penalty = penalty + self.lambda_feature * distance + own / output.n_encoded
        return penalty, terms | {
            "hessian": hessian,
            "feature_distance": distance,
            "commutator": commutator,
        }


def interference(generators: Tensor) -> tuple[Tensor, Tensor]:
    """Return 1/D^2 sum_{i != j} |A_i A_j|^2 and 1/D^2 sum_ij |A_i A_j - A_j A_i|^2 of (D, n, n)."""
    with torch.autocast(generators.device.type, enabled=False):
        products = torch.einsum("iab,jbc->ijac", generators, generators)
        commutator = (products - products.transpose(0, 1)).square().sum((2, 3)).mean()
        others = 1 - torch.eye(len(generators), dtype=products.dtype, device=products.device)
        return (others * products.square().sum((2, 3))).mean(), commutator
