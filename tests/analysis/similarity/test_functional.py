"""What classifiers say: published values, values by hand, and another library's."""

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.special import softmax

from replearn.analysis.similarity import compare, compare_all
from replearn.errors import InputError


@pytest.fixture
def logits(golden):
    return golden["F_logits/a"], golden["F_logits/b"], golden["F_logits/labels"]


def test_jsd_is_scipys_squared(logits):
    a, b, _ = logits
    p, q = softmax(a, axis=1), softmax(b, axis=1)
    expected = np.mean(jensenshannon(p, q, base=2, axis=1) ** 2)
    assert compare({"logits": a}, {"logits": b}, "jsd") == pytest.approx(expected, rel=1e-12)


def test_jsd_by_hand():
    sure = {"logits": np.array([[1e3, 0.0], [0.0, 1e3]] * 2)}
    other, even = {"logits": -sure["logits"]}, {"logits": np.zeros((4, 2))}
    assert compare(sure, other, "jsd") == 1.0
    # (1, 0) and (1/2, 1/2): H(3/4, 1/4) - (0 + 1) / 2 bits.
    expected = -0.75 * np.log2(0.75) - 0.25 * np.log2(0.25) - 0.5
    assert compare(sure, even, "jsd") == pytest.approx(expected, rel=1e-12)


def test_jsd_is_no_metric():
    """From one class to the other is further than by way of both alike: 1 > .31 + .31."""
    one, other = ({"logits": np.array([[a, b]] * 4)} for a, b in ((1e3, 0.0), (0.0, 1e3)))
    even = {"logits": np.zeros((4, 2))}
    direct = compare(one, other, "jsd")
    assert direct > compare(one, even, "jsd") + compare(even, other, "jsd")


def test_who_disagrees_and_who_is_right(logits):
    a, b, labels = logits
    x, y = {"logits": a, "labels": labels}, {"logits": b, "labels": labels}
    said = a.argmax(axis=1), b.argmax(axis=1)
    differing = sum(int(one != other) for one, other in zip(*said, strict=True))
    assert 0 < differing < 300
    assert compare(x, y, "disagreement") == differing / 300
    right = [int((one == labels).sum()) for one in said]
    expected = abs(right[0] - right[1]) / 300
    assert expected > 0
    assert compare(x, y, "accuracy_difference") == pytest.approx(expected, abs=1e-15)


def test_all_pairs_of_outputs_do_not_depend_on_the_tiles(sample):
    rng = np.random.default_rng(0)
    labels = rng.integers(1000, size=200)
    x = {str(k): {"logits": sample(200, 1000, seed=k), "labels": labels} for k in range(3)}
    found = compare_all(x, ["jsd", "disagreement", "accuracy_difference"])
    p = [softmax(one["logits"], axis=1) for one in x.values()]
    for i in range(3):
        for j in range(3):
            expected = np.mean(jensenshannon(p[i], p[j], base=2, axis=1) ** 2)
            assert found.values["jsd"][i, j] == pytest.approx(expected, rel=1e-10, abs=1e-14)


def test_bad_outputs_are_one_sentence(sample):
    x = {"logits": sample(10, 3), "labels": np.arange(10) % 3}
    with pytest.raises(InputError, match="expected the second representation as outputs, .* array"):
        compare(x, sample(10, 3), "jsd")
    with pytest.raises(InputError, match="as activations, an array .*, got a mapping of logits"):
        compare(x, x, "cka_linear")
    with pytest.raises(InputError, match="but logits is missing"):
        compare(x, {"labels": x["labels"]}, "jsd")
    with pytest.raises(InputError, match="same classes, got 3 and 4"):
        compare(x, {"logits": sample(10, 4)}, "jsd")
    with pytest.raises(InputError, match="accuracy_difference needs the labels"):
        compare(x, {"logits": sample(10, 3)}, "accuracy_difference")
    with pytest.raises(InputError, match=r"integers of shape \(10,\), got float64 \(10,\)"):
        compare(x, x | {"labels": np.ones(10)}, "jsd")
    with pytest.raises(InputError, match="logits of 'b' holds NaN"):
        compare_all({"a": x, "b": {"logits": np.full((10, 3), np.nan)}}, "jsd")
    with pytest.raises(InputError, match="the first has 10 rows and the second has 9"):
        compare(x, {"logits": sample(9, 3)}, "jsd")
    with pytest.raises(InputError, match="one kind of input, got cka_linear of act.* and jsd of o"):
        compare_all({"a": x}, ["cka_linear", "jsd"])
