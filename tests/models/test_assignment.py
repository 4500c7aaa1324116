"""Categories of a batch: the exact optimum, by trying all assignments and by a network flow."""

from itertools import product

import networkx  # torch needs it, too
import numpy as np
import pytest

from replearn.models.assignment import assign_categories


def total(cost, chosen, crowding):
    """The objective as it is written: costs, and pairs of images in one category."""
    pairs = sum(a == b for i, a in enumerate(chosen) for b in chosen[:i])
    return sum(cost[i, k] for i, k in enumerate(chosen)) + crowding * pairs


@pytest.mark.parametrize("crowding", [0.0, 0.001, 0.3, 5.0])
@pytest.mark.parametrize(("n", "k"), [(1, 3), (2, 2), (5, 3), (6, 3), (4, 5)])
@pytest.mark.parametrize("scale", [0.1, 1.0, 20.0])
def test_the_assignment_is_the_best_of_all(n, k, scale, crowding):
    for seed in range(4):
        cost = scale * np.random.default_rng(seed).normal(size=(n, k))
        best = min(total(cost, chosen, crowding) for chosen in product(range(k), repeat=n))
        chosen = assign_categories(cost, crowding)
        assert chosen.shape == (n,) and chosen.dtype == np.int64
        assert total(cost, chosen, crowding) == pytest.approx(best, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("crowding", [0.001, 0.05, 1.0])
def test_a_batch_is_assigned_as_by_a_minimum_cost_flow(crowding):
    n, k = 40, 3
    # Whole numbers, for which networkx is exact; some images are settled, others are not.
    cost = np.random.default_rng(1).integers(-900, 900, size=(n, k))
    graph, unit = networkx.DiGraph(), round(1000 * crowding)
    for i in range(n):
        graph.add_edge("source", f"image {i}", capacity=1, weight=0)
        for j in range(k):
            graph.add_edge(f"image {i}", f"category {j}", capacity=1, weight=int(cost[i, j]))
    for j in range(k):
        for m in range(n):
            graph.add_edge(f"category {j}", f"place {j} {m}", capacity=1, weight=m * unit)
            graph.add_edge(f"place {j} {m}", "sink", capacity=1, weight=0)
    flow = networkx.max_flow_min_cost(graph, "source", "sink")
    expected = networkx.cost_of_flow(graph, flow)
    assert total(cost, assign_categories(cost / 1, unit), unit) == expected


def test_without_crowding_each_image_goes_where_it_is_likeliest():
    cost = np.random.default_rng(0).normal(size=(50, 4))
    assert (assign_categories(cost, 0.0) == cost.argmin(1)).all()


def test_images_that_are_alike_spread_evenly():
    # All categories cost the same: 30 images are least crowded as 10, 10, 10.
    assert np.bincount(assign_categories(np.zeros((30, 3)), 0.001)).tolist() == [10, 10, 10]


def test_an_image_gives_way_only_where_a_place_costs_more_than_its_preference():
    # Nine images are settled in category 0, so the tenth pays 0.9 there, and 0.5 in category 1.
    cost = np.array([[0.0, 9.0]] * 9 + [[0.0, 0.5]])
    assert assign_categories(cost, 0.1).tolist() == [0] * 9 + [1]
    assert assign_categories(cost, 0.05).tolist() == [0] * 10
