"""DIP-VAE: the ELBO and a penalty on latents whose covariance is not the identity."""

from torch import Generator, Tensor

from replearn.models.precision import full_precision
from replearn.training.elbo import LatentOutput, VAELoss
from replearn.training.loss import not_negative


class DIPVAELoss(VAELoss):
    """reconstruction + KL + lambda_od sum_{i != j} Cov_ij^2 + lambda_d sum_i (Cov_ii - 1)^2.

    Terms: loss, reconstruction, kl, off_diagonal and diagonal (the two sums). Of a single
    image, which only a held-out batch may be, the covariance of the means is 0.
    """

    least_batch = 2

    def __init__(
        self, lambda_od: float, lambda_d: float, likelihood: str, variance: float | None
    ) -> None:
        super().__init__(1.0, likelihood, variance)
        self.lambda_od = not_negative("lambda_od", lambda_od)
        self.lambda_d = not_negative("lambda_d", lambda_d)

    def covariance(self, mean: Tensor, logvar: Tensor) -> Tensor:
        """Return the covariance (D, D) that is to be the identity."""
        raise NotImplementedError

    def penalty(
        self, output: LatentOutput, step: int = 0, generator: Generator | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return KL and the weighted sums, and kl, off_diagonal and diagonal."""
        kl, terms = super().penalty(output, step, generator)
        covariance = self.covariance(full_precision(output.mean), full_precision(output.logvar))
        variances = covariance.diagonal()
        off_diagonal = covariance.square().sum() - variances.square().sum()
        diagonal = (variances - 1).square().sum()
        distance = self.lambda_od * off_diagonal + self.lambda_d * diagonal
        return kl + distance, terms | {"off_diagonal": off_diagonal, "diagonal": diagonal}


class DIPVAEILoss(DIPVAELoss):
    """reconstruction + KL + lambda_od |off-diagonal|^2 + lambda_d |diagonal - 1|^2 of Cov[mean].

    Terms: loss, reconstruction, kl, off_diagonal and diagonal (the two sums).

    Args:
        lambda_od: weight of the covariances.
        lambda_d: weight of the variances' distance from 1; 10 lambda_od unless given.
        likelihood: "bernoulli", "gaussian" or "squared_error".
        variance: of the Gaussian likelihood, per pixel (0.5 unless given).

    Source:
        Kumar et al. (2018), arXiv:1711.00848, eq. 6; lambda_d of Locatello et al. (2019).
    """

    def __init__(
        self,
        lambda_od: float = 10.0,
        lambda_d: float | None = None,
        likelihood: str = "bernoulli",
        variance: float | None = None,
    ) -> None:
        lambda_od = not_negative("lambda_od", lambda_od)
        super().__init__(
            lambda_od, 10 * lambda_od if lambda_d is None else lambda_d, likelihood, variance
        )

    def covariance(self, mean: Tensor, logvar: Tensor) -> Tensor:
        """Return the covariance of the means."""
        return covariance(mean)


class DIPVAEIILoss(DIPVAELoss):
    """reconstruction + KL + lambda_od |off-diagonal|^2 + lambda_d |diagonal - 1|^2 of Cov[z].

    Cov[z] = Cov[mean] + E[diag exp(logvar)].

    Terms: loss, reconstruction, kl, off_diagonal and diagonal (the two sums).

    Args:
        lambda_od: weight of the covariances.
        lambda_d: weight of the variances' distance from 1; lambda_od unless given.
        likelihood: "bernoulli", "gaussian" or "squared_error".
        variance: of the Gaussian likelihood, per pixel (0.5 unless given).

    Source:
        Kumar et al. (2018), arXiv:1711.00848, eq. 7; lambda_d of Locatello et al. (2019).
    """

    def __init__(
        self,
        lambda_od: float = 10.0,
        lambda_d: float | None = None,
        likelihood: str = "bernoulli",
        variance: float | None = None,
    ) -> None:
        super().__init__(
            lambda_od, lambda_od if lambda_d is None else lambda_d, likelihood, variance
        )

    def covariance(self, mean: Tensor, logvar: Tensor) -> Tensor:
        """Return the covariance of z."""
        return covariance(mean) + logvar.exp().mean(0).diag()


def covariance(values: Tensor) -> Tensor:
    """Return the covariance (D, D) of values (B, D), divided by B."""
    centred = values - values.mean(0)
    # Not a matrix product: autocast would take that in half precision.
    return (centred[:, :, None] * centred[:, None, :]).mean(0)
