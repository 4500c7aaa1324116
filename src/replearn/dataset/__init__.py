"""Data sets by name.

    from replearn.dataset import load
    d = load("dsprites")
    d.images[[0, 1]], d.factors, d.factor_space.names, d.is_twin

A data set is a Declaration (size, factors, files) with a loader; a new one is a line in
DECLARATIONS. Every loader in DATASETS also takes the options of `subset`.
"""

from collections.abc import Callable
from typing import Any

from replearn.dataset.cache import NotMadeYet, making_nothing
from replearn.dataset.cars3d import CARS3D
from replearn.dataset.celeba import CELEBA
from replearn.dataset.cifar import CIFAR10, CIFAR100
from replearn.dataset.declaration import Declaration
from replearn.dataset.digits import DIGITS
from replearn.dataset.dsprites import DSPRITES
from replearn.dataset.dsprites_variants import COLOR_DSPRITES, NOISY_DSPRITES, SCREAM_DSPRITES
from replearn.dataset.images import FactorSpace, ImageArray, ImageDataset
from replearn.dataset.mnist import FASHION_MNIST, MNIST
from replearn.dataset.mpi3d import MPI3D_REAL, MPI3D_REALISTIC, MPI3D_TOY
from replearn.dataset.mpi3d_like import MPI3D_LIKE
from replearn.dataset.shapes3d import SHAPES3D
from replearn.dataset.smallnorb import SMALLNORB
from replearn.dataset.split import split_indices
from replearn.dataset.spriteworld import CIRCLES, SIMPLE
from replearn.dataset.subset import with_subsets
from replearn.dataset.twoshapes import TWOSHAPES
from replearn.registry import build

DECLARATIONS: dict[str, Declaration] = {
    declaration.name: declaration
    for declaration in (
        DSPRITES,
        COLOR_DSPRITES,
        NOISY_DSPRITES,
        SCREAM_DSPRITES,
        SHAPES3D,
        MPI3D_TOY,
        MPI3D_REALISTIC,
        MPI3D_REAL,
        MPI3D_LIKE,
        CARS3D,
        SMALLNORB,
        CIRCLES,
        SIMPLE,
        TWOSHAPES,
        MNIST,
        FASHION_MNIST,
        DIGITS,
        CIFAR10,
        CIFAR100,
        CELEBA,
    )
}
DATASETS: dict[str, Callable[..., ImageDataset]] = {
    name: with_subsets(declaration.load, bool(declaration.class_names))
    for name, declaration in DECLARATIONS.items()
}


def load(name: str, **params: Any) -> ImageDataset:
    """Return a data set by its name in DATASETS.

    Raises:
        InputError: if the name or a parameter is unknown, or the files are missing or damaged.
    """
    return build(DATASETS, name, kind="data set", **params)


def load_if_ready(name: str, **params: Any) -> ImageDataset | None:
    """Return a data set, or None if it has to be downloaded, drawn or converted first.

    Raises:
        InputError: as `load`: also if files are missing that nobody may download.
    """
    try:
        with making_nothing():
            return load(name, **params)
    except NotMadeYet:
        return None


__all__ = [
    "DATASETS",
    "DECLARATIONS",
    "FactorSpace",
    "ImageArray",
    "ImageDataset",
    "load",
    "load_if_ready",
    "split_indices",
]
