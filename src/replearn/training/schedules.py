"""Learning-rate schedules: stateless functions of the step, so that resuming needs no more.

A schedule is called with the number of steps done and the length of the training in steps, and
returns by what to multiply the learning rate of the optimiser for the next step.
"""

from collections.abc import Callable, Sequence
from math import cos, pi
from typing import Any

from replearn.errors import InputError
from replearn.registry import build
from replearn.training.loss import not_negative, positive

Schedule = Callable[[int, int], float]


def constant(warm_up: int = 0) -> Schedule:
    """One rate from the first step to the last."""
    return _warmed(warm_up, lambda step, length: 1.0)


def step(every: int = 50_000, factor: float = 0.3, warm_up: int = 0) -> Schedule:
    """The rate times `factor` after every `every` steps."""
    _whole("every", every, 1)
    _decay(factor)
    return _warmed(warm_up, lambda step, length: factor ** (step // every))


def milestones(
    at: Sequence[float] = (1 / 3, 2 / 3), factor: float = 0.1, warm_up: int = 0
) -> Schedule:
    """The rate times `factor` at each of the fractions `at` of the training.

    Source:
        Csiszárik et al. (2021), NeurIPS: after 100 and 200 of 300 epochs.
    """
    fractions = _fractions(at)
    _decay(factor)
    return _warmed(
        warm_up, lambda step, length: factor ** sum(step / length >= each for each in fractions)
    )


def cosine(floor: float = 0.0, warm_up: int = 0) -> Schedule:
    """Half a cosine from the rate down to `floor` times it at the end of the training.

    Source:
        Loshchilov & Hutter (2017), arXiv:1608.03983, eq. 5, without restarts.
    """
    if not_negative("floor", floor) > 1:
        raise InputError(f"floor must be a fraction from 0 to 1, got {floor!r}")
    return _warmed(
        warm_up, lambda step, length: floor + (1 - floor) * (1 + cos(pi * step / length)) / 2
    )


def exponential(every: int = 50_000, factor: float = 0.3, warm_up: int = 0) -> Schedule:
    """The rate times `factor` in `every` steps, a little less at each: `step` made smooth."""
    _whole("every", every, 1)
    _decay(factor)
    return _warmed(warm_up, lambda step, length: factor ** (step / every))


SCHEDULES: dict[str, Callable[..., Schedule]] = {
    "constant": constant,
    "step": step,
    "milestones": milestones,
    "cosine": cosine,
    "exponential": exponential,
}
# A longer training is another one from the start on with these.
DEPEND_ON_LENGTH = frozenset({"milestones", "cosine"})


def make_schedule(name: str = "constant", **params: Any) -> Schedule:
    """Return `SCHEDULES[name](**params)`.

    Raises:
        InputError: if the name or a parameter is unknown, or a value impossible.
    """
    return build(SCHEDULES, name, kind="scheduler", **params)


def _warmed(warm_up: int, schedule: Schedule) -> Schedule:
    """Return `schedule` times 1/warm_up, 2/warm_up ... 1 in the first `warm_up` steps."""
    _whole("warm_up", warm_up, 0)
    if warm_up == 0:
        return schedule
    return lambda step, length: min(1.0, (step + 1) / warm_up) * schedule(step, length)


def _whole(name: str, value: Any, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise InputError(f"{name} must be a whole number of at least {least}, got {value!r}")


def _decay(factor: Any) -> None:
    # Times a factor of more than 1, again and again, no rate stays finite.
    if positive("factor", factor) > 1:
        raise InputError(f"factor must be at most 1, got {factor!r}")


def _fractions(at: Any) -> list[float]:
    numbers = [] if isinstance(at, str) or not isinstance(at, Sequence) else list(at)
    if not numbers or not all(isinstance(f, int | float) and 0 < f < 1 for f in numbers):
        raise InputError(
            f"at must be a list of fractions of the training, each between 0 and 1, got {at!r}"
        )
    return numbers
