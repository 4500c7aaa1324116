"""Spriteworld files: what people saved is read without pickles, and what does not fit is said."""

import itertools

import numpy as np
import pytest

from replearn.dataset import load
from replearn.errors import InputError

RNG = np.random.default_rng(0)
NAMES = {
    "circles": ("x", "y"),
    "simple": ("x", "y", "shape"),
    "twoshapes": tuple(f"o{i}_{name}" for i in (1, 2) for name in ("px", "py", "shape", "hue")),
}
FILES = {"circles": "circles.npz", "simple": "simple.npz", "twoshapes": "twoshapes_ext.npz"}
# The hues stand as somebody wrote them down, in no order.
SIZES = {"circles": (3, 4), "simple": (3, 2, 2), "twoshapes": (2, 1, 2, 3, 1, 2, 1, 3)}
HUES = (0.6, 0.0, 0.3)


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def content(name, trap="trap"):
    """The arrays of a file, as the published loader of lost-in-latent-space takes them."""
    sizes = SIZES[name]
    values = [
        HUES if factor.endswith("hue") else np.linspace(0.1, 0.9, size)
        for factor, size in zip(NAMES[name], sizes, strict=True)
    ]
    n = int(np.prod(sizes))
    return {
        "name": np.array(name),
        "n_factors": np.array(len(sizes)),
        "factors": np.array(NAMES[name]),
        "factor_sizes": np.array(sizes),
        "unique_values": np.array(Trap(trap), object),
        "img_size": np.array((64, 64)),
        "images": RNG.integers(0, 256, (n, 64, 64, 3), dtype=np.uint8),
        "factor_values": np.array(list(itertools.product(*values))),
    }


def save(home, name, arrays, write=np.savez):
    folder = home / "data" / "spriteworld"
    folder.mkdir(exist_ok=True)
    write(folder / FILES[name], **arrays)
    return folder / FILES[name]


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_read_and_its_pickle_never(home, name, write):
    trap = home / "trap"
    arrays = content(name, trap)
    save(home, name, arrays, write)
    dataset = load(name, source="real")
    assert not trap.exists()
    assert (dataset.name, dataset.is_twin, dataset.note) == (name, False, "")
    assert len(dataset.digest) == 64
    np.testing.assert_array_equal(dataset.images[:].numpy(), arrays["images"].transpose(0, 3, 1, 2))
    assert dataset.factor_space.names == NAMES[name]
    assert dataset.factor_space.sizes == SIZES[name]
    assert dataset.is_grid
    # The published classes: itertools.product(*[range(size) for size in factor_sizes]).
    classes = np.array(list(itertools.product(*map(range, SIZES[name]))))
    np.testing.assert_array_equal(dataset.factors, classes)
    values = [v[c] for v, c in zip(dataset.factor_space.values, classes.T, strict=True)]
    np.testing.assert_array_equal(np.transpose(values), arrays["factor_values"])
    assert load(name, source="auto").digest == dataset.digest
    assert load(name).is_twin


@pytest.mark.parametrize(
    "saved",
    [
        lambda images: images.reshape(len(images), -1),
        lambda images: (images / 255).astype(np.float32),
        lambda images: (images / 255).reshape(len(images), -1),
        lambda images: (images / 255 - 0.4 / 255).clip(0, 1),  # rounds to the nearest level
    ],
    ids=["flat", "float", "flat float64", "between levels"],
)
def test_images_may_be_flat_or_float(home, saved):
    arrays = content("simple")
    images = arrays["images"]
    save(home, "simple", arrays | {"images": saved(images), "img_size": np.array((64, 64, 3))})
    read = load("simple", source="real").images[:].numpy()
    np.testing.assert_array_equal(read, images.transpose(0, 3, 1, 2))


def changed(key, change):
    def apply(arrays):
        return arrays | {key: change(arrays[key])}

    return apply


def swapped_rows(table):
    table = table.copy()
    table[[3, 5]] = table[[5, 3]]
    return table


def repeated_row(table):
    table = table.copy()
    table[3] = table[2]  # a value is still there: each of its factors takes as many values
    return table


def strange_value(table):
    table = table.copy()
    table[4, 1] = 0.123
    return table


def missing_value(table):
    return np.where(table == table[0, 0], np.nan, table)


UNFIT = {
    "object images": (changed("images", lambda a: a.astype(object)), r"keeps images as pickled"),
    "object names": (
        changed("factors", lambda a: a.astype(object)),
        r"keeps factors as pickled Python objects.* load it in NumPy and save factors again",
    ),
    "no table": (
        lambda arrays: {k: v for k, v in arrays.items() if k != "factor_values"},
        r"cannot be read as Spriteworld \(it has no array 'factor_values'\)",
    ),
    "other frame": (
        changed("images", lambda a: a[:, :32, :32]),
        r"holds images of uint8 \(12, 32, 32, 3\) and img_size \[64, 64\], where uint8 or float",
    ),
    "other size": (changed("img_size", lambda a: a * 2), r"img_size \[128, 128\], where uint8 or"),
    "grey": (changed("images", lambda a: a[..., 0]), r"uint8 \(12, 64, 64\) .* was expected"),
    "int images": (changed("images", lambda a: a.astype(int)), r"images of int64 .* was expected"),
    "bright": (
        changed("images", lambda a: a.astype(np.float32)),
        r"holds float images from 0 to 255, where 0 to 1 was expected; save them as uint8",
    ),
    "nan": (changed("images", lambda a: np.where(a > 9, np.nan, 0)), r"float images from nan to"),
    "short table": (
        changed("factor_values", lambda a: a[:-1]),
        r"factor_values is float64 \(11, 3\), where numbers \(12, 3\) were expected",
    ),
    "narrow table": (changed("factor_values", lambda a: a[:, :2]), r"factor_values is .*\(12, 2\)"),
    "text table": (changed("factor_values", lambda a: a.astype(str)), r"factor_values is <U\d+"),
    "sizes": (
        changed("factor_sizes", lambda a: a + 1),
        r"sizes \(4, 3, 3\) make 36 combinations, and there are 12 images",
    ),
    "number of sizes": (
        changed("factor_sizes", lambda a: a[:2]),
        r"factor_sizes are \(3, 2\) for 3 factors",
    ),
    "broken sizes": (changed("factor_sizes", lambda a: a * 1.0), r"factor_sizes are \(3.0, 2.0"),
    "other sizes": (
        changed("factor_sizes", lambda a: a[::-1]),
        r"x takes 3 values in factor_values, and factor_sizes says 2",
    ),
    "strange value": (
        changed("factor_values", strange_value),
        r"y takes 3 values in factor_values, and factor_sizes says 2",
    ),
    "missing value": (changed("factor_values", missing_value), r"x takes 3 values in factor_val"),
    "repeated": (
        changed("factor_values", repeated_row),
        r"row 3 of factor_values is the combination of row 2, where all combinations were expected",
    ),
    "swapped": (
        changed("factor_values", swapped_rows),
        r"row 3 of factor_values is the combination of row 5, .* in order, the last factor fastest",
    ),
    "long names": (changed("factors", lambda a: np.tile(a, 9999)), r"holds factors of .* too long"),
}


@pytest.mark.parametrize("kind", UNFIT)
def test_what_does_not_fit_is_one_sentence(home, kind):
    change, sentence = UNFIT[kind]
    save(home, "simple", change(content("simple")))
    with pytest.raises(InputError, match=rf"^\S.*simple.npz .*{sentence}"):
        load("simple", source="real")
    assert not list((home / "data").glob("[!.]*.npy"))


def test_file_of_another_data_set_is_one_sentence(home):
    save(home, "circles", content("simple"))
    with pytest.raises(
        InputError,
        match=r"circles.npz has the 3 factors x, y, shape, where circles has 2 \(x, y\): is it the "
        r"file of another data set\?",
    ):
        load("circles", source="real")


def test_names_of_factors_may_be_bytes_but_not_others(home):
    arrays = content("simple")
    save(home, "simple", arrays | {"factors": np.array(NAMES["simple"]).astype(bytes)})
    assert load("simple", source="real").factor_space.names == ("x", "y", "shape")
    save(home, "simple", arrays | {"factors": np.array(["y", "x", "shape"])})
    with pytest.raises(
        InputError, match=r"has the 3 factors y, x, shape, where simple has 3 \(x, "
    ):
        load("simple", source="real")
    names = np.array([f"{factor} of {i}" for i in (1, 2) for factor in "xysh"])
    save(home, "twoshapes", content("twoshapes") | {"factors": names})
    assert load("twoshapes", source="real").factor_space.names == tuple(names)


@pytest.mark.parametrize("kind", ["text", "truncated", "flipped"])
def test_damaged_file_is_one_sentence(home, kind):
    arrays = content("twoshapes")
    path = save(home, "twoshapes", arrays)
    whole = bytearray(path.read_bytes())
    whole[whole.index(arrays["images"][5].tobytes()) + 99] ^= 1
    path.write_bytes({"text": b"no archive", "truncated": whole[:-500], "flipped": whole}[kind])
    with pytest.raises(InputError, match=r"twoshapes_ext.npz cannot be read as Spriteworld \(.+\)"):
        load("twoshapes", source="real")
    assert not list((home / "data").glob("[!.]*.npy"))


@pytest.mark.parametrize("name", NAMES)
def test_missing_file_is_one_sentence(home, name):
    with pytest.raises(
        InputError,
        match=rf"{name} needs {FILES[name]}, which is in none of .*spriteworld, .*; it was never "
        r"published: put your own copy there, or take the drawn images with source='twin'",
    ):
        load(name, source="real")
    assert load(name, source="auto").is_twin
    with pytest.raises(InputError, match=r"expected source to be 'auto', 'real' or 'twin', got 1"):
        load(name, source=1)
