"""What data sets cost: loading, the first batch, batches a second, memory; a process for each."""

import json
import os
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from replearn.dataset import DECLARATIONS
from replearn.paths import root

MEASURE = """
import json, sys, time
import numpy as np
import torch
from replearn.dataset import load

name, seconds = sys.argv[1], float(sys.argv[2])

def anonymous():
    lines = open("/proc/self/status").read().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("RssAnon"))

torch.set_num_threads(1)  # on a machine that others use, threads would wait for each other
torch.zeros(64, 3, 64, 64).float().div_(255)  # what torch itself takes
before, start = anonymous(), time.perf_counter()
data = load(name)
loaded = time.perf_counter()
rng = np.random.default_rng(0)
batch = lambda: data.batch(rng.integers(0, len(data), 64))
batch()
first = time.perf_counter()
times = [first]
while times[-1] < first + seconds or len(times) < 4:
    batch()
    times.append(time.perf_counter())
rate = 64 / np.median(np.diff(times))  # other processes slow some batches down
print(json.dumps({"load": loaded - start, "first": first - loaded, "rate": rate,
                  "memory": anonymous() - before}))
"""


def cost_of(name: str, seconds: float, data: Path | None = None) -> dict[str, float] | None:
    """Return what loading and batches of a data set cost, or None if its files are not here.

    Args:
        name: a data set.
        seconds: for how long random batches of 64 are taken.
        data: a folder in place of $REPLEARN_DATA, which has its files.

    Returns:
        "load" and "first" (seconds), "rate" (images a second), "memory" (bytes of anonymous memory
        that the process grew by).
    """
    if data is None and "missing" in DECLARATIONS[name].whereabouts():
        return None
    prepare = f"from replearn.dataset import load; load({name!r})"  # files checked, converted
    _python(data, prepare)
    return json.loads(_python(data, MEASURE, name, str(seconds)).splitlines()[-1])


def cost_of_mpi3d(seconds: float) -> dict[str, float]:
    """Return what `mpi3d_real` costs from a file of its format and size in which all is a hole.

    Batches of it read nothing from a disk, so "rate" says nothing of the published file.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder) / "mpi3d_real.npz"
        _write_holes(path, (DECLARATIONS["mpi3d_real"].n_images, 64, 64, 3))
        stat, (file,) = path.stat(), DECLARATIONS["mpi3d_real"].files
        known = {"size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "md5": file.md5}
        path.with_name(f"{path.name}.digest.json").write_text(json.dumps(known))
        found = cost_of("mpi3d_real", seconds, Path(folder))
    return found or {}


def _write_holes(path: Path, shape: tuple[int, ...]) -> None:
    """Write what numpy.savez would write of zeros, without taking space for them."""
    header = BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": shape}
    )
    member = zipfile.ZipInfo("images.npy")
    member.file_size = member.compress_size = header.tell() + int(np.prod(shape))
    member.CRC = member.header_offset = 0  # nothing reads all of it
    with zipfile.ZipFile(path, "w") as archive, open(path, "r+b") as file:
        file.write(member.FileHeader(zip64=True) + header.getvalue())
        archive.filelist.append(member)
        archive.start_dir, archive._didModify = file.tell() + int(np.prod(shape)), True  # type: ignore[attr-defined]


def _python(data: Path | None, code: str, *argv: str) -> str:
    place = {"REPLEARN_DATA": str(data)} if data else {}
    done = subprocess.run(
        [sys.executable, "-c", code, *argv], cwd=root(), capture_output=True, text=True,
        env={**os.environ, **place},
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout
