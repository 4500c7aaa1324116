"""Operators of the composition task: latents in which one factor is that of another image.

They take latents z_r of a reference and z_c of a command image, (B, L) each, and the number of a
factor (B,), and return z_t (B, L). In formulas a is that number one-hot, of length A.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from replearn.errors import InputError


class FixedInterpolation(nn.Module):
    """z_t = z_r (1 - a') + z_c a' with a' = [a, 0 ...]: latent k stands for factor k.

    Columns of z beside the continuous latents, such as a category, stay those of the reference: a
    single column of a one-hot code could not be a factor.

    Args:
        latent_size: number of continuous latents, at least as many as factors.
        n_factors: number A of factors.

    Raises:
        InputError: if there are fewer latents than factors.

    Source:
        Montero et al. (2022), github.com/mmrl/lost-in-latent-space, `fixint`.
    """

    def __init__(self, latent_size: int, n_factors: int) -> None:
        super().__init__()
        if latent_size < n_factors:
            raise InputError(
                f"composition_op=fixint gives each factor a latent of its own, but latent_size="
                f"{latent_size} is less than the {n_factors} factors; choose more latents or "
                f"another composition_op"
            )

    def forward(self, reference: Tensor, command: Tensor, action: Tensor) -> Tensor:
        """Return z_t (B, L)."""
        own = torch.arange(reference.shape[1], device=action.device) == action[:, None]
        return torch.where(own, command, reference)


class Interpolation(nn.Module):
    """z_t = z_r w + z_c (1 - w) with w = sigmoid(W [z_r; z_c; a] + b).

    Args:
        latent_size: number L of latents.
        n_factors: number A of factors.

    Source:
        Montero et al. (2022), github.com/mmrl/lost-in-latent-space, `interp`.
    """

    def __init__(self, latent_size: int, n_factors: int) -> None:
        super().__init__()
        self.n_factors = n_factors
        self.weights = nn.Linear(2 * latent_size + n_factors, latent_size)

    def forward(self, reference: Tensor, command: Tensor, action: Tensor) -> Tensor:
        """Return z_t (B, L)."""
        chosen = one_hot(action, self.n_factors).to(reference.dtype)
        w = torch.sigmoid(self.weights(torch.cat([reference, command, chosen], 1)))
        return reference * w + command * (1 - w)


class LinearOperator(nn.Module):
    """z_t = W_1 [z_r; a] + b_1 + W_2 [z_c; a] + b_2.

    Args:
        latent_size: number L of latents.
        n_factors: number A of factors.

    Source:
        Montero et al. (2022), github.com/mmrl/lost-in-latent-space, `linear`, the default there.
    """

    def __init__(self, latent_size: int, n_factors: int) -> None:
        super().__init__()
        self.n_factors = n_factors
        self.reference = nn.Linear(latent_size + n_factors, latent_size)
        self.command = nn.Linear(latent_size + n_factors, latent_size)

    def forward(self, reference: Tensor, command: Tensor, action: Tensor) -> Tensor:
        """Return z_t (B, L)."""
        chosen = one_hot(action, self.n_factors).to(reference.dtype)
        kept = self.reference(torch.cat([reference, chosen], 1))
        return kept + self.command(torch.cat([command, chosen], 1))


class PerceptronOperator(nn.Sequential):
    """z_t = W_2 max(W_1 [z_r; z_c; a] + b_1, 0) + b_2 with 128 hidden units.

    Args:
        latent_size: number L of latents.
        n_factors: number A of factors.

    Source:
        Montero et al. (2022), github.com/mmrl/lost-in-latent-space, `mlp`; their code stops at it,
        because it does not bring the latents of the two images together.
    """

    def __init__(self, latent_size: int, n_factors: int) -> None:
        super().__init__(
            nn.Linear(2 * latent_size + n_factors, 128), nn.ReLU(), nn.Linear(128, latent_size)
        )
        self.n_factors = n_factors

    def forward(self, reference: Tensor, command: Tensor, action: Tensor) -> Tensor:  # type: ignore[override]
        """Return z_t (B, L)."""
        chosen = one_hot(action, self.n_factors).to(reference.dtype)
        return super().forward(torch.cat([reference, command, chosen], 1))


OPERATORS: dict[str, type[nn.Module]] = {
    "fixint": FixedInterpolation,
    "interp": Interpolation,
    "linear": LinearOperator,
    "mlp": PerceptronOperator,
}
