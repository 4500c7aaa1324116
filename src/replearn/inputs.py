"""What models take besides images."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class CompositionInput:
    """B examples of the composition task: change one factor of an image to that of another.

    Attributes:
        images: (B, 2, C, H, W), the reference and the command image.
        action: (B,) int64, the number of the factor that the reference takes over from the command.
        target_only: whether the transformed image alone is decoded.
    """

    images: Tensor
    action: Tensor
    target_only: bool = False

    def __len__(self) -> int:
        return len(self.images)
