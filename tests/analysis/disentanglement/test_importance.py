"""DCI against disentanglement_lib's numbers, and the ways in which such scores have misled."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from replearn.analysis.disentanglement import (
    active_latents,
    completeness,
    dci,
    disentanglement,
)
from replearn.analysis.disentanglement.boosting import BoostedTrees
from replearn.errors import InputError


@pytest.mark.parametrize(
    "matrix, d, c",
    [
        ("gbt1000_perfect", 0.99849, 0.99403),
        ("gbt1000_noise", 0.00237, 0.00210),
        ("rf2000_perfect", 1.0, 1.0),
        ("rf2000_noise", 0.0005, 0.0004),
    ],
)
def test_scores_of_the_published_importances(golden, matrix, d, c):
    atol = 6e-5 if matrix.startswith("rf") else 6e-6
    assert disentanglement(golden[matrix])[0] == pytest.approx(d, abs=atol)
    assert completeness(golden[matrix])[0] == pytest.approx(c, abs=atol)


def test_scores_by_hand():
    # One latent for one factor, one latent for two factors in halves, one for none.
    importance = np.array([[1.0, 0.0, 0.0], [0.0, 0.5, 0.5], [0.0, 0.5, 0.5], [0.0, 0.0, 0.0]])
    d, per_latent = disentanglement(importance)
    c, per_factor = completeness(importance)
    half = np.log(2) / np.log(3)
    np.testing.assert_allclose(per_latent, [1, 1 - half, 1 - half, 0], atol=1e-8)
    np.testing.assert_allclose(per_factor, [1, 0.5, 0.5], atol=1e-8)
    assert d == pytest.approx((1 + 2 * (1 - half)) / 3, abs=1e-8)
    assert c == pytest.approx(2 / 3, abs=1e-8)


@given(
    arrays.arrays(
        np.float64,
        st.tuples(st.integers(2, 6), st.integers(2, 6)),
        elements=st.floats(0, 1).map(lambda v: 0.0 if v < 1e-3 else v),
    )
)
def test_laws_of_the_scores(importance):
    for score in (disentanglement, completeness):
        value, parts = score(importance)
        assert 0 <= value <= 1 and np.all((parts >= 0) & (parts <= 1))
        # Entropies do not depend on the size of all importances, but for the 1e-11.
        assert score(5 * importance)[0] == pytest.approx(value, abs=1e-6)
        assert score(importance[::-1, ::-1])[0] == pytest.approx(value, abs=1e-9)
    assert disentanglement(importance)[0] == pytest.approx(completeness(importance.T)[0], abs=1e-12)


def run(golden, encode, n=2000, n_test=500, **options):
    def codes(split, count):
        return encode(golden[f"factors_{split}"][:count])

    return dci(
        codes("train", n),
        golden["factors_train"][:n],
        codes("test", n_test),
        golden["factors_test"][:n_test],
        **options,
    )


@pytest.mark.slow
def test_fast_form_of_a_mixture_is_disentanglement_lib_s(golden, encoders):
    found = run(golden, encoders["mixture"], n=1000)
    assert found.disentanglement == pytest.approx(0.121, abs=1e-2)
    assert found.completeness == pytest.approx(0.120, abs=1e-2)
    assert found.informativeness_train == pytest.approx(1, abs=1e-2)
    assert found.informativeness == pytest.approx(0.411, abs=1e-2)
    assert found.method == "fast: gradient-boosted trees (binned), N = 1000/500"
    assert found.n_dead == 0 and found.told.all()


@pytest.mark.slow
def test_fast_form_of_more_inputs_is_near_disentanglement_lib_s(golden, encoders):
    # scikit-learn's trees of shape and scale at N = 10,000: what is said in docs/benchmarks.md.
    reference = [
        [0.2446, 0.0112, 0.0197, 0.0876, 0.2171, 0.0004, 0.0765, 0.1473, 0.1852, 0.0104],
        [0.0912, 0.0010, 0.0004, 0.1231, 0.1751, 0.0056, 0.0390, 0.4541, 0.1046, 0.0060],
    ]
    factors, factors_test = golden["factors_train"][:, :2], golden["factors_test"][:, :2]
    encode = encoders["mixture"]
    x, x_test = (encode(golden[f"factors_{part}"]) for part in ("train", "test"))
    found = dci(x, factors, x_test, factors_test)
    np.testing.assert_allclose(found.importance, np.transpose(reference), atol=1.5e-2)
    for score in (disentanglement, completeness):
        wanted = score(np.transpose(reference))[0]
        assert score(found.importance)[0] == pytest.approx(wanted, abs=1e-2)
    np.testing.assert_allclose(found.informativeness_per_factor, [0.9966, 0.9132], atol=5e-3)


def test_fast_form_grows_the_trees_of_scikit_learn():
    from sklearn.ensemble import GradientBoostingClassifier

    # But for draws between equal splits of the last few inputs, which differ from seed to seed.
    rng = np.random.default_rng(0)
    codes = rng.permutation(400).reshape(200, 2) / 50
    told = codes[:, 0] + np.sin(codes[:, 1]) + 0.3 * rng.standard_normal(200)
    for values in (2, 4):
        factor = np.digitize(told, np.quantile(told, np.arange(1, values) / values))
        wanted = GradientBoostingClassifier(random_state=0).fit(codes[:150], factor[:150])
        found = BoostedTrees(0).fit(codes[:150], factor[:150])
        np.testing.assert_allclose(
            found.feature_importances_, wanted.feature_importances_, atol=1e-2
        )
        np.testing.assert_array_equal(found.predict(codes[:150]), wanted.predict(codes[:150]))
        assert np.mean(found.predict(codes[150:]) == wanted.predict(codes[150:])) > 0.95


def test_trees_with_nothing_to_split_guess():
    trees = BoostedTrees(0).fit(np.ones((9, 2)), np.array([3] * 5 + [7] * 4))
    assert (trees.predict(np.zeros((4, 2))) == 3).all()
    np.testing.assert_array_equal(trees.feature_importances_, [0, 0])


@pytest.mark.slow
@pytest.mark.parametrize("code", ["perfect", "noise"])
@pytest.mark.parametrize("method", ["fast", "reference"])
def test_importances_are_those_of_disentanglement_lib(golden, code, method):
    found = dci(
        golden[f"code_{code}_train"][:1000],
        golden["factors_train"][:1000, :2],
        golden[f"code_{code}_test"][:500],
        golden["factors_test"][:500, :2],
        method=method,
        active=True,
    )
    np.testing.assert_allclose(found.importance, golden[f"gbt1000_{code}"][:, :2], atol=1e-2)
    if code == "noise":
        assert found.disentanglement == found.completeness == 0 and not found.told.any()
    else:
        assert found.disentanglement > 0.999 and found.informativeness > 0.999


@pytest.mark.parametrize("code, expected", [("perfect", 1.0), ("noise", 0.9999999995)])
def test_lasso_is_that_of_disent_and_gen_but_for_noise(golden, encoders, code, expected):
    matrix = golden[f"lasso_iclr21_{code}"]
    assert disentanglement(matrix)[0] == pytest.approx(expected, abs=1e-3)
    found = run(golden, encoders[code], n=10_000, n_test=5_000, method="lasso", active=True)
    np.testing.assert_allclose(found.importance, matrix, atol=1e-3)
    # The published score of noise is that of the last coefficient that the lasso left.
    assert found.disentanglement == pytest.approx(expected if code == "perfect" else 0, abs=1e-3)
    assert found.informativeness == pytest.approx(1 if code == "perfect" else 0, abs=5e-3)
    assert found.told.all() == (code == "perfect")
    assert ("not told better than by chance" in found.note) == (code == "noise")


def test_lasso_of_a_mixture_is_that_of_disent_and_gen(golden, encoders):
    # Its published code gave D = .330, for a number of inputs that was not recorded.
    found = run(golden, encoders["mixture"], n=10_000, n_test=5_000, method="lasso")
    assert found.disentanglement == pytest.approx(0.330, abs=1e-2)
    assert found.informativeness >= 0.949


@pytest.mark.slow
@pytest.mark.parametrize("code, score", [("perfect", 1.0), ("noise", 0.0)])
def test_regression_forest(golden, code, score):
    found = dci(
        golden[f"code_{code}_train"][:2000],
        golden["factors_train"][:2000, :2],
        golden[f"code_{code}_test"][:500],
        golden["factors_test"][:500, :2],
        method="forest",
        active=True,
    )
    np.testing.assert_allclose(found.importance, golden[f"rf2000_{code}"][:, :2], atol=2e-2)
    assert found.disentanglement == pytest.approx(score, abs=2e-2)
    assert found.completeness == pytest.approx(score, abs=2e-2)
    # R² of noise is below 0: the trees have learned by heart.
    assert found.informativeness > 0.99 if score else -0.3 < found.informativeness < 0
    assert abs(found.chance) < 0.02


def test_one_latent_of_noise_is_not_complete():
    rng = np.random.default_rng(0)
    codes, factors = rng.standard_normal((600, 1)), rng.integers(0, 3, (600, 2))
    for method in ("fast", "lasso", "forest"):
        found = dci(codes, factors, method=method)
        # All importance of a column is on the only latent, for whatever reason.
        assert found.disentanglement == found.completeness == 0 and not found.told.any()


def test_latents_that_tell_of_one_factor_only_are_not_disentangled_for_that():
    rng = np.random.default_rng(0)
    factors = rng.integers(0, 3, (900, 3))
    codes = 0.4 * factors[:, :1] + rng.standard_normal((900, 4))
    found = dci(codes, factors)
    assert found.told.tolist() == [True, False, False]
    assert found.disentanglement == pytest.approx(0, abs=0.03)
    assert disentanglement(found.importance * found.told)[0] == pytest.approx(1)


def test_a_factor_of_many_values_that_is_nearly_told_counts():
    rng = np.random.default_rng(0)
    factors = rng.integers(0, 30, (150, 2))
    codes = factors / 9 + 0.5 * rng.standard_normal((150, 2))
    found = dci(codes, factors)
    # Of 50 held-out inputs few are hit exactly.
    assert found.informativeness < 0.2 and found.told.all()
    assert found.disentanglement > 0.01 and not found.note  # the reference has .032


def small(n=240, seed=0):
    """Factors of 2, 3 and 2 values, each in a latent of its own, beside one of noise."""
    rng = np.random.default_rng(seed)
    factors = np.stack([rng.integers(0, size, n) for size in (2, 3, 2)], axis=1)
    noise = rng.standard_normal((n, 4))
    return 0.4 * noise + np.hstack([factors, 10 * noise[:, 3:]]), factors


def test_reference_form_is_sklearn_factor_by_factor():
    from scipy.stats import entropy
    from sklearn.ensemble import GradientBoostingClassifier

    codes, factors = small()
    found = dci(codes[:160], factors[:160], codes[160:], factors[160:], method="reference", seed=3)
    models = [
        GradientBoostingClassifier(random_state=3).fit(codes[:160], factors[:160, k])
        for k in range(3)
    ]
    importance = np.stack([model.feature_importances_ for model in models], axis=1)
    np.testing.assert_array_equal(found.importance, importance)
    scores = [m.score(codes[160:], factors[160:, k]) for k, m in enumerate(models)]
    np.testing.assert_array_equal(found.informativeness_per_factor, scores)
    assert found.informativeness == pytest.approx(np.mean(scores))
    rows = 1 - entropy(importance.T + 1e-11, base=3)
    assert found.disentanglement == pytest.approx(rows @ importance.sum(1) / 3, abs=1e-12)
    columns = 1 - entropy(importance + 1e-11, base=4)
    assert found.completeness == pytest.approx(columns.mean(), abs=1e-9)


def test_split_and_seed_are_reproducible():
    codes, factors = small()
    first, again, other = (dci(codes, torch.tensor(factors), seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(first.importance, again.importance)
    assert first.scores() == again.scores()
    assert not np.array_equal(first.importance, other.importance)
    assert first.method.endswith("N = 160/80")
    assert first.scores().keys() == {
        "disentanglement",
        "completeness",
        "informativeness",
        "informativeness_train",
        "informativeness_chance",
        "dead_latents",
    }


def test_dead_latents_are_left_out_and_counted():
    codes, factors = small()
    dead = np.hstack([codes, 0.01 * codes[:, :1], np.zeros((len(codes), 1))])
    found = dci(dead, factors)
    assert found.n_dead == 2 and not found.importance[4:].any()
    given_mask = dci(dead, factors, active=[True] * 4 + [False] * 2)
    np.testing.assert_array_equal(found.importance, given_mask.importance)
    # Base D counts the dead latents too: as many alternatives as the model has.
    assert found.completeness == completeness(found.importance)[0]


def test_all_dead_codes_score_nothing():
    _, factors = small()
    found = dci(np.full((len(factors), 4), 0.05), factors)
    assert (found.disentanglement, found.completeness) == (0.0, 0.0)
    assert found.informativeness == found.chance > 0
    assert found.n_dead == 4 and "All latents are dead" in found.note


def test_a_factor_that_does_not_vary_counts_for_nothing():
    codes, factors = small()
    found = dci(codes, np.hstack([factors, np.zeros((len(codes), 1), dtype=int)]))
    assert "Factor 3 does not vary" in found.note
    assert not found.importance[:, 3].any() and found.completeness_per_factor[3] == 0
    assert found.informativeness == pytest.approx(found.informativeness_per_factor[:3].mean())


def test_bad_input_is_refused_in_a_sentence():
    codes, factors = small()
    with pytest.raises(InputError, match="unknown DCI method 'fasst'; did you mean 'fast'"):
        dci(codes, factors, method="fasst")
    with pytest.raises(InputError, match="same 3 or more inputs, got 240 and 239"):
        dci(codes, factors[:-1])
    with pytest.raises(InputError, match="factors as integers"):
        dci(codes, factors * 0.5)
    with pytest.raises(InputError, match="codes hold NaN"):
        dci(codes * np.nan, factors)
    with pytest.raises(InputError, match="both test_codes and test_factors"):
        dci(codes, factors, codes)
    with pytest.raises(InputError, match="4 latents and 3 factors, got 3 and 3"):
        dci(codes, factors, codes[:, :3], factors)
    with pytest.raises(InputError, match="mask of 4 latents"):
        dci(codes, factors, active=[True])
    with pytest.raises(InputError, match="no factor varies"):
        dci(codes, np.zeros_like(factors))
    with pytest.raises(InputError, match="without negative"):
        disentanglement(np.array([[1.0, -1.0]]))


def test_active_latents_are_those_whose_mean_varies():
    rng = np.random.default_rng(0)
    mean = rng.standard_normal((5000, 4)) * np.sqrt([1.0, 0.02, 0.005, 0.0]) + 3
    np.testing.assert_array_equal(active_latents(mean), [True, True, False, False])
    np.testing.assert_array_equal(active_latents(mean, 0.5), [True, False, False, False])
