"""`python -m dataset`: lists, shows and gets data sets, and says what is wrong in a sentence."""

import hashlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import dataset as command
from replearn.dataset import DECLARATIONS, load
from replearn.dataset.files import DataFile
from replearn.dataset.images import FactorSpace, ImageDataset
from replearn.paths import root

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


def test_show_takes_the_options_of_the_loader(home, capsys):
    assert command.main(["show", "digits", "size=32", "classes=[8,3]", "per_class=4"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("digits: 8 images (1, 32, 32), published (sha256 ")
    assert out[1].split() == ["0", "8", "4", "images"] and out[2].split() == [
        "1",
        "3",
        "4",
        "images",
    ]


def test_picture_fetches_only_what_it_shows(monkeypatch):
    fetched = []
    circles = load("circles")
    batch = type(circles).batch
    monkeypatch.setattr(type(circles), "batch", lambda d, i: fetched.append(len(i)) or batch(d, i))
    command.picture(circles)
    assert fetched == [12, 12, 12, 12]


def test_attributes_are_shown_without_and_with():
    rng = np.random.default_rng(0)
    faces = ImageDataset(
        "celeba",
        torch.from_numpy(rng.integers(-30, 300, (40, 3, 8, 8)).astype(np.int16)),
        factors=np.stack([np.arange(40) % 4 == 0, np.arange(40) > 19], axis=1).astype(np.int64),
        factor_space=FactorSpace(("Smiling", "Young"), (2, 2), (np.arange(2),) * 2),
    )
    assert command.factor_lines(faces)[0].split() == (
        "Smiling 2 values 0, 1 25.0% of the images have it".split()
    )
    width, height = command.picture(faces).get_size_inches()  # int16 beyond 0..255 is clipped
    assert width > height > 1.5


def test_get_without_files_says_so(home, capsys):
    assert command.main(["get", "digits"]) == 0
    assert "digits: 1,797 images, published" in capsys.readouterr().out


def test_get_says_what_was_verified(home, monkeypatch, capsys):
    published = root() / "published"
    published.mkdir()
    (published / "file").write_bytes(b"content")
    files = DataFile("file", sha256=hashlib.sha256(b"content").hexdigest()), DataFile("other")
    (published / "other").touch()
    digits = replace(DECLARATIONS["digits"], files=files)
    monkeypatch.setitem(DECLARATIONS, "digits", digits)
    monkeypatch.setenv("REPLEARN_DATA", str(published))
    assert command.main(["get", "digits"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].endswith(f"; here ({published}), 7 bytes")
    assert out[1].endswith("file: its sha256 is that of the published file (ed7002b439e9…)")
    assert out[2].endswith("other: no checksum is published: it is taken by its name")
    (published / "other").unlink()
    assert digits.whereabouts() == "1 of 2 files missing"
    assert command.main(["get", "digits"]) == 1
    assert "other has no public address; bring it into" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["lst"], "unknown command 'lst'; did you mean 'list'?"),
        (["show", "dsprits"], "unknown data set 'dsprits'; did you mean 'dsprites'"),
        (["show"], "`show` needs the name of a data set: dsprites, "),
        ([], "the following arguments are required: list|show|get"),
        (["get", "mnist", "--twn"], "unrecognized arguments: --twn"),
        (["get", "mnist", "--twin"], "mnist has no twin"),
        (["show", "digits", "n"], "expected options of the form KEY=VALUE, such as n=100, got 'n'"),
        (["show", "digits", "sise=8"], "data set 'digits' takes no parameter 'sise'; did you mean"),
        (["show", "digits", "n=9999"], "n=9999 is more than the 1797 images of digits"),
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
