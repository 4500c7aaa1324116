"""CIFAR-10 and CIFAR-100, from the published binary archives."""

import gzip
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import from_numpy

from replearn.dataset.cifar_names import CIFAR10_CLASSES, COARSE_CLASSES, FINE_CLASSES
from replearn.dataset.convert import converted
from replearn.dataset.declaration import Declaration
from replearn.dataset.files import DataFile, all_found, file_digest
from replearn.dataset.images import ImageDataset
from replearn.dataset.npz import NpzArray
from replearn.dataset.resize import check_size, resized_blocks
from replearn.errors import InputError

_SHAPE = (3, 32, 32)  # red, green and blue planes
_PIXELS = 3 * 32 * 32
_SIZES = (32, 64)
_INSTEAD = "take the data set digits, which needs no file"


@dataclass(frozen=True)
class Layout:
    """What an archive holds: records of label bytes and 3,072 pixels, one after the other.

    Attributes:
        name: the name in the registry.
        file: the archive.
        pickled: names of the archive, and of its folder, in the Python version.
        folder: the folder in the archive.
        train: files of training records.
        test: the file of test records.
        n_images: training and test images.
        labels: for each label byte, the file of the names of its classes, and the names.
    """

    name: str
    file: DataFile
    pickled: tuple[str, str]
    folder: str
    train: tuple[str, ...]
    test: str
    n_images: tuple[int, int]
    labels: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def record(self) -> int:
        """Bytes of a record."""
        return len(self.labels) + _PIXELS


LAYOUT10 = Layout(
    "cifar10",
    DataFile(
        "cifar-10-binary.tar.gz",
        ("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",),
        sha256="c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
        folders=("cifar10",),
        size=170_052_171,
    ),
    ("cifar-10-python.tar.gz", "cifar-10-batches-py"),
    "cifar-10-batches-bin",
    tuple(f"data_batch_{number}.bin" for number in range(1, 6)),
    "test_batch.bin",
    (50_000, 10_000),
    (("batches.meta.txt", CIFAR10_CLASSES),),
)
LAYOUT100 = Layout(
    "cifar100",
    DataFile(
        "cifar-100-binary.tar.gz",
        ("https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",),
        sha256="58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
        folders=("cifar100",),
        size=168_513_733,
    ),
    ("cifar-100-python.tar.gz", "cifar-100-python"),
    "cifar-100-binary",
    ("train.bin",),
    "test.bin",
    (50_000, 10_000),
    (("coarse_label_names.txt", COARSE_CLASSES), ("fine_label_names.txt", FINE_CLASSES)),
)
SUBSET = DataFile(
    "cifar10_lossless_subset.npz",
    sha256="13b062b492393a1b03a6bcf8bbd4c107a5e06f1c9894128ef2e0b9987c2b1e5a",
    folders=("cifar10",),
)


def load10(
    split: str = "train", size: int = 32, source: str = "real", download: bool = False
) -> ImageDataset:
    """Return the images (3, size, size) and labels of one part of CIFAR-10.

    Args:
        split: "train" (50,000), "test" (10,000) or "all" (train, then test).
        size: 32 as published, or 64 by bilinear interpolation, for convolutional models.
        source: "real" for the published archive, "subset" for the 4,660 training and 846 test
            images of it in cifar10_lossless_subset.npz.
        download: get the published archive first if it is not here.

    Raises:
        InputError: if the archive is missing or damaged, or only its pickled version is here.

    Source:
        Krizhevsky (2009), Learning multiple layers of features from tiny images.
    """
    if source not in ("real", "subset"):
        raise InputError(f"expected source to be 'real' or 'subset', got {source!r}")
    _check(split, size)
    return _subset(split, size) if source == "subset" else _load(LAYOUT10, 0, split, size, download)


def load100(
    split: str = "train", size: int = 32, labels: str = "fine", download: bool = False
) -> ImageDataset:
    """Return the images (3, size, size) and labels of one part of CIFAR-100.

    Args:
        split: "train" (50,000), "test" (10,000) or "all" (train, then test).
        size: 32 as published, or 64 by bilinear interpolation, for convolutional models.
        labels: "fine" for 100 classes, "coarse" for 20 of five classes each.
        download: get the published archive first if it is not here.

    Raises:
        InputError: if the archive is missing or damaged, or only its pickled version is here.

    Source:
        Krizhevsky (2009), Learning multiple layers of features from tiny images.
    """
    if labels not in ("fine", "coarse"):
        raise InputError(f"expected labels to be 'fine' or 'coarse', got {labels!r}")
    _check(split, size)
    return _load(LAYOUT100, int(labels == "fine"), split, size, download)


def _check(split: str, size: int) -> None:
    if split not in ("train", "test", "all"):
        raise InputError(f"expected split to be 'train', 'test' or 'all', got {split!r}")
    check_size(size, _SIZES)


def _load(layout: Layout, byte: int, split: str, size: int, download: bool) -> ImageDataset:
    """Return one part of the data set of an archive, labelled by one of its label bytes."""
    if not download and not layout.file.candidates():
        _refuse_pickles(layout)
    (archive,) = all_found(layout.name, (layout.file,), download, _INSTEAD)
    digest = file_digest(archive)
    kept, n_train, n = f"{layout.name}-{digest[:12]}", layout.n_images[0], sum(layout.n_images)
    shape = (n, layout.record)
    records = converted(kept, shape, read_records(archive, layout), "unpacking")
    images = records[:, len(layout.labels) :].reshape(n, *_SHAPE)  # a view of the memory map
    if size != 32:
        large = (n, 3, size, size)
        blocks = resized_blocks(images, size)
        images = converted(f"{kept}-{size}", large, blocks, f"resizing to {size}")
    part = {"train": slice(n_train), "test": slice(n_train, n), "all": slice(n)}[split]
    return ImageDataset(
        layout.name,
        from_numpy(images)[part],
        labels=records[part, byte].astype(np.int64),
        class_names=layout.labels[byte][1],
        digest=digest,
    )


def read_records(archive: Path, layout: Layout) -> Iterator[NDArray[np.uint8]]:
    """Yield the records (B, label bytes + 3072) of the training files, then of the test file.

    Raises:
        InputError: if the archive is damaged or another one.
    """
    wanted = (*layout.train, layout.test, *(file for file, _ in layout.labels))
    contents: dict[str, bytes] = {}
    try:
        with tarfile.open(archive) as members:
            for member in members:
                folder, _, name = member.name.removeprefix("./").rpartition("/")
                file = members.extractfile(member) if name in wanted else None
                if folder == layout.folder and file is not None:
                    contents[name] = file.read()
    except (tarfile.TarError, zlib.error, EOFError, gzip.BadGzipFile) as error:
        raise InputError(
            f"{archive} is damaged or no archive; delete it and get it again"
        ) from error
    for name in wanted:
        if name not in contents:
            raise InputError(
                f"{archive} has no {layout.folder}/{name}; is it another archive than "
                f"{layout.file.name}?"
            )
    for name, classes in layout.labels:
        if contents[name].decode(errors="replace").split() != list(classes):
            raise InputError(f"{archive} is damaged: {name} does not name the classes")
    n_train, n_test = layout.n_images
    for name in (*layout.train, layout.test):
        n = n_test if name == layout.test else n_train // len(layout.train)
        yield _records(contents[name], n, f"{name} in {archive}", layout)


def _records(content: bytes, n: int, name: str, layout: Layout) -> NDArray[np.uint8]:
    if len(content) != n * layout.record:
        raise InputError(
            f"{name} has {len(content):,} bytes where {n:,} times {layout.record:,} are expected"
        )
    records = np.frombuffer(content, np.uint8).reshape(n, layout.record)
    for byte, (_, classes) in enumerate(layout.labels):
        if (largest := records[:, byte].max()) >= len(classes):
            raise InputError(f"{name} is damaged: it has a label {largest} of {len(classes)}")
    return records


def _refuse_pickles(layout: Layout) -> None:
    """Raise an InputError if the Python version is here instead of the binary one."""
    for place in layout.file.places():
        for name in layout.pickled:
            if (place / name).exists():
                raise InputError(
                    f"{place / name} is made of pickles, which can run code and are not read; get "
                    f"{layout.file.name} with `python -m dataset get {layout.name}`"
                )


def _subset(split: str, size: int) -> ImageDataset:
    """Return one part of a subset of CIFAR-10 that was kept without loss."""
    path = SUBSET.find()
    if path is None:
        raise InputError(
            f"cifar10 with source='subset' needs {SUBSET.name}, which is in none of "
            f"{', '.join(map(str, SUBSET.places()))}; put it there, or use source='real'"
        )
    arrays = {name: NpzArray(path, name, "CIFAR-10").read() for name in _SUBSET_ARRAYS}
    parts = ["train", "test"] if split == "all" else [split]
    images = np.concatenate([arrays[f"{part}_images"] for part in parts]).transpose(0, 3, 1, 2)
    labels = np.concatenate([arrays[f"{part}_labels"] for part in parts])
    if size != 32:
        images = np.concatenate(list(resized_blocks(images, size)))
    total = {"train": "50,000 training", "test": "10,000 test", "all": "60,000"}[split]
    return ImageDataset(
        "cifar10",
        from_numpy(np.ascontiguousarray(images)),
        labels=labels.astype(np.int64),
        class_names=CIFAR10_CLASSES,
        digest=file_digest(path),
        note=f"{len(images):,} of the {total} images of CIFAR-10, the first of each file.",
    )


_SUBSET_ARRAYS = ("train_images", "train_labels", "test_images", "test_labels")


def _declare(layout: Layout, load, classes: tuple[str, ...]) -> Declaration:
    return Declaration(
        layout.name,
        load,
        n_images=layout.n_images[0],
        image_shape=_SHAPE,
        source="Krizhevsky 2009",
        class_names=classes,
        files=(layout.file,),
    )


CIFAR10 = _declare(LAYOUT10, load10, CIFAR10_CLASSES)
CIFAR100 = _declare(LAYOUT100, load100, FINE_CLASSES)
