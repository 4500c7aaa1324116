"""Colour, noisy and scream dSprites: dSprites composed with a look that belongs to each image.

disentanglement_lib draws the looks anew at each access. Here a look is a function of `look_seed`
and the image's index alone, so that an image is the same in every epoch and every analysis.
"""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from warnings import catch_warnings, simplefilter

import numpy as np
import torch
from torch import Tensor

from replearn.dataset import dsprites
from replearn.dataset.arrays import PackedImages
from replearn.dataset.declaration import Declaration
from replearn.dataset.drawn import DrawnImages
from replearn.dataset.dsprites import DSPRITES
from replearn.dataset.files import DataFile, all_found, file_digest
from replearn.dataset.images import ImageDataset
from replearn.dataset.splitmix import below, outputs, seeds_of
from replearn.errors import InputError

VERSION = 1  # of all looks; a change of a single pixel needs another
SIDE = 64  # pixels
_SHAPE = (3, SIDE, SIDE)
_THUMBNAIL = (350, 274)  # pixels: the most that a picture is wide and high
_ADDRESS = "https://upload.wikimedia.org/wikipedia/commons/f/f4/The_Scream.jpg"
_IN_EACH_BYTE = 0x0101010101010101


def coloured(seed: int, positions: Tensor, sprites: PackedImages) -> Tensor:
    """Return sprites (B, 3, 64, 64) on black, red, green and blue of each from U(0.5, 1)."""
    u = below(outputs(seeds_of(seed, positions), 3), 1 << 16)  # in 65,536ths
    colours = (255 * ((1 << 16) + u) + (1 << 16)) >> 17
    masks = sprites[positions].view(torch.int64)  # eight pixels of 0 or 255 in a word
    return (masks & (colours * _IN_EACH_BYTE)[:, :, None, None]).view(torch.uint8)


def noisy(seed: int, positions: Tensor, sprites: PackedImages) -> Tensor:
    """Return white sprites (B, 3, 64, 64) on noise: each value one of 256 equally likely ones."""
    noise = outputs(seeds_of(seed, positions), 3 * SIDE * SIDE // 8).view(-1, 3, SIDE, SIDE // 8)
    noise |= sprites[positions].view(torch.int64)  # min(sprite + noise, 1), for sprites of 0 and 1
    return noise.view(torch.uint8)


def screaming(seed: int, positions: Tensor, sprites: PackedImages, picture: Tensor) -> Tensor:
    """Return sprites (B, 3, 64, 64) that invert a patch of `picture` (3, H, W) uint8.

    A patch is a random crop, averaged with one random colour from U(0, 1)^3. As in
    disentanglement_lib, the last row and the last column of the picture are never reached.
    """
    bits = outputs(seeds_of(seed, positions), 5)
    top, left = (below(bits[:, i], picture.shape[1 + i] - SIDE) for i in range(2))
    crops = picture.unfold(1, SIDE, 1).unfold(2, SIDE, 1)[:, top, left].transpose(0, 1)
    # In 64ths of a grey level, which is as fine as 16 bits hold a sum of two.
    colours = (below(bits[:, 2:], 1 << 16) * (255 * 64) + (1 << 15)) >> 16
    patches = crops.to(torch.int16).mul_(64).add_(colours.to(torch.int16)[:, :, None, None])
    return patches.add_(64).bitwise_right_shift_(7).to(torch.uint8) ^ sprites[positions]


def read_picture(path: Path) -> Tensor:
    """Return the thumbnail (3, H, W) uint8 of a JPEG, at most 350 pixels wide and 274 high.

    Raises:
        InputError: if it is no JPEG, is damaged or oversized, or leaves no room for crops of 64.
    """
    from PIL import Image

    try:
        with catch_warnings():
            simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=["JPEG"]) as file:
                file.thumbnail(_THUMBNAIL)
                picture = np.array(file.convert("RGB"))
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise InputError(
            f"{path} is too large for a picture ({error}); delete it and get it from {_ADDRESS}"
        ) from error
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read as a JPEG ({error}); delete it and get it again from {_ADDRESS}"
        ) from error
    if min(picture.shape[:2]) <= SIDE:
        height, width = picture.shape[:2]
        raise InputError(
            f"{path} gives a thumbnail of {width} x {height} pixels, too small for random crops of "
            f"64 x 64; delete it and get the picture from {_ADDRESS}"
        )
    return torch.from_numpy(picture).permute(2, 0, 1).contiguous()


# No digest of it was ever published, and the file at this address has been replaced over time.
SCREAM = DataFile(
    "scream.jpg",
    (_ADDRESS,),
    folders=("scream",),
    check=read_picture,
)


def _load(
    name: str,
    look: Callable[..., Tensor],
    source: str = "auto",
    download: bool = False,
    look_seed: int = 0,
) -> ImageDataset:
    """Return dSprites with looks: 737,280 images (3, 64, 64) with the factors of dSprites.

    Args:
        name: the name in the registry.
        look: what composes a batch.
        source: "real", "twin" or "auto": which dSprites lie below, as for dsprites.
        download: get published files first that are not here.
        look_seed: which colours, noise or crops, >= 0.

    Raises:
        InputError: if a file is damaged, or wanted and missing, or the seed is no integer >= 0.

    Source:
        Locatello et al. (2019), arXiv:1811.12359, and disentanglement_lib's ground truth data.
    """
    if isinstance(look_seed, bool) or not isinstance(look_seed, int) or not 0 <= look_seed < 2**63:
        raise InputError(f"expected look_seed to be an integer >= 0, got {look_seed!r}")
    parts, version = (), f"{name.replace('_', '-')} {VERSION} (look_seed {look_seed})"
    if look is screaming:
        (path,) = all_found(name, (SCREAM,), download, "put the picture there yourself")
        parts = (read_picture(path),)
        version += f" with {file_digest(path)[:12]}"
    base = dsprites.load(source, download)
    digest = f"{version} on {base.digest}"
    return replace(
        base,
        name=name,
        images=DrawnImages(partial(look, look_seed), (base.images, *parts), (len(base), *_SHAPE)),
        digest=digest if base.is_twin else hashlib.sha256(digest.encode()).hexdigest(),
        note=f"{name.split('_')[0].capitalize()} {base.note}" if base.is_twin else "",
    )


_COMPOSED = (
    f"a published picture; sprites from published files, else drawn by replearn ({DSPRITES.drawn})"
)


def _declare(name: str, look: Callable[..., Tensor]) -> Declaration:
    scream = look is screaming
    return Declaration(
        name,
        partial(_load, name, look),
        n_images=DSPRITES.n_images,
        image_shape=_SHAPE,
        source="Locatello et al. 2019",
        factor_space=DSPRITES.factor_space,
        files=(SCREAM,) if scream else DSPRITES.files,
        any_file=not scream,
        drawn="" if scream else f"{name.replace('_', '-')} {VERSION}, on {DSPRITES.drawn}",
        composed=_COMPOSED if scream else "",
        below=DSPRITES if scream else None,
        kept="" if scream else DSPRITES.kept,
        terms="public domain (the painting)" if scream else DSPRITES.terms,
    )


COLOR_DSPRITES = _declare("color_dsprites", coloured)
NOISY_DSPRITES = _declare("noisy_dsprites", noisy)
SCREAM_DSPRITES = _declare("scream_dsprites", screaming)
