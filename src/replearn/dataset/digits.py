"""The handwritten digits that come with scikit-learn: a real data set that needs no file."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
from torch import from_numpy

from replearn.dataset.declaration import Declaration
from replearn.dataset.files import file_digest
from replearn.dataset.images import ImageDataset
from replearn.dataset.resize import check_size, resized_blocks
from replearn.errors import InputError

_CLASSES = tuple("0123456789")


def load(size: int = 8) -> ImageDataset:
    """Return 1,797 digits (1, size, size), their 17 grey levels spread over 0..255.

    Args:
        size: 8 as published, or 32 or 64 by bilinear interpolation, for convolutional models.

    Source:
        Alpaydin & Kaynak (1998), UCI Optical Recognition of Handwritten Digits, test part.
    """
    check_size(size, (8, 32, 64))
    path = _bundled_file()
    rows = np.loadtxt(path, delimiter=",")  # 64 grey levels 0..16, then the label
    images = np.rint(rows[:, :-1].reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)
    if size == 8:
        resized = images[:, None]
    else:
        resized = np.concatenate(list(resized_blocks(images, size)))
    return ImageDataset(
        "digits",
        from_numpy(resized),
        labels=rows[:, -1].astype(np.int64),
        class_names=_CLASSES,
        digest=file_digest(path, "content_sha256"),
    )


def _bundled_file() -> Path:
    """Return scikit-learn's file, found without importing the package, which takes a second."""
    package = find_spec("sklearn")
    if package is None or package.origin is None:
        raise InputError("digits comes with scikit-learn, which is not installed; install it")
    return Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz"


DIGITS = Declaration(
    "digits",
    load,
    n_images=1797,
    image_shape=(1, 8, 8),
    source="Alpaydin & Kaynak 1998",
    class_names=_CLASSES,
    terms="CC BY 4.0 (UCI)",
)
