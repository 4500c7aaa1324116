"""Search the largest latent size that a VAE uses: doubling, then halving the interval."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from replearn.errors import InputError


@dataclass(frozen=True)
class LatentSearch:
    """What a search found.

    Attributes:
        size: the largest latent size whose difference is not above the threshold; 0 if that of a
            single latent is.
        tried: latent size -> difference, in the order in which they were tried.
        largest: whether the search ended because it was to try no larger size.
    """

    size: int
    tried: Mapping[int, float]
    largest: bool


def search_latent_size(
    difference: Callable[[int], float], start: int, threshold: float = 1.0, largest: int = 512
) -> LatentSearch:
    """Return the largest latent size whose difference is at most `threshold`.

    The size doubles from `start` on until the difference is above; then the interval between the
    largest good and the smallest bad size is halved until they are neighbours: about
    2 log2(size) trials, each size once, if differences grow with the size. NaN counts as above:
    the means of a collapsed VAE are constant and have no dimension.

    Args:
        difference: latent size -> intrinsic dimension of samples minus that of means, after a
            short training.
        start: the first size to try; published is the intrinsic dimension of the images.
        threshold: of the difference.
        largest: no larger size is tried.

    Raises:
        InputError: if `start` is not from 1 to `largest`.

    Source:
        Bonheme & Grzes (2022), FONDUE, arXiv:2209.12806, algorithm 1, which has no largest size and
        tries the smallest bad size once more after every good one.
    """
    if not 1 <= start <= largest:
        raise InputError(f"the search begins at a latent size from 1 to {largest}, got {start}.")
    tried: dict[int, float] = {}
    good, bad, size = 0, None, start
    while size not in (good, bad):
        tried[size] = difference(size)
        if tried[size] <= threshold:
            good = size
        else:
            bad = size
        size = min(2 * good, largest) if bad is None else (good + bad) // 2
    return LatentSearch(good, tried, good == largest)
