"""Triples of the composition task against a plain enumeration of the published procedure."""

from collections import Counter
from itertools import permutations, product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from replearn.dataset.triples import Triples
from replearn.errors import InputError

SIZES = (3, 2, 4)
GRID = np.array(list(product(*map(range, SIZES))))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def published_law(reference, members):
    """Chances of (command, transformed, factor) as TripletDataset draws them, by enumeration."""
    law = Counter()

    def resample(state, factor, k, chance):
        """Resample factor k and those after it."""
        if k == len(SIZES):
            yield state, chance
            return
        others = [
            other
            for v in range(SIZES[k])
            if v != state[k] and (other := (*state[:k], v, *state[k + 1 :])) in members
        ]
        if k == factor or not others:
            yield from resample(state, factor, k + 1, chance)
        for other in others if k != factor else ():
            yield from resample(other, factor, k + 1, chance / len(others))

    orders = list(permutations(range(len(SIZES))))
    for order in orders:
        for d in order:  # the first factor of a shuffled list that can change
            outs = [
                out
                for v in range(SIZES[d])
                if v != reference[d]
                and (out := (*reference[:d], v, *reference[d + 1 :])) in members
            ]
            if outs:
                for out in outs:
                    for command, p in resample(out, d, 0, 1 / len(outs) / len(orders)):
                        law[command, out, d] += p
                break
    return law


def drawn(triples, positions, seed=0, of="from_references"):
    """The triples as rows of positions: reference, command, transformed, factor."""
    found = getattr(triples, of)(torch.as_tensor(positions), generator(seed))
    return np.stack([found.reference, found.command, found.transformed, found.factor], 1)


def masked(seed, share=0.6):
    members = np.flatnonzero(np.random.default_rng(seed).random(len(GRID)) < share)
    return members, {tuple(row) for row in GRID[members].tolist()}


@pytest.mark.parametrize("seed", range(4))
def test_triples_have_the_published_law(seed):
    members, known = masked(seed)
    triples = Triples(GRID, SIZES, members)
    reference = members[triples.changeable(members)][seed]
    rows = drawn(triples, np.full(40_000, reference), seed)
    law = published_law(tuple(GRID[reference].tolist()), known)
    assert sum(law.values()) == pytest.approx(1)
    index = {tuple(row): i for i, row in enumerate(GRID.tolist())}
    counted = Counter(map(tuple, rows[:, 1:].tolist()))
    expected = {(index[c], index[o], d): 40_000 * p for (c, o, d), p in law.items()}
    assert set(counted) <= set(expected)
    observed = [counted[key] for key in expected]
    assert chisquare(observed, list(expected.values())).pvalue > 1e-3


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), share=st.floats(0.2, 1))
def test_triples_obey_their_definition(seed, share):
    members, known = masked(seed, share)
    triples = Triples(GRID, SIZES, members)
    references = members[triples.changeable(members)]
    if not len(references):
        return
    for reference, command, transformed, d in drawn(triples, np.repeat(references, 5), seed):
        assert {reference, command, transformed} <= set(members.tolist())
        before, after, shown = GRID[[reference, transformed, command]]
        assert [k for k in range(3) if before[k] != after[k]] == [d]
        assert shown[d] == after[d]


def test_on_a_full_grid_every_other_factor_of_the_command_differs():
    everything = np.arange(len(GRID))
    triples = Triples(GRID, SIZES, everything)
    for _, command, transformed, d in drawn(triples, np.repeat(everything, 20)):
        same = GRID[command] == GRID[transformed]
        assert same.tolist() == [k == d for k in range(3)]


def test_images_without_a_neighbour_cannot_be_changed():
    # (0, 0, 0) and (1, 1, 1) differ in three factors, (0, 0, 1) in one of the first.
    index = {tuple(row): i for i, row in enumerate(GRID.tolist())}
    members = np.array(sorted(index[c] for c in [(0, 0, 0), (0, 0, 1), (1, 1, 1)]))
    changeable = Triples(GRID, SIZES, members).changeable(members)
    assert changeable.tolist() == [True, True, False]


def test_any_command_is_any_training_image_with_the_value():
    members, _ = masked(5)
    triples = Triples(GRID, SIZES, members, command="any")
    reference = members[triples.changeable(members)][0]
    rows = drawn(triples, np.full(20_000, reference))
    for (transformed, d), n in Counter(map(tuple, rows[:, 2:].tolist())).items():
        fitting = [m for m in members if GRID[m, d] == GRID[transformed, d]]
        chosen = rows[(rows[:, 2] == transformed) & (rows[:, 3] == d), 1]
        counts = [np.sum(chosen == m) for m in fitting]
        assert sum(counts) == n and chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize("command", ["resampled", "any"])
def test_triples_end_in_excluded_combinations_and_come_from_training_ones(command):
    # Excluded: value 0 of the first factor with values 2 and 3 of the last.
    excluded = (GRID[:, 0] == 0) & (GRID[:, 2] >= 2)
    training, test = np.flatnonzero(~excluded), np.flatnonzero(excluded)
    triples = Triples(GRID, SIZES, training, command)
    usual, others = triples.reachable(test)
    assert usual.all() and not others.any()
    rows = drawn(triples, np.repeat(test, 200), of="to_targets")
    assert set(rows[:, 3]) == {0, 2}  # a change of the second factor comes from no training image
    for reference, shown, target, d in rows:
        assert target in test and reference in training and shown in training
        assert np.flatnonzero(GRID[reference] != GRID[target]).tolist() == [d]
        assert GRID[shown, d] == GRID[target, d]
        if command == "resampled" and d == 2:  # where it can: any other shape may have the value
            assert (GRID[shown] == GRID[target]).tolist() == [False, False, True]


def test_to_targets_has_the_published_law_on_a_full_grid():
    everything = np.arange(len(GRID))
    triples = Triples(GRID, SIZES, everything)
    counts = [
        Counter(map(tuple, drawn(triples, np.repeat(everything, 2000), 1, of).tolist()))
        for of in ("from_references", "to_targets")
    ]
    keys = sorted(set(counts[0]) | set(counts[1]))
    # Each (reference, command, transformed, factor) at equal chances, given factor and command.
    expected = {}
    for reference, c, t, d in keys:
        rest = np.prod([SIZES[k] - 1 for k in range(3)])
        expected[reference, c, t, d] = 2000 / 3 / rest
    for found in counts:
        observed = np.array([found[key] for key in keys])
        wanted = np.array([expected[key] for key in keys])
        assert observed.sum() == wanted.sum() == 2000 * len(GRID)
        assert chisquare(observed, wanted).pvalue > 1e-3


def test_a_value_never_trained_on_is_shown_by_an_excluded_image():
    excluded = GRID[:, 2] >= 2
    training, test = np.flatnonzero(~excluded), np.flatnonzero(excluded)
    triples = Triples(GRID, SIZES, training)
    usual, others = triples.reachable(test)
    assert others.all() and not usual.any()
    for reference, shown, target, d in drawn(triples, np.repeat(test, 20), of="to_targets"):
        assert d == 2 and reference in training and shown in test
        assert (GRID[shown] == GRID[target]).tolist() == [False, False, True]


def test_combinations_far_from_all_training_images_cannot_be_reached():
    training = np.flatnonzero((GRID[:, 0] == 0) & (GRID[:, 1] == 0))
    usual, others = Triples(GRID, SIZES, training).reachable(np.arange(len(GRID)))
    reached = GRID[usual | others]
    assert ((reached[:, :2] > 0).sum(1) <= 1).all() and len(reached) == 4 + 2 * 4 + 1 * 4


def test_held_out_images_are_targets_of_images_to_train_on():
    training, held_out = np.arange(0, len(GRID), 2), np.arange(1, len(GRID), 2)
    triples = Triples(GRID, SIZES, training)
    usual, _ = triples.reachable(held_out)
    rows = drawn(triples, np.repeat(held_out[usual], 10), of="to_targets")
    assert set(rows[:, 0]) | set(rows[:, 1]) <= set(training.tolist())
    assert set(rows[:, 2]) <= set(held_out.tolist())


def test_images_of_one_combination_are_told_apart_by_their_part():
    factors = np.concatenate([GRID, GRID])
    training = np.arange(len(GRID), 2 * len(GRID))
    triples = Triples(factors, SIZES, training)
    assert drawn(triples, training)[:, :3].min() >= len(GRID)


def test_draws_depend_on_the_generator_alone():
    triples = Triples(GRID, SIZES, np.arange(len(GRID)))
    first, again, other = (drawn(triples, np.arange(24), seed) for seed in (0, 0, 1))
    assert (first == again).all() and (first != other).any()


def test_more_than_255_values_and_memory():
    sizes = (300, 3)
    grid = np.array(list(product(*map(range, sizes))))
    triples = Triples(grid, sizes, np.arange(900))
    rows = drawn(triples, np.arange(900))
    assert (grid[rows[:, 2]][np.arange(900), rows[:, 3]] != grid[np.arange(900), rows[:, 3]]).all()
    # Lines (301 · 3 + 4 · 300) · 2, positions 4 · 900, members 900, values 2 · 2 · 900 bytes.
    assert triples.nbytes == 2 * (301 * 3 + 4 * 300) + 9 * 900


def test_bad_options_are_refused():
    with pytest.raises(InputError, match="command must be resampled or any, got 'all'"):
        Triples(GRID, SIZES, np.arange(24), "all")
    with pytest.raises(InputError, match="the factors have 25,000,000 combinations; triples are"):
        Triples(np.zeros((1, 2), int), (5000, 5000), np.arange(1))
