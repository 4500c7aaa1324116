"""The data sets: `python -m dataset list`, `show NAME`, `get NAME`; makes no run."""

import argparse
import sys
from pathlib import Path
from typing import NoReturn

import numpy as np

from replearn.dataset import DECLARATIONS, ImageDataset, load
from replearn.dataset.declaration import Declaration
from replearn.errors import InputError
from replearn.paths import results_folder
from replearn.registry import lookup

_COLUMNS = 12  # images in a row of a picture


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; see `python -m dataset --help`")


def main(argv: list[str]) -> int:
    """Run one command and return its exit code: 0, or 1 after a sentence on what is wrong."""
    parser = _Parser("python -m dataset", description=__doc__)
    parser.add_argument("command", metavar="list|show|get")
    parser.add_argument("name", nargs="?", help="a data set")
    parser.add_argument("--twin", action="store_true", help="get: draw the twin, download nothing")
    commands = {"list": _list, "show": _show, "get": _get}
    try:
        args = parser.parse_args(argv)
        command = lookup(commands, args.command, "command")
        if command is _list:
            _list()
        elif args.name is None:
            raise InputError(
                f"`{args.command}` needs the name of a data set: {', '.join(DECLARATIONS)}"
            )
        else:
            declaration = lookup(DECLARATIONS, args.name, "data set")
            _get(declaration, args.twin) if command is _get else _show(declaration)
    except InputError as error:
        print(f"python -m dataset: {error}", file=sys.stderr)
        return 1
    return 0


def _list() -> None:
    rows = [("name", "images", "shape", "factors or classes", "is it here?")]
    for d in DECLARATIONS.values():
        shape = "x".join(map(str, d.image_shape))
        rows.append((d.name, f"{d.n_images:,}", shape, d.targets, d.whereabouts()))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        print("  ".join(cells).rstrip())


def _get(declaration: Declaration, twin: bool) -> None:
    """Download what is missing of a data set, or draw it, and say what came of it."""
    if twin:
        if not (declaration.drawn and declaration.files):
            raise InputError(f"{declaration.name} has no twin; leave --twin out")
        dataset = declaration.load(source="twin")
    else:
        try:
            if not declaration.any_file:
                for file in declaration.files:
                    file.find() or file.download()
            dataset = declaration.load(**({"download": True} if declaration.files else {}))
        except InputError as error:
            if not (declaration.drawn and declaration.files):
                raise
            again = f"python -m dataset get {declaration.name} --twin"
            raise InputError(f"{error}; or draw the twin with `{again}`") from error
    here = declaration.whereabouts()
    print(f"{declaration.name}: {len(dataset):,} images, {_kind(dataset)}; {here}")


def _show(declaration: Declaration) -> None:
    """Print the factors or classes of a data set and draw its images."""
    dataset = load(declaration.name)
    print(f"{dataset.name}: {len(dataset):,} images {dataset.image_shape}, {_kind(dataset)}")
    if dataset.note:
        print(dataset.note)
    if dataset.factor_space is not None:
        space = dataset.factor_space
        for name, size, values in zip(space.names, space.sizes, space.values, strict=True):
            print(f"  {name:<12} {size:>3} values  {values[0]:g} … {values[-1]:g}")
    else:
        for label, name in enumerate(dataset.class_names):
            print(f"  {label:>3} {name}")
    print(_draw(dataset, results_folder() / "datasets" / f"{dataset.name}.png"))


def _kind(dataset: ImageDataset) -> str:
    return (
        f"a twin ({dataset.digest})"
        if dataset.is_twin
        else f"published (sha256 {dataset.digest[:12]}…)"
    )


def rows_of_images(dataset: ImageDataset) -> list[tuple[str, list[int]]]:
    """Return titled rows of image indices: samples, then one sweep per factor or row per class."""
    rng = np.random.default_rng(0)
    rows = [("samples", rng.integers(0, len(dataset), _COLUMNS).tolist()) for _ in range(2)]
    if dataset.factor_space is not None:
        space = dataset.factor_space
        middle = np.array(space.sizes) // 2
        for k, (name, size) in enumerate(zip(space.names, space.sizes, strict=True)):
            values = np.unique(np.linspace(0, size - 1, _COLUMNS).round().astype(int))
            sweep = np.tile(middle, (len(values), 1))
            sweep[:, k] = values
            rows.append((name, space.index(sweep).tolist()))
    elif dataset.labels is not None:
        for label, name in enumerate(dataset.class_names):
            rows.append((name, np.flatnonzero(dataset.labels == label)[:_COLUMNS].tolist()))
    return rows


def _draw(dataset: ImageDataset, path: Path) -> Path:
    """Write a picture of the data set: a caption and one row of images per title."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib.figure import Figure

    rows = rows_of_images(dataset)
    width, height = _COLUMNS * 0.7 + 1.2, len(rows) * 0.75 + 0.5  # inches
    figure = Figure(figsize=(width, height))
    figure.subplots_adjust(1.1 / width, 0.1 / height, 0.99, 1 - 0.4 / height, hspace=0.05)
    axes = figure.subplots(len(rows), 1, squeeze=False)[:, 0]
    for axis, (title, index) in zip(axes, rows, strict=True):
        images = dataset.batch(index).permute(0, 2, 3, 1).numpy()
        images = np.pad(images, ((0, 0), (0, 0), (0, 1), (0, 0)), constant_values=1)  # a gap
        side, step = images.shape[1:3]
        strip = np.ones((side, _COLUMNS * step, 3))
        strip[:, : len(images) * step] = np.concatenate(list(images), axis=1)
        axis.imshow(strip, interpolation="nearest")
        axis.set_ylabel(title, rotation=0, ha="right", va="center", fontsize=8)
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
    figure.suptitle(dataset.note or dataset.name, fontsize=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    return path


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
