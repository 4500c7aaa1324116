"""Functions of published libraries for the same measures, where they are installed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

Layers = list[np.ndarray]


@dataclass(frozen=True)
class Published:
    """A function of a library: of the first two of some layers, or of all pairs of them."""

    call: Callable[[Layers], Any]
    all_pairs: bool = False


# Of a module, the package to install.
PACKAGES = {
    "rsatoolbox": "rsatoolbox",
    "dcor": "dcor",
    "cka": "pytorch-cka",
    "ckatorch": "ckatorch",
    "torch_cka": "torch-cka",
}


def functions() -> Mapping[str, Mapping[str, Published]]:
    """Return by measure, and by package, what is installed."""
    found: dict[str, dict[str, Published]] = {}
    for module, package in PACKAGES.items():
        if find_spec(module) is None:
            continue
        for measure, function in _OF[module]().items():
            found.setdefault(measure, {})[package] = function
    return found


def about(found: Mapping[str, Mapping[str, Published]]) -> str:
    """Return a sentence on what the column of published functions is of."""
    there = sorted({package for own in found.values() for package in own})
    missing = sorted(set(PACKAGES.values()) - set(there))
    said = ""
    if there:
        said = (
            f"Published functions: {', '.join(there)}; in one thread and float64, but torch-cka, "
            "which knows float32 alone. rsatoolbox compares all pairs by itself; of the others one "
            "pair was measured, of dcor as four halves of the inputs, since it holds n² d numbers."
        )
    if missing:
        said += f" Not measured, since not installed (pip install …): {', '.join(missing)}."
    return said.strip()


def _rsatoolbox() -> dict[str, Published]:
    data, rdm = import_module("rsatoolbox.data"), import_module("rsatoolbox.rdm")

    def by(distance: str, method: str) -> Published:
        def values(layers: Layers) -> Any:
            sets = [data.Dataset(x.astype(np.float64)) for x in layers]
            found = rdm.calc_rdm(sets, method=distance)
            return rdm.compare(found, found, method=method)

        return Published(values, all_pairs=True)

    return {
        "cka_linear": by("euclidean", "cosine_cov"),
        "rsa": by("correlation", "spearman"),
    }


def _dcor() -> dict[str, Published]:
    dcor = import_module("dcor")

    def value(layers: Layers) -> Any:
        x, y = (layer[: len(layer) // 2].astype(np.float64) for layer in layers[:2])
        return [dcor.distance_correlation(x, y) for _ in range(4)]

    return {"distance_correlation": Published(value)}


def _cka() -> dict[str, Published]:
    cka = import_module("cka")
    return {"cka_debiased": Published(lambda layers: cka.cka_from_features(*_tensors(layers)))}


def _ckatorch() -> dict[str, Published]:
    core = import_module("ckatorch")
    return {
        name: Published(lambda x, u=unbiased: core.cka_base(*_tensors(x), unbiased=u))
        for name, unbiased in (("cka_linear", False), ("cka_debiased", True))
    }


def _torch_cka() -> dict[str, Published]:
    made = import_module("torch_cka").CKA
    whole = object.__new__(made)  # its function of two Gram matrices needs no network
    whole.device = "cpu"

    def value(layers: Layers) -> Any:
        k, m = (x.float() @ x.float().T for x in _tensors(layers))
        for one in (k, m):
            one.fill_diagonal_(0.0)
        cross = whole._HSIC(k, m)
        return cross / (whole._HSIC(k, k) * whole._HSIC(m, m)) ** 0.5

    return {"cka_debiased": Published(value)}


def _tensors(layers: Layers) -> list[Any]:
    torch = import_module("torch")
    return [torch.from_numpy(x).double() for x in layers[:2]]


_OF: dict[str, Callable[[], dict[str, Published]]] = {
    "rsatoolbox": _rsatoolbox,
    "dcor": _dcor,
    "cka": _cka,
    "ckatorch": _ckatorch,
    "torch_cka": _torch_cka,
}
