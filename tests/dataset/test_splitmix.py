"""Random numbers by place against SplitMix64's published outputs and its own definition."""

import numpy as np
import pytest
import torch

from replearn.dataset.splitmix import below, outputs, seeds_of

# Rosetta Code, "Pseudo-random numbers/Splitmix64": the first five outputs of seed 1234567.
ROSETTA = [
    6457827717110365317,
    3203168211198807973,
    9817491932198370423,
    4593380528125082431,
    16408922859458223821,
]


def test_outputs_are_the_published_ones():
    assert outputs(torch.tensor(1234567), 5).numpy().view(np.uint64).tolist() == ROSETTA
    many = outputs(torch.tensor([[0, 1234567], [7, -1]]), 5)
    assert many.shape == (2, 2, 5)
    assert many[0, 1].numpy().view(np.uint64).tolist() == ROSETTA


def test_a_place_has_the_output_of_one_generator_with_that_number():
    generator = outputs(outputs(torch.tensor(3), 1)[0], 10)
    places = torch.tensor([[9, 0], [4, 4]])
    assert (seeds_of(3, places) == generator[places]).all()
    assert (seeds_of(4, places) != generator[places]).all()


@pytest.mark.parametrize("seed", [2**63 - 1, 0])
def test_any_seed_of_63_bits_will_do(seed):
    assert len(set(seeds_of(seed, torch.arange(1000)).tolist())) == 1000


@pytest.mark.parametrize("n", [1, 6, 211, 1 << 16])
def test_integers_below_n_are_the_floor_of_n_u(n):
    bits = outputs(torch.arange(50), 20)
    upper = bits.numpy().view(np.uint64) >> np.uint64(32)
    expected = [[int(word) * n // 2**32 for word in row] for row in upper]
    assert below(bits, n).tolist() == expected
