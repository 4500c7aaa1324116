"""Grids from a YAML file."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replearn.errors import InputError
from replearn.runs.config import parse_value
from replearn.sweep.grid import expand
from replearn.sweep.gridfile import read_experiment, read_grid, spell


@pytest.fixture
def file(tmp_path):
    """Write a YAML file and return its path."""

    def write(text: str):
        path = tmp_path / "grid.yaml"
        path.write_text(text)
        return path

    return write


def test_a_file_gives_the_grid_of_the_same_words(file):
    path = file("""
        experiment: experiments.unsupervised
        with: [dataset.digits, training.steps: 2]
        axes:
          - model.kim,burgess
          - training.optimizer.params.lr: [1e-4, 0.001]
            seed: [0, 1, 2]
    """)
    words = ["dataset.digits", "training.steps=2", "model.kim,burgess"]
    words += ["training.optimizer.params.lr=1e-4,0.001", "seed=0,1,2"]
    assert read_grid(path).points() == expand(words)
    assert read_experiment(path) == "experiments.unsupervised"
    assert read_grid(path, ["fast"]).points() == expand([*words, "fast"])


def test_axes_may_be_one_mapping_and_lists_are_values(file):
    path = file("with: {tags: [a, 'b c']}\naxes: {layers: [[input, z], [all]], note: ['', '1', x]}")
    assert read_grid(path).points()[:3] == [
        ["tags=['a', 'b c']", "layers=['input', 'z']", "note=''"],
        ["tags=['a', 'b c']", "layers=['input', 'z']", "note='1'"],
        ["tags=['a', 'b c']", "layers=['input', 'z']", "note=x"],
    ]


def test_zipped_axes_change_together(file):
    path = file("""
        axes: {seed: [0, 1]}
        zip:
          - ["training.beta,factor", training.steps: [10, 20]]
    """)
    grid = read_grid(path)
    assert grid.shape() == "seed (2) x training + training.steps (2)"
    assert grid.points() == [
        [f"seed={seed}", *words]
        for seed in (0, 1)
        for words in (
            ["training.beta", "training.steps=10"],
            ["training.factor", "training.steps=20"],
        )
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "holds no grid; expected the keys experiment, with, axes, zip"),
        ("- 1\n- 2", "holds no grid; expected the keys"),
        ("axes: {}", "grid.yaml: the grid is empty"),
        ("axes: {seed: []}", "the axis 'seed' has no values; give at least one"),
        ("axes: {seed: 3}", "the axis 'seed' must be a list of values, got 3; a single value"),
        ("axes: {seed: [0, one]}", "the values of seed are of mixed kinds: 0 is a number, one"),
        ("axes: {seed: [0], seed: [1]}", "'seed' is given twice in line 1"),
        ("axes: [seed: [0], seed: [1]]", "seed is given 2 times"),
        ("with: {seed: 0}\naxes: {seed: [1]}", "seed is given 2 times"),
        ("axes: {seed: [0, 1", "grid.yaml is no grid in YAML: .* in line 1; expected the keys"),
        ("axes: {seed: [!!python/object:os.system 1]}", "no grid in YAML: could not determine a"),
        ("axes: {seed: [2020-01-01]}", "expected finite numbers, words, lists and mappings, got 2"),
        ("axes: {seed: [.inf]}", "expected finite numbers, words, lists and mappings, got inf"),
        ("axes: {seed: [&a [*a]]}", "a value contains itself"),
        ("axes: {'a b': [1]}", "expected KEY=VALUE,VALUE or PRESET,PRESET, got 'a b: "),
        ("axes: seed", "'axes' must be a list of words and of KEY: .VALUES., or a mapping"),
        ("axes: [3]", "'axes' holds words such as model.kim and mappings .* got 3"),
        ("axis: {seed: [0]}", "has the unknown key 'axis'; did you mean 'axes'"),
        ("zip: {seed: [0]}", "'zip' must be a list of groups"),
        ("zip: [{}]", "a group of 'zip' is empty"),
        (
            "zip: [{seed: [0, 1], training.steps: [1, 2, 3]}]",
            "must have one length, but seed has 2, training.steps has 3 values",
        ),
        ("zip: [{seed: [0]}]\naxes: {seed: [1]}", "seed is given 2 times"),
        ("\0", "is no grid in YAML"),
    ],
)
def test_a_foreign_or_cut_file_is_refused_in_a_sentence(file, text, sentence):
    with pytest.raises(InputError, match=sentence):
        read_grid(file(text))


def test_a_file_that_is_no_text_or_not_there_is_refused(tmp_path):
    (tmp_path / "grid.yaml").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(InputError, match="is no grid in YAML: it is no text"):
        read_grid(tmp_path / "grid.yaml")
    with pytest.raises(InputError, match="the grid .*nothing.yaml cannot be read: No such file"):
        read_grid(tmp_path / "nothing.yaml")
    (tmp_path / "grid.yaml").write_text("experiment: 3")
    with pytest.raises(InputError, match="'experiment' must be a name, got 3"):
        read_experiment(tmp_path / "grid.yaml")


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("ab1.e-, '\"", max_size=6).filter(lambda text: not spell(text)[0].isdigit()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab"), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@given(PLAIN)
def test_values_are_spelt_as_the_command_line_reads_them(value):
    assert parse_value(spell(value).strip()) == value
