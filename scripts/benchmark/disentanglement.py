"""What disentanglement metrics cost, and DCI's trees against scikit-learn's, in seconds of CPU."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from replearn.analysis.disentanglement import DCI, dci, explicitness, irs, mig, modularity, sap
from replearn.paths import root
from tables import markdown

CHEAP: dict[str, Callable[..., Any]] = {
    "MIG": mig,
    "modularity": modularity,
    "SAP (squared correlation)": sap,
    "IRS": irs,
    "explicitness": explicitness,
}


def mixture() -> dict[str, np.ndarray]:
    """Return codes of ten latents that all mix the five factors of dSprites, and the factors.

    The ones that tests compare with disentanglement_lib: 10,000 to fit, 5,000 held out.
    """
    with np.load(root() / "tests" / "golden" / "disentanglement.npz") as golden:
        sizes, noise, mixing = (golden[key] for key in ("factor_sizes", "noise_table", "mixing"))
        factors = {part: golden[f"factors_{part}"].astype(np.int64) for part in ("train", "test")}
    found = {}
    for part, values in factors.items():
        row = (np.ravel_multi_index(tuple(values.T), sizes) * 2654435761) % 2**32 >> 20
        standard = (values - (sizes - 1) / 2) / np.sqrt((sizes**2 - 1) / 12)
        found |= {f"codes_{part}": standard @ mixing + 0.1 * noise[row], f"factors_{part}": values}
    return found


def disentanglement_text(quick: bool) -> str:
    """Return the tables."""
    data = mixture()
    n = 1000 if quick else 10_000
    x, f = data["codes_train"][:n], data["factors_train"][:n]
    took = {name: seconds(lambda m=m: m(x, f), 3)[0] for name, m in CHEAP.items()}
    rows = [(name, f"{each:.2f}") for name, each in took.items()]
    cheap = sum(list(took.values())[:3])
    text = (
        f"{n:,} points of ten latents and five factors; MIG, modularity and SAP together take "
        f"{cheap:.2f} s.\n\n" + markdown(("metric", "s, best of 3"), rows)
    )
    rows = []
    for n, factors in ((300, 2),) if quick else ((1000, 5), (10_000, 5)):
        fast = trees(data, n, factors, "fast")
        reference = trees(data, n, factors, "reference")
        for name, (took, found) in {"reference": reference, "fast": fast}.items():
            rows.append((f"{n:,}", name, *(f"{score:.3f}" for score in _scores(found)),
                         f"{took:.1f}", f"{reference[0] / took:.1f}"))  # fmt: skip
    head = ("points", "method", "D", "C", "I", "s", "times faster")
    return f"{text}\n\nDCI of a mixture of {factors} factors:\n\n{markdown(head, rows)}"


def trees(data: dict[str, np.ndarray], n: int, k: int, method: str) -> tuple[float, DCI]:
    """Return how long DCI of `n` points and `k` factors takes, and what it finds."""
    given = (
        data[f"{kind}_{part}"][: n if part == "train" else n // 2]
        for part in ("train", "test")
        for kind in ("codes", "factors")
    )
    x, f, x_test, f_test = given
    return seconds(lambda: dci(x, f[:, :k], x_test, f_test[:, :k], method=method), 1)


def seconds(function: Callable[[], Any], times: int) -> tuple[float, Any]:
    """Return the least CPU seconds that it took, and what it returned."""
    took, found = [], None
    for _ in range(times):
        start = time.process_time()
        found = function()
        took.append(time.process_time() - start)
    return max(min(took), 1e-6), found


def _scores(found: DCI) -> tuple[float, float, float]:
    return found.disentanglement, found.completeness, found.informativeness
