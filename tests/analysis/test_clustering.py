"""Trees of representations: a published tree, and what is near by each kind of measure."""

import numpy as np
import pytest

from replearn.analysis.clustering import cluster, dissimilarities, leaf_order
from replearn.errors import InputError


def test_the_tree_is_the_published_one():
    # 5S rRNA of five bacteria: the worked example of UPGMA in Wikipedia, joined at 17, 22, 28, 33.
    far = np.array(
        [
            [0, 17, 21, 31, 23],
            [17, 0, 30, 34, 21],
            [21, 30, 0, 28, 39],
            [31, 34, 28, 0, 43],
            [23, 21, 39, 43, 0],
        ]
    )
    tree = cluster(far)
    assert tree[:, 2].tolist() == [17, 22, 28, 33]
    assert tree[:, 3].tolist() == [2, 3, 2, 5]
    order = leaf_order(tree)
    assert sorted(order) == [0, 1, 2, 3, 4]
    # a and b are side by side, e at one end of them; c and d are side by side.
    together = "".join("abcde"[i] for i in order)
    assert any(part in together for part in ("abe", "eba", "bae", "eab"))
    assert "cd" in together or "dc" in together


def test_the_order_of_the_items_does_not_change_the_tree():
    rng = np.random.default_rng(0)
    far = np.linalg.norm(rng.normal(size=(9, 1, 3)) - rng.normal(size=(1, 9, 3)), axis=2)
    far = np.triu(far, 1) + np.triu(far, 1).T
    shuffled = rng.permutation(9)
    one, other = cluster(far), cluster(far[np.ix_(shuffled, shuffled)])
    np.testing.assert_allclose(one[:, 2], other[:, 2])
    across = [shuffled[i] for i in leaf_order(other)]
    assert leaf_order(one) in (across, across[::-1])


def test_each_kind_of_measure_has_its_rule():
    half = np.array([[1, 0.5], [0.5, 1]])
    far, words = dissimilarities(half, "cka_linear")
    assert far[0, 1] == pytest.approx(np.pi / 3) and words == "arccos of cka_linear (radians)"
    far, words = dissimilarities([[1, 0.4], [0.6, 1]], "linear_regression")
    assert far.tolist() == [[0, 0.5], [0.5, 0]] and words == "1 - linear_regression"
    far, words = dissimilarities([[0, 3], [3, 0]], "magnitude_difference")
    assert far.tolist() == [[0, 3], [3, 0]] and words == "magnitude_difference"
    with pytest.raises(InputError, match="cycle_knn of a representation with itself can be any"):
        dissimilarities(half, "cycle_knn")


def test_too_little_is_refused():
    with pytest.raises(InputError, match="at least 2 leaves, got 1"):
        cluster([[0.0]])
    with pytest.raises(InputError, match="finite dissimilarities"):
        cluster([[0, np.nan], [np.nan, 0]])
