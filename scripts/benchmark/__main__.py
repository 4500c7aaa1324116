"""Measure what the docs state, and write it there: bin/benchmark [--quick] [PART …]."""

import argparse
import os
import platform
import re
import sys
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

from replearn.errors import InputError, nearest
from replearn.paths import root
from tables import markdown

DATABASE = "replearn_benchmark"


def training_part(quick: bool) -> str:
    """Tracked training against a bare loop, and where a step's time goes."""
    from benchmark.training import PARTS, tracked_against_bare

    rows = []
    for encoder in ("burgess", "kim"):
        found = tracked_against_bare(encoder, 60 if quick else 300)
        tracking = found["tracked"] - found["bare"]
        rows.append(
            (encoder, f"{found['ratio']:.3f}", f"{found['ratio_of_totals']:.3f}",
             *(f"{found[part]:.2f}" for part in PARTS), f"{tracking:.2f}", f"{found['bare']:.1f}")
        )  # fmt: skip
    head = ("model", "speed of bare (median of turns)", "of totals", *(f"{p}, ms" for p in PARTS),
            "tracking, ms", "bare step, ms")  # fmt: skip
    return markdown(head, rows)


def precision_part(quick: bool) -> str:
    """bfloat16 against float32: speed, and the held-out loss it reaches."""
    from benchmark.training import bf16_speed, final_losses
    from replearn.analysis.statistics import student_interval

    rows = []
    for encoder in ("burgess", "kim"):
        found = bf16_speed(encoder, 40 if quick else 200)
        rows.append(
            (encoder, f"{found['fp32']:.1f}", f"{found['bf16']:.1f}", f"{found['ratio']:.2f}")
        )
    text = markdown(("model", "fp32, ms a step", "bf16, ms a step", "speed-up"), rows)
    if quick:
        return text
    steps = 300
    losses = final_losses("burgess", steps, range(3))
    shown = {name: student_interval(values) for name, values in losses.items()}
    rows = [
        (name, *(f"{v:.1f}" for v in losses[name]), f"{i.mean:.1f} ± {i.half_width or 0:.1f}")
        for name, i in shown.items()
    ]
    head = ("precision", "seed 0", "seed 1", "seed 2", "mean ± 95 % interval")
    return f"{text}\n\nHeld-out loss (nats) of burgess, β = 4, after {steps} steps:\n\n" + markdown(
        head, rows
    )


def startup_part(quick: bool) -> str:
    """Start-up until the first step against the imports alone."""
    from benchmark.startup import start_up

    found = start_up(2 if quick else 5)
    rows = [(name, f"{seconds:.2f}") for name, seconds in found["phases"].items()]
    return (
        f"Imports alone {found['alone']:.2f} s, until the first step {found['until']:.2f} s: "
        f"**{found['ratio']:.2f} ×**.\n\n" + markdown(("phase", "s"), rows)
    )


def queries_part(quick: bool) -> str:
    """Queries over 1,000 finished runs, beside incense on the same database."""
    from benchmark.queries import compare, make_runs
    from replearn.runs.database import open_database

    database = open_database()
    database.client.drop_database(DATABASE)
    make_runs(database, 100 if quick else 1000)
    try:
        rows = [(what, f"{n:,}", f"{seconds:.3f}") for what, n, seconds in compare(database)]
    finally:
        database.client.drop_database(DATABASE)
    return markdown(("query", "runs", "s, best of 3"), rows)


def datasets_part(quick: bool) -> str:
    """What loading, batches and memory of each data set cost."""
    from benchmark.datasets import cost_of, cost_of_stand_in
    from benchmark.published import STAND_INS
    from replearn.dataset import DECLARATIONS
    from replearn.dataset.declaration import readable

    seconds, rows, absent = 0.2 if quick else 2, [], []
    for name, declaration in sorted(DECLARATIONS.items()):
        said, size, found = f"`{name}`", declaration.size_on_disk(), cost_of(name, seconds)
        if found is None and name in STAND_INS and (name == "mpi3d_real" or not quick):
            said, size, found = f"`{name}` *", 0, cost_of_stand_in(name, seconds)
        if found is None:
            absent.append(said)
            continue
        # Holes are read from no disk.
        rate = "" if said == "`mpi3d_real` *" else f"{found['rate']:,.0f}"
        rows.append(
            (said, readable(size) if size else "", f"{found['load']:.2f}",
             f"{1000 * found['first']:.1f}", rate, readable(int(max(0, found["memory"]))))
        )  # fmt: skip
    head = ("data set", "on disk", "load, s", "first batch, ms", "images a second", "grows by")
    rest = "\n\n\\* in files of the published format and number of images, not the published ones."
    if absent:
        rest += f"\n\nNot measured, since their files were not at hand: {', '.join(absent)}."
    return markdown(head, rows) + rest


def sweeps_part(quick: bool) -> str:
    """What 100 tiny runs cost, and planning 1,000."""
    from benchmark.sweeps import sweeps_text

    return sweeps_text(quick)


def scale_part(quick: bool) -> str:
    """What 200 observers take at once, and 10,000 runs on 200 GPUs."""
    from benchmark.scale import scale_text

    return scale_text(quick)


def similarity_part(quick: bool) -> str:
    """What comparing representations costs, of the peak, of other libraries, of memory."""
    from benchmark.similarity import similarity_text

    return similarity_text(quick)


def composition_part(quick: bool) -> str:
    """What triples of the composition task cost, and their share of a training step."""
    from benchmark.composition import composition_text

    return composition_text(quick)


def disentanglement_part(quick: bool) -> str:
    """What disentanglement metrics cost, and DCI's trees beside scikit-learn's."""
    from benchmark.disentanglement import disentanglement_text

    return disentanglement_text(quick)


PARTS: dict[str, Callable[[bool], str]] = {
    "training": training_part,
    "precision": precision_part,
    "startup": startup_part,
    "queries": queries_part,
    "datasets": datasets_part,
    "sweeps": sweeps_part,
    "scale": scale_part,
    "similarity": similarity_part,
    "composition": composition_part,
    "disentanglement": disentanglement_part,
}
# Of the docs; other parts stand in benchmarks.md.
PAGES = {"datasets": "datasets.md", "scale": "scale.md"}


def main(argv: Sequence[str]) -> int:
    """Run the parts, write them into the docs (not with --quick); return the exit code."""
    parser = argparse.ArgumentParser(prog="bin/benchmark", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small, printed only")
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    args = parser.parse_args(argv)
    os.environ["MONGO_DB"] = DATABASE
    try:
        for name in args.parts or PARTS:
            if name not in PARTS:
                raise InputError(f"unknown part {name!r}; {nearest(name, PARTS)}")
            result = PARTS[name](args.quick)
            print(f"\n{PARTS[name].__doc__}\n\n{result}\n", flush=True)
            if not args.quick:
                write(root() / "docs" / PAGES.get(name, "benchmarks.md"), name, result)
    except InputError as error:
        print(f"bin/benchmark: {error}", file=sys.stderr)
        return 1
    return 0


def write(page: Path, part: str, result: str) -> None:
    """Put a part's result, its machine and its date into the page, between its markers."""
    about = f"{machine()}, load {os.getloadavg()[2]:.1f}, {date.today()}."
    block = f"<!-- measured: {part} -->\n{result}\n\n{about}\n<!-- end -->"
    pattern = rf"<!-- measured: {part} -->\n.*?<!-- end -->"
    page.write_text(re.sub(pattern, lambda _: block, page.read_text(), flags=re.DOTALL))


def machine() -> str:
    """Return the processor, its cores, and the versions that numbers depend on."""
    import torch

    about = Path("/proc/cpuinfo")
    lines = about.read_text().splitlines() if about.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if "model name" in line)
    cpu = next(named, platform.processor())
    return f"{cpu}, {os.cpu_count()} cores, torch {torch.__version__}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
