"""The benchmark of data sets measures a process of its own, and says what is not here."""

import pytest

from benchmark.__main__ import PAGES, datasets_part
from benchmark.datasets import cost_of, elsewhere
from benchmark.published import write_stand_ins
from replearn.dataset import DECLARATIONS
from replearn.dataset.dsprites_variants import read_picture
from replearn.paths import root


@pytest.mark.slow
def test_costs_are_those_of_a_process_of_its_own():
    found = cost_of("circles", 0.1)
    assert found is not None
    # 4,096 images of 3 x 64 x 64 bytes are drawn into memory.
    assert 4096 * 3 * 64 * 64 < found["memory"] < 4 * 4096 * 3 * 64 * 64
    assert found["rate"] > 64 and 0 < found["first"] < 5 and 0 < found["load"] < 60


@pytest.mark.slow
def test_absent_files_are_not_measured_but_a_file_of_holes_is(tmp_path, monkeypatch):
    monkeypatch.setenv("REPLEARN_HOME", str(tmp_path))
    monkeypatch.delenv("REPLEARN_DATA", raising=False)
    assert cost_of("mpi3d_real", 0.1) is None
    only = {name: DECLARATIONS[name] for name in ("cars3d", "celeba", "mpi3d_real")}
    monkeypatch.setattr("replearn.dataset.DECLARATIONS", only)
    *_, holes, _, mark, empty, absent = datasets_part(quick=True).splitlines()
    assert absent == "Not measured, since their files were not at hand: `cars3d`, `celeba`."
    assert empty == "" and holes.startswith("| `mpi3d_real` * |")
    assert mark.endswith("not the published ones.")
    # Seven factors of 1,036,800 images, 8 bytes each, and a copy of them while they are made.
    memory, unit = holes.split("|")[-2].split()
    assert unit == "MB" and 58.1 < float(memory) < 3 * 58.1


def test_scream_is_composed_from_a_stand_in_of_its_picture():
    with elsewhere() as folder:
        write_stand_ins("scream_dsprites", folder)
        assert read_picture(DECLARATIONS["scream_dsprites"].files[0].find()).shape == (3, 274, 211)
    assert not folder.exists()


def test_its_table_has_a_place_in_the_docs():
    page = root() / "docs" / PAGES["datasets"]
    assert "<!-- measured: datasets -->" in page.read_text()
