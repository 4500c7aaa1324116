"""Activations of named layers on a fixed set of images: the representations of a network."""

import dataclasses
import hashlib
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from replearn.errors import InputError, nearest
from replearn.registry import lookup

# Images pass in batches of this many, however they come: sampling noise and the last bits of
# float32 depend on the batch, and a cached activation must not.
BATCH = 250


def flatten(features: Tensor) -> Tensor:
    """Return (B, ...) as (B, D), all features side by side."""
    return features.flatten(1) if features.ndim > 1 else features[:, None]


def spatial_mean(features: Tensor) -> Tensor:
    """Return (B, C, H, W) as (B, C), its mean over the positions; (B, D) as it is."""
    return flatten(features.mean(dim=(2, 3)) if features.ndim == 4 else features)


def positions(features: Tensor) -> Tensor:
    """Return (B, C, H, W) as (B H W, C), each position an input; others as `flatten`."""
    return features.movedim(1, -1).flatten(0, 2) if features.ndim == 4 else flatten(features)


POOLINGS: dict[str, Callable[[Tensor], Tensor]] = {
    "flatten": flatten,
    "mean": spatial_mean,
    "positions": positions,
}
LATENTS = ("mean", "sample")


def activations(
    model: nn.Module,
    layers: Sequence[str],
    batches: Iterable[Tensor],
    *,
    pooling: str = "flatten",
    latent: str = "mean",
    noise_seed: int = 0,
) -> dict[str, Tensor]:
    """Return the activations (N, D) of each layer, float32 on the CPU, in the order of `layers`.

    With pooling "positions" those of feature maps are (N H W, C), image by image.

    The model runs in evaluation mode without gradients on its own device, which never holds more
    than a batch of activations; its modes are restored and its hooks removed, also on an error.

    Args:
        model: takes images (B, C, H, W) and returns a tensor or a dataclass of tensors.
        layers: names of `model.named_modules()`, fields of its output, or `input`.
        batches: the N images in batches of any size.
        pooling: "flatten", "mean" over the positions of feature maps, or "positions": each of
            them is an input of its own.
        latent: what a model with a latent sample decodes: its "mean", or a "sample" with noise
            from `noise_seed`, the same for the same images and latent size in every model.
        noise_seed: seed of that noise.

    Raises:
        InputError: if a layer is unknown, gives no tensor with one row for each image, or runs
            twice in a pass; if an option is unknown; or if there are no images.
    """
    pool = lookup(POOLINGS, pooling, "pooling")
    if latent not in LATENTS:
        raise InputError(f"unknown latent {latent!r}; {nearest(latent, LATENTS)}")
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    options: dict[str, Any] = {}
    if latent == "sample":
        options["generator"] = torch.Generator(device).manual_seed(noise_seed)
    with _Recorder(model, layers, pool) as recorder, torch.no_grad():
        for images in _rebatched(batches, BATCH):
            images = images.to(device, torch.float32)
            recorder.expect(len(images))
            recorder.record(images, model(images, **options))
    return recorder.collected()


def stream_activations(
    model: nn.Module,
    layers: Sequence[str],
    make_batches: Callable[[], Iterable[Tensor]],
    *,
    memory_gib: float = 1.0,
    **options: Any,
) -> Iterator[tuple[str, Tensor]]:
    """Yield (layer, activations), holding no more layers at once than fit into `memory_gib`.

    All layers of a convolutional VAE on 2,000 images are 0.9 GB; those that do not fit together
    are recorded in several passes over the images.

    Args:
        make_batches: returns a new iterator over the images for each pass.
        options: `pooling`, `latent` and `noise_seed` of `activations`.

    Raises:
        InputError: as `activations`.
    """
    if not layers:
        return
    first = next(iter(make_batches()), None)
    if first is None or len(first) == 0:
        raise InputError("there are no images to record activations of.")
    n = sum(len(images) for images in make_batches())
    trial = activations(model, layers, [first[:2]], **options)
    sizes = {layer: 4 * n * x.numel() // len(first[:2]) for layer, x in trial.items()}
    group: list[str] = []
    for layer in trial:
        # Joining the batches of a layer holds it twice.
        if group and 2 * sum(sizes[one] for one in [*group, layer]) > memory_gib * 2**30:
            yield from _emptied(activations(model, group, make_batches(), **options))
            group = []
        group.append(layer)
    yield from _emptied(activations(model, group, make_batches(), **options))


def probe_indices(
    n_images: int, n_probe: int = 1000, seed: int = 0, among: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """Return the sorted indices of `n_probe` images, drawn without replacement.

    Args:
        n_images: number of images of the data set.
        n_probe: number of images of the probe set.
        seed: of the draw; the same data set and seed give the same probe set to every model.
        among: the indices to draw from, all by default.

    Raises:
        InputError: if there are fewer images.
    """
    pool = np.arange(n_images) if among is None else np.sort(np.asarray(among))
    if not 1 <= n_probe <= len(pool):
        raise InputError(
            f"expected a probe set of 1 to {len(pool)} images, got {n_probe}; the data has no more."
        )
    return np.sort(np.random.default_rng(seed).choice(pool, n_probe, replace=False))


def fingerprint(batches: Iterable[Tensor]) -> str:
    """Return the sha256 of the images as they enter the model, whatever their batches.

    Raises:
        InputError: if there are no images.
    """
    digest, n, kind = hashlib.sha256(), 0, None
    for images in batches:
        if kind is None:
            kind = (images.dtype, tuple(images.shape[1:]))
            digest.update(f"{kind}".encode())
        digest.update(images.detach().cpu().contiguous().numpy().reshape(-1).data)
        n += len(images)
    if n == 0:
        raise InputError("there are no images to take the fingerprint of.")
    digest.update(f"{n}".encode())
    return digest.hexdigest()


def code_version(model: nn.Module) -> str:
    """Return the sha256 of all code that makes the activations of `model`.

    It covers this file, the source files of the model's classes, its structure as torch prints
    it, and torch's version. A constant that someone must remember to raise would, forgotten,
    serve activations of other code; a comment that changes this hash costs one recomputation.
    """
    parts = [Path(__file__).read_bytes(), repr(model).encode(), torch.__version__.encode()]
    modules = {type(module).__module__ for module in model.modules()}
    for name in sorted(m for m in modules if m.split(".")[0] != "torch"):
        try:
            parts.append(inspect.getsource(sys.modules[name]).encode())
        except (OSError, TypeError):
            # A class made in a notebook has no file; its name and structure must do.
            parts.append(name.encode())
    return hashlib.sha256(b"\0".join(hashlib.sha256(p).digest() for p in parts)).hexdigest()


class _Recorder:
    """Hooks on a model that keep the output of its layers, pooled, on the CPU."""

    def __init__(self, model: nn.Module, layers: Sequence[str], pool: Callable[[Tensor], Tensor]):
        self._model, self._pool = model, pool
        self._modules = {name: m for name, m in model.named_modules() if name}
        self._layers = list(dict.fromkeys(layers))
        self._kept: dict[str, list[Tensor]] = {name: [] for name in self._layers}
        self._passes, self._n = 0, 0

    def __enter__(self) -> "_Recorder":
        self._modes = [(module, module.training) for module in self._model.modules()]
        self._model.eval()
        self._hooks = [
            self._modules[name].register_forward_hook(self._hook(name))
            for name in self._layers
            if name in self._modules
        ]
        return self

    def __exit__(self, *_: object) -> None:
        for hook in self._hooks:
            hook.remove()
        for module, training in self._modes:
            module.training = training

    def expect(self, n: int) -> None:
        """Take note of how many images pass next."""
        self._n = n

    def record(self, images: Tensor, output: object) -> None:
        """Keep what the hooks do not see: the images and the fields of the output."""
        self._passes += 1
        fields = {"input": images}
        if dataclasses.is_dataclass(output):
            fields |= {f.name: getattr(output, f.name) for f in dataclasses.fields(output)}
        for name in self._layers:
            if name not in self._modules:
                if name not in fields:
                    choices = [*fields, *self._modules]
                    raise InputError(
                        f"{type(self._model).__name__} has no layer {name!r}; "
                        f"{nearest(name, choices)}"
                    )
                self._keep(name, fields[name])
            kept = self._kept[name]
            if len(kept) != self._passes:
                times = len(kept) - self._passes + 1
                raise InputError(
                    f"layer {name!r} runs {times} times in a pass, expected once; "
                    "choose the layer before or after it."
                )

    def collected(self) -> dict[str, Tensor]:
        """Return all rows of each layer, (N, D)."""
        if self._passes == 0:
            raise InputError("there are no images to record activations of.")
        out = {}
        for name in self._layers:
            out[name] = torch.cat(self._kept.pop(name))
        return out

    def _hook(self, name: str) -> Callable[[nn.Module, Any, Any], None]:
        return lambda module, args, output: self._keep(name, output)

    def _keep(self, name: str, output: object) -> None:
        if not isinstance(output, Tensor) or output.ndim == 0:
            raise InputError(
                f"layer {name!r} gives a {type(output).__name__}, expected a tensor with one row "
                "for each image; choose a layer inside it."
            )
        if len(output) != self._n:
            raise InputError(
                f"layer {name!r} gives {len(output)} rows for {self._n} images; choose a layer "
                "with one row for each image."
            )
        # A copy, as a later in-place operation would change what was kept.
        pooled = self._pool(output.detach())
        self._kept[name].append(pooled.to("cpu", torch.float32, copy=True))


def _rebatched(batches: Iterable[Tensor], size: int) -> Iterator[Tensor]:
    """Yield the same images in batches of `size`, the last one smaller."""
    held: list[Tensor] = []
    count = 0
    for images in batches:
        while len(images):
            part = images[: size - count]
            images = images[len(part) :]
            held.append(part)
            count += len(part)
            if count == size:
                yield torch.cat(held) if len(held) > 1 else held[0]
                held, count = [], 0
    if held:
        yield torch.cat(held) if len(held) > 1 else held[0]


def _emptied(recorded: dict[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    while recorded:
        name = next(iter(recorded))
        yield name, recorded.pop(name)
