"""Points in the plane: triangles, scaling, t-SNE, and which measures are distances."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from replearn.analysis.embedding import (
    COSINES,
    lower_triangle,
    mds,
    metric_distances,
    tsne,
)
from replearn.analysis.similarity import MEASURES, compare_all
from replearn.errors import InputError

RULED = sorted(COSINES | {"distance_correlation", "jaccard"})


def test_the_triangle_is_the_lower_one():
    matrix = np.array(
        [[1, 0.1, 0.2, 0.4], [0.1, 1, 0.3, 0.5], [0.2, 0.3, 1, 0.6], [0.4, 0.5, 0.6, 1]]
    )
    assert lower_triangle(matrix).tolist() == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    with pytest.raises(InputError, match="stands for a symmetric matrix, and this one is not"):
        lower_triangle([[1, 0.5], [0.4, 1]])
    with pytest.raises(InputError, match=r"square matrix of 2 rows or more, not \(2, 3\)"):
        lower_triangle(np.ones((2, 3)))


@pytest.mark.parametrize("seed", range(3))
def test_points_of_a_plane_keep_their_distances(seed):
    plane = np.random.default_rng(seed).normal(size=(12, 2)) * [3, 1]
    points, stress = mds(squareform(pdist(plane)))
    assert stress < 1e-7
    np.testing.assert_allclose(pdist(points), pdist(plane), rtol=1e-6)
    # Axes are principal: the spread along them is that of the plane, and they are uncorrelated.
    spread = np.linalg.svd(plane - plane.mean(0), compute_uv=False)
    np.testing.assert_allclose(points.T @ points, np.diag(spread**2), atol=1e-6)


def test_four_items_equally_far_apart_are_a_square():
    # de Leeuw (1993): the least raw stress is 6 - (4 + 2 sqrt 2)² / 8, of a square of side
    # (2 + sqrt 2) / 4; the centred triangle is a worse minimum. Relative to the square's distances
    # that is (3 - 2 sqrt 2) / (3 + 2 sqrt 2), whose root is 3 - 2 sqrt 2.
    points, stress = mds(1 - np.eye(4))
    assert stress == pytest.approx(3 - 2 * np.sqrt(2), abs=1e-6)
    side = (2 + np.sqrt(2)) / 4
    found = np.sort(pdist(points))
    np.testing.assert_allclose(found, [side] * 4 + [side * np.sqrt(2)] * 2, atol=1e-4)


@pytest.mark.slow
def test_no_start_of_scikit_learn_finds_a_better_picture():
    from sklearn.manifold import smacof

    distances = squareform(pdist(np.random.default_rng(4).normal(size=(15, 5))))
    _, stress = mds(distances)
    options = {"random_state": 0, "eps": 1e-9, "max_iter": 1000, "normalized_stress": True}
    _, best = smacof(distances, n_init=8, **options)
    assert stress == pytest.approx(best, rel=1e-3)


@pytest.mark.parametrize(
    ("distances", "sentence"),
    [
        (np.zeros((2, 2)), "needs the distances of 3 items"),
        (np.zeros((3, 3)), "all 3 items are the same"),
        (np.ones((3, 3)), "0 between an item and itself"),
        (np.triu(np.ones((3, 3)), 1), "the same in both directions"),
        (np.full((3, 3), np.nan), "distances are finite"),
    ],
)
def test_what_is_no_distances_is_refused(distances, sentence):
    with pytest.raises(InputError, match=sentence):
        mds(distances)


@pytest.mark.slow
def test_neighbours_stay_neighbours():
    from sklearn.manifold import trustworthiness

    rng = np.random.default_rng(0)
    centres = rng.normal(size=(4, 60)) * 5
    vectors = np.repeat(centres, 10, axis=0) + rng.normal(size=(40, 60)) * 0.1
    points = tsne(vectors)
    assert points.shape == (40, 2)
    near = squareform(pdist(points)) + np.diag(np.full(40, np.inf))
    assert (near.argmin(axis=1) // 10 == np.arange(40) // 10).all()
    assert trustworthiness(vectors, points, n_neighbors=5) > 0.95
    assert np.array_equal(points, tsne(vectors))
    assert not np.array_equal(points, tsne(vectors, perplexity=3))


@pytest.mark.parametrize(
    ("vectors", "sentence"),
    [
        (np.eye(6), "needs at least 7 points, got 6; ask for more runs or more steps"),
        (np.arange(8.0)[:, None], "3 layers or more"),
        (np.ones((8, 3)), "all 8 points are the same"),
        (np.full((8, 3), np.nan), "finite numbers"),
    ],
)
def test_what_t_sne_cannot_draw_is_refused(vectors, sentence):
    with pytest.raises(InputError, match=sentence):
        tsne(vectors)


def test_cosines_become_angles_and_distances_stay():
    values = np.array([[1, 0.5], [0.5, 1]])
    angles, words = metric_distances(values, "cka_linear")
    assert angles == pytest.approx(np.array([[0, np.pi / 3], [np.pi / 3, 0]]))
    assert words == "arccos of cka_linear (radians)"
    squared, _ = metric_distances(np.sqrt(values), "distance_correlation")
    assert squared[0, 1] == pytest.approx(np.pi / 3)
    kept, words = metric_distances([[0, 0.7], [0.7, 0]], "procrustes_angular")
    assert (kept[0, 1], words) == (0.7, "procrustes_angular (radians)")
    far, words = metric_distances(values, "jaccard:k=5")
    assert (far[0, 1], words) == (0.5, "1 - jaccard:k=5")
    # Rounding beyond 1 and between the directions is not handed on.
    angles, _ = metric_distances([[1, 1 + 1e-12], [1 - 1e-12, 1]], "cka_debiased")
    assert np.isfinite(angles).all() and (angles == angles.T).all()


@pytest.mark.parametrize("measure", ["pwcca", "linear_regression", "cca_mean"])
def test_a_measure_that_is_no_metric_is_refused(measure):
    with pytest.raises(InputError, match=f"{measure} is no metric.*take one of cka_debiased"):
        metric_distances(np.eye(3), measure)


@pytest.fixture(scope="module")
def compared():
    """Nine representations on a path: each is between its neighbours, where triangles are flat."""
    rng = np.random.default_rng(3)
    ends = rng.normal(size=(2, 30, 5)) * np.array([4, 3, 2, 1, 1])
    path = {str(t): (1 - t) * ends[0] + t * ends[1] for t in np.linspace(0, 1, 9)}
    return compare_all(path, RULED)


def worst_triangle(distances):
    """How far the worst of all triangles is from obeying the inequality."""
    return (distances[:, :, None] - distances[:, None] - distances[None].transpose(0, 2, 1)).max()


@pytest.mark.parametrize("measure", RULED)
def test_what_the_rules_make_obeys_the_triangle_inequality(compared, measure):
    distances, _ = metric_distances(compared.values[measure], measure)
    assert worst_triangle(distances) < 1e-9
    assert not MEASURES[measure].is_metric, "then no rule is needed"


def test_one_minus_cka_does_not(compared):
    assert worst_triangle(1 - compared.values["cka_linear"]) > 0.05
