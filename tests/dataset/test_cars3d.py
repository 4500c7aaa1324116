"""Cars3D: a small archive of the official layout, and what is said of others."""

import io
import tarfile
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from replearn.dataset import cars3d
from replearn.dataset.cars3d import read_mesh, rows
from replearn.dataset.images import FactorSpace
from replearn.errors import InputError

SPACE = FactorSpace(cars3d.FACTORS.names, (2, 3, 3))  # 2 elevations, 3 azimuths, 3 cars


def mat(**arrays):
    content = io.BytesIO()
    savemat(content, arrays, do_compression=True)
    return content.getvalue()


def write_archive(path, members):
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


@pytest.fixture
def cars(tmp_path):
    """Three cars, not in the order of their names, among the other things of the archive."""
    rng = np.random.default_rng(0)
    views = rng.integers(0, 256, (3, 128, 128, 3, 3, 2), dtype=np.uint8)
    mask = np.zeros((128, 128, 3, 2), np.uint8)
    members = {
        f"data/cars/car_{name}_mesh.mat": mat(im=im, mask=mask)
        for name, im in zip(("003", "001", "020"), views, strict=True)
    }
    others = {
        "data/cars/list.txt": b"car_001_mesh\n",
        "data/cars/._car_001_mesh.mat": b"macOS",
        "data/sprites/sprites_1.mat": b"",
        "data/shapes48.mat": b"",
    }
    path = write_archive(tmp_path / "analogy.tar.gz", members | others)
    return SimpleNamespace(views=views[[1, 0, 2]], members=members, path=path, folder=tmp_path)


def test_every_view_stands_where_its_factors_say(cars):
    images = np.zeros((len(SPACE), 3, 64, 64), np.uint8)
    for positions, block in rows(cars.path, SPACE):
        images[positions] = block
    for position, (elevation, azimuth, number) in enumerate(SPACE.factors(np.arange(18))):
        picture = Image.fromarray(cars.views[number][..., azimuth, elevation])
        picture.thumbnail((64, 64), Image.Resampling.LANCZOS)  # as disentanglement_lib does
        np.testing.assert_array_equal(images[position].transpose(1, 2, 0), np.asarray(picture))


def test_shrinking_a_ramp_gives_the_means_of_its_pixels():
    ramp = np.broadcast_to(np.arange(128, dtype=np.uint8)[:, None, None], (1, 128, 128, 3))
    shrunk = cars3d.resized(ramp)[0, :, 4:-4, 32].astype(int)
    # Halfway between the two pixels 2k and 2k + 1, rounded up or down.
    assert (abs(shrunk - (2 * np.arange(4, 60) + 0.5)) == 0.5).all()


def test_loader_keeps_what_it_made(cars, home, monkeypatch):
    declared = cars3d.DataFile(cars.path.name, folders=(str(cars.folder),))
    monkeypatch.setattr(cars3d, "ARCHIVE", declared)
    monkeypatch.setattr(cars3d, "FACTORS", SPACE)
    dataset = cars3d.load()
    assert dataset.is_grid and dataset.image_shape == (3, 64, 64) and len(dataset) == 18
    kept = home / "data" / f"cars3d-{dataset.digest[:12]}-64-v1.npy"
    assert kept.stat().st_size == 18 * 3 * 64 * 64 + 128


def test_foreign_archives_are_one_sentence(cars):
    first = dict(list(cars.members.items())[:1])
    path = write_archive(cars.folder / "few.tar.gz", first | {"data/x.mat": b""})
    with pytest.raises(InputError, match=r"few.tar.gz holds 1 files cars/\*.mat where 3 are exp"):
        list(rows(path, SPACE))
    link = tarfile.TarInfo("data/cars/car_002_mesh.mat")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with tarfile.open(cars.folder / "link.tar", "w") as archive:
        archive.addfile(link)
    with pytest.raises(InputError, match=r"link.tar holds 0 files"):
        list(rows(cars.folder / "link.tar", SPACE))


@pytest.mark.parametrize("keep", [0, 100, 0.5, 0.999])
def test_truncated_archives_are_one_sentence(cars, keep):
    content = cars.path.read_bytes()
    length = int(keep * len(content)) if keep < 1 else keep
    path = cars.folder / "cut.tar.gz"
    path.write_bytes(content[:length])
    with pytest.raises(InputError, match=r"cut.tar.gz is damaged or no archive; delete it and get"):
        list(rows(path, SPACE))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", r"car is damaged or no MATLAB file"),
        (b"\x89PNG" * 100, r"car is damaged or no MATLAB file"),
        (
            mat(im=np.zeros((128, 128, 3, 3, 2), np.uint8))[:300],
            r"car is damaged or no MATLAB file",
        ),
        (mat(mask=np.zeros((2, 2))), r"car holds nothing as im where uint8 \(128, 128, 3, 3, 2\)"),
        (mat(im=np.zeros((2, 2))), r"car holds float64 \(2, 2\) as im where uint8"),
        # A cell array and a struct hold Python objects once they are read.
        (mat(im=np.array([1, "x"], object)), r"car holds object \(1, 2\) as im where uint8"),
        (mat(im={"a": 1}), r"car holds \[\('a', 'O'\)\] \(1, 1\) as im where uint8"),
    ],
)
def test_damaged_and_foreign_meshes_are_one_sentence(content, sentence):
    with pytest.raises(InputError, match=sentence):
        read_mesh(content, "car", 3, 2)


def test_damaged_bytes_never_raise_anything_else():
    rng = np.random.default_rng(0)
    content = mat(im=np.zeros((128, 128, 3, 3, 2), np.uint8))
    refused = 0
    for _ in range(200):
        damaged = bytearray(content)
        for position in rng.integers(0, len(content), 3):
            damaged[position] = rng.integers(0, 256)
        try:
            read_mesh(bytes(damaged), "car", 3, 2)
        except InputError:
            refused += 1
    assert refused > 150


def test_missing_and_renamed_archives_are_one_sentence(home):
    with pytest.raises(
        InputError,
        match=r"cars3d needs nips2015-analogy-data.tar.gz, which is in none of .*; get it with "
        r"`python -m dataset get cars3d` \(from http://www.scottreed.info/.*\), or take the data ",
    ):
        cars3d.load()
    (home / "data" / "nips2015-analogy-data.tar.gz").write_bytes(b"other")
    with pytest.raises(InputError, match=r"data.tar.gz is damaged or not the published file \(its"):
        cars3d.load()


def test_declared_size_is_that_of_the_paper():
    assert cars3d.CARS3D.n_images == 17_568
