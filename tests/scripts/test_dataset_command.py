"""`python -m dataset`: lists, shows and gets data sets, and says what is wrong in a sentence."""

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import dataset as command
from replearn.dataset import DECLARATIONS, load

ROOT = Path(__file__).parents[2]


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A checkout of its own, without data files."""
    monkeypatch.setenv("REPLEARN_HOME", str(tmp_path))
    monkeypatch.delenv("REPLEARN_DATA", raising=False)
    return tmp_path


def test_list_says_what_is_here(home, capsys):
    assert command.main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    ends = {line.split()[0]: line for line in lines}
    assert set(DECLARATIONS) < set(ends)
    assert ends["dsprites"].endswith("twin can be drawn")
    assert ends["circles"].endswith("drawn when loaded")
    assert ends["mnist"].endswith("missing")
    assert ends["digits"].endswith("here (scikit-learn)")
    assert "shape 3, scale 6, orientation 40, posX 32, posY 32" in ends["dsprites"]


def test_show_prints_the_factors_and_draws_the_images(home, capsys):
    assert command.main(["show", "circles"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert "grid, size and colour are ours" in out[1]
    assert out[2].split() == ["x", "64", "values", "0.1", "…", "0.9"]
    path = home / "results" / "datasets" / "circles.png"
    assert out[-1] == str(path)
    with Image.open(path) as image:
        red = image.convert("RGB").getcolors(10**6)
    assert sum(count for count, colour in red if colour == (254, 0, 0) or colour == (255, 0, 0)) > 0


def test_sweep_moves_one_factor_alone():
    simple = load("simple")
    rows = dict(command.rows_of_images(simple)[2:])
    assert list(rows) == ["x", "y", "shape"]
    for k, index in enumerate(rows.values()):
        moved = (simple.factors[index] != simple.factors[index[0]]).any(axis=0)
        assert moved.tolist() == [i == k for i in range(3)]
    assert simple.factors[rows["x"]][:, 0].tolist()[:: len(rows["x"]) - 1] == [0, 63]


def test_labelled_images_are_shown_by_class():
    digits = load("digits")
    for name, index in command.rows_of_images(digits)[2:]:
        assert set(digits.labels[index]) == {int(name)}


def test_get_without_files_says_so(home, capsys):
    assert command.main(["get", "digits"]) == 0
    assert "digits: 1,797 images, published" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["lst"], "unknown command 'lst'; did you mean 'list'?"),
        (["show", "dsprits"], "unknown data set 'dsprits'; did you mean 'dsprites'"),
        (["show"], "`show` needs the name of a data set: dsprites, "),
        ([], "the following arguments are required: list|show|get"),
        (["get", "mnist", "--twn"], "unrecognized arguments: --twn"),
        (["get", "mnist", "--twin"], "mnist has no twin"),
        (["show", "mnist"], "mnist needs train-images-idx3-ubyte.gz, which is in none of"),
    ],
)
def test_errors_are_one_sentence(home, capsys, argv, sentence):
    assert command.main(argv) == 1
    error = capsys.readouterr().err
    assert error.startswith("python -m dataset: ")
    assert sentence in error
    assert error.count("\n") == 1


@pytest.mark.slow
def test_command_runs_from_scripts():
    out = subprocess.run(
        [sys.executable, "-m", "dataset", "shw"],
        cwd=ROOT / "scripts",
        capture_output=True,
        text=True,
    )
    assert out.returncode == 1
    assert out.stderr == "python -m dataset: unknown command 'shw'; did you mean 'show'?\n"
