"""What comparing representations costs: `python -m benchmark.similarity [--quick]`, in one thread.

All times are seconds of CPU of one thread, the best of a few: on a quiet machine they are those of
the clock, and on a shared one they can still be compared. The peak of the processor is measured
before and after each number that is divided by it.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmark import published_similarity as published
from replearn.analysis.similarity import MEASURES, compare, compare_all
from replearn.analysis.similarity.arithmetic import Arithmetic
from replearn.analysis.similarity.gram import Gram
from replearn.analysis.similarity.inner import inner_products, tile_operations
from replearn.analysis.similarity.representation import prepare
from replearn.paths import root
from tables import markdown

LINEAR = ["cka_linear", "cka_debiased"]
SLOW = ("imd", "rtd")
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def similarity_text(quick: bool) -> str:
    """Return the tables, measured in a process of one thread."""
    command = [sys.executable, "-m", "benchmark.similarity", *(["--quick"] if quick else [])]
    environment = os.environ | dict.fromkeys(ONE_THREAD, "1")
    done = subprocess.run(
        command, cwd=root() / "scripts", env=environment, text=True, stdout=subprocess.PIPE
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}")
    return done.stdout.strip()


def seconds(function: Callable[[], Any], times: int = 1) -> float:
    """Return the least CPU seconds that it took."""
    found = []
    for _ in range(times):
        start = time.process_time()
        function()
        found.append(time.process_time() - start)
    return max(min(found), 1e-6)


def peak(precision: str, size: int) -> float:
    """Return the operations a second of a large square matrix product."""
    a = np.random.default_rng(0).standard_normal((size, size)).astype(precision)
    return 2.0 * size**3 / seconds(lambda: a @ a[::-1], 3)


def layers(m: int, n: int, d: int) -> dict[str, np.ndarray]:
    """Return `m` random layers (n, d) of ReLUs that see the same 32 latent variables."""
    rng = np.random.default_rng(0)
    z = rng.standard_normal((n, 32), np.float32)
    return {str(k): _layer(rng, z, d) for k in range(m)}


def _layer(rng: np.random.Generator, z: np.ndarray, d: int) -> np.ndarray:
    noise = rng.standard_normal((len(z), d), np.float32)
    return np.maximum(z @ rng.standard_normal((z.shape[1], d), np.float32) + noise, 0)


def linear_family(quick: bool) -> str:
    """CKA against the time of its matrix products."""
    n, d, size = (200, 24, 256) if quick else (2000, 256, 2048)
    rows = []
    for m, precision, errors in (
        (20, "float64", False),
        (20, "float64", True),
        (100, "float64", False),
        (20, "float32", False),
        (100, "float32", False),
    ):
        x = layers(m, n, d)
        before = peak(precision, size)
        took = seconds(
            lambda x=x, p=precision, e=errors: compare_all(
                x, LINEAR, precision=p, standard_errors=e
            ),
            3,
        )
        best = max(before, peak(precision, size))
        kernels = [prepare(one).kernel for one in x.values()]
        work = tile_operations(kernels, kernels) + m * n * d**2
        if errors:  # each row with all others, of all pairs, twice
            work += n**2 * (2 * d * m + 2 * m**2)
        rows.append(
            (f"{m}", precision, "with errors" if errors else "", f"{took:.2f}", f"{work / 1e9:.0f}",
             f"{best / 1e9:.0f}", f"{took * best / work:.2f}", f"{100 * work / best / took:.0f} %")
        )  # fmt: skip
    head = ("layers", "precision", "", "s", "10⁹ operations", "peak, 10⁹/s",
            "of the products' time", "share of peak")  # fmt: skip
    first, with_errors = float(rows[0][3]), float(rows[1][3])
    x = layers(20, n, d)
    family = [name for name, measure in MEASURES.items() if "linear" in measure.groups]
    single = sum(seconds(lambda name=name: compare(x["0"], x["1"], name), 3) for name in family)
    together = seconds(lambda: compare_all(x, family), 2)
    return (
        f"Linear and debiased CKA of all pairs of layers, n = {n:,}, d = {d}.\n\n"
        + markdown(head, rows)
        + f"\n\nWith standard errors {with_errors / first:.1f} × the time without. All "
        f"{len(family)} measures of the linear family together, 190 pairs: {together:.1f} s, "
        f"**{190 * single / together:.0f} ×** faster than `compare` pair by pair "
        "(one pair measured, times 190)."
    )


def resi_set(quick: bool) -> str:
    """Each measure of the ReSi benchmark: all pairs, one by one, published functions, float32."""
    m, n, d = (4, 100, 12) if quick else (20, 2000, 256)
    x = layers(m, n, d)
    pairs = m * (m - 1) // 2
    names = [
        name for name, measure in MEASURES.items()
        if ("resi" in measure.groups or name in ("cka_debiased", "cca_mean", "cca_r2"))
        and name not in SLOW and measure.input_kind == "activations"
    ]  # fmt: skip
    fast = [name for name in names if MEASURES[name].float32]
    exact = compare_all(x, fast).values
    single = compare_all(x, fast, precision="float32").values
    functions = published.functions()
    rows, totals = [], [0.0, 0.0]
    for name in names:
        compare(x["0"], x["1"], name)  # imports
        one = seconds(lambda name=name: compare(x["0"], x["1"], name), 2)
        whole = seconds(lambda name=name: compare_all(x, name))
        totals = [totals[0] + whole, totals[1] + pairs * one]
        error = f"{np.abs(exact[name] - single[name]).max():.0e}" if name in fast else ""
        theirs = []
        for whose, function in functions.get(name, {}).items():
            took = seconds(lambda call=function.call: call(list(x.values())))
            took *= 1 if function.all_pairs else pairs
            theirs.append(f"{whose} {took / whole:,.0f} ×")
        rows.append(
            (f"`{name}`", f"{whole:.2f}", f"{pairs * one / whole:.1f} ×", ", ".join(theirs), error)
        )
    rows.append(("all", f"{totals[0]:.1f}", f"{totals[1] / totals[0]:.1f} ×", "", ""))
    head = ("measure", f"{pairs} pairs, s", "`compare`, one by one", "published", "float32 differs")
    return (
        f"Each measure of the ReSi benchmark but IMD and RTD, and three more, for itself: {m} "
        f"layers, n = {n:,}, d = {d}, float64. The ratios are one measured pair times {pairs}, "
        "over ours.\n\n"
        + markdown(head, rows)
        + f"\n\n{published.about(functions)} Measures without a number in the last column stay in "
        "float64: the angle and the distances of what is nearly equal would be off by 1e-4."
    )


def streaming(quick: bool) -> str:
    """CKA of memory-mapped layers, in a process of its own."""
    m, n, d = (12, 100, 16) if quick else (1000, 2000, 256)
    code = f"from benchmark.streaming import report; report({m}, {n}, {d})"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root() / "scripts", text=True, stdout=subprocess.PIPE,
        check=True,
    )  # fmt: skip
    return done.stdout.strip()


# Features of the 15 distinct layers of a published VAE of images with 3 channels.
WIDTHS = (12288, 32768, 8192, 4096, 1024, 256, 10, 10, 10, 256, 1024, 4096, 8192, 32768, 12288)
SAVED = sum(WIDTHS) + 1024 + 1024 + 12288  # as published, three are there twice
CHECKPOINTS, DATA_SETS = 500, 3  # of each data set
PUBLISHED_PAIRS = 155_250  # of checkpoints, of each data set


def grid(quick: bool) -> str:
    """What the published grid of VAEs would cost, from kernels measured here."""
    n, d, m = (200, 256, 8) if quick else (2000, 8192, 40)
    wide = _layer(np.random.default_rng(0), np.ones((n, 1), np.float32), d)

    def ready(x: np.ndarray) -> Gram:
        return prepare(x, coordinates=False, precision="float32").kernel

    reading = seconds(lambda: ready(wide), 2) / (n**2 * d)
    kernels = [ready(wide[:, k : k + n + 1]) for k in range(m)]
    pair = seconds(lambda: inner_products(kernels, kernels, Arithmetic("float32"), 2**29), 2)
    pair /= n**2 * m * (m + 1) / 2
    rate = peak("float32", n)
    rows = []
    for inputs in (2000, 10000):
        read = DATA_SETS * CHECKPOINTS * reading * inputs**2 * sum(WIDTHS)
        layers_of_one = CHECKPOINTS * len(WIDTHS)
        compared = DATA_SETS * pair * inputs**2 * layers_of_one * (layers_of_one + 1) / 2
        # Both Gram matrices of all layers anew for each pair of checkpoints, then three products.
        once = 2.0 * 2 * inputs**2 * SAVED + 18**2 * 3 * 2.0 * inputs**2
        theirs = DATA_SETS * PUBLISHED_PAIRS * once / rate
        rows.append(
            (f"{inputs:,}", _long(read), _long(compared), _long(read + compared), _long(theirs),
             f"{theirs / (read + compared):,.0f} ×")
        )  # fmt: skip
    head = ("inputs", "Gram matrices", "all pairs", "together", "as published", "ratio")
    return (
        "The published grid, CKA in float32: 1,500 checkpoints × 15 layers, all pairs within a "
        "data set. Estimated, one thread, without training and reading: ours from Gram matrices "
        f"({1e-9 / reading:.0f} × 10⁹ entries times features a second) and inner products "
        f"({1e-9 / pair:.0f} × 10⁹ entries a second) measured here, the published procedure "
        "(Gram matrices of 18 layers anew for each of 465,750 pairs of checkpoints) from its "
        "operations at the peak of this processor.\n\n" + markdown(head, rows)
    )


def _long(duration: float) -> str:
    for unit, size in (("years", 31557600), ("days", 86400), ("h", 3600), ("min", 60)):
        if duration >= 2 * size:
            return f"{duration / size:,.1f} {unit}"
    return f"{duration:.1f} s"


def main(quick: bool) -> None:
    """Print the tables."""
    parts = (linear_family, resi_set, grid, streaming)
    for part in parts:
        print(f"{part(quick)}\n", flush=True)


if __name__ == "__main__":
    main("--quick" in sys.argv[1:])
