"""Cars3D: 183 cars from 24 sides and 4 heights, from the published archive of MATLAB files."""

import gzip
import io
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from torch import from_numpy
from tqdm import tqdm

from replearn.dataset.convert import arranged
from replearn.dataset.declaration import Declaration
from replearn.dataset.files import DataFile, all_found, file_digest
from replearn.dataset.images import FactorSpace, ImageDataset
from replearn.errors import InputError

FACTORS = FactorSpace(
    ("elevation", "azimuth", "object"),
    (4, 24, 183),
    (np.arange(4), np.arange(0, 360, 15), np.arange(183)),  # azimuth: degrees from the first view
)
_SIDE = 64
ARCHIVE = DataFile(
    "nips2015-analogy-data.tar.gz",
    ("http://www.scottreed.info/files/nips2015-analogy-data.tar.gz",),
    folders=("cars3d",),
    md5="4e866a7919c1beedf53964e6f7a23686",
)


def load(download: bool = False) -> ImageDataset:
    """Return Cars3D: 17,568 images (3, 64, 64) in the order elevation, azimuth, object.

    Objects are numbered by the sorted names of their files; disentanglement_lib took them in the
    order in which the file system listed them.

    Args:
        download: get the published archive first if it is not here.

    Raises:
        InputError: if the archive is missing or damaged.

    Source:
        Reed, Zhang, Zhang & Lee (2015), Deep visual analogy-making; preparation as in Locatello et
        al. (2019): 128 to 64 pixels, Lanczos.
    """
    instead = "take the data set dsprites, which replearn can draw"
    (archive,) = all_found("cars3d", (ARCHIVE,), download, instead)
    digest = file_digest(archive)
    shape = (len(FACTORS), 3, _SIDE, _SIDE)
    images = arranged(f"cars3d-{digest[:12]}-{_SIDE}", shape, rows(archive, FACTORS))
    return ImageDataset(
        "cars3d",
        from_numpy(images),
        factors=FACTORS.factors(np.arange(len(FACTORS))),
        factor_space=FACTORS,
        digest=digest,
    )


def rows(
    archive: Path, space: FactorSpace
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.uint8]]]:
    """Yield positions (B,) in the grid of `space` and images (B, 3, 64, 64), car by car.

    Nothing is unpacked to the disk, and of each MATLAB file only the array `im` is read.

    Raises:
        InputError: if the archive is damaged or does not hold one MATLAB file per object.
    """
    n_elevations, n_azimuths, n_objects = space.sizes
    try:
        with tarfile.open(archive) as members:
            cars = sorted((m for m in members if _is_car(m)), key=lambda member: member.name)
            if len(cars) != n_objects:
                raise InputError(
                    f"{archive} holds {len(cars)} files cars/*.mat where {n_objects} are expected; "
                    "is it another archive?"
                )
            numbers = {member.name: number for number, member in enumerate(cars)}
            # Read as they lie in the archive: going back means to unpack it from its start.
            cars.sort(key=lambda member: member.offset)
            for member in tqdm(cars, f"resizing to {_SIDE}", unit="car"):
                file = members.extractfile(member)
                content = b"" if file is None else file.read()
                views = read_mesh(content, f"{member.name} in {archive}", n_azimuths, n_elevations)
                azimuth, elevation = np.divmod(np.arange(len(views)), n_elevations)
                objects = np.full(len(views), numbers[member.name])
                yield space.index(np.stack([elevation, azimuth, objects], -1)), resized(views)
    except (tarfile.TarError, zlib.error, EOFError, gzip.BadGzipFile) as error:
        raise InputError(
            f"{archive} is damaged or no archive; delete it and get it again"
        ) from error


def read_mesh(content: bytes, name: str, n_azimuths: int, n_elevations: int) -> NDArray[np.uint8]:
    """Return the views (azimuths * elevations, 128, 128, 3) in a MATLAB file, elevation fastest.

    Raises:
        InputError: if it is not a MATLAB file or has no such array `im`.
    """
    from scipy.io import loadmat

    try:
        views = loadmat(io.BytesIO(content), variable_names=("im",)).get("im")
    except Exception as error:  # whatever scipy's reader meets in a damaged file
        raise InputError(f"{name} is damaged or no MATLAB file ({error})") from error
    shape = (128, 128, 3, n_azimuths, n_elevations)
    if not isinstance(views, np.ndarray) or views.dtype != np.uint8 or views.shape != shape:
        found = f"{views.dtype} {views.shape}" if isinstance(views, np.ndarray) else "nothing"
        raise InputError(f"{name} holds {found} as im where uint8 {shape} is expected")
    return views.transpose(3, 4, 0, 1, 2).reshape(-1, 128, 128, 3)


def resized(views: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return views (B, H, W, 3) as images (B, 3, 64, 64), Lanczos."""
    from PIL import Image

    lanczos = Image.Resampling.LANCZOS
    pictures = [Image.fromarray(view).resize((_SIDE, _SIDE), lanczos) for view in views]
    return np.stack([np.asarray(picture) for picture in pictures]).transpose(0, 3, 1, 2)


def _is_car(member: tarfile.TarInfo) -> bool:
    path = PurePosixPath(member.name)
    hidden = path.name.startswith(".")  # macOS adds such files to archives
    return member.isfile() and path.parent.name == "cars" and path.suffix == ".mat" and not hidden


CARS3D = Declaration(
    "cars3d",
    load,
    n_images=len(FACTORS),
    image_shape=(3, _SIDE, _SIDE),
    source="Reed, Zhang, Zhang & Lee 2015",
    factor_space=FACTORS,
    files=(ARCHIVE,),
)
