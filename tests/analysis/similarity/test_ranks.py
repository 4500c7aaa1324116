"""Ranks: what repeats or is constant counts for nothing, ranks are reported, and warned about."""

import numpy as np
import pytest

from replearn.analysis.similarity import MEASURES, compare, compare_all
from replearn.analysis.similarity.representation import compact, prepare

# The published row of each measure of spans, of the pairs in conftest.PAIRS.
ROWS = {
    "cca_mean": "cca_mean",
    "cca_r2": "cca_r2",
    "svcca": "svcca99_mean",
    "pwcca": "pwcca",
    "linear_regression": "linreg_r2_XfromY",
    "cka_linear": "cka_linear",
    "cka_debiased": "cka_debiased",
    "procrustes_angular": "procrustes_angular",
}
PADDED = {
    "a constant column": lambda x: np.hstack([x, np.full((len(x), 1), 100.1)]),
    "a column twice": lambda x: np.hstack([x[:, :1] * 0.7, x]),
    "far from zero": lambda x: x + 100.0,
}
# A column twice is no other span, but another shape.
WEIGHTED = {"svcca", "linear_regression", "cka_linear", "cka_debiased", "procrustes_angular"}


@pytest.mark.parametrize("padding", PADDED)
@pytest.mark.parametrize("name", ROWS)
def test_published_values_stay_with_what_is_no_new_direction(name, padding, published):
    x, y, canonical = published
    value, rtol = canonical(ROWS[name])
    if padding == "a column twice":
        if name in WEIGHTED - {"linear_regression"} or name == "pwcca":
            y = np.hstack([y, y])  # all columns twice: the shape is the same
        else:
            y = PADDED[padding](y)
        if name not in WEIGHTED | {"pwcca"}:
            x = PADDED[padding](x)
    else:
        x, y = PADDED[padding](x), PADDED[padding](y)
    atol = 1e-9 if MEASURES[name].higher_is_closer else 1e-6
    assert compare(x, y, name) == pytest.approx(value, rel=max(rtol, 1e-9), abs=atol)


@pytest.mark.parametrize("padding", ["a constant column", "a column twice"])
def test_eigenspace_overlap_counts_directions(padding, published):
    x, y, canonical = published
    value, rtol = canonical("eos_rank")
    x, y = (np.hstack([one, np.ones((len(one), 1))]) for one in (x, y))
    expected = compare(x, y, "eos")
    padded = compare(PADDED[padding](x), PADDED[padding](y), "eos")
    assert padded == pytest.approx(expected, rel=1e-9)


def test_ranks_are_reported(mixed):
    found = compare_all(mixed, ["cca_r2", "svcca"])
    assert found.ranks == {
        "base": 6, "relu": 40, "wide": 59, "wider": 6, "repeated": 6, "square": 59, "offset": 6,
    }  # fmt: skip
    assert compare_all(mixed, "procrustes_angular").ranks == {}


@pytest.mark.parametrize("name", ["pwcca", "eos", "linear_regression"])
def test_all_measures_of_spans_report_ranks_and_warn(name, mixed):
    found, expected = compare_all(mixed, name), compare_all(mixed, "cca_r2")
    assert found.ranks == expected.ranks
    (warning,) = found.warnings
    assert f"{name}: the ranks of 11 pairs together exceed the 60 inputs" in warning


@pytest.mark.parametrize("d", [12, 100, 3000])
@pytest.mark.parametrize("offset", [0.0, 100.0])
def test_the_rounding_of_float32_is_no_direction(d, offset, sample):
    z = sample(300, 7)
    x = (z @ sample(7, d, seed=1) + offset).astype(np.float32)
    assert prepare(x, factors=True).rank == 7
    assert compare(x, z, "cca_mean") == pytest.approx(1.0, abs=1e-6)
    if offset:  # without knowing of float32 they would be
        assert prepare(x.astype(np.float64), factors=True).rank == min(d, 299)


def test_full_spans_are_warned_about_in_one_sentence(mixed):
    found = compare_all(mixed, ["cca_mean", "cca_r2", "svcca"])
    assert found.value("cca_mean", "wide", "square") == pytest.approx(1.0)
    (warning,) = found.warnings
    # 40 + 59, twice, 59 + 59, and 59 + 6, twice four times.
    assert "cca_mean, cca_r2: the ranks of 11 pairs together exceed the 60 inputs" in warning
    assert "'base' (6) and 'wide' (59)" in warning
    few = {name: mixed[name] for name in ("base", "relu", "repeated")}
    assert compare_all(few, ["cca_mean", "cca_r2"]).warnings == ()
    assert compare_all(mixed, "svcca").warnings == ()


def test_coordinates_with_orthogonal_columns_are_factorised_as_they_are(sample, monkeypatch):
    x = sample(50, 20) @ np.diag(np.geomspace(1, 1e-4, 20)) @ sample(20, 20, seed=1)
    reduced = compact(x)
    expected = prepare(x, factors=True).factors
    monkeypatch.setattr(np.linalg, "svd", None)  # nor qr, nor Cholesky
    monkeypatch.setattr(np.linalg, "cholesky", None)
    found = prepare(reduced[:, ::-1], factors=True).factors
    np.testing.assert_allclose(found.s, expected.s, rtol=1e-9)
    np.testing.assert_allclose(np.abs(found.u.T @ expected.u), np.eye(20), atol=1e-8)


@pytest.mark.parametrize("condition", [1e2, 1e6, 1e8, 1e12])
def test_factors_are_orthogonal_whatever_the_condition(condition, sample):
    x = sample(200, 30) @ np.diag(np.geomspace(1, 1 / condition, 30)) @ sample(30, 30, seed=1)
    factors = prepare(x, factors=True).factors
    centred = x - x.mean(axis=0)
    np.testing.assert_allclose(factors.u.T @ factors.u, np.eye(factors.rank), atol=1e-13)
    s = np.linalg.svd(centred, compute_uv=False)
    np.testing.assert_allclose(factors.s, (s / np.linalg.norm(s))[: factors.rank], atol=1e-14)
