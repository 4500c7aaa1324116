"""Which runs a study is about, its rows, and the names of what varies."""

import pytest
from safetensors.numpy import save

from replearn.errors import InputError
from replearn.study.columns import choose_columns
from replearn.study.selection import find_trained
from replearn.study.summary import find_study, short_names

WEIGHTS = {"step-00000020.safetensors": save({})}
TWIN = {"dataset": {"name": "circles", "is_twin": True}}


@pytest.fixture
def train(store_run):
    """Store a finished training run; it and what `analyse` stores are those of one study."""

    def store(seed=0, loss="vae", params=None, data="aaaa", dataset="circles", **fields):
        config = {
            "seed": seed,
            "tags": ["study"],
            "dataset": {"name": dataset},
            "model": {"name": "vae"},
            "training": {"loss": {"name": loss, "params": params or {}}},
        }
        group = f"{dataset} {loss} {params}"
        identity = {"config_hash": f"{group} {seed}", "group_hash": group, "data": data}
        fields = {"result": {"loss": 1.0 + seed}, "info": {}, "identity": identity} | fields
        return store_run(config, artifacts=WEIGHTS, **fields)

    return store


@pytest.fixture
def analyse(store_run):
    def store(run, method="fast", **config):
        config = {"run": run, "step": None, "n_images": 5000, "dci": method, **config}
        return store_run(
            {**config, "tags": ["study"]},
            experiment="analysis.model",
            result={"dci_disentanglement": 0.5, "dci_method": f"{method}: trees, N = 9/3"},
        )

    return store


def test_analyses_that_match_a_query_are_left_out_and_named(train, analyse, capsys):
    run = train()
    analyse(run)
    assert [found.id for found in find_trained({"tags": "study"})] == [run]
    assert "left out: 2 (analysis.model), which kept no weights" in capsys.readouterr().out
    study = find_study({"tags": "study"})
    assert [found.id for found in study.runs] == [run]
    assert study.analyses[run].id == run + 1


def test_a_query_for_analyses_alone_is_one_sentence(train, analyse):
    analyse(train())
    with pytest.raises(InputError, match=r"no weights of a model; add where\.experiment="):
        find_trained({"experiment": "analysis.model"})


def test_data_sets_and_losses_have_columns_of_their_own(train):
    for dataset in ("circles", "digits"):
        for loss in ("vae", "factor_vae"):
            train(dataset=dataset, loss=loss)
    labels = [group.labels for group in find_study({"tags": "study"}).groups()]
    assert labels == [
        {"data set": "circles", "loss": "factor_vae"},
        {"data set": "circles", "loss": "vae"},
        {"data set": "digits", "loss": "factor_vae"},
        {"data set": "digits", "loss": "vae"},
    ]


def test_strengths_of_several_objectives_share_two_columns(train):
    for gamma in (20, 100):
        train(loss="factor_vae", params={"gamma": gamma, "beta": 1.0, "rate": 0.1})
    for beta in (16, 8):
        train(loss="beta_vae", params={"beta": beta})
    study = find_study({"tags": "study"})
    assert [tuple(group.labels.values()) for group in study.groups()] == [
        ("beta_vae", "beta", 8), ("beta_vae", "beta", 16),
        ("factor_vae", "gamma", 20), ("factor_vae", "gamma", 100),
    ]  # fmt: skip
    assert list(study.labels(study.runs[0])) == ["loss", "parameter", "value"]


def test_an_objective_that_varies_two_parameters_keeps_a_column_for_each(train):
    for gamma, beta in ((20, 1), (100, 2)):
        train(loss="factor_vae", params={"gamma": gamma, "beta": beta})
    train(loss="beta_vae", params={"beta": 8})
    labels = [group.labels for group in find_study({"tags": "study"}).groups()]
    assert labels[0] == {"loss": "beta_vae", "gamma": "–", "beta": 8}
    assert labels[2] == {"loss": "factor_vae", "gamma": 100, "beta": 2}


@pytest.mark.parametrize(
    "paths, names",
    [
        (["training.loss.params.beta"], ["beta"]),
        (["model.latent_size", "model.encoder"], ["latent size", "encoder"]),
        (["training.steps", "target.steps"], ["training steps", "target steps"]),
        (["training.optimizer.name", "training.optimizer.params.lr"], ["optimizer", "lr"]),
    ],
)
def test_a_path_is_named_by_its_shortest_end_of_its_own(paths, names):
    assert list(short_names(paths).values()) == names


def test_parameters_that_only_one_loss_has_are_shown_only_if_they_vary(train):
    train(loss="vae")
    train(loss="factor_vae", params={"gamma": 10})
    assert find_study({"tags": "study"}).varied == ("training.loss.name",)
    train(loss="factor_vae", params={"gamma": 35})
    labels = [group.labels for group in find_study({"tags": "study"}).groups()]
    assert {"loss": "factor_vae", "gamma": 35} in labels
    assert {"loss": "vae", "gamma": "–"} in labels


def test_a_run_that_was_made_twice_is_one_seed_and_the_newest_counts(train, capsys):
    old = train(seed=0, result={"loss": 7.0})
    train(seed=1)
    new = train(seed=0, result={"loss": 3.0})
    study = find_study({"tags": "study"})
    (group,) = study.groups()
    assert sorted(group.cells["loss"]) == [2.0, 3.0]
    assert [run.id for run in study.runs] == [old + 1, new]
    assert f"left out: {old}, made again later" in capsys.readouterr().out


def test_the_twin_of_a_data_set_is_a_row_of_its_own(train):
    train(seed=0, data="aaaa")
    train(seed=0, data="bbbb", info=TWIN)
    train(seed=1, data="bbbb", info=TWIN)
    real, twin = find_study({"tags": "study"}).groups()
    assert (real.labels, len(real.runs)) == ({"images": "real"}, 1)
    assert (twin.labels, len(twin.runs)) == ({"images": "twin"}, 2)


@pytest.mark.parametrize(
    "other, sentence",
    [
        ({"n_images": 300}, r"differ in n_images \(5000 and 300\).* with run=1 n_images=300'"),
        ({"step": 10}, r"differ in step \(None and 10\).* with run=1 step=10'"),
        ({"method": "reference"}, r"differ in dci \(fast and reference\).* run=1 dci=reference'"),
    ],
)
def test_analyses_that_were_made_in_different_ways_are_not_mixed(train, analyse, other, sentence):
    first, second = train(seed=0), train(seed=1)
    analyse(first)
    analyse(second, **other)
    with pytest.raises(InputError, match=sentence):
        find_study({"experiment": "unsupervised"})
    analyse(first, **other)
    assert find_study({"experiment": "unsupervised"}).analyses[first].id == 5


def test_the_last_step_may_be_named_or_not(train, analyse):
    analyse(train(seed=0))
    analyse(train(seed=1), step=20)
    assert len(find_study({"experiment": "unsupervised"}).runs) == 2


def test_the_note_of_a_table_names_the_method_of_dci(train, analyse):
    run = train()
    assert find_study({"experiment": "unsupervised"}).analysis_note() == ""
    analyse(run, "reference")
    note = find_study({"experiment": "unsupervised"}).analysis_note()
    assert "5000 held-out images" in note and "DCI scores (reference: trees, N = 9/3)" in note


def test_runs_that_differ_in_any_seed_are_one_group_and_its_seeds_make_pairs(train):
    for seed in (0, 1):
        train(seed=seed, params={"beta": 1})
    for seed in (1, 2):
        train(seed=seed, params={"beta": 4})
    low, high = find_study({"tags": "study"}).groups()
    assert (low.runs, high.runs) == ([1, 2], [3, 4])
    assert low.seeds[1] == high.seeds[0] and not set(low.seeds) & {high.seeds[1]}


def test_only_labels_of_data_part_the_rows_that_compete(train):
    for dataset in ("circles", "digits"):
        for loss in ("vae", "factor_vae"):
            train(dataset=dataset, loss=loss)
    study = find_study({"tags": "study"})
    assert [group.data for group in study.groups()] == ['["circles",null]'] * 2 + [
        '["digits",null]'
    ] * 2


def test_what_objectives_hold_down_is_shown(train):
    names = ("latent_total_correlation", "latent_covariance", "latent_mmd")
    train(result={"loss": 1.0} | dict.fromkeys(names, 0.5))
    columns = choose_columns(find_study({"tags": "study"}).groups(), None)
    assert [column.key for column in columns] == ["loss", *names]
    assert all(column.better == "lower" for column in columns)


def test_runs_without_analyses_are_named_or_do_without(train, analyse, capsys):
    first, second = train(seed=0), train(seed=1)
    analyse(first)
    with pytest.raises(InputError, match=rf"1 of 2 runs .* with run={second}' runs; do so first"):
        find_study({"experiment": "unsupervised"}, analyses=True)
    assert capsys.readouterr().out == ""
    for analyses in (None, False):
        study = find_study({"experiment": "unsupervised"}, analyses)
        assert study.scores(study.runs[0]) == {"loss": 1.0} and study.analysis_note() == ""
        said = capsys.readouterr().out
        assert (f"sweep analysis.model with run={second}'" in said) == (analyses is None)


def test_runs_that_went_on_from_runs_of_a_group_are_a_group(store_run):
    for source, freeze in ((1, "encoder"), (2, "encoder"), (1, "decoder"), (2, "decoder")):
        config = {"seed": 0, "source": source, "freeze": freeze, "dataset": {"name": "circles"}}
        identity = {"group_hash": f"{source} {freeze}", "config_hash": f"{source} {freeze}"}
        store_run(config, artifacts=WEIGHTS, experiment="finetune", identity=identity)
    decoder, encoder = find_study({"experiment": "finetune"}).groups()
    assert (encoder.labels, encoder.runs) == ({"freeze": "encoder"}, [1, 2])
    assert (decoder.labels, decoder.runs) == ({"freeze": "decoder"}, [3, 4])
    # Halves of one network are a pair.
    assert encoder.seeds == decoder.seeds and len(set(encoder.seeds)) == 2
