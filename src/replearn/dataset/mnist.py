"""MNIST and Fashion-MNIST, from the published IDX files."""

import hashlib
from functools import partial

import numpy as np
from torch import from_numpy

from replearn.dataset.convert import converted
from replearn.dataset.declaration import Declaration
from replearn.dataset.files import DataFile, all_found, file_digest
from replearn.dataset.idx import read_idx
from replearn.dataset.images import ImageDataset
from replearn.dataset.resize import check_size, resized_blocks
from replearn.errors import InputError

# Name, sha256 of the published file and of its content, bytes: images and labels of each part.
_MNIST = (
    (
        "train-images-idx3-ubyte.gz",
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        9_912_422,
    ),
    (
        "train-labels-idx1-ubyte.gz",
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        28_881,
    ),
    (
        "t10k-images-idx3-ubyte.gz",
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        1_648_877,
    ),
    (
        "t10k-labels-idx1-ubyte.gz",
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        4_542,
    ),
)
_FASHION = (
    (
        "train-images-idx3-ubyte.gz",
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        26_421_880,
    ),
    (
        "train-labels-idx1-ubyte.gz",
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        29_515,
    ),
    (
        "t10k-images-idx3-ubyte.gz",
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        4_422_102,
    ),
    (
        "t10k-labels-idx1-ubyte.gz",
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        5_148,
    ),
)
_SIZES = (28, 32, 64)


def _files(
    table: tuple[tuple[str, str, str, int], ...], mirrors: tuple[str, ...], folders: tuple[str, ...]
) -> tuple[DataFile, ...]:
    return tuple(
        DataFile(
            name,
            tuple(f"{mirror}/{name}" for mirror in mirrors),
            sha256,
            content,
            folders=folders,
            size=size,
        )
        for name, sha256, content, size in table
    )


MNIST_FILES = _files(
    _MNIST,
    (
        "https://ossci-datasets.s3.amazonaws.com/mnist",
        "https://storage.googleapis.com/cvdf-datasets/mnist",
    ),
    ("mnist", "MNIST/raw"),  # the second is torchvision's
)
FASHION_FILES = _files(
    _FASHION,
    ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",),
    # The last is where Debian's package dataset-fashion-mnist puts them.
    ("fashion_mnist", "fashion-mnist", "FashionMNIST/raw", "/usr/share/datasets/fashion-mnist"),
)


def _load(
    name: str,
    files: tuple[DataFile, ...],
    class_names: tuple[str, ...],
    split: str = "train",
    size: int = 28,
    download: bool = False,
) -> ImageDataset:
    """Return the images (1, size, size) and labels of one part.

    Args:
        name: the name in the registry.
        files: the published files: images and labels, train then test.
        class_names: names of the ten classes.
        split: "train" (60,000), "test" (10,000) or "all" (train, then test).
        size: 28 as published, or 32 or 64 by bilinear interpolation, for convolutional models.
        download: get the published files first if they are not here.

    Raises:
        InputError: if a file is missing or damaged.
    """
    parts = {"train": files[:2], "test": files[2:], "all": files}
    if split not in parts:
        raise InputError(f"expected split to be 'train', 'test' or 'all', got {split!r}")
    check_size(size, _SIZES)
    instead = "take the data set digits, which needs no file"
    paths = all_found(name, parts[split], download, instead)
    digests = [file_digest(path, "content_sha256") for path in paths]
    digest = hashlib.sha256(" ".join(digests).encode()).hexdigest()
    images = np.concatenate([read_idx(path) for path in paths[::2]])
    labels = np.concatenate([read_idx(path) for path in paths[1::2]])
    if size == 28:
        images = images[:, None]
    else:
        shape, blocks = (len(images), 1, size, size), resized_blocks(images, size)
        images = converted(f"{name}-{digest[:12]}-{size}", shape, blocks, f"resizing to {size}")
    return ImageDataset(
        name,
        from_numpy(images),
        labels=labels.astype(np.int64),
        class_names=class_names,
        digest=digest,
    )


def _declare(
    name: str,
    files: tuple[DataFile, ...],
    class_names: tuple[str, ...],
    source: str,
    terms: str = "",
) -> Declaration:
    return Declaration(
        name,
        partial(_load, name, files, class_names),
        n_images=60_000,
        image_shape=(1, 28, 28),
        source=source,
        class_names=class_names,
        files=files,
        terms=terms,
    )


MNIST = _declare("mnist", MNIST_FILES, tuple("0123456789"), "LeCun, Cortes & Burges 1998")
FASHION_MNIST = _declare(
    "fashion_mnist",
    FASHION_FILES,
    (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    "Xiao, Rasul & Vollgraf 2017",
    "MIT",
)
