"""CIFAR: small archives of the official binary layout, the names, and a real subset."""

import io
import tarfile
from dataclasses import replace

import numpy as np
import pytest
import torch

from replearn.dataset import cifar
from replearn.dataset.cifar import LAYOUT10, LAYOUT100, load10, load100, read_records
from replearn.dataset.resize import resized_blocks
from replearn.errors import InputError

SMALL10 = replace(LAYOUT10, n_images=(20, 6))
SMALL100 = replace(LAYOUT100, n_images=(20, 6))


def write_archive(path, layout, change=None):
    """Write an archive as published, in another order than that of its files; return records."""
    rng = np.random.default_rng(0)
    n_train, n_test = layout.n_images
    records = rng.integers(0, 256, (n_train + n_test, layout.record), dtype=np.uint8)
    for byte, (_, classes) in enumerate(layout.labels):
        records[:, byte] = rng.integers(0, len(classes), len(records))
    n_each = n_train // len(layout.train)
    members = {"readme.html": b"<html>"} | {layout.test: records[n_train:].tobytes()}
    for number, name in reversed(list(enumerate(layout.train))):
        members[name] = records[number * n_each : (number + 1) * n_each].tobytes()
    for name, classes in layout.labels:
        members[name] = ("\n".join(classes) + "\n\n").encode()
    if change is not None:
        change(members)
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(f"{layout.folder}/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return records


@pytest.fixture
def small(home, monkeypatch):
    """Small archives in place of the published ones: their records by layout."""
    written = {}
    for attribute, layout in (("LAYOUT10", SMALL10), ("LAYOUT100", SMALL100)):
        path = home / "data" / layout.file.name
        written[attribute] = write_archive(path, layout)
        file = replace(layout.file, sha256="")
        monkeypatch.setattr(cifar, attribute, replace(layout, file=file))
    return written


def test_cifar10_parts(small):
    records = small["LAYOUT10"]
    train, test, both = (load10(split) for split in ("train", "test", "all"))
    assert (len(train), len(test), len(both)) == (20, 6, 26)
    assert both.labels.tolist() == records[:, 0].tolist()
    assert test.labels.tolist() == records[20:, 0].tolist()
    # The site: "The first 1024 bytes are the red channel values, the next 1024 the green, and the
    # final 1024 the blue. The values are stored in row-major order".
    assert test.images[3, 1, 5, 7] == records[23, 1 + 1024 + 5 * 32 + 7]
    np.testing.assert_array_equal(both.images.flatten(1).numpy(), records[:, 1:])
    assert train.images[[4, 2]].shape == (2, 3, 32, 32)


def test_cifar100_has_coarse_and_fine_labels(small):
    records = small["LAYOUT100"]
    fine, coarse = load100("test"), load100("test", labels="coarse")
    assert coarse.labels.tolist() == records[20:, 0].tolist()
    assert fine.labels.tolist() == records[20:, 1].tolist()
    assert (len(fine.class_names), len(coarse.class_names)) == (100, 20)
    np.testing.assert_array_equal(fine.images.flatten(1).numpy(), records[20:, 2:])
    assert fine.digest == coarse.digest


def test_archive_is_unpacked_and_resized_once(small, home):
    large = load10("test", size=64)
    assert large.image_shape == (3, 64, 64)
    smooth = torch.nn.functional.interpolate(
        load10("test").images.float(), size=64, mode="bilinear", antialias=True
    )
    assert (large.images.float() - smooth).abs().max() <= 1  # 8-bit rounding, twice
    kept = {path.name: path.stat().st_size - 128 for path in (home / "data").glob("cifar10-*.npy")}
    stem = f"cifar10-{large.digest[:12]}"
    assert kept == {f"{stem}-v1.npy": 26 * 3073, f"{stem}-64-v1.npy": 26 * 3 * 64 * 64}


def test_grey_and_colour_images_are_resized_alike():
    images = np.random.default_rng(0).integers(0, 256, (5, 3, 32, 32), dtype=np.uint8)
    colour = np.concatenate(list(resized_blocks(images, 64)))
    grey = np.concatenate(list(resized_blocks(images[:, 1], 64)))
    np.testing.assert_array_equal(colour[:, 1:2], grey)


def test_class_names():
    # As in the papers' tables: five fine classes each; here the ends and the odd ones.
    coarse, fine = cifar.COARSE_CLASSES, cifar.FINE_CLASSES
    assert len(set(coarse)) == 20 and len(set(fine)) == 100
    assert list(coarse) == sorted(coarse) and list(fine) == sorted(fine)
    assert (coarse[0], coarse[19], fine[0], fine[99]) == (
        "aquatic_mammals",
        "vehicles_2",
        "apple",
        "worm",
    )


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda m: m.pop("data_batch_3.bin"), r"has no cifar-10-batches-bin/data_batch_3.bin; is "),
        (
            lambda m: m.update({"data_batch_3.bin": m["data_batch_3.bin"][:-1]}),
            r"data_batch_3.bin in .*x.tar.gz has 12,291 bytes where 4 times 3,073 are expected",
        ),
        (lambda m: m.update({"test_batch.bin": b"\x0a" * 6 * 3073}), r"it has a label 10 of 10"),
        (lambda m: m.update({"batches.meta.txt": b"cat\ndog\n"}), r"does not name the classes"),
    ],
)
def test_damaged_archives_are_one_sentence(tmp_path, change, sentence):
    path = tmp_path / "x.tar.gz"
    write_archive(path, SMALL10, change)
    with pytest.raises(InputError, match=sentence):
        list(read_records(path, SMALL10))


@pytest.mark.parametrize("keep", [0, 50, -20000, -2000])
def test_truncated_archives_are_one_sentence(tmp_path, keep):
    path = tmp_path / "x.tar.gz"
    write_archive(path, SMALL10)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"x.tar.gz is damaged or no archive; delete it and get"):
        list(read_records(path, SMALL10))


def test_swapped_and_renamed_archives_are_one_sentence(tmp_path, home):
    path = tmp_path / "x.tar.gz"
    write_archive(path, SMALL100)
    with pytest.raises(
        InputError, match=r"x.tar.gz has no .*; is it another archive than cifar-10-binary.tar.gz\?"
    ):
        list(read_records(path, SMALL10))
    (home / "data" / "cifar-10-binary.tar.gz").write_bytes(path.read_bytes())
    with pytest.raises(InputError, match=r"cifar-10-binary.tar.gz is damaged or not the published"):
        load10()


def test_missing_archive_is_one_sentence(home):
    with pytest.raises(
        InputError,
        match=r"cifar100 needs cifar-100-binary.tar.gz, which is in none of .*; get it with "
        r"`python -m dataset get cifar100` \(from https://www.cs.toronto.edu/~kriz/cifar-100-bin",
    ):
        load100()
    with pytest.raises(
        InputError, match=r"cifar10 with source='subset' needs cifar10_lossless_subset.npz, .*; put"
    ):
        load10(source="subset")


@pytest.mark.parametrize("name", ["cifar-10-python.tar.gz", "cifar-10-batches-py"])
def test_pickles_are_refused(home, name):
    folder = home / "data" / "cifar10"
    (folder / name).mkdir(parents=True)
    with pytest.raises(
        InputError,
        match=rf"{name} is made of pickles, which can run code and are not read; get "
        r"cifar-10-binary.tar.gz with `python -m dataset get cifar10`",
    ):
        load10()


def test_bad_parameters_are_one_sentence():
    with pytest.raises(InputError, match=r"expected split to be 'train', 'test' or 'all', got 'v'"):
        load10("v")
    with pytest.raises(InputError, match=r"expected size to be one of 32, 64, got 48"):
        load100(size=48)
    with pytest.raises(InputError, match=r"expected labels to be 'fine' or 'coarse', got 'both'"):
        load100(labels="both")
    with pytest.raises(InputError, match=r"expected source to be 'real' or 'subset', got 'twin'"):
        load10(source="twin")


def test_real_subset_of_cifar10():
    if cifar.SUBSET.find() is None:
        pytest.skip("real data: the lossless subset of CIFAR-10 is not here")
    train, test, both = (load10(split, source="subset") for split in ("train", "test", "all"))
    assert (len(train), len(test), len(both)) == (4660, 846, 5506)
    assert train.image_shape == (3, 32, 32)
    # The first labels of CIFAR-10's files, as on every first page about them.
    assert train.labels[:5].tolist() == [6, 9, 9, 4, 1]
    assert test.labels[:10].tolist() == [3, 8, 8, 0, 6, 6, 1, 6, 3, 1]
    # The means of all training images, in common use as normalisation constants.
    means = train.batch(slice(None)).mean((0, 2, 3))
    torch.testing.assert_close(means, torch.tensor([0.4914, 0.4822, 0.4465]), atol=0.005, rtol=0)
    assert "4,660 of the 50,000" in train.note and "846 of the 10,000" in test.note
    assert load10("test", size=64, source="subset").image_shape == (3, 64, 64)


def test_real_archives_start_as_the_subset_does():
    if cifar.SUBSET.find() is None or LAYOUT10.file.find() is None:
        pytest.skip("real data: CIFAR-10 and its lossless subset are not here")
    subset, real = load10("test", source="subset"), load10("test")
    assert (real.images[:846] == subset.images).all()
    assert real.labels[:846].tolist() == subset.labels.tolist()
