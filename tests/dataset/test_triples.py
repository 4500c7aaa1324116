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


def neighbours(state, k, members):
    """The members that differ from a combination in factor k alone."""
    changed = [(*state[:k], v, *state[k + 1 :]) for v in range(SIZES[k]) if v != state[k]]
    return [other for other in changed if other in members]


def resample(state, kept, chance, members, k=0):
    """Resample the factors from the k-th on that are not kept: members and their chances."""
    if k == len(SIZES):
        yield state, chance
        return
    others = [] if k in kept else neighbours(state, k, members)
    for other in others or [state]:
        yield from resample(other, kept, chance / max(len(others), 1), members, k + 1)


def published_law(reference, members):
    """Chances of (command, transformed, factor) as TripletDataset draws them, by enumeration."""
    law, orders = Counter(), list(permutations(range(len(SIZES))))
    for order in orders:
        for d in order:  # the first factor of a shuffled list that can change
            outs = neighbours(reference, d, members)
            if outs:
                for out in outs:
                    chance = 1 / len(outs) / len(orders)
                    for command, p in resample(out, {d}, chance, members):
                        law[command, out, d] += p
                break
    return law


def law_to(target, members):
    """Chances of (reference, command, factor) of triples that end in a target, as documented."""
    law = Counter()
    near = {d: found for d in range(len(SIZES)) if (found := neighbours(target, d, members))}
    showing = {d: [m for m in members if m[d] == target[d]] for d in near}
    factors = [d for d in near if showing[d]]
    for d in factors:
        chance = 1 / len(factors) / len(near[d]) / len(showing[d])
        for reference, shown in product(near[d], showing[d]):
            kept = {k for k in range(len(SIZES)) if k == d or shown[k] != target[k]}
            for command, p in resample(shown, kept, chance, members):
                law[reference, command, d] += p
    return law


def rows(found):
    """Triples as rows of positions: reference, command, transformed, factor."""
    return np.stack([found.reference, found.command, found.transformed, found.factor], 1)


def drawn(triples, positions, seed=0):
    """Rows of triples from references at these positions."""
    return rows(triples.from_references(torch.as_tensor(positions), generator(seed)))


def drawn_to(triples, positions, reached, seed=0):
    """Rows of triples that end at these positions, of which `reached` is known."""
    return rows(triples.to_targets(torch.as_tensor(positions), generator(seed), reached))


def masked(seed, share=0.6):
    members = np.flatnonzero(np.random.default_rng(seed).random(len(GRID)) < share)
    return members, {tuple(row) for row in GRID[members].tolist()}


@pytest.mark.parametrize("seed", range(4))
def test_triples_have_the_published_law(seed):
    members, known = masked(seed)
    triples = Triples(GRID, SIZES, members)
    reference = members[triples.changeable(members)][seed]
    found = drawn(triples, np.full(40_000, reference), seed)
    law = published_law(tuple(GRID[reference].tolist()), known)
    assert sum(law.values()) == pytest.approx(1)
    index = {tuple(row): i for i, row in enumerate(GRID.tolist())}
    counted = Counter(map(tuple, found[:, 1:].tolist()))
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
    found = drawn(triples, np.full(20_000, reference))
    for (transformed, d), n in Counter(map(tuple, found[:, 2:].tolist())).items():
        fitting = [m for m in members if GRID[m, d] == GRID[transformed, d]]
        chosen = found[(found[:, 2] == transformed) & (found[:, 3] == d), 1]
        counts = [np.sum(chosen == m) for m in fitting]
        assert sum(counts) == n and chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize("command", ["resampled", "any"])
def test_triples_end_in_excluded_combinations_and_come_from_training_ones(command):
    # Excluded: value 0 of the first factor with values 2 and 3 of the last.
    excluded = (GRID[:, 0] == 0) & (GRID[:, 2] >= 2)
    training, test = np.flatnonzero(~excluded), np.flatnonzero(excluded)
    triples = Triples(GRID, SIZES, training, command)
    reached = triples.reachable(test)
    assert reached.usual.all() and not reached.others.any()
    found = drawn_to(triples, np.repeat(test, 200), reached)
    assert set(found[:, 3]) == {0, 2}  # a change of the second factor comes from no training image
    for reference, shown, target, d in found:
        assert target in test and reference in training and shown in training
        assert np.flatnonzero(GRID[reference] != GRID[target]).tolist() == [d]
        assert GRID[shown, d] == GRID[target, d]
        if command == "resampled" and d == 2:  # where it can: any other shape may have the value
            assert (GRID[shown] == GRID[target]).tolist() == [False, False, True]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("part", ["training", "other"])
def test_to_targets_has_its_law_on_a_masked_grid(seed, part):
    members, known = masked(seed)
    targets = members if part == "training" else np.setdiff1d(np.arange(len(GRID)), members)
    triples = Triples(GRID, SIZES, members)
    reached = triples.reachable(targets)
    target = targets[reached.usual][seed]
    found = drawn_to(triples, np.full(40_000, target), reached, seed)
    law = law_to(tuple(GRID[target].tolist()), known)
    assert sum(law.values()) == pytest.approx(1)
    shown = [tuple(map(tuple, GRID[row[:2]].tolist())) + (row[3],) for row in found]
    counted = Counter(shown)
    assert set(counted) <= set(law)
    expected = [40_000 * p for p in law.values()]
    assert chisquare([counted[key] for key in law], expected).pvalue > 1e-3


def test_to_targets_has_the_published_law_on_a_full_grid():
    everything = np.arange(len(GRID))
    triples = Triples(GRID, SIZES, everything)
    many, reached = np.repeat(everything, 2000), triples.reachable(everything)
    both = drawn(triples, many, 1), drawn_to(triples, many, reached, 1)
    counts = [Counter(map(tuple, found.tolist())) for found in both]
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
    reached = triples.reachable(test)
    assert reached.others.all() and not reached.usual.any()
    for reference, shown, target, d in drawn_to(triples, np.repeat(test, 20), reached):
        assert d == 2 and reference in training and shown in test
        assert (GRID[shown] == GRID[target]).tolist() == [False, False, True]


def test_values_never_trained_on_are_shown_by_images_of_their_own_part():
    training, held_out, test = (np.flatnonzero(GRID[:, 2] == v) for v in (0, 1, 3))
    # A subset of the grid: there are no images with the value 2.
    kept = np.concatenate([training, held_out, test])
    triples = Triples(GRID[kept], SIZES, np.arange(len(training)))
    parts = np.split(np.arange(len(kept)), [len(training), len(training) + len(held_out)])[1:]
    found = [triples.reachable(part) for part in parts]
    for part, reached in zip(parts, found, strict=True):
        assert reached.others.all() and reached.nbytes > 0
        drawings = drawn_to(triples, np.repeat(part, 50), reached)
        assert set(drawings[:, 0]) <= set(range(len(training)))
        assert set(drawings[:, 1]) == set(part.tolist())


def test_combinations_far_from_all_training_images_cannot_be_reached():
    training = np.flatnonzero((GRID[:, 0] == 0) & (GRID[:, 1] == 0))
    everything = np.arange(len(GRID))
    near = GRID[Triples(GRID, SIZES, training).reachable(everything).either]
    assert ((near[:, :2] > 0).sum(1) <= 1).all() and len(near) == 4 + 2 * 4 + 1 * 4


def test_held_out_images_are_targets_of_images_to_train_on():
    training, held_out = np.arange(0, len(GRID), 2), np.arange(1, len(GRID), 2)
    triples = Triples(GRID, SIZES, training)
    reached = triples.reachable(held_out)
    found = drawn_to(triples, np.repeat(held_out[reached.usual], 10), reached)
    assert set(found[:, 0]) | set(found[:, 1]) <= set(training.tolist())
    assert set(found[:, 2]) <= set(held_out.tolist())


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
    found = drawn(triples, np.arange(900))
    after, before = (grid[found[:, k], found[:, 3]] for k in (2, 0))
    assert (after != before).all()
    # Lines (301 · 3 + 4 · 300) · 2, positions 4 · 900, members 900, values 2 · 2 · 900 bytes.
    assert triples.nbytes == 2 * (301 * 3 + 4 * 300) + 9 * 900


def test_bad_options_are_refused():
    with pytest.raises(InputError, match="command must be resampled or any, got 'all'"):
        Triples(GRID, SIZES, np.arange(24), "all")
    with pytest.raises(InputError, match="the factors have 25,000,000 combinations; triples are"):
        Triples(np.zeros((1, 2), int), (5000, 5000), np.arange(1))
