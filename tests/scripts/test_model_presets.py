"""Model presets compose on the command line: each sets an encoder, a decoder, or both."""

import json

import pytest

from configs.models import MODEL_PRESETS
from experiments import decoding, supervised, unsupervised
from replearn.errors import InputError
from replearn.models import DECODERS, ENCODERS
from replearn.runs.commandline import make_run, run_commandline
from replearn.runs.config import parse_value


def model_of(experiment, *presets):
    return make_run(experiment.ex, "print_config", presets=list(presets)).config["model"]


@pytest.mark.parametrize(
    ("presets", "encoder", "decoder"),
    [
        (["model.kim", "model.sbd4"], "kim", "sbd4"),
        (["model.sbd4", "model.watters"], "watters", "watters"),  # the later one wins
        (["model.watters", "model.sbd3"], "watters", "sbd3"),
        (["model.sbd3"], "kim", "sbd3"),  # kim is the default
        (["model.montero", "model.abdi_supervised", "model.deep"], "abdi_supervised", "deep"),
    ],
)
def test_later_presets_win_in_the_half_that_they_set(presets, encoder, decoder):
    found = model_of(unsupervised, *presets)
    assert (found["name"], found["encoder"], found["decoder"]) == ("vae", encoder, decoder)
    assert found["latent_size"] == 10


@pytest.mark.parametrize(
    ("presets", "expected"),
    [
        (["model.cascade"], ("cascade_vae", "kim", "kim", 6)),
        (["model.liegroup"], ("lie_group_vae", "kim", "kim", 10)),
        (["model.liegroup", "model.sbd4"], ("lie_group_vae", "kim", "sbd4", 10)),
        (["model.montero", "model.cascade"], ("cascade_vae", "montero", "montero", 6)),
    ],
)
def test_presets_of_models_compose_with_those_of_architectures(presets, expected):
    found = model_of(unsupervised, *presets)
    assert tuple(found[k] for k in ("name", "encoder", "decoder", "latent_size")) == expected
    of_others = {"cascade_vae": "matrix_size", "lie_group_vae": "n_categories"}
    assert found[of_others[found["name"]]] is None
    with pytest.raises(InputError, match="unknown preset 'model.cascade'; "):
        model_of(supervised, "model.cascade")


def test_an_option_that_nobody_sets_is_not_in_the_hash():
    found = model_of(unsupervised, "model.kim")
    new = ("posterior", "n_categories", "crowding", "matrix_size", "feature_probability")
    assert all(found[key] is None for key in new)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("model.posterior=bound", "model.posterior must be 'bounded', or left out"),
        ("model.feature_probability=0.1", "model 'vae' takes no parameter 'feature_probability'"),
        ("model.liegroup model.matrix_size=0", "model.matrix_size must be a positive integer"),
        ("model.liegroup model.feature_probability=2", "model.feature_probability must be a numb"),
        ("model.cascade model.n_categories=1", "model.n_categories must be at least 2"),
        ("model.cascade model.liegroup", "'lie_group_vae' takes no parameter 'n_categories'"),
    ],
)
def test_what_a_model_cannot_be_is_said_before_there_is_a_run(words, sentence):
    presets = [word for word in words.split() if "=" not in word]
    updates = {k: parse_value(v) for k, v in (w.split("=") for w in words.split() if "=" in w)}
    nested = {"model": {key.removeprefix("model."): value for key, value in updates.items()}}
    with pytest.raises(InputError, match=sentence):
        make_run(unsupervised.ex, "print_config", nested, presets)


@pytest.mark.parametrize(
    "presets", [["model.deep"], ["model.kim", "model.sbd3"], ["model.deep_bn"], ["model.mpcnn"]]
)
def test_a_decoder_takes_the_decoder_of_a_preset(presets):
    found = model_of(decoding, *presets)
    assert (found["name"], found["decoder"]) == ("decoder", presets[-1].removeprefix("model."))
    assert found["encoder"] is None and found["latent_size"] is None


def test_presets_compose_on_the_printed_command_line(capsys):
    command = ["X", "print_config", "with", "model.kim", "model.sbd4", "model.latent_size=6"]
    assert run_commandline(unsupervised.ex, command) == 0
    shown = capsys.readouterr().out
    for line in ("encoder = 'kim'", "decoder = 'sbd4'", "latent_size = 6"):
        assert line in shown


def test_a_predictor_takes_the_encoder_of_a_preset():
    found = model_of(supervised, "model.abdi_supervised")
    assert found["name"] == "predictor" and found["encoder"] == "abdi_supervised"
    assert found.get("decoder") is None
    assert model_of(supervised, "model.montero")["encoder"] == "montero"


def test_a_decoder_is_no_preset_of_a_predictor():
    with pytest.raises(InputError, match="unknown preset 'model.sbd3'; "):
        model_of(supervised, "model.sbd3")


def test_each_architecture_has_the_preset_of_its_name():
    of_models = {name for name, preset in MODEL_PRESETS.items() if "name" in preset}
    assert of_models == {"cascade", "liegroup"}
    assert set(MODEL_PRESETS) - of_models == set(ENCODERS) | set(DECODERS)
    for name in set(MODEL_PRESETS) - of_models:
        preset = MODEL_PRESETS[name]
        expected = {"encoder": name} if name in ENCODERS else {}
        assert preset == expected | ({"decoder": name} if name in DECODERS else {})
    assert json.loads(json.dumps(MODEL_PRESETS)) == MODEL_PRESETS


def test_layers_of_an_architecture_are_printed(capsys):
    updates = ["dataset.digits", "dataset.size=64", "model.kim", "model.sbd3"]
    assert run_commandline(unsupervised.ex, ["X", "model.layers", "with", *updates]) == 0
    rows = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    # One channel: 5 x 5 kernels of 12 and 64 inputs, once at each of 4,096 pixels.
    assert rows[1] == "encoder.0 (32, 32, 32) 544 524,288"
    assert f"decoder.0 (64, 64, 64) {12 * 64 * 25 + 64:,} {12 * 64 * 25 * 4096:,}" in rows
    assert f"logits (1, 64, 64) {64 * 25 + 1:,} {64 * 25 * 4096:,}" in rows
    # With the published encoder, and the published decoder less two of its three channels.
    parameters = 382_932 + 126_531 - 2 * (64 * 25 + 1)
    assert rows[-1].split()[:2] == ["total", f"{parameters:,}"]


def test_too_small_images_are_refused_in_one_sentence(capsys):
    updates = ["dataset.digits", "dataset.size=8", "model.watters"]
    assert run_commandline(unsupervised.ex, ["X", "model.layers", "with", *updates]) == 1
    said = capsys.readouterr().err
    assert "architecture 'watters' needs images of at least 16 x 16 pixels, got 8 x 8" in said
    assert "Traceback" not in said
