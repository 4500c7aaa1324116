"""Schedules against those of torch, over whole trainings."""

import pytest
import torch
from torch.optim import lr_scheduler

from replearn.errors import InputError
from replearn.training.schedules import DEPEND_ON_LENGTH, SCHEDULES, make_schedule

LENGTH = 300
TORCH = {
    ("constant", ()): lambda o: lr_scheduler.ConstantLR(o, factor=1.0),
    ("step", (("every", 70), ("factor", 0.3))): lambda o: lr_scheduler.StepLR(o, 70, 0.3),
    ("milestones", ()): lambda o: lr_scheduler.MultiStepLR(o, [100, 200], 0.1),
    ("milestones", (("at", (0.5, 0.75, 0.9)), ("factor", 0.5))): lambda o: lr_scheduler.MultiStepLR(
        o, [150, 225, 270], 0.5
    ),
    ("cosine", ()): lambda o: lr_scheduler.CosineAnnealingLR(o, LENGTH),
    ("cosine", (("floor", 0.25),)): lambda o: lr_scheduler.CosineAnnealingLR(
        o, LENGTH, eta_min=0.25 * 0.1
    ),
    ("exponential", (("every", 1), ("factor", 0.98))): lambda o: lr_scheduler.ExponentialLR(
        o, 0.98
    ),
    ("exponential", (("every", 10), ("factor", 0.5))): lambda o: lr_scheduler.ExponentialLR(
        o, 0.5**0.1
    ),
    ("constant", (("warm_up", 40),)): lambda o: lr_scheduler.LinearLR(o, 1 / 40, total_iters=39),
    ("step", (("every", 25), ("warm_up", 40))): lambda o: lr_scheduler.ChainedScheduler(
        [lr_scheduler.LinearLR(o, 1 / 40, total_iters=39), lr_scheduler.StepLR(o, 25, 0.3)]
    ),
}


@pytest.mark.parametrize("name, params", TORCH, ids=lambda value: str(value))
def test_rates_are_those_of_torch_at_every_step(name, params):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    reference = TORCH[name, params](optimizer)
    schedule = make_schedule(name, **dict(params))
    for step in range(LENGTH):
        expected = optimizer.param_groups[0]["lr"]
        assert 0.1 * schedule(step, LENGTH) == pytest.approx(expected, rel=1e-9, abs=1e-12), step
        optimizer.step()
        reference.step()


def test_every_schedule_is_compared():
    assert {name for name, _ in TORCH} == set(SCHEDULES)


def test_the_published_recipes():
    # Montero et al. (2022): StepLR(50000, .3). Csiszárik et al. (2021): 300 epochs of 390 steps,
    # a tenth from epoch 100 and again from epoch 200 on.
    montero, csiszarik = make_schedule("step"), make_schedule("milestones")
    assert [montero(step, 200_000) for step in (49_999, 50_000, 149_999)] == [1, 0.3, 0.3**2]
    steps = (38_999, 39_000, 77_999, 78_000, 116_999)
    rates = [csiszarik(step, 117_000) for step in steps]
    assert rates == pytest.approx([1, 0.1, 0.1, 0.01, 0.01])


@pytest.mark.parametrize("name", SCHEDULES)
def test_those_that_depend_on_the_length_are_known(name):
    schedule = make_schedule(name)
    differ = any(schedule(step, 90_000) != schedule(step, 100_000) for step in range(0, 90_000, 77))
    assert differ == (name in DEPEND_ON_LENGTH)


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_first_step_has_the_rate_of_the_optimiser_and_no_step_more(name):
    schedule = make_schedule(name)
    assert schedule(0, LENGTH) == 1
    assert all(schedule(step, LENGTH) <= 1 for step in range(LENGTH))


@pytest.mark.parametrize(
    "name, params, sentence",
    [
        ("cosin", {}, "unknown scheduler 'cosin'; did you mean 'cosine'"),
        ("step", {"evry": 3}, "scheduler 'step' takes no parameter 'evry'; did you mean 'every'"),
        ("step", {"every": 0}, "every must be a whole number of at least 1, got 0"),
        ("exponential", {"every": 2.5}, "every must be a whole number of at least 1, got 2.5"),
        ("step", {"factor": 2}, "factor must be at most 1, got 2"),
        ("exponential", {"factor": 1.5}, "factor must be at most 1, got 1.5"),
        ("milestones", {"factor": 10}, "factor must be at most 1, got 10"),
        ("step", {"factor": 0}, "factor must be greater than 0, got 0"),
        ("exponential", {"factor": -1}, "factor must be a number of at least 0, got -1"),
        ("cosine", {"floor": 2}, "floor must be a fraction from 0 to 1, got 2"),
        ("constant", {"warm_up": -1}, "warm_up must be a whole number of at least 0, got -1"),
        ("milestones", {"at": 0.5}, "at must be a list of fractions .*, got 0.5"),
        ("milestones", {"at": [10, 20]}, r"each between 0 and 1, got \[10, 20\]"),
        ("milestones", {"at": "half"}, "each between 0 and 1, got 'half'"),
    ],
)
def test_bad_parameters_are_refused_in_one_sentence(name, params, sentence):
    with pytest.raises(InputError, match=sentence):
        make_schedule(name, **params)
