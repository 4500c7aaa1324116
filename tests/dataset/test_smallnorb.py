"""smallNORB: files of the official format, small ones, become the images that encoders saw."""

import gzip
import struct
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from replearn.dataset import smallnorb
from replearn.dataset.images import FactorSpace
from replearn.dataset.smallnorb import Part, resized, rows
from replearn.errors import InputError

MAGIC = {"uint8": 0x1E3D4C55, "int32": 0x1E3D4C54}
SPACE = FactorSpace(smallnorb.FACTORS.names, (2, 4, 1, 3, 2))


def write_matrix(path, array):
    lengths = array.shape + (1,) * (3 - array.ndim)
    header = struct.pack(f"<{2 + len(lengths)}i", MAGIC[array.dtype.name], array.ndim, *lengths)
    path.write_bytes(gzip.compress(header + array.tobytes(), 1))
    return path


@pytest.fixture
def norb(tmp_path):
    """Two parts as published, of 2 categories x 2 instances each, lying in a random order."""
    rng = np.random.default_rng(0)
    factors = SPACE.factors(np.arange(len(SPACE)))[rng.permutation(len(SPACE))]
    pairs = rng.integers(0, 256, (len(SPACE), 2, 96, 96), dtype=np.uint8)
    in_training = np.isin(factors[:, 1], (1, 2))
    parts = []
    for name, chosen in (("training", in_training), ("testing", ~in_training)):
        info = factors[chosen, 1:].astype(np.int32)
        info[:, 2] *= 2
        parts.append(
            Part(
                write_matrix(tmp_path / f"{name}-dat.mat.gz", pairs[chosen]),
                write_matrix(tmp_path / f"{name}-cat.mat.gz", factors[chosen, 0].astype(np.int32)),
                write_matrix(tmp_path / f"{name}-info.mat.gz", info),
            )
        )
    return SimpleNamespace(parts=parts, factors=factors, pairs=pairs, folder=tmp_path)


def lanczos_weights(n, m):
    """Return the (m, n) weights of a Lanczos filter of 3 lobes that shrinks n pixels to m."""
    scale = n / m
    centre = (np.arange(m)[:, None] + 0.5) * scale
    x = (np.arange(n) + 0.5 - centre) / scale
    weights = np.where(abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0)
    return weights / weights.sum(1, keepdims=True)


def test_shrinking_is_lanczos_on_integers():
    images = np.random.default_rng(1).integers(0, 256, (20, 96, 96), dtype=np.uint8)
    weights = lanczos_weights(96, 64)
    expected = [np.rint(weights @ np.rint(image @ weights.T)) for image in images.astype(float)]
    np.testing.assert_array_equal(resized(images), expected)
    assert resized(images).min() < -20 and resized(images).max() > 275  # random pixels are edges


def test_overshoot_is_kept_as_the_published_encoders_saw_it():
    square = np.zeros((1, 96, 96), np.uint8)
    square[0, 24:72, 24:72] = 255
    image = resized(square)
    # The numbers of the specification; 8-bit grey images are clipped, and shrunk less exactly.
    assert (image.dtype, image.min(), image.max()) == (np.int16, -3, 261)
    noise = np.random.default_rng(2).integers(0, 256, (300, 96, 96), dtype=np.uint8)
    pictures = (Image.fromarray(image) for image in noise)
    grey = [np.asarray(p.resize((64, 64), Image.Resampling.LANCZOS), int) for p in pictures]
    difference = abs(resized(noise) - np.stack(grey))
    assert difference.mean() == pytest.approx(0.09, abs=0.005)
    assert difference.max() >= 25


def test_first_camera_of_both_parts_in_the_order_of_the_grid(norb):
    images = np.full((len(SPACE), 1, 64, 64), 9999, np.int16)
    for positions, block in rows(norb.parts, SPACE):
        images[positions] = block
    for factors, pair in zip(norb.factors, norb.pairs, strict=True):
        category, instance, elevation, azimuth, lighting = factors
        position = (((category * 4 + instance) * 1 + elevation) * 3 + azimuth) * 2 + lighting
        np.testing.assert_array_equal(images[position, 0], resized(pair[:1])[0])
    clipped = np.zeros(images.shape, np.uint8)
    for positions, block in rows(norb.parts, SPACE, clip=True):
        clipped[positions] = block
    np.testing.assert_array_equal(clipped, np.clip(images, 0, 255))


def refused(norb, parts, sentence):
    with pytest.raises(InputError, match=sentence):
        list(rows(parts, SPACE))


def test_swapped_files_are_one_sentence(norb):
    training, testing = norb.parts
    refused(
        norb,
        [training._replace(dat=training.cat), testing],
        r"training-cat\.mat\.gz holds int32 \(24,\) where uint8 \(N, 2, 96, 96\) is expected",
    )
    refused(norb, [training._replace(cat=training.info), testing], r"holds int32 \(24, 4\) where")
    refused(
        norb,
        [training, training],
        r"smallnorb has a factor table that does not fit the images: expected each of 48 "
        r"combinations once, 24 are missing and 24 come more than once",
    )


def test_files_of_other_lengths_are_one_sentence(norb):
    training, testing = norb.parts
    short = write_matrix(norb.folder / "short-dat.mat.gz", norb.pairs[:23])
    refused(
        norb, [training._replace(dat=short), testing], r"short-dat.* fewer images than the 24 of .*"
    )
    long = write_matrix(norb.folder / "long-dat.mat.gz", norb.pairs[:25])
    refused(norb, [training._replace(dat=long), testing], r"long-dat.* holds more images than the")
    cat = write_matrix(norb.folder / "short-cat.mat.gz", np.zeros(23, np.int32))
    refused(
        norb, [training._replace(cat=cat), testing], r"short-cat.* is of 23 images and .* of 24"
    )


def test_odd_azimuth_is_one_sentence(norb):
    training, testing = norb.parts
    info = write_matrix(norb.folder / "odd-info.mat.gz", np.ones((24, 4), np.int32))
    refused(norb, [training._replace(info=info), testing], r"odd-info.* an azimuth is odd")


def test_declared_size_is_that_of_the_published_files():
    # 2 parts of 24,300, as in the headers of the published files.
    assert len(smallnorb.FACTORS) == 2 * 24_300
    assert [len(values) for values in smallnorb.FACTORS.values] == [5, 10, 9, 18, 6]


def test_files_that_load_takes(norb, home, monkeypatch):
    """The loader itself, on small files in place of the published ones."""
    files = [path for part in norb.parts for path in part]
    declared = [smallnorb.DataFile(path.name, folders=(str(norb.folder),)) for path in files]
    monkeypatch.setattr(smallnorb, "FILES", tuple(declared))
    monkeypatch.setattr(smallnorb, "FACTORS", SPACE)
    dataset, clipped = smallnorb.load(), smallnorb.load(clip=True)
    assert dataset.is_grid and clipped.is_grid
    assert "no lower bound there, and clip=True clips" in dataset.note and clipped.note == ""
    assert dataset.image_shape == (1, 64, 64)
    assert dataset.labels.tolist() == [0] * 24 + [1] * 24
    assert dataset.batch(range(48)).min() < 0 and dataset.batch(range(48)).max() > 1
    assert clipped.batch(range(48)).min() == 0 and clipped.batch(range(48)).max() == 1
    names = sorted(path.name for path in (home / "data").glob("*.npy"))
    digest = dataset.digest[:12]
    assert names == [f"smallnorb-{digest}-64-clipped-v1.npy", f"smallnorb-{digest}-64-v1.npy"]


def test_missing_and_renamed_files_are_one_sentence(home):
    with pytest.raises(
        InputError,
        match=r"smallnorb needs smallnorb-5x46789x9x18x6x2x96x96-training-dat.mat.gz, which is in "
        r"none of .*; get it with `python -m dataset get smallnorb` \(from https://cs.nyu.edu.*\), "
        r"or take the data set dsprites",
    ):
        smallnorb.load()
    name = "smallnorb-5x46789x9x18x6x2x96x96-training-dat.mat.gz"
    (home / "data" / name).write_bytes(gzip.compress(b"other"))
    with pytest.raises(InputError, match=rf"{name} is damaged or not the published file"):
        smallnorb.load()
