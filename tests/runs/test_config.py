"""Config keys are known, values have the right kind, and two spellings share one hash."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replearn.errors import InputError
from replearn.runs.config import (
    check_updates,
    config_hash,
    group_hash,
    parse_lists,
    resolve,
    resolve_params,
    unset,
)


def conv(image_shape, width=8, act="relu"): ...
def dense(image_shape, depth=2, rate=0.5): ...


NETS = {"conv": conv, "dense": dense}
BASE = {"seed": 0, "where": {}, "training": {"lr": 0.1, "loss": {"name": "a", "params": {}}}}


def test_defaults_of_the_chosen_entry_are_filled_in():
    section = {**unset(NETS), "name": "dense", "depth": 3}
    filled = resolve(section, NETS, "model")
    assert filled == {"name": "dense", "depth": 3, "rate": 0.5, "width": None, "act": None}


def test_a_key_of_another_entry_is_refused():
    with pytest.raises(InputError, match="model 'dense' takes no parameter 'width'"):
        resolve({**unset(NETS), "name": "dense", "width": 4}, NETS, "model")


def test_misspelt_loss_parameter_is_refused_with_the_nearest():
    with pytest.raises(InputError, match=r"takes no parameter 'dept'; did you mean 'depth'\?"):
        resolve_params({"name": "dense", "params": {"dept": 1}}, NETS, "loss")


def test_whole_numbers_and_words_are_told_apart():
    with pytest.raises(InputError, match="model.depth must be a whole number, got 'three'"):
        resolve({"name": "dense", "depth": "three"}, NETS, "model")


@pytest.mark.parametrize(
    "updates, sentence",
    [
        ({"sed": 1}, r"unknown config key 'sed'; did you mean 'seed'\?"),
        (
            {"training": {"lrr": 1}},
            r"unknown config key 'training.lrr'; did you mean 'training.lr'",
        ),
        ({"training": {"lr": "fast"}}, "training.lr must be a number, got 'fast'"),
        ({"seed": True}, "seed must be a whole number, got True"),
    ],
)
def test_unknown_keys_and_kinds_are_refused(updates, sentence):
    with pytest.raises(InputError, match=sentence):
        check_updates(BASE, updates)


def test_open_dictionaries_take_any_key():
    check_updates(BASE, {"where": {"model": {"name": "vae"}}})
    check_updates(BASE, {"training": {"loss": {"params": {"beta": 4}}}})


CONFIG = {"seed": 0, "init_seed": None, "device": "cpu", "model": {"size": 1.0, "k": (1, 2)}}


def test_spellings_and_volatile_keys_do_not_change_the_hash():
    other = {"model": {"k": [1, 2.0], "size": 1}, "device": "cuda", "init_seed": None, "seed": 0}
    assert config_hash(other) == config_hash(CONFIG)


def test_the_hash_is_sha256_of_canonical_json():
    import hashlib

    text = '{"model":{"k":[1,2],"size":1},"seed":0}'
    assert config_hash(CONFIG) == hashlib.sha256(text.encode()).hexdigest()


def test_keys_that_are_not_set_do_not_change_the_hash():
    older = {"seed": 0, "model": {"size": 1}, "training": {"loss": {"name": "a", "params": {}}}}
    params = {"variance": None}
    newer = {
        "seed": 0, "init_seed": None, "model": {"size": 1, "depth": None},
        "training": {"steps": None, "loss": {"name": "a", "params": params}}, "new": None,
    }  # fmt: skip
    assert config_hash(newer) == config_hash(older)
    assert group_hash(newer) == group_hash(older)
    params["variance"] = 0.5
    assert config_hash(newer) != config_hash(older)


def test_none_in_a_list_and_falsy_values_count():
    hashes = [config_hash({"a": a}) for a in ([None], [], 0, False, "", {})]
    assert len(set(hashes)) == len(hashes)


@given(seed=st.integers(1, 100), size=st.floats(1.5, 9.5))
def test_groups_differ_in_seeds_alone(seed, size):
    reseeded = {**CONFIG, "seed": seed}
    changed = {**CONFIG, "model": {"size": size}}
    assert group_hash(reseeded) == group_hash(CONFIG) != group_hash(changed)
    assert config_hash(reseeded) != config_hash(CONFIG)


def test_epochs_do_not_count_where_steps_are_given():
    by_steps = {"training": {"steps": 5, "epochs": 66}}
    assert config_hash(by_steps) == config_hash({"training": {"steps": 5, "epochs": 1}})
    by_epochs = {"training": {"steps": None, "epochs": 66}}
    assert config_hash(by_epochs) != config_hash({"training": {"steps": None, "epochs": 1}})


def test_lists_of_words_are_lists():
    parsed = parse_lists({"tags": "[a, b]", "where": {"seed": "[0,x]", "name": "[a"}, "n": [1]})
    assert parsed == {"tags": ["a", "b"], "where": {"seed": [0, "x"], "name": "[a"}, "n": [1]}
