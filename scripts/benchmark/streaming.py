"""CKA of layers in a memory-mapped file, and the memory that it takes."""

import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from replearn.analysis.similarity import compare_all

MEMORY_GIB = 1.5


class Mapped(Mapping[str, np.ndarray]):
    """The layers of one file (M, n, d), mapped when asked for."""

    def __init__(self, path: Path, m: int):
        self._path, self._m = path, m

    def __getitem__(self, label: str) -> np.ndarray:
        return np.load(self._path, mmap_mode="r")[int(label)]

    def __iter__(self) -> Iterator[str]:
        return map(str, range(self._m))

    def __len__(self) -> int:
        return self._m


def write(path: Path, m: int, n: int, d: int) -> None:
    """Write random layers of ReLUs that see the same 32 latent variables, in float32."""
    rng = np.random.default_rng(0)
    z = rng.standard_normal((n, 32), np.float32)
    out = np.lib.format.open_memmap(path, "w+", np.float32, (m, n, d))
    for k in range(m):
        mixed = z @ rng.standard_normal((32, d), np.float32)
        out[k] = np.maximum(mixed + rng.standard_normal((n, d), np.float32), 0)
    out.flush()


def anonymous() -> int:
    """Return the bytes of this process that are in memory and no file's."""
    status = Path("/proc/self/status").read_text().splitlines()
    line = next(line for line in status if line.startswith("RssAnon"))
    return 1024 * int(line.split()[1])


def report(m: int, n: int, d: int) -> None:
    """Compare, and print a sentence."""
    most, over = 0, threading.Event()

    def watch() -> None:
        nonlocal most
        while not over.wait(0.05):
            most = max(most, anonymous())

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "layers.npy"
        write(path, m, n, d)
        size = path.stat().st_size
        watcher = threading.Thread(target=watch)
        watcher.start()
        start, clock = time.process_time(), time.perf_counter()
        found = compare_all(
            Mapped(path, m), "cka_debiased", precision="float32", memory_gib=MEMORY_GIB
        )
        took, clock = time.process_time() - start, time.perf_counter() - clock
        over.set()
        watcher.join()
    most = max(most, anonymous())
    least = found.values["cka_debiased"].min()  # NaN if any is
    print(
        f"Debiased CKA of {m:,} layers (n = {n:,}, d = {d}) in a memory-mapped file of "
        f"{size / 1e9:.2f} GB, all {m * (m - 1) // 2:,} pairs in float32 with "
        f"`memory_gib={MEMORY_GIB}`: {took:.0f} s of CPU, {clock:.0f} s, and at most "
        f"**{most / 1e9:.2f} GB** of anonymous memory (smallest value {least:.2f})."
    )
