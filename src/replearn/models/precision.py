"""Leave half precision where digits count: posteriors, sums over pixels."""

import torch
from torch import Tensor

PRECISIONS = ("fp32", "bf16")


def full_precision(values: Tensor) -> Tensor:
    """Return half-precision values as float32, others as they are."""
    return values.float() if values.dtype in (torch.bfloat16, torch.float16) else values
