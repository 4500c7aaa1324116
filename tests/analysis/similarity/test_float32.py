"""Products in float32: how near they are to float64, and where they are not used."""

import numpy as np
import pytest

from replearn.analysis.similarity import MEASURES, compare_all
from replearn.analysis.similarity.measure import choose_all, kept_precision
from replearn.analysis.similarity.representation import prepare
from replearn.errors import InputError

NAMES = [name for name, measure in MEASURES.items() if measure.float32]


@pytest.fixture(scope="module")
def layers():
    """Representations of 600 inputs by how they are hard for float32."""
    rng = np.random.default_rng(0)
    z = rng.standard_normal((600, 8))
    relu = np.maximum(z @ rng.standard_normal((8, 90)) + 0.3 * rng.standard_normal((600, 90)), 0)
    out = {"relu": relu, "latent": z, "far": relu + 100.0, "twice": np.hstack([relu, relu])}
    out["constant column"] = np.hstack([np.tanh(relu), np.full((600, 1), 3.3)])
    out["wide"] = np.tanh(z @ rng.standard_normal((8, 900)))
    out["nearly equal"] = relu + 1e-4 * rng.standard_normal(relu.shape)
    out["noise"] = rng.standard_normal((600, 400))
    out["wide noise"] = rng.standard_normal((600, 30000))  # hardly debiased at all
    out["outlier"] = relu.copy()
    out["outlier"][0] *= 1e4
    return {name: x.astype(np.float32) for name, x in out.items()}


HARD = ("wide noise", "outlier")  # one of these, and all its block is in float64


@pytest.mark.slow
@pytest.mark.parametrize("hard", [(), HARD])
def test_float32_is_within_a_millionth(hard, layers):
    layers = {name: x for name, x in layers.items() if name in hard or name not in HARD}
    exact = compare_all(layers, NAMES, standard_errors=True)
    for names in (["cka_linear", "cka_debiased"], NAMES + ["procrustes_angular"]):
        found = compare_all(layers, names, precision="float32", standard_errors=True)
        for name in set(names) & set(NAMES):
            np.testing.assert_allclose(found.values[name], exact.values[name], rtol=0, atol=1e-6)
            if not (name.startswith("cka") and hard):
                assert (found.values[name] != exact.values[name]).any()
        for name in set(names) & set(exact.errors):
            error, expected = found.errors[name], exact.errors[name]
            np.testing.assert_allclose(error, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_float32_does_not_depend_on_the_blocks(layers):
    layers = {name: x for name, x in layers.items() if name not in HARD}
    whole = compare_all(layers, NAMES, precision="float32")
    blocked = compare_all(layers, NAMES, precision="float32", memory_gib=2e-2, group=3)
    for name in NAMES:
        np.testing.assert_allclose(blocked.values[name], whole.values[name], rtol=0, atol=1e-6)


def test_representations_that_float32_would_spoil_stay_in_float64(layers):
    kept = {name: prepare(x, precision="float32") for name, x in layers.items()}
    assert {name for name, r in kept.items() if not _single(r)} == set(HARD)
    assert kept["relu"].nbytes < 0.6 * prepare(layers["relu"]).nbytes


def _single(representation):
    arrays = (representation.coordinates, representation.gram)
    return all(a.dtype == np.float32 for a in arrays if a is not None)


def test_measures_that_need_float64_keep_it(layers):
    angle = choose_all(["cka_linear", "procrustes_angular"], MEASURES)
    assert kept_precision(angle, "float32") == "float64"
    assert kept_precision(choose_all(["cka_linear", "rsa"], MEASURES), "float32") == "float32"
    few = {name: layers[name] for name in ("latent", "relu")}
    exact = compare_all(few, ["procrustes_angular", "gulp"])
    found = compare_all(few, ["procrustes_angular", "gulp"], precision="float32")
    for name in exact.values:
        np.testing.assert_array_equal(found.values[name], exact.values[name])


def test_bad_arithmetic_is_one_sentence(layers):
    with pytest.raises(InputError, match="precision must be float64 or float32, got 'half'"):
        compare_all(layers, "cka_linear", precision="half")
    with pytest.raises(InputError, match="device must be cpu or cuda, got 'tpu'"):
        compare_all(layers, "cka_linear", device="tpu")


def test_a_machine_without_gpu_says_so(layers, monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="device=cuda was asked for, but torch sees no GPU"):
        compare_all(layers, "cka_linear", device="cuda")
