"""Activations kept in results/cache under the hash of everything that they depend on."""

import hashlib
import json
import os
import secrets
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from replearn.analysis.activations import code_version, stream_activations
from replearn.analysis.similarity.representation import ConstantError, compact
from replearn.paths import results_folder

# Raised when what is stored under one key changes its meaning.
_FORMAT = 1


def content_key(**parts: str | int | float | bool) -> str:
    """Return the sha256 of named parts, in any order."""
    text = json.dumps({"format": _FORMAT, **parts}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def content_of(tensor: Tensor, probe: str | None = None) -> str:
    """Return the key of a tensor that no network made, of the inputs with this fingerprint."""
    about = {} if probe is None else {"probe": probe}
    return content_key(values=_digest(tensor), shape=str(tuple(tensor.shape)), **about)


class TensorCache:
    """A folder of tensors by content key; any number of processes may share it.

    An entry is written beside its place and renamed into it, so that it is there whole or not at
    all; two processes that make the same one write the same. It carries the sha256 of its values:
    a damaged entry is made again, with a warning.

    Args:
        folder: where the entries lie, results/cache by default.
    """

    def __init__(self, folder: Path | None = None):
        self.folder = Path(folder) if folder is not None else results_folder() / "cache"

    def get(self, key: str) -> Tensor | None:
        """Return the tensor stored under `key`, or None if there is none that is intact."""
        path = self._path(key)
        try:
            with safe_open(path, framework="pt") as file:
                digest = (file.metadata() or {}).get("sha256")
                tensor = file.get_tensor("tensor")
        except FileNotFoundError:
            return None
        except (SafetensorError, OSError) as error:
            self._forget(path, str(error))
            return None
        if digest != _digest(tensor):
            self._forget(path, "other bytes than were written")
            return None
        return tensor

    def __contains__(self, key: str) -> bool:
        """Say whether something is stored under `key`; whether it is intact, `get` finds out."""
        return self._path(key).is_file()

    def stored_bytes(self, key: str) -> int:
        """Return how large what is stored under `key` is, 0 if there is nothing."""
        try:
            return self._path(key).stat().st_size
        except FileNotFoundError:
            return 0

    def probe(self, key: str) -> str | None:
        """Return the fingerprint of the inputs that an entry belongs to, None if it says none."""
        try:
            with safe_open(self._path(key), framework="pt") as file:
                return (file.metadata() or {}).get("probe")
        except (SafetensorError, OSError):
            return None  # `get` says what is wrong

    def keep(self, tensor: Tensor, probe: str | None = None) -> str:
        """Store a tensor that no network made, such as labels, by its content; return its key."""
        key = content_of(tensor, probe)
        if key not in self:
            self.put(key, tensor, probe)
        return key

    def put(self, key: str, tensor: Tensor, probe: str | None = None) -> None:
        """Store `tensor` under `key`; if the disk is full, warn and store nothing.

        `probe` is the fingerprint of the inputs that its rows belong to.
        """
        path = self._path(key)
        partial = path.with_name(f".{key}.{os.getpid()}.{secrets.token_hex(4)}.partial")
        tensor = tensor.detach().cpu().contiguous()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            about = {} if probe is None else {"probe": probe}
            save_file({"tensor": tensor}, partial, {"sha256": _digest(tensor), **about})
            os.replace(partial, path)
        except (SafetensorError, OSError) as error:
            warnings.warn(f"activations were not cached in {path.parent}: {error}", stacklevel=2)
        finally:
            partial.unlink(missing_ok=True)

    def get_or_make(self, key: str, make: Callable[[], Tensor]) -> Tensor:
        """Return the tensor stored under `key`, made and stored first if it is not there."""
        tensor = self.get(key)
        if tensor is None:
            tensor = make()
            self.put(key, tensor)
        return tensor

    def size(self) -> tuple[int, int]:
        """Return the number of entries and their bytes."""
        sizes = []
        for path in self.folder.glob("*/*.safetensors"):
            try:
                sizes.append(path.stat().st_size)
            except FileNotFoundError:
                continue
        return len(sizes), sum(sizes)

    def __str__(self) -> str:
        entries, total = self.size()
        return f"{self.folder}: {entries} entries, {total / 1e6:,.0f} MB"

    def _forget(self, path: Path, why: str) -> None:
        warnings.warn(
            f"the cached activations {path} are damaged ({why}) and made again.", stacklevel=3
        )
        path.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.safetensors"


def representation_keys(
    layers: Sequence[str],
    *,
    checkpoint: str,
    probe: str,
    version: str,
    reduced: bool = True,
    pooling: str = "flatten",
    latent: str = "mean",
    noise_seed: int = 0,
) -> dict[str, str]:
    """Return by layer the key under which `cached_representations` of the same options keeps it."""
    noise = {"noise_seed": noise_seed} if latent == "sample" else {}
    return {
        layer: content_key(
            checkpoint=checkpoint,
            layer=layer,
            probe=probe,
            pooling=pooling,
            latent=latent,
            dtype="float32",
            reduced=reduced,
            code=version,
            **noise,
        )
        for layer in layers
    }


def cached_representations(
    model: nn.Module | Callable[[], nn.Module],
    layers: Sequence[str],
    make_batches: Callable[[], Iterable[Tensor]],
    *,
    checkpoint: str,
    probe: str,
    version: str | None = None,
    cache: TensorCache | None = None,
    reduced: bool = True,
    pooling: str = "flatten",
    latent: str = "mean",
    noise_seed: int = 0,
    memory_gib: float = 1.0,
    name: Callable[[str], str] = "layer {!r}".format,
) -> Iterator[tuple[str, Tensor]]:
    """Yield (layer, representation): those in the cache, then the others, made and stored.

    Args:
        model: with the weights of `checkpoint`; or a function that loads it, called only if a
            layer is missing (then `version` must be given).
        layers: as in `activations`.
        make_batches: returns a new iterator over the probe images.
        checkpoint: sha256 of the weights.
        probe: `fingerprint` of the probe images.
        version: `code_version` of the model, computed if not given.
        cache: where they are kept, results/cache by default.
        reduced: give a layer with more features than images as coordinates (N, r < N), float64,
            with the same centred Gram matrix: all that similarity needs, 16 times smaller.
        pooling, latent, noise_seed, memory_gib: as in `stream_activations`.
        name: what a sentence calls a layer.

    Raises:
        InputError: as `activations`, and as `compact` if `reduced`.
        ValueError: if `model` is a function and `version` is not given.
    """
    if version is None:
        if not isinstance(model, nn.Module):
            raise ValueError("a model that is loaded on demand needs its code version")
        version = code_version(model)
    cache = cache or TensorCache()
    keys = representation_keys(
        layers,
        checkpoint=checkpoint,
        probe=probe,
        version=version,
        reduced=reduced,
        pooling=pooling,
        latent=latent,
        noise_seed=noise_seed,
    )
    missing = []
    for layer, key in keys.items():
        tensor = cache.get(key)
        if tensor is None:
            missing.append(layer)
        else:
            yield layer, tensor
    if not missing:
        return
    fresh = stream_activations(
        model if isinstance(model, nn.Module) else model(),
        missing,
        make_batches,
        memory_gib=memory_gib,
        pooling=pooling,
        latent=latent,
        noise_seed=noise_seed,
    )
    for layer, tensor in fresh:
        if reduced and tensor.shape[1] > tensor.shape[0]:
            tensor = _coordinates(tensor, name(layer))
        cache.put(keys[layer], tensor, probe)
        yield layer, tensor


def _coordinates(tensor: Tensor, name: str) -> Tensor:
    try:
        return torch.from_numpy(compact(tensor, name))
    except ConstantError:
        # One constant column says the same; what compares it will say so.
        return torch.zeros(len(tensor), 1, dtype=torch.float64)


def _digest(tensor: Tensor) -> str:
    return hashlib.sha256(tensor.contiguous().numpy().reshape(-1).data).hexdigest()
