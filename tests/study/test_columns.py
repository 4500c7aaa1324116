"""What a table of scores shows, and what it never shows alone."""

import pytest

from replearn.analysis.tables import Group
from replearn.errors import InputError
from replearn.models import MODELS
from replearn.study.columns import choose_columns, choose_tables
from replearn.study.selection import AUTO_ENCODERS

DCI = [f"dci_{name}" for name in ("disentanglement", "completeness", "informativeness")]
DCI.append("dci_informativeness_chance")
SCORES = dict.fromkeys(
    [*DCI, "loss", "irs", "irs_chance", "mig", "mig_ceiling", "train_nll", "nll"], 1.0
)


def group(**cells):
    return Group({"loss": "vae"}, SCORES | cells)


def keys(columns):
    return [column.key for column in columns]


@pytest.mark.parametrize("asked", DCI)
def test_no_part_of_dci_stands_without_the_others_and_chance(asked):
    assert keys(choose_columns([group()], ["loss", asked])) == ["loss", *DCI]
    assert keys(choose_columns([group()], [asked, DCI[0]])) == DCI


def test_what_noise_scores_stands_beside_its_chance():
    assert keys(choose_columns([group()], ["irs", "mig"])) == [
        "irs", "irs_chance", "mig", "mig_ceiling",
    ]  # fmt: skip
    # Runs of before there were these are shown as they are.
    old = Group({"loss": "vae"}, {"irs": 1.0})
    assert keys(choose_columns([old], ["irs"])) == ["irs"]


def test_each_table_stands_where_there_are_its_scores():
    tables = choose_tables([group()], None)
    assert set(tables) == {"summary", "disentanglement"}
    assert keys(tables["summary"]) == ["loss", *DCI]
    assert keys(tables["disentanglement"]) == [*DCI, "mig", "mig_ceiling", "irs", "irs_chance"]
    # The form of Montero et al. (2021): D, training NLL, test NLL.
    tables = choose_tables([group(), group(test_nll=2.0)], None)
    assert keys(tables["generalisation"]) == [*DCI, "train_nll", "nll", "test_nll"]
    assert set(choose_tables([group(test_nll=2.0)], ["loss"])) == {"summary"}
    assert set(choose_tables([Group({}, {"mig": 1.0})], None)) == {"disentanglement"}


def test_a_score_that_no_run_has_is_a_sentence():
    with pytest.raises(InputError, match="no run has a score 'los'; did you mean 'loss'"):
        choose_tables([group()], ["los"])


def test_auto_encoders_are_those_of_the_models():
    kinds = {name: getattr(model, "kind", None) for name, model in MODELS.items()}
    assert set(AUTO_ENCODERS) == {name for name, kind in kinds.items() if kind == "auto-encoder"}
