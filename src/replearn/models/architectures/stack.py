"""What every architecture builds: blocks in a row that know how their weights are drawn.

An architecture is declared as data: layer widths in, a stack out. The children of a stack are
blocks (affine map, non-linearity): block k of an encoder is `encoder.k`, its output is the
representation at its end, and the last block is the affine head without a non-linearity.
"""

from collections import OrderedDict
from collections.abc import Sequence

from torch import nn

ImageShape = tuple[int, int, int]


class Stack(nn.Sequential):
    """Blocks in a row; `init` names how their weights are drawn (see `initialise`)."""

    def __init__(self, blocks: Sequence[nn.Module], init: str) -> None:
        super().__init__(OrderedDict((str(k), block) for k, block in enumerate(blocks)))
        self.init = init
