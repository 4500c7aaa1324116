"""Losses of predictors: classify labels or factors, or regress values."""

from collections.abc import Sequence

import torch
from torch import Generator, Tensor
from torch.nn.functional import cross_entropy

from replearn.errors import InputError
from replearn.models import PredictorOutput
from replearn.models.precision import full_precision
from replearn.training.loss import Loss


class CrossEntropyLoss(Loss):
    """Cross-entropy of one label, or the sum of those of several factors.

    Terms: loss (nats per image, summed over factors), accuracy (mean over factors), and with
    factors accuracy_<name> of each.

    Args:
        sizes: number of values of each of K factors, in the order of the targets' columns; the
            model's outputs are split accordingly. None for one label, whose scores they all are.
        names: of the factors, for the terms (0, 1, ... unless given).

    Raises:
        InputError: if the outputs or targets do not fit the factors.
    """

    judges = "predictor"
    from_data = ("sizes", "names")

    def __init__(
        self, sizes: Sequence[int] | None = None, names: Sequence[str] | None = None
    ) -> None:
        super().__init__()
        if names is not None and (sizes is None or len(names) != len(sizes)):
            raise InputError(f"expected one size for each factor, got {names!r} and {sizes!r}")
        self.sizes = None if sizes is None else list(sizes)
        self.names = [str(name) for name in names or range(len(sizes or ()))]

    def forward(
        self,
        output: PredictorOutput,
        target: Tensor,
        step: int = 0,
        generator: Generator | None = None,
    ) -> dict[str, Tensor]:
        """Return the terms for `target`: labels (B,), or factor indices (B, K), as integers."""
        logits = full_precision(output.logits)
        if self.sizes is None:
            if target.ndim != 1:
                raise InputError(
                    f"expected labels of shape (B,), got {tuple(target.shape)}; give the factors' "
                    "sizes to classify several"
                )
            return {"loss": cross_entropy(logits, target), "accuracy": accuracy(logits, target)}
        if target.shape[1:] != (len(self.sizes),) or logits.shape[1] != sum(self.sizes):
            raise InputError(
                f"factors of sizes {self.sizes} need targets (B, {len(self.sizes)}) and outputs "
                f"(B, {sum(self.sizes)}), got {tuple(target.shape)} and {tuple(logits.shape)}"
            )
        scores, labels = logits.split(self.sizes, dim=1), target.unbind(1)
        pairs = list(zip(scores, labels, strict=True))
        right = torch.stack([accuracy(*pair) for pair in pairs])
        return {
            "loss": torch.stack([cross_entropy(*pair) for pair in pairs]).sum(),
            "accuracy": right.mean(),
            **{f"accuracy_{name}": value for name, value in zip(self.names, right, strict=True)},
        }


class MeanSquaredErrorLoss(Loss):
    """Squared error of predicted values, averaged over values and images.

    Terms: loss, mse (the same number), mae (mean absolute error), and with names mse_<name> of each
    value.

    Args:
        names: of the K values, such as factors; None for no terms of their own.
    """

    judges = "predictor"
    from_data = ("names",)

    def __init__(self, names: Sequence[str] | None = None) -> None:
        super().__init__()
        self.names = [str(name) for name in names or ()]

    def forward(
        self,
        output: PredictorOutput,
        target: Tensor,
        step: int = 0,
        generator: Generator | None = None,
    ) -> dict[str, Tensor]:
        """Return the terms for `target` (B, K), the values to predict."""
        predicted = full_precision(output.logits)
        if predicted.shape != target.shape:
            raise InputError(
                f"expected targets of the outputs' shape {tuple(predicted.shape)}, got "
                f"{tuple(target.shape)}"
            )
        error = predicted - target
        mse = error.square().mean()
        each = error.detach().square().mean(0)
        return {
            "loss": mse,
            "mse": mse.detach(),
            "mae": error.detach().abs().mean(),
            **{f"mse_{name}": each[k] for k, name in enumerate(self.names)},
        }


def accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the fraction of labels (B,) that have the highest score in logits (B, n)."""
    return (logits.argmax(1) == labels).to(logits.dtype).mean()
