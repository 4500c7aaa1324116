"""Grids: what commas, brackets, quotes and prefixes mean."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replearn.errors import InputError
from replearn.runs.resolving import parse_words
from replearn.sweep.grid import Grid, expand, parse_axes


def test_the_product_has_its_last_axis_fastest():
    assert expand(["model.kim,locatello", "fast", "seed=0,1"]) == [
        ["model.kim", "fast", "seed=0"],
        ["model.kim", "fast", "seed=1"],
        ["model.locatello", "fast", "seed=0"],
        ["model.locatello", "fast", "seed=1"],
    ]


@pytest.mark.parametrize(
    ("word", "points"),
    [
        ("seed=0", ["seed=0"]),
        ("dataset.dsprites,shapes3d", ["dataset.dsprites", "dataset.shapes3d"]),
        ("model.kim,model.burgess", ["model.kim", "model.burgess"]),
        ("fast,slow", ["fast", "slow"]),
        ("steps=[0,1],[2]", ["steps=[0,1]", "steps=[2]"]),
        ("layers=[a,[b,c]],[d]", ["layers=[a,[b,c]]", "layers=[d]"]),
        ("caption='a, b',c", ["caption='a, b'", "caption=c"]),
        ("caption=Kim's,Lee's", ["caption=Kim's", "caption=Lee's"]),
        ("x={'a':1,'b':2},{}", ["x={'a':1,'b':2}", "x={}"]),
        ("limits=(0,1)", ["limits=(0,1)"]),
        ("note='it\\'s, so',b", ["note='it\\'s, so'", "note=b"]),
        ("seed= 0, 1", ["seed=0", "seed=1"]),
        ("training.steps=None,100", ["training.steps=None", "training.steps=100"]),
        ("layers=all,[a,b]", ["layers=all", "layers=[a,b]"]),
    ],
)
def test_commas_are_axes_outside_brackets_and_quotes(word, points):
    assert expand([word]) == [[point] for point in points]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "the grid is empty: expected words such as dataset.mnist"),
        (["seed="], "there is no value in 'seed='; expected seed=VALUE"),
        (["seed=0,,1"], "a value is missing in 'seed=0,,1'; expected seed=VALUE"),
        (["seed=0,"], "a value is missing in 'seed=0,'"),
        (["model.kim,"], "a name is missing in 'model.kim,'; expected PRESET,PRESET"),
        (["seed=0,1", "seed=2"], "seed is given 2 times; give all its values at once: seed=A,B"),
        (["seed=0,one"], "the values of seed are of mixed kinds: 0 is a number, one a word"),
        (["x=True,1"], "mixed kinds: True is a truth value, 1 a number"),
        (["steps=[0,1"], r"'\]' is missing at the end of 'steps=\[0,1'"),
        (["steps=[0,1)"], r"'\)' closes nothing in 'steps=\[0,1\)'"),
        (["caption='a,b"], 'is missing at the end of "caption=\'a,b"'),
        (["model.kim,seed=0"], "expected KEY=VALUE,VALUE or PRESET,PRESET, got 'model.kim,seed=0'"),
        (["=3"], "expected KEY=VALUE,VALUE or PRESET,PRESET, got '=3'"),
        (["--dry-run"], "the option '--dry-run' stands after 'with'"),
        (
            [f"{key}={','.join(map(str, range(100)))}" for key in "abc"],
            r"the grid has 1,000,000 points \(a \(100\) x b \(100\) x c \(100\)\); at most 20,000",
        ),
    ],
)
def test_what_is_no_grid_is_refused_in_a_sentence(words, sentence):
    with pytest.raises(InputError, match=sentence):
        expand(words)


def test_the_shape_names_what_varies():
    grid = Grid(parse_axes(["dataset.digits", "model.kim,burgess", "seed=0,1,2"]))
    assert (grid.shape(), len(grid)) == ("model (2) x seed (3)", 6)


NUMBERS = st.one_of(st.integers(-99, 99), st.floats(0, 1)).map(repr)
WORDS = st.text("abcxyz_", min_size=1, max_size=6)
LISTS = st.lists(st.one_of(NUMBERS, WORDS), max_size=3).map(lambda items: f"[{','.join(items)}]")
TEXTS = st.text("ab,c [](){}=", min_size=1, max_size=8).map(repr)
AXES = st.lists(
    st.one_of(*(st.lists(kind, min_size=1, max_size=4) for kind in (NUMBERS, LISTS, TEXTS))),
    min_size=1,
    max_size=4,
)


@given(AXES)
def test_points_are_the_product_and_every_point_parses(axes):
    words = [f"key{i}={','.join(values)}" for i, values in enumerate(axes)]
    points = expand(words)
    assert len(points) == math.prod(map(len, axes))
    for point in points:
        updates, presets = parse_words(point)
        assert list(updates) == [f"key{i}" for i in range(len(axes))] and not presets
    assert [point[-1].partition("=")[2] for point in points[: len(axes[-1])]] == axes[-1]
