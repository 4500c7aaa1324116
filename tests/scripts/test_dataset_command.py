"""`python -m dataset`: lists, shows and gets data sets, and says what is wrong in a sentence."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import dataset as command
from replearn.dataset import DATASETS, DECLARATIONS, cifar, load, mnist
from replearn.dataset.files import DataFile
from replearn.dataset.images import FactorSpace, ImageDataset
from replearn.dataset.subset import with_subsets

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


def test_at_hand_is_for_scripts(home, capsys):
    names = ["dsprites", "scream_dsprites", "circles", "mnist", "digits"]
    assert command.main(["at-hand", *names]) == 0
    states = ["twin", "missing", "published", "missing", "published"]
    assert capsys.readouterr().out.splitlines() == [
        f"{name} {state}" for name, state in zip(names, states, strict=True)
    ]
    (home / "data").mkdir()
    (home / "data" / "scream.jpg").touch()  # looked for by name alone
    assert DECLARATIONS["scream_dsprites"].at_hand == "twin"
    (home / "data" / "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.hdf5").touch()
    assert {DECLARATIONS[n].at_hand for n in (*names[:2], "color_dsprites")} == {"published"}
    assert command.main(["at-hand", "dsprites", "mnits"]) == 1
    assert "unknown data set 'mnits'; did you mean 'mnist'" in capsys.readouterr().err


def test_show_prints_the_factors_and_draws_the_images(home, capsys):
    assert command.main(["show", "circles"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert "grid, size and colour are ours" in out[1]
    assert out[2].split() == ["x", "64", "values", "0.1", "…", "0.9"]
    assert "  r2r        midpos        3,520      576  The middle." in out
    path = home / "results" / "datasets" / "circles.png"
    assert out[-1] == str(path)
    with Image.open(path) as image:
        red = image.convert("RGB").getcolors(10**6)
    assert sum(count for count, colour in red if colour == (254, 0, 0) or colour == (255, 0, 0)) > 0


def test_show_names_the_values_that_have_names(home):
    assert command.factor_lines(load("simple"))[2].endswith(" 2 values  square, circle")
    colours = command.factor_lines(load("mpi3d_like"))[0]
    assert colours.endswith("6 values  white, green, red, blue, brown, olive")


def test_show_lists_what_can_be_excluded():
    lines = {line.split()[1]: line.split() for line in command.split_lines("twoshapes")}
    assert lines["huecomb"][:4] == ["r2r", "huecomb", "118,125", "22,500"]
    assert lines["noverlap"][:3] == ["modifier", "noverlap", "32,400"]
    assert command.split_lines("digits") == []


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


@pytest.mark.parametrize("name", ["circles", "twoshapes", "mpi3d_like"])
def test_get_draws_what_is_only_drawn_with_twin_as_well(home, capsys, name):
    assert command.main(["get", name, "--twin"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{name}: ") and out.splitlines()[0].endswith("); drawn when loaded")


IMAGES = b"\0\0\x08\x03" + np.array([5, 28, 28], ">u4").tobytes() + bytes(5 * 28 * 28)
LABELS = b"\0\0\x08\x01" + np.array([5], ">u4").tobytes() + bytes(5)


@pytest.fixture
def small(home, monkeypatch):
    """MNIST declared as four small files, of which those of the test part are here; its folder."""
    contents = {"a": IMAGES, "b": LABELS, "c": IMAGES, "d": LABELS}
    files = tuple(
        DataFile(
            name, ("http://127.0.0.1:9/none",), folders=("mnist",),
            sha256="" if name == "d" else hashlib.sha256(content).hexdigest(),
        )
        for name, content in contents.items()
    )  # fmt: skip
    folder = home / "data" / "mnist"
    folder.mkdir(parents=True)
    for name in "cd":
        (folder / name).write_bytes(contents[name])
    declared = mnist._declare("mnist", files, tuple("0123456789"), "test")
    monkeypatch.setitem(DECLARATIONS, "mnist", declared)
    monkeypatch.setitem(DATASETS, "mnist", with_subsets(declared.load, True))
    return folder


def test_get_takes_only_the_files_that_its_options_need(small, home, monkeypatch, capsys):
    assert command.main(["get", "mnist", "split=test"]) == 0
    assert capsys.readouterr().out.startswith("mnist: 5 images, published (sha256 ")
    assert DECLARATIONS["mnist"].whereabouts() == "2 of 4 files missing"
    assert command.main(["get", "mnist"]) == 1
    assert "cannot download a from http://127.0.0.1:9/none" in capsys.readouterr().err
    content = {f"{part}_images": np.zeros((3, 32, 32, 3), np.uint8) for part in ("train", "test")}
    content |= {f"{part}_labels": np.arange(3) for part in ("train", "test")}
    np.savez(home / "data" / "subset.npz", **content)
    monkeypatch.setattr(cifar, "SUBSET", DataFile("subset.npz"))
    assert command.main(["get", "cifar10", "source=subset"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("cifar10: 3 images, published (sha256 ")
    assert out.splitlines()[0].endswith("…)")  # neither "missing" nor 0 bytes


def test_get_says_what_was_verified(small, capsys):
    (small / "a").write_bytes(IMAGES), (small / "b").write_bytes(LABELS)
    assert command.main(["get", "mnist"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].endswith(f"; here ({small}); 7.9 kB")
    assert out[1].endswith(
        f"a: its sha256 is that of the published file ({hashlib.sha256(IMAGES).hexdigest()[:12]}…)"
    )
    assert out[4].endswith("d: no checksum is published: it is taken by its name")
    (small / "b").write_bytes(b"other")
    assert command.main(["get", "mnist", "split=test"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 4


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["lst"], "unknown command 'lst'; did you mean 'list'?"),
        (["show", "dsprits"], "unknown data set 'dsprits'; did you mean 'dsprites'"),
        (["show"], "`show` needs the name of a data set: dsprites, "),
        ([], "the following arguments are required: list|at-hand|show|get"),
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
