"""What a comparison is of: layers, steps and measures as a config names them, runs, titles."""

from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import save

from replearn.analysis.activations import activations, fingerprint
from replearn.analysis.cache import TensorCache
from replearn.errors import InputError
from replearn.runs.query import find_runs
from replearn.study.comparison import (
    Representations,
    Source,
    choose_steps,
    common_layers,
    common_probe,
    compare_layers,
    listed,
)
from replearn.study.layer_maps import moment
from replearn.study.probes import Probe
from replearn.study.spread import compare_layers_on, fill_cache

MODEL = {"name": "vae", "encoder": "burgess", "decoder": "burgess", "latent_size": 3}


@pytest.fixture
def train(store_run, database):
    """Store a run of an untrained VAE on circles, and give it back as a query finds it."""
    from replearn.runs.rebuild import make_model

    def store(model=MODEL, data="spriteworld-twin 1", download=False, steps=(0, 20), **dataset):
        torch.manual_seed(len(database.list_collection_names()))
        net = make_model(model, (3, 64, 64))
        section = {"name": "circles", "validation": 0.1, "split_seed": 0, "download": download}
        run_id = store_run(
            {"seed": 0, "model": model, "dataset": {**section, **dataset}},
            artifacts={f"step-{step:08d}.safetensors": save(net.state_dict()) for step in steps},
            info={"image_shape": [3, 64, 64]},
            identity={"data": data},
        )
        return find_runs({"id": run_id}, database).one()

    return store


@pytest.mark.parametrize(
    "value, parts",
    [
        ("jaccard:k=10,x=3", ["jaccard:k=10,x=3"]),
        ("cka,jaccard:k=10, x=3,rsa", ["cka", "jaccard:k=10,x=3", "rsa"]),
        (["jaccard:k=10", "x=3"], ["jaccard:k=10,x=3"]),  # as [jaccard:k=10,x=3] is parsed
        ({"name": "jaccard", "k": 10}, [{"name": "jaccard", "k": 10}]),
        ((0, 100), [0, 100]),
        (5, [5]),
    ],
)
def test_a_list_is_parted_at_commas_but_parameters_stay_with_their_measure(value, parts):
    assert listed(value, "measures") == parts


@pytest.mark.parametrize("value", [[], "", None])
def test_an_empty_list_is_one_sentence(value):
    with pytest.raises(InputError, match="^layers=.* names nothing to compare"):
        listed(value, "layers")


def test_layers_are_modules_outputs_images_and_targets(train):
    runs = [train()]
    asked = ["encoder.0.0", "encoder.0", "mean", "logits", "input", "factors", "mean"]
    assert common_layers(runs, asked) == asked[:-1]
    net = runs[0].model()
    assert common_layers(runs, ["all"], latent="sample") == net.layers()
    # Where decoders get the mean, z is the mean.
    others = [layer for layer in net.layers() if layer != "z"]
    assert common_layers(runs, "all,factors") == [*others, "factors"]
    assert common_layers(runs, [name for name, _ in net.named_modules() if name])
    with pytest.raises(InputError, match="no layer 'encoder.0.9'; did you mean"):
        common_layers(runs, "encoder.0.9")


def test_runs_of_two_architectures_share_the_layers_that_are_named(train):
    runs = [train(), train({**MODEL, "encoder": "kim"})]
    assert common_layers(runs, "mean,z") == ["mean", "z"]
    with pytest.raises(InputError, match="have different architectures"):
        common_layers(runs, "all")


def test_where_the_images_came_from_does_not_part_runs_but_the_images_do(train):
    first, downloaded = train(), train(download=True)
    assert len(common_probe([first, downloaded], 16).indices) == 16
    with pytest.raises(InputError, match="trained on different images of the data set circles"):
        common_probe([first, train(data="bbbb")], 16)
    with pytest.raises(InputError, match="different data .* or other splits"):
        common_probe([first, train(split_seed=1)], 16)


@pytest.fixture
def train_digits(store_run, database):
    """Store a run on digits with more keys in its data section, and give it back."""

    def store(**dataset):
        section = {"name": "digits", "validation": 0.1, "split_seed": 0, **dataset}
        return find_runs({"id": store_run({"dataset": section})}, database).one()

    return store


def test_what_was_altered_of_the_training_data_does_not_part_runs(train_digits):
    plain, noisy, other = (train_digits(label_noise=share) for share in (None, 0.5, 1.0))
    few, all_ = (train_digits(shortcut=share, noise_seed=seed) for share, seed in ((0, 0), (1, 1)))
    prints = [
        fingerprint(common_probe(runs, 16).batches())
        for runs in ([plain], [noisy, other], [noisy, plain], [few, plain], [few], [all_, few])
    ]
    assert len(set(prints[:4])) == 1 and len(set(prints[4:])) == 1
    assert prints[0] != prints[4]
    assert common_probe([few, all_], 16).marked and not common_probe([few], 16, False).marked
    with pytest.raises(InputError, match="different data .* or other splits"):
        common_probe([noisy, train_digits(label_noise=0.5, split_seed=1)], 16)


def test_steps_are_chosen_by_number_or_word(train):
    run = train()
    assert [s.step for s in choose_steps([run], "last")] == [20]
    assert [s.step for s in choose_steps([run], "all")] == [0, 20]
    assert [s.step for s in choose_steps([run], [0, "last", 20])] == [0, 20]
    assert [s.step for s in choose_steps([run], "0,last")] == [0, 20]
    with pytest.raises(InputError, match="steps must be last, all, or a list of steps, got 'frst'"):
        choose_steps([run], "frst")


def test_titles_say_the_steps():
    def title(*steps):
        return moment([Source(SimpleNamespace(id=i), step) for i, step in enumerate(steps)])

    assert title(20, 20) == "after 20 steps"
    assert title(1000) == "after 1,000 steps"
    assert title(20, 30) == "after training"
    assert title(0, 0) == "untrained (step 0)"


def test_a_second_comparison_needs_no_weights(train, database, tmp_path, monkeypatch):
    monkeypatch.setenv("REPLEARN_HOME", str(tmp_path))
    run = train()
    probe: Probe = common_probe([run], 8)
    layers = ["mean", "encoder.0.0"]
    first = dict(Representations([Source(run, 20)], layers, probe).items())
    net = run.model(20)
    assert torch.equal(first["1/20/mean"], activations(net, ["mean"], probe.batches())["mean"])
    database.fs.chunks.delete_many({})
    with pytest.raises(InputError):
        run.model(20)
    second = dict(Representations([Source(run, 20)], layers, probe).items())
    assert all(torch.equal(first[label], second[label]) for label in first)


def test_only_what_is_asked_for_is_read_and_nothing_is_held(train, tmp_path, monkeypatch):
    monkeypatch.setenv("REPLEARN_HOME", str(tmp_path))
    run, read = train(), []
    layers, probe = ["encoder.0.0", "encoder.1.0", "mean", "logits"], common_probe([run], 8)
    labels = [f"1/20/{layer}" for layer in layers]
    get = TensorCache.get
    monkeypatch.setattr(TensorCache, "get", lambda self, key: read.append(key) or get(self, key))
    made = Representations([Source(run, 20)], layers, probe)
    first = {labels[0]: made[labels[0]]}
    assert TensorCache().size()[0] == 1, "the others are not pulled out of the pass yet"
    first |= {label: made[label] for label in labels[1:]}
    assert TensorCache().size()[0] == 4
    again = Representations([Source(run, 20)], layers, probe)
    read.clear()
    assert torch.equal(again[labels[3]], first[labels[3]]) and len(read) == 1
    assert torch.equal(again[labels[0]], first[labels[0]]) and len(read) == 2
    # Some of them, in any order.
    for key in list(again.keys_of(Source(run, 20)).values())[1::2]:
        (TensorCache().folder / key[:2] / f"{key}.safetensors").unlink()
    other = Representations([Source(run, 20)], layers, probe)
    for label in reversed(labels):
        assert torch.equal(other[label], first[label])


def test_a_cache_is_filled_once_and_by_the_same_code(train, tmp_path, monkeypatch):
    monkeypatch.setenv("REPLEARN_HOME", str(tmp_path))
    run, called = train(), []
    sources, layers = choose_steps([run], "all"), ["mean", "factors", "encoder.0.0"]
    probe, options = common_probe([run], 8), {"pooling": "mean"}

    def here(function, blocks, each=None):
        called.append((function.__name__, len(blocks)))
        results = [function(*block) for block in blocks]
        for index, result in enumerate(results):
            if each is not None:
                each(index, result)
        return results

    for _ in range(2):
        found = compare_layers_on(here, sources, layers, probe, "cka_linear", **options)
    fills = [count for name, count in called if name == "fill_cache"]
    assert fills == [2, 0]
    whole = compare_layers(sources, layers, probe, "cka_linear", **options)
    assert found.labels == whole.labels
    assert abs(found.values["cka_linear"] - whole.values["cka_linear"]).max() < 1e-12
    # Images that only the worker has, or code of another version.
    fewer = lambda f, blocks: [fill_cache(*b[:3], 7, b[4]) for b in blocks]  # noqa: E731
    with pytest.raises(InputError, match="other code or other images than this process .run 1."):
        compare_layers_on(fewer, sources, ["logits"], probe, "cka_linear", **options)
