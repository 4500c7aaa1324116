"""The query language of runs: flattening, exact matching, and agreement with MongoDB."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from replearn.errors import InputError
from replearn.runs.where import describe, flatten, matches, same, to_filter


def test_nested_and_dotted_queries_are_the_same():
    nested = flatten({"model": {"name": "vae", "latent_size": 10}})
    dotted = flatten({"model.name": "vae", "model": {"latent_size": 10}})
    assert nested == dotted
    assert nested == {"model.name": ["vae"], "model.latent_size": [10], "status": ["COMPLETED"]}


def test_a_list_means_any_of_its_values_or_the_list_itself():
    conditions = flatten({"hidden": [16, 32]})
    assert matches(conditions, {"hidden": 16})
    assert matches(conditions, {"hidden": 32.0})
    assert matches(conditions, {"hidden": [16, 32]})
    assert not matches(conditions, {"hidden": [16, 64]})
    assert not matches(conditions, {"hidden": [32, 16]})


def test_numbers_match_across_types_but_never_truth_values():
    assert same(1, 1.0) and same(np.nan, float("nan"))
    assert not same(True, 1) and not same(0, False) and not same("1", 1)
    assert same(True, True) and same([1, {"k": 2}], [1.0, {"k": 2}])


def test_none_matches_null_and_a_path_that_is_not_there():
    conditions = flatten({"training.beta": None})
    assert matches(conditions, {"training": {"beta": None}})
    assert matches(conditions, {"training": {}})
    assert not matches(conditions, {"training": {"beta": 0}})


def test_numpy_values_tuples_and_ranges_are_plain_values():
    assert flatten({"seed": np.arange(2)}) == flatten({"seed": [0, 1]})
    assert flatten({"seed": range(2)}) == flatten({"seed": (0, 1)})
    assert flatten({"beta": np.float32(0.5)})["beta"] == [0.5]


def test_reserved_keys_that_are_none_are_not_asked():
    where = {"experiment": None, "id": None, "tags": None, "status": None}
    assert flatten(where) == {"status": ["COMPLETED"]}


@pytest.mark.parametrize(
    ("where", "sentence"),
    [
        ({"model": {"name": "vae"}, "model.name": "x"}, r"where\.model\.name is given twice"),
        ({"experiment": {"name": "x"}}, r"where\.experiment is a value or a list of values"),
        ({"seed": []}, r"where\.seed=\[\] allows no value"),
        ({"status": "COMPLETD"}, r"unknown where\.status 'COMPLETD'; did you mean 'COMPLETED'"),
        ({"model..name": 1}, r"takes config paths such as 'model\.name', got 'model\.\.name'"),
        ({"$where": "1"}, r"takes config paths such as 'model\.name', got '\$where'"),
        ({3: 1}, r"takes config paths such as 'model\.name', got 3"),
        ({"seed": 2**63}, r"where\.seed=9223372036854775808 does not fit in 64 bits"),
        ({"seed": object()}, r"where\.seed takes numbers, strings, None or a list .* got object"),
    ],
)
def test_what_is_no_query_is_refused(where, sentence):
    with pytest.raises(InputError, match=sentence):
        flatten(where)


def test_a_query_is_described_in_words():
    conditions = flatten({"experiment": "unsupervised", "seed": [0, 1]})
    assert describe(conditions) == "experiment='unsupervised', seed in [0, 1]"
    assert describe(flatten(None)) == "the empty query"


keys = st.sampled_from(["a", "b", "c"])
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([0.0, 1.0, 0.5, float("nan")])
    | st.sampled_from(["", "x", "1"])
)
values = scalars | st.lists(scalars, max_size=2)
configs = st.dictionaries(keys, values | st.dictionaries(keys, values, min_size=1), max_size=3)
queries = st.dictionaries(
    keys,
    scalars | st.lists(scalars, min_size=1, max_size=2) | st.dictionaries(keys, scalars),
    max_size=2,
)


@given(configs)
def test_a_config_matches_itself(config):
    empty = any(v == [] or (isinstance(v, dict) and [] in v.values()) for v in config.values())
    if not empty:
        assert matches(flatten(config), config)


@given(queries)
def test_dotting_a_query_does_not_change_it(where):
    dotted = {}
    for key, value in where.items():
        if isinstance(value, dict):
            dotted |= {f"{key}.{inner}": v for inner, v in value.items()}
        else:
            dotted[key] = value
    assert flatten(dotted) == flatten(where)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(configs, min_size=1, max_size=6), queries)
def test_the_filter_lets_every_match_through(database, stored, where):
    """The filter runs in MongoDB and the test in Python: no run may be lost between them."""
    database.runs.delete_many({})
    documents = [
        {"_id": i, "status": "COMPLETED", "config": config} for i, config in enumerate(stored)
    ]
    database.runs.insert_many(documents)
    conditions = flatten(where)
    let_through = {d["_id"] for d in database.runs.find(to_filter(conditions))}
    assert {d["_id"] for d in documents if matches(conditions, d["config"])} <= let_through
