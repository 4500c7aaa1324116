"""Groups of runs by what their configs say: names, order, and sentences for what is no group."""

import pytest

from replearn.errors import InputError
from replearn.runs.query import find_runs
from replearn.study.config_groups import find_groups, other_differences


@pytest.fixture
def runs(store_run, database):
    """Two seeds of label noise 1, two without any, two of 0.5 with another encoder, one of 0.25."""
    for share, encoder, seeds in (
        (1, "kim", 2),
        (None, "kim", 2),
        (0.5, "abdi", 2),
        (0.25, "kim", 1),
    ):
        for seed in range(seeds):
            config = {"dataset": {"label_noise": share}, "model": {"encoder": encoder}}
            store_run({**config, "seed": seed, "tags": [f"tag{seed}"]})
    return list(find_runs(None, database))


def ids(groups):
    return {name: [run.id for run in members] for name, members in groups.items()}


def test_groups_stand_in_the_order_of_their_values(runs):
    groups = find_groups(runs[:6], "dataset.label_noise")
    assert list(groups) == ["label noise=None", "label noise=0.5", "label noise=1"]
    assert ids(groups)["label noise=1"] == [1, 2] and ids(groups)["label noise=None"] == [3, 4]


def test_several_paths_part_runs_further(runs):
    by = "dataset.label_noise,model.encoder"
    wanted = {"label noise=0.5, encoder=abdi": [5, 6], "label noise=1, encoder=kim": [1, 2]}
    assert ids(find_groups([*runs[:2], *runs[4:6]], by)) == wanted
    assert ids(find_groups([*runs[:2], *runs[4:6]], by.split(","))) == wanted


def test_what_else_differs_inside_a_group_is_named(runs):
    groups = find_groups([*runs[:4], *runs[4:6]], "dataset.label_noise")
    assert other_differences(groups, "dataset.label_noise") == []
    mixed = find_groups([runs[0], runs[2], runs[4], runs[5], runs[1]], "seed")
    assert other_differences(mixed, "seed") == ["dataset.label_noise", "model.encoder"]


@pytest.mark.parametrize(
    ("chosen", "by", "sentence"),
    [
        (slice(6), None, "by=PATH says what parts runs into groups, such as by=datas"),
        (slice(6), "dataset.label_nois", "is a config path of no run; did you mean 'dataset.lab"),
        (slice(2), "dataset.label_noise", "all 2 runs are of one group .*label noise=1.; widen"),
        (slice(7), "dataset.label_noise", "group label noise=0.25 .* has one run .7., so no pair"),
    ],
)  # fmt: skip
def test_what_makes_no_groups_is_one_sentence(runs, chosen, by, sentence):
    with pytest.raises(InputError, match=sentence):
        find_groups(runs[chosen], by)
