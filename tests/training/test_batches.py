"""Batches come in an order that depends on the seed and the step alone."""

from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from replearn.errors import InputError
from replearn.training.batches import Batches
from replearn.training.seeds import derive_seed, make_generator, stream_seeds


def positions(index, generator):
    return index, index


def drawn(index, generator):
    return torch.rand(len(index), generator=generator), index


def some(n=10, batch_size=3, fetch=positions):
    return Batches(fetch, np.arange(n) * 7, batch_size)


def take(batches, n, seed=0, start=0):
    return [x.tolist() for x, _ in islice(batches.shuffled(seed, start), n)]


def test_an_epoch_shows_no_example_twice_and_drops_the_rest():
    epoch = sum(take(some(), 3), [])
    assert len(epoch) == len(set(epoch)) == 9
    assert set(epoch) <= set(range(0, 70, 7))


def test_epochs_and_seeds_differ():
    first, second = take(some(), 6)[:3], take(some(), 6)[3:]
    assert first != second
    assert take(some(), 3, seed=1) != first


@settings(max_examples=30, deadline=None)
@given(n=st.integers(3, 20), batch_size=st.integers(1, 3), start=st.integers(0, 25))
def test_a_resumed_order_is_the_uninterrupted_one(n, batch_size, start):
    batches = some(n, batch_size)
    assert take(batches, 5, start=start) == take(batches, start + 5)[start:]


def test_weights_say_how_often_an_example_is_drawn():
    # 2,000 draws of two examples, weighted 3 to 1: 1,500 with a standard deviation of 19.4.
    weighted = Batches(positions, np.array([5, 8] * 1000), 10, np.array([3.0, 1.0] * 1000))
    epoch = sum(take(weighted, 200), [])
    assert weighted.steps_per_epoch == 200
    assert epoch.count(5) == pytest.approx(1500, abs=4 * 19.4)
    alone = Batches(positions, np.arange(4), 4, np.array([0.0, 1.0, 0.0, 0.0]))
    assert take(alone, 2) == [[1] * 4] * 2
    assert take(weighted, 300, start=250) == take(weighted, 550)[250:]
    assert take(weighted, 200) != take(weighted, 400)[200:]
    assert take(weighted, 3) != take(weighted, 3, seed=1)


def test_what_an_example_draws_depends_on_the_seed_and_the_step():
    batches = some(fetch=drawn)
    assert take(batches, 5, start=4) == take(batches, 9)[4:]
    values = sum(take(batches, 9), []) + sum(take(batches, 9, seed=1), [])
    assert len(set(values)) == 2 * 9 * 3
    held_out = [[x.tolist() for x, _ in batches.in_order()] for _ in range(2)]
    assert held_out[0] == held_out[1]
    assert held_out[0][0] != held_out[0][1]


def test_in_order_yields_everything_once():
    seen = torch.cat([x for x, _ in some().in_order()]).tolist()
    assert seen == list(range(0, 70, 7))


def test_too_large_a_batch_is_refused():
    with pytest.raises(InputError, match="batch_size=11 is larger than the 10 examples"):
        some(batch_size=11)


def test_derived_seed_is_the_digest_it_says():
    # printf 0/init | sha256sum: its first 8 bytes, halved.
    assert derive_seed(0, "init") == int("2a29a3e290b9715c", 16) >> 1


def test_streams_are_apart_unless_given():
    seeds = stream_seeds(3, init=5, order=None, noise=None)
    assert seeds["init"] == 5
    assert len(set(seeds.values())) == 3


def test_generators_leave_the_global_state_alone():
    state = torch.get_rng_state()
    torch.rand(3, generator=make_generator(1))
    assert torch.equal(torch.get_rng_state(), state)
