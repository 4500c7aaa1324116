"""3D Shapes: files of the published format, foreign ones, and the twin in their place."""

from itertools import islice

import h5py
import numpy as np
import pytest

from replearn.dataset import DECLARATIONS, load
from replearn.dataset.shapes3d import FACTORS, published_blocks
from replearn.dataset.shapes3d_twin import ONE, ORIENTATIONS, SCALES, Room, solid
from replearn.errors import InputError

RNG = np.random.default_rng(0)
N = 480_000
IMAGES = RNG.integers(0, 256, (3000, 64, 64, 3), dtype=np.uint8)  # the others stay black


def published_labels():
    """The table of the published file, as its own documentation describes it."""
    values = (
        *[np.arange(10) / 10] * 3,
        np.linspace(0.75, 1.25, 8),
        np.arange(4.0),
        np.linspace(-30, 30, 15),
    )
    return np.stack(np.meshgrid(*values, indexing="ij"), axis=-1).reshape(N, 6)


def write_file(path, labels, n=N, images=IMAGES, dtype=np.uint8, side=64):
    with h5py.File(path, "w") as file:
        array = file.create_dataset(
            "images",
            (n, side, side, 3),
            dtype,
            chunks=(min(n, 750), side, side, 1),
            compression="gzip",
        )
        if images is not None:
            array[: len(images)] = images
        file.create_dataset("labels", data=labels, compression="gzip", compression_opts=1)
    return path


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    return write_file(tmp_path_factory.mktemp("published") / "3dshapes.h5", published_labels())


def test_published_file_is_read_in_blocks_channels_first(published):
    blocks = list(islice(published_blocks(published), 5))
    assert {block.shape[1:] for block in blocks} == {(3, 64, 64)}
    assert {len(block) for block in blocks} == {750}  # whole chunks
    np.testing.assert_array_equal(np.concatenate(blocks)[:3000].transpose(0, 2, 3, 1), IMAGES)
    assert (blocks[4] == 0).all()


def test_factors_are_those_of_the_published_table():
    assert FACTORS.names == tuple("floor_hue wall_hue object_hue scale shape orientation".split())
    factors = FACTORS.factors(np.arange(N))
    values = [values[factors[:, k]] for k, values in enumerate(FACTORS.values)]
    np.testing.assert_allclose(np.stack(values, axis=1), published_labels())


def test_labels_that_do_not_fit_the_images_are_one_sentence(tmp_path):
    labels = published_labels()
    labels[[77, 78]] = labels[[78, 77]]
    path = write_file(tmp_path / "a.h5", labels, images=None)
    with pytest.raises(
        InputError,
        match=r"labels of .*a.h5 do not fit its images: orientation of image 77 is -17.1429, where "
        r"the grid of factors has -21.4286; get the published file again$",
    ):
        next(published_blocks(path))
    path = write_file(tmp_path / "b.h5", labels[:99], images=None)
    with pytest.raises(InputError, match=r"b.h5 holds 480000 images and labels \(99, 6\), where"):
        next(published_blocks(path))
    path = write_file(tmp_path / "c.h5", published_labels(), n=99, images=None)
    with pytest.raises(InputError, match=r"c.h5 holds 99 images and labels \(480000, 6\), where"):
        next(published_blocks(path))


@pytest.mark.parametrize("change", [{"dtype": np.float32}, {"side": 32}])
def test_images_of_another_kind_are_one_sentence(tmp_path, change):
    path = write_file(tmp_path / "a.h5", np.zeros((9, 6)), n=9, images=None, **change)
    with pytest.raises(InputError, match=r"a.h5 holds images of .* where uint8 \(480000, 64, 64"):
        next(published_blocks(path))


@pytest.mark.parametrize("kind", ["text", "dsprites", "truncated", "groups"])
def test_foreign_and_truncated_files_are_one_sentence(tmp_path, published, kind):
    path = tmp_path / "3dshapes.h5"
    if kind == "text":
        path.write_text("no hdf5")
    elif kind == "truncated":
        path.write_bytes(published.read_bytes()[:100_000])
    else:
        with h5py.File(path, "w") as file:
            if kind == "dsprites":
                file["imgs"] = np.zeros((3, 64, 64), np.uint8)
            else:
                file.create_group("images"), file.create_group("labels")
    with pytest.raises(InputError, match=r"3dshapes.h5 cannot be read as 3D Shapes \(.+\)$"):
        next(published_blocks(path))


def test_foreign_file_is_refused_not_replaced_by_the_twin(home):
    (home / "data" / "3dshapes.h5").write_text("something else")
    with pytest.raises(InputError, match=r"3dshapes.h5 is damaged or not the published file"):
        load("shapes3d")


def test_missing_file_that_is_wanted_is_one_sentence(home):
    with pytest.raises(
        InputError,
        match=r"shapes3d needs 3dshapes.h5, which is in none of .*; get it with `python -m dataset "
        r"get shapes3d` .*, or use the ray-cast images with source='twin'",
    ):
        load("shapes3d", source="real")
    with pytest.raises(InputError, match=r"expected source to be 'auto', 'real' or 'twin', got 1"):
        load("shapes3d", source=1)


@pytest.mark.parametrize(
    ("name", "shape", "dtype"),
    [
        ("shapes3d-twin-1", (480, 4, 4096), np.int16),
        ("dsprites-twin-1", (737_280, 512), np.uint8),
    ],
)
def test_file_in_place_of_what_is_drawn_does_not_load(home, name, shape, dtype):
    """A file of zeros, of the right name, shape and size."""
    np.lib.format.open_memmap(home / "data" / f"{name}.npy", "w+", dtype, shape).flush()
    with pytest.raises(
        InputError, match=rf"{name}.npy is not what {name[:-2]} 1 draws \(its sha256 is .*; delete"
    ):
        load(name.partition("-")[0], source="twin")


@pytest.mark.slow
def test_twin_is_cast_once_where_the_file_is_missing(home, capsys):
    dataset = load("shapes3d")
    assert dataset.is_twin and dataset.digest == "shapes3d-twin 1"
    assert "ray-cast by replearn" in dataset.note
    (file,) = (home / "data").glob("*.npy")
    assert file.name == "shapes3d-twin-1.npy" and file.stat().st_size == 480 * 4 * 4096 * 2 + 128
    assert "ray-casting shapes3d: 100%" in capsys.readouterr().err
    assert dataset.images.shape == (N, 3, 64, 64) and dataset.factors.shape == (N, 6)
    assert dataset.is_grid
    maps = dataset.images.tables[0].numpy()
    assert maps.min() == 0 and maps.sum(axis=1).max() <= ONE + 2
    for scale, shape, orientation in ((0, 0, 0), (7, 2, 14), (3, 3, 5), (5, 1, 7)):
        room, size = Room(ORIENTATIONS[orientation]), SCALES[scale]
        geometry = (scale * 4 + shape) * 15 + orientation
        np.testing.assert_array_equal(maps[geometry], room.maps(solid(shape, size), size))
    assert len(np.unique(maps.reshape(480, -1), axis=0)) == 480  # each can be told
    again = load("shapes3d", source="twin")
    assert capsys.readouterr().err == ""
    index = RNG.integers(0, N, 100)
    assert (dataset.images[index] == again.images[index]).all()
    # A hue recolours its own part: the sky and the other parts stay as they are.
    space, factors = dataset.factor_space, dataset.factors[index]
    for factor in range(3):
        other = factors.copy()
        other[:, factor] = (other[:, factor] + 4) % 10
        changed = (dataset.images[space.index(other)] != dataset.images[index]).any(1).float()
        assert (changed.mean(dim=(1, 2)) > 0.005).all() and (changed.mean(dim=(1, 2)) < 0.6).all()
        assert (changed[:, 0] == 0).all()


def test_published_images_are_much_like_the_twin():
    if DECLARATIONS["shapes3d"].files[0].find() is None:
        pytest.skip("real data: the file of shapes3d is not here")
    real, twin = load("shapes3d", source="real"), load("shapes3d", source="twin")
    index = np.random.default_rng(0).integers(0, N, 500)
    np.testing.assert_allclose(
        real.batch(index).mean(dim=(0, 2, 3)), twin.batch(index).mean(dim=(0, 2, 3)), atol=0.1
    )
    np.testing.assert_allclose(real.images[index][:, :, 2, 2].float().mean(0), (154, 226, 250), 0.1)
