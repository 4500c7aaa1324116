"""Conditions on factors: what they mean, and what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replearn.dataset import DECLARATIONS
from replearn.dataset.expression import Expression
from replearn.dataset.images import FactorSpace
from replearn.errors import InputError

SPACE = FactorSpace(
    ("shape", "posX", "hue", "5_o_clock"),
    (3, 5, 4, 2),
    (np.array([1, 2, 3]), np.linspace(0, 1, 5), np.arange(4) / 10, np.arange(2)),
    {"shape": ("square", "ellipse", "heart")},
)
GRID = SPACE.factors(np.arange(len(SPACE)))


def chosen(text):
    """The values that the factors take in what an expression chooses."""
    rows = GRID[Expression(text, SPACE).of(GRID)]
    return [sorted(set(column.tolist())) for column in rows.T]


ALL = [[0, 1, 2], [0, 1, 2, 3, 4], [0, 1, 2, 3], [0, 1]]


@pytest.mark.parametrize(
    "text, factor, indices",
    [
        ("shape == 'square'", 0, [0]),
        ("'heart' != shape", 0, [0, 1]),
        ("shape == 1", 0, [0]),
        ("shape.index == 1", 0, [1]),
        ("shape in ('square', 'heart')", 0, [0, 2]),
        ("shape not in ['square', 3]", 0, [1]),
        ("not shape == 'heart'", 0, [0, 1]),
        ("posX > 0.5", 1, [3, 4]),
        ("posX >= 0.5", 1, [2, 3, 4]),
        ("0.25 < posX <= 0.75", 1, [2, 3]),
        ("posX < 0.25 or posX > 0.75", 1, [0, 4]),
        ("posX > -1", 1, [0, 1, 2, 3, 4]),
        (f"posX < 1{'0' * 400}", 1, [0, 1, 2, 3, 4]),
        ("posX.index in (0, 4)", 1, [0, 4]),
        # 3 / 10 is 0.299… in floating point, and np.arange(4) / 10 has it: equal within 1e-9.
        ("hue >= 0.1 and hue < 0.3", 2, [1, 2]),
        ("hue == 0.30000000000000004", 2, [3]),
        ("hue <= 0.2", 2, [0, 1, 2]),
        ("hue > 0.0999999", 2, [1, 2, 3]),
        ("'5_o_clock' == 1", 3, [1]),
        ("'5_o_clock'.index == 1", 3, [1]),
    ],
)
def test_conditions_on_one_factor(text, factor, indices):
    assert chosen(text) == [*ALL[:factor], indices, *ALL[factor + 1 :]]
    assert Expression(text, SPACE).named == (SPACE.names[factor],)


def test_conditions_on_several_factors():
    text = "shape == 'square' and (posX > 0.5 or not hue < 0.2)"
    expected = (GRID[:, 0] == 0) & ((GRID[:, 1] > 2) | (GRID[:, 2] >= 2))
    np.testing.assert_array_equal(Expression(text, SPACE).of(GRID), expected)
    assert Expression("hue > 0.1 and shape == 2", SPACE).named == ("shape", "hue")
    two = Expression("hue < posX", SPACE).of(GRID)  # 0, .1, .2, .3 and 0, .25, .5, .75, 1
    np.testing.assert_array_equal(two, GRID[:, 2] / 10 < GRID[:, 1] / 4)


COMPARISONS = st.tuples(
    st.sampled_from(["shape.index", "posX.index", "hue.index"]),
    st.sampled_from(["<", "<=", "==", "!=", ">", ">="]),
    st.integers(-1, 5).map(str),
).map(" ".join)
CONDITIONS = st.recursive(
    COMPARISONS,
    lambda inner: (
        inner.map("not ({})".format)
        | st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(
            lambda parts: "({}) {} ({})".format(*parts)
        )
    ),
    max_leaves=5,
)


@given(CONDITIONS)
def test_it_means_what_python_means(text):
    # The same text, evaluated by Python on each combination of numbers alone.
    class Factor:
        def __init__(self, index):
            self.index = int(index)

    code = compile(text, "test", "eval")
    expected = [
        eval(code, {}, dict(zip(SPACE.names, map(Factor, row), strict=True)))  # noqa: S307
        for row in GRID
    ]
    expression = Expression(text, SPACE)
    np.testing.assert_array_equal(expression.of(GRID), expected)
    grid = np.broadcast_to(expression.on_grid(), SPACE.sizes)
    np.testing.assert_array_equal(grid.ravel(), expected)
    np.testing.assert_array_equal(expression.of(GRID[::-7]), expected[::-7])


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("posx > 0.5", "names 'posx', which is no factor; did you mean 'posX'"),
        ("shape == square", "has square, a value of shape, without quotes; write shape == 'squa"),
        ("shape == 'sqare'", "names 'sqare', no value of shape; did you mean 'square'"),
        ("posX == 'left'", "compares posX, whose values are numbers, with 'left'"),
        ("shape > 'square'", "compares shape with 'square' by >; write == or !="),
        ("abs(posX) > 0.5", r"has the call 'abs\(posX\)'; write comparisons of factors"),
        ("exit()", r"has the call 'exit\(\)'; write comparisons of factors with values"),
        ("posX + 1 > 0.5", r"has arithmetic, 'posX \+ 1'; compare factors with plain values"),
        ("posX.real > 1", r"has 'posX.real'; a factor has .index and nothing else"),
        ("posX.__class__ == 1", "a factor has .index and nothing else"),
        ("posX", "has 'posX' alone; compare it, as in posX == 1"),
        ("True", "has 'True' alone; compare it"),
        ("posX == True", "has 'True', where a factor, a number or a word was expected"),
        ("posX is 1", "has 'is'; write == or !="),
        ("1 < 2", "compares 1 and 2, none of which is a factor; choose from 5_o_clock, hue, pos"),
        ("posX in 3", r"asks for values in '3'; give a list, such as \[0, 1\]"),
        ("posX in ()", "give a list"),
        ("posX = 1", "cannot be read: 'posX = 1' "),
        ("posX > ", "cannot be read"),
        ("posX if hue > 1 else 2", "which is not one of comparisons of factors with values"),
        ("[posX > 1 for posX in hue]", "which is not one of"),
        ("(lambda: 1) == posX", "where a factor, a number or a word was expected"),
        ("", "must be an expression such as \"shape == 'square'\", got ''"),
        (True, "must be an expression such as .*, got True"),
        ("posX > 1 or " * 300 + "posX > 1", "has 3,608 characters; write at most 2,000"),
        ("(" * 300 + "posX > 1" + ")" * 300, "cannot be read|nested too deeply"),
    ],
)
def test_anything_else_is_one_sentence(text, sentence):
    with pytest.raises(InputError, match=f"^dataset.holdout .*{sentence}"):
        Expression(text, SPACE)


def test_values_that_are_no_numbers_have_names_and_an_index():
    space = FactorSpace(("kind", "size"), (2, 2), (np.array(["cat", "dog"]), np.arange(2)))
    grid = space.factors(np.arange(4))
    assert Expression("kind == 'dog'", space).of(grid).tolist() == [False, False, True, True]
    assert Expression("kind.index == 1", space).of(grid).tolist() == [False, False, True, True]
    with pytest.raises(InputError, match="compares kind, whose values are no numbers, with one"):
        Expression("kind == 1", space)


@pytest.mark.parametrize("name", [n for n, d in DECLARATIONS.items() if d.factor_space])
def test_every_factor_of_every_data_set_can_be_named(name):
    space = DECLARATIONS[name].factor_space
    for k, factor in enumerate(space.names):
        spelt = factor if factor.isidentifier() else repr(factor)
        expression = Expression(f"{spelt}.index == {space.sizes[k] - 1}", space)
        assert (expression.named, expression.on_grid().sum()) == ((factor,), 1)
