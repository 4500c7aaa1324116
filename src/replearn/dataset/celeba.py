"""CelebA: photographs of faces with 40 attributes, read from the published zip file."""

import hashlib
import os
from pathlib import Path

import numpy as np
from torch import from_numpy

from replearn.dataset.celeba_files import image_blocks, read_attributes, read_partition
from replearn.dataset.convert import converted
from replearn.dataset.declaration import Declaration
from replearn.dataset.files import DataFile, all_found, file_digest
from replearn.dataset.images import FactorSpace, ImageDataset
from replearn.errors import InputError, nearest

ATTRIBUTES = tuple(
    """
    5_o_Clock_Shadow Arched_Eyebrows Attractive Bags_Under_Eyes Bald Bangs Big_Lips Big_Nose
    Black_Hair Blond_Hair Blurry Brown_Hair Bushy_Eyebrows Chubby Double_Chin Eyeglasses Goatee
    Gray_Hair Heavy_Makeup High_Cheekbones Male Mouth_Slightly_Open Mustache Narrow_Eyes No_Beard
    Oval_Face Pale_Skin Pointy_Nose Receding_Hairline Rosy_Cheeks Sideburns Smiling Straight_Hair
    Wavy_Hair Wearing_Earrings Wearing_Hat Wearing_Lipstick Wearing_Necklace Wearing_Necktie Young
    """.split()
)
# Not a grid: few of the combinations occur, and many of those more than once.
FACTORS = FactorSpace(ATTRIBUTES, (2,) * 40, (np.arange(2),) * 40)
SPLITS = ("train", "val", "test")
_WIDTH, _HEIGHT = 178, 218
_DRIVE = "https://drive.google.com/uc?export=download&confirm=t&id="

FILES = (
    DataFile(
        "img_align_celeba.zip",
        (f"{_DRIVE}0B7EVK8r0v71pZjFTYXZWM3FlRnM",),
        sha256="46fb89443c578308acf364d7d379fe1b9efb793042c0af734b6112e4fd3a8c74",
        folders=("celeba",),
        md5="00d2c5bc6d35e252742224ab0c1e8fcb",
        size=1_443_490_838,
    ),
    DataFile(
        "list_attr_celeba.txt",
        (f"{_DRIVE}0B7EVK8r0v71pblRyaVFSWGxPY0U",),
        folders=("celeba",),
        md5="75e246fa4810816ffd6ee81facbd244c",
        size=26_721_026,
    ),
    DataFile(
        "list_eval_partition.txt",
        (f"{_DRIVE}0B7EVK8r0v71pY0NSMzRuSXJEVkk",),
        folders=("celeba",),
        md5="d32c9cbf5e040fd4025c592c306e6668",
        size=2_836_386,
    ),
)


def load(
    split: str = "train",
    size: int = 64,
    crop: int = 148,
    attribute: str | None = "Smiling",
    download: bool = False,
) -> ImageDataset:
    """Return the faces (3, size, size) of one part, with 40 attributes as binary factors.

    All 202,599 faces are converted once into a memory map (2.5 GB at size 64).

    Args:
        split: "train" (162,770), "val" (19,867), "test" (19,962) or "all", by the published list.
        size: pixels of a side, by bilinear interpolation.
        crop: pixels of the central square of the 178 x 218 image that is kept.
        attribute: the attribute that is the label, or None for no labels.
        download: get the published files first if they are not here; they lie on Google Drive,
            which at times refuses.

    Raises:
        InputError: if a file is missing or damaged, or an option is out of range.

    Source:
        Liu, Luo, Wang & Tang (2015), Deep learning face attributes in the wild.
    """
    if split not in (*SPLITS, "all"):
        raise InputError(f"expected split to be 'train', 'val', 'test' or 'all', got {split!r}")
    for name, value, largest in (("size", size, 512), ("crop", crop, _WIDTH)):
        if not (isinstance(value, int) and 1 <= value <= largest):
            raise InputError(f"expected {name} to be a number in 1..{largest}, got {value!r}")
    if attribute is not None and attribute not in ATTRIBUTES:
        raise InputError(f"celeba has no attribute {attribute!r}; {nearest(attribute, ATTRIBUTES)}")
    instead = "bring it there from https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
    paths = all_found("celeba", FILES, download, instead)
    return read(paths, split, size, crop, attribute)


def read(
    paths: list[Path], split: str, size: int, crop: int, attribute: str | None
) -> ImageDataset:
    """Return one part of the faces in the zip file, the attribute list and the partition list.

    Raises:
        InputError: if a file is damaged or another one, or the three do not fit each other.
    """
    archive, attributes, partition = paths
    names, table = read_attributes(attributes, ATTRIBUTES)
    part = read_partition(partition, names)
    digest = file_digest(archive)
    shape = (len(names), 3, size, size)
    blocks = image_blocks(archive, names, (_WIDTH, _HEIGHT), crop, size, os.cpu_count() or 1)
    images = converted(f"celeba-{digest[:12]}-{crop}-{size}", shape, blocks, f"resizing to {size}")
    digests = " ".join(map(file_digest, paths))
    dataset = ImageDataset(
        "celeba",
        from_numpy(images),
        factors=table,
        factor_space=FACTORS,
        labels=None if attribute is None else table[:, ATTRIBUTES.index(attribute)],
        class_names=() if attribute is None else (f"not {attribute}", attribute),
        digest=hashlib.sha256(digests.encode()).hexdigest(),
    )
    return dataset if split == "all" else dataset.take(np.flatnonzero(part == SPLITS.index(split)))


CELEBA = Declaration(
    "celeba",
    load,
    n_images=162_770,
    image_shape=(3, 64, 64),
    source="Liu, Luo, Wang & Tang 2015",
    factor_space=FACTORS,
    class_names=("not Smiling", "Smiling"),
    files=FILES,
    terms="non-commercial research only",
)
