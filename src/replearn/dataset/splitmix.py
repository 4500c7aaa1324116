"""Random numbers by place: functions of a seed and a counter, the same on every device.

Source:
    Steele, Lea & Flood (2014), Fast splittable pseudorandom number generators, OOPSLA, figure 17,
    with the constants of Java's SplittableRandom (SplitMix64).
"""

import torch
from torch import Tensor


def _signed(constant: int) -> int:
    return constant - (1 << 64) if constant >> 63 else constant


_GAMMA = _signed(0x9E3779B97F4A7C15)
_STEPS = ((30, _signed(0xBF58476D1CE4E5B9)), (27, _signed(0x94D049BB133111EB)))


def outputs(seeds: Tensor, n: int) -> Tensor:
    """Return the first n outputs (…, n) of SplitMix64 from each seed (…), 64 bits in an int64."""
    counters = torch.arange(1, n + 1, device=seeds.device) * _GAMMA
    return _mix_(seeds[..., None] + counters)


def seeds_of(seed: int, places: Tensor) -> Tensor:
    """Return a seed (…) for each place (…) int64 >= 0: output number `place` of one generator."""
    first = _mix_(torch.tensor(seed, device=places.device) + _GAMMA)
    return _mix_(first + (places + 1) * _GAMMA)


def below(bits: Tensor, n: int) -> Tensor:
    """Return integers (…) in 0 … n-1 from outputs (…): floor(n u), u of the upper 32 bits."""
    return (bits >> 32).bitwise_and_(0xFFFFFFFF).mul_(n) >> 32


def _mix_(z: Tensor) -> Tensor:
    for shift, factor in _STEPS:
        z ^= _shifted(z, shift)
        z *= factor
    z ^= _shifted(z, 31)
    return z


def _shifted(z: Tensor, by: int) -> Tensor:
    """Return z shifted right with zeros coming in; torch repeats the sign."""
    return (z >> by).bitwise_and_((1 << (64 - by)) - 1)
