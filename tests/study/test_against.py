"""Which rows of a table are compared, by the labels that the table shows."""

import pytest

from replearn.analysis.tables import Group
from replearn.errors import InputError
from replearn.study.against import find_against


def row(*seeds, runs=(), **labels):
    labels = {name.replace("_", " "): value for name, value in labels.items()}
    runs = runs or range(1, len(seeds) + 1)
    return Group(labels, {"loss": [1.0] * len(seeds)}, list(runs), list(seeds))


ROWS = [row(0, 1, data_set=data, beta=beta) for data in ("circles", "digits") for beta in (1, 4, 8)]


def test_each_row_is_compared_with_that_of_the_same_data():
    against = find_against(ROWS, {"beta": 1}, ["data set"])
    assert against.name == "beta=1"
    assert against.rows == [None, 0, 0, None, 3, 3]
    assert find_against(ROWS, {}, ["data set"]) is None


def test_a_row_without_one_on_its_data_is_in_no_comparison():
    assert (
        find_against(ROWS[:2] + ROWS[4:], {"beta": 1.0}, ["data set"]).rows
        == [None, 0] + [None] * 2
    )


def test_other_labels_than_those_of_the_data_may_differ():
    rows = [row(0, loss="vae", gamma="–"), row(0, loss="factor", gamma=10)]
    assert find_against(rows, {"loss": "vae"}, []).rows == [None, 0]


def test_the_data_may_be_named_too_and_words_are_joined_as_the_command_line_needs_it():
    against = find_against(ROWS, {"data_set": "digits", "beta": "1"}, ["data set"])
    assert against.rows == [3, 3, 3, None, 3, 3]
    assert against.name == "data set=digits, beta=1"


def test_runs_without_a_partner_are_named(capsys):
    rows = [row(0, 1, 2, runs=[1, 2, 3], beta=1), row(1, 2, 3, runs=[4, 5, 6], beta=4)]
    find_against(rows, {"beta": 1}, [])
    assert "in no comparison: runs 1, 6, which have no partner" in capsys.readouterr().out
    find_against(rows[:1] + [row(2, 0, 1, runs=[4, 5, 6], beta=4)], {"beta": 1}, [])
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        ({"bta": 1}, "the table has no label 'bta'; did you mean 'beta'?"),
        ({"beta": 3}, "no row of the table has beta=3; the rows are data set=circles, beta=1; "),
        (
            {"data set": "digits"},
            r"3 rows have data set=digits \(data set=digits, beta=1; .*name m",
        ),
    ],
)
def test_labels_that_name_no_row_or_several_are_one_sentence(labels, sentence):
    with pytest.raises(InputError, match=sentence):
        find_against(ROWS, labels, ["data set"])


def test_a_row_alone_has_nothing_to_be_compared_with():
    with pytest.raises(InputError, match="no row to compare with beta=1 on the same data"):
        find_against(ROWS[:1] + ROWS[4:], {"beta": 1}, ["data set"])
