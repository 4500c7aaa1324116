"""What measures of each kind compare, and position by position; rows that surely are the same."""

import numpy as np
import pytest
import torch
from safetensors.torch import save

from replearn.analysis.activations import activations
from replearn.analysis.similarity import compare, compare_all
from replearn.errors import InputError
from replearn.runs.query import find_runs
from replearn.study.comparison import choose_steps, common_probe, compare_layers
from replearn.study.probes import Probe
from replearn.study.representations import Representations
from replearn.study.similarity_table import tidy
from replearn.study.spread import compare_layers_on

PREDICTOR = {"name": "predictor", "encoder": "murphy"}
VAE = {"name": "vae", "encoder": "fully_connected", "decoder": "fully_connected", "latent_size": 3}
N = 40


@pytest.fixture
def sources(store_run, database, tmp_path, monkeypatch):
    """A function: two networks of digits, with random weights."""
    from replearn.runs.rebuild import make_model

    monkeypatch.setenv("REPLEARN_HOME", str(tmp_path))

    def make(model=PREDICTOR, poison=None, poison_with=float("nan"), **config):
        given = {"n_outputs": 10} if model is PREDICTOR else {}
        section = {"name": "digits", "validation": 0.1, "split_seed": 0}
        for seed in (0, 1):
            torch.manual_seed(seed)
            weights = make_model(model, (1, 8, 8), **given).state_dict()
            if poison is not None and seed == 1:
                weights[poison] = torch.full_like(weights[poison], poison_with)
            store_run(
                {"seed": seed, "model": model, "dataset": section, "target": "labels",
                 "training": {"loss": {"name": "cross_entropy"}}, **config},
                artifacts={"step-00000020.safetensors": save(weights)},
                info={"image_shape": [1, 8, 8], **given},
                experiment="supervised",
            )  # fmt: skip
        return choose_steps(find_runs(None, database), "last")

    return make


@pytest.fixture
def probe(sources):
    return lambda made: common_probe([source.run for source in made], N)


def of(source, probe, *layers, **options):
    found = activations(source.run.model(), layers, probe.batches(), **options)
    return [found[layer] for layer in layers]


def here(function, blocks, each=None):
    results = [function(*block) for block in blocks]
    for index, result in enumerate(results):
        if each is not None:
            each(index, result)
    return results


def test_measures_of_outputs_compare_logits_and_others_all_layers(sources, probe):
    made = sources()
    probe = probe(made)
    layers, measures = ["encoder.0", "logits"], ["jsd", "accuracy_difference", "cka_linear"]
    found = compare_layers(made, layers, probe, measures)
    assert list(found.values) == measures and found.n == N
    labels = probe.data.labels[probe.indices]
    outputs = [{"logits": of(s, probe, "logits")[0], "labels": labels} for s in made]
    for measure in ("jsd", "accuracy_difference"):
        matrix = found.values[measure]
        assert matrix[1, 3] == pytest.approx(compare(*outputs, measure), abs=1e-12)
        assert np.isnan(matrix[[0, 2]]).all() and np.isnan(matrix[:, [0, 2]]).all()
    assert np.isfinite(found.values["cka_linear"]).all()
    spread = compare_layers_on(here, made, layers, probe, measures)
    for measure, matrix in found.values.items():
        np.testing.assert_allclose(spread.values[measure], matrix, rtol=0, atol=1e-12)


def test_measures_of_posteriors_compare_mean_and_logvar_together(sources, probe):
    made = sources(VAE)
    probe = probe(made)
    found = compare_layers(made, ["logvar", "mean"], probe, "stochastic_shape")
    parts = [of(source, probe, "mean", "logvar") for source in made]
    expected = compare(
        *({"mean": mean, "logvar": logvar} for mean, logvar in parts), "stochastic_shape"
    )
    value = found.value("stochastic_shape", made[0].label("mean"), made[1].label("mean"))
    assert value == pytest.approx(expected, abs=1e-9) and value > 0.01
    assert np.isnan(found.values["stochastic_shape"][[0, 2]]).all()


@pytest.mark.parametrize(
    "model, layers, measures, sentence",
    [
        (PREDICTOR, ["encoder.0"], ["jsd", "cka_linear"],
         "jsd compares outputs, not encoder.0; name logits among the layers"),
        (VAE, ["mean"], ["jsd", "disagreement"],
         r"jsd, disagreement compare outputs, but run 1 \(supervised\) classifies no labels"),
        (PREDICTOR, ["logits"], ["stochastic_shape"],
         r"stochastic_shape compares posteriors, but run 1 \(supervised\) has no posteriors"),
        (VAE, ["logits"], ["stochastic_shape"],
         "stochastic_shape compares posteriors, not logits; name mean among the layers"),
    ],
)  # fmt: skip
def test_a_measure_is_refused_on_layers_that_it_cannot_take(
    sources, probe, model, layers, measures, sentence
):
    config = {"target": None} if model is VAE else {}
    made = sources(model, **config)
    with pytest.raises(InputError, match=sentence):
        compare_layers(made, layers, probe(made), measures)


def test_positions_are_inputs_of_their_own(sources, probe):
    made = sources()
    probe = probe(made)
    layers = ["encoder.0", "encoder.1", "logits"]
    shapes = [of(made[0], probe, layer)[0].shape for layer in layers]
    found = compare_layers(made, layers, probe, "cka_linear", pooling="positions")
    # Again from the feature maps, as torch gives them: (N, C, H, W) to (N H W, C).
    maps = []
    for source in made:
        net, kept = source.run.model(), []
        net.encoder[0].register_forward_hook(lambda module, args, out, kept=kept: kept.append(out))
        with torch.no_grad():
            for images in probe.batches():
                net(images)
        maps.append(torch.cat(kept).permute(0, 2, 3, 1).reshape(-1, kept[0].shape[1]))
    assert len(maps[0]) > N and shapes[0] == (N, maps[0].numel() // N)
    value = found.value("cka_linear", made[0].label("encoder.0"), made[1].label("encoder.0"))
    assert value == pytest.approx(compare(*maps, measure="cka_linear"), abs=1e-6)
    # Dense layers are as ever; layers of another size are not compared with each other.
    whole = compare_layers(made, ["logits"], probe, "cka_linear")
    assert np.isfinite(whole.z["cka_linear"][0, 1])
    at = found.values["cka_linear"]
    assert at[2, 5] == pytest.approx(whole.values["cka_linear"][0, 1], abs=1e-12)
    assert np.isnan(at[0, 2]) and np.isnan(at[3, 2]) and np.isnan(at[0, 5])
    (warning,) = found.warnings
    assert "layers of different spatial size are not compared" in warning
    rows = [f"{len(maps[0]):,} of encoder.0", f"{N} of logits"]
    assert len(maps[0]) > N and all(text in warning for text in rows)
    # Of rows that depend on each other nothing is known of how far from chance a value is.
    spread = compare_layers_on(here, made, layers, probe, "cka_linear", pooling="positions")
    for result in (found, spread):
        assert np.isfinite(result.nulls["cka_linear"][0, 3])
        table = tidy(result, made, layers)
        assert table[["null_sd", "z"]].isna().all(axis=None) and "z" not in result.arrays()
    alone = compare_layers(made, ["encoder.0"], probe, "cka_linear", pooling="positions")
    assert "the rows of one image depend on each other" in alone.warnings[0]
    # Positions and flattened maps are not taken for each other in the store.
    flat = compare_layers(made, ["encoder.0"], probe, "cka_linear")
    assert abs(flat.values["cka_linear"][0, 1] - value) > 1e-3
    with pytest.raises(InputError, match="standard errors take the rows for independent inputs"):
        compare_layers(made, layers, probe, "cka_linear", pooling="positions", standard_errors=True)


def test_shuffled_images_pair_the_rows_of_each_run_with_others(sources, probe):
    made = sources()
    probe = probe(made)
    found = compare_layers(made, ["encoder.0", "logits"], probe, "cka_linear", shuffled=True)
    orders = [np.random.default_rng([0, s.run.id]).permutation(N) for s in made]
    x, y = (of(s, probe, "logits")[0][order] for s, order in zip(made, orders, strict=True))
    logits = [source.label("logits") for source in made]
    assert found.value("cka_linear", *logits) == pytest.approx(
        compare(x, y, measure="cka_linear"), abs=1e-6
    )
    # Layers of one run keep to each other, and the store does not take them for the unshuffled.
    plain = compare_layers(made, ["encoder.0", "logits"], probe, "cka_linear")
    one = plain.values["cka_linear"]
    assert found.values["cka_linear"][0, 1] == pytest.approx(one[0, 1], abs=1e-9)
    assert abs(found.value("cka_linear", *logits) - plain.value("cka_linear", *logits)) > 1e-3


def test_a_second_comparison_computes_what_is_new_alone(sources, probe):
    made, told = sources(), []
    probe = probe(made)

    def again(layers, measures="cka_linear", **options):
        found = compare_layers(made, layers, probe, measures, announce=told.append, **options)
        return found, str(told[-1])

    again(["encoder.0"])
    found, text = again(["encoder.0", "logits", "labels"])
    # Five different ones: the labels are the same for both runs.
    assert text == "15 pairs: 3 known, 12 to compute"
    # A measure that needs all features reads other entries of the cache, and knows the same pairs.
    assert again(["encoder.0", "logits", "labels"], "cka_linear,mcc")[1].startswith("15 pairs: 0")
    assert again(["encoder.0", "logits", "labels"])[1] == "15 pairs: 15 known, 0 to compute"
    assert again(["logits"], "cka_debiased")[1] == "3 pairs: 0 known, 3 to compute"
    assert found.labels[2] == "1/20/labels"
    # Whoever computed them: what one process knows, the blocks of a cluster need not compute.
    blocks = []

    def counted(function, given, each=None):
        blocks.append((function.__name__, len(given)))
        return here(function, given, each)

    compare_layers_on(counted, made, ["encoder.0", "logits", "labels"], probe, "cka_linear")
    assert blocks == [("fill_cache", 0)]


def test_the_same_images_in_another_order_are_other_inputs(sources, probe):
    made = sources()
    probe = probe(made)
    turned = Probe(probe.data, probe.indices[::-1].copy())
    one, other = (Representations(made, ["logits"], each) for each in (probe, turned))
    assert one.fingerprint != other.fingerprint
    assert not set(one.contents().values()) & set(other.contents().values())
    first, second = made[0].label("logits"), made[1].label("logits")
    given = {"a": one[first], "b": other[second]}
    with pytest.raises(InputError, match="'a' and 'b' were made from different inputs .* order"):
        compare_all(given, "cka_linear", probes={"a": one.fingerprint, "b": other.fingerprint})


@pytest.mark.parametrize("spread", [False, True])
def test_a_network_that_diverged_is_named_with_its_layer(sources, probe, spread):
    made = sources(poison="encoder.1.0.weight")
    compared = (compare_layers_on, here) if spread else (compare_layers,)
    with pytest.raises(InputError, match="'2/20/encoder.1' holds NaN or infinite values"):
        compared[0](*compared[1:], made, ["encoder.0", "encoder.1"], probe(made), "cka_linear")


def test_a_constant_layer_is_nan_and_named_also_when_it_is_known(sources, probe):
    made = sources(poison="encoder.1.0.weight", poison_with=0.0)
    probe = probe(made)
    for _ in range(2):
        found = compare_layers(made, ["encoder.0", "encoder.1"], probe, "cka_linear")
        (warning,) = found.warnings
        assert warning.startswith("'2/20/encoder.1' is constant")
        assert np.isnan(found.values["cka_linear"]).sum() == 7


def test_fewer_than_four_inputs_are_refused(sources):
    made = sources()
    probe = common_probe([source.run for source in made], 3)
    with pytest.raises(InputError, match="cka_debiased needs at least 4 inputs, got 3"):
        compare_layers(made, ["logits"], probe, "cka_debiased")
