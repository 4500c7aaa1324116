"""The data sets: `python -m dataset list`, `at-hand NAME...`, `show NAME`, `get NAME`; no runs."""

import argparse
import sys
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from replearn.dataset import DATASETS, DECLARATIONS, ImageDataset, load
from replearn.dataset.declaration import Declaration, readable
from replearn.dataset.preview import rows_of_images
from replearn.dataset.splits import FAMILIES, MODIFIERS, SPLITS
from replearn.errors import InputError
from replearn.paths import results_folder
from replearn.registry import lookup, parameters

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_NATIVE = 170  # dots per inch at which a picture of 64 x 64 images has their own pixels
_LARGEST = 60_000  # bytes of a picture in the docs
_PART_IS_HERE = {"cifar10": {"source": "subset"}}  # genuine images, to show them by


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; see `python -m dataset --help`")


def main(argv: list[str]) -> int:
    """Run one command and return its exit code: 0, or 1 after a sentence on what is wrong."""
    parser = _Parser("python -m dataset", description=__doc__)
    parser.add_argument("command", metavar="list|at-hand|show|get")
    parser.add_argument("name", nargs="?", help="a data set; at-hand: or several")
    parser.add_argument("options", nargs="*", metavar="KEY=VALUE", help="of its loader: n=100")
    parser.add_argument("--twin", action="store_true", help="get: drawn images, no published ones")
    commands = {"list": _list, "at-hand": _at_hand, "show": _show, "get": _get}
    try:
        args = parser.parse_intermixed_args(argv)
        command = lookup(commands, args.command, "command")
        if command is _list:
            _list()
        elif args.name is None:
            raise InputError(
                f"`{args.command}` needs the name of a data set: {', '.join(DECLARATIONS)}"
            )
        else:
            names = [args.name, *(args.options if command is _at_hand else [])]
            declaration, *others = (lookup(DECLARATIONS, name, "data set") for name in names)
            if command is _at_hand:
                _at_hand(declaration, *others)
                return 0
            options = dict(map(_option, args.options))
            if command is _get:
                _get(declaration, args.twin, options)
            else:
                _show(declaration, options)
    except InputError as error:
        print(f"python -m dataset: {error}", file=sys.stderr)
        return 1
    return 0


def _option(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals:
        raise InputError(f"expected options of the form KEY=VALUE, such as n=100, got {text!r}")
    from replearn.runs.config import parse_value

    return key, parse_value(value)


def _list() -> None:
    rows = [("name", "images", "shape", "factors or classes", "on disk", "is it here?")]
    for d in DECLARATIONS.values():
        shape = "x".join(map(str, d.image_shape))
        size = d.size_on_disk()
        rows.append(
            (d.name, f"{d.n_images:,}", shape, d.targets, readable(size) if size else "-",
             d.whereabouts())
        )  # fmt: skip
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        print("  ".join(cells).rstrip())


def _at_hand(*declarations: Declaration) -> None:
    """Print a line `NAME published|twin|missing` for each data set, for scripts."""
    for declaration in declarations:
        print(declaration.name, declaration.at_hand)


def _get(declaration: Declaration, twin: bool, options: dict[str, Any]) -> None:
    """Download what is missing of a data set, or draw it, and say what came of it."""
    name = declaration.name
    if twin and not (declaration.drawn or declaration.composed):
        raise InputError(f"{name} has no twin; leave --twin out")
    given = {"source": "twin"} if twin else {}
    taken = parameters(DATASETS[name])
    more = {k: v for k, v in (given | {"download": True}).items() if k in taken}
    try:
        dataset = load(name, **options | more)  # it knows which files its options need
    except InputError as error:
        if twin or not (declaration.drawn and declaration.files):
            raise
        again = f"python -m dataset get {name} --twin"
        raise InputError(f"{error}; or draw the twin with `{again}`") from error
    place, size = declaration.whereabouts(), declaration.size_on_disk()
    said = [_kind(dataset), *([] if "missing" in place else [place])]
    said += [readable(size)] if size else []
    print(f"{name}: {len(dataset):,} images, {'; '.join(said)}")
    if dataset.note:
        print(f"  {dataset.note}")
    for file in declaration.files:
        with suppress(InputError):  # files that these options do not need may be damaged
            if (path := file.find()) is not None:
                print(f"  {path}: {file.verification}")


def _show(declaration: Declaration, options: dict[str, Any]) -> None:
    """Print the factors and classes of a data set and draw its images."""
    from replearn.analysis.figures.style import save_figure

    dataset = load(declaration.name, **options)
    print(f"{dataset.name}: {len(dataset):,} images {dataset.image_shape}, {_kind(dataset)}")
    if dataset.note:
        print(dataset.note)
    for line in factor_lines(dataset):
        print(line)
    for line in split_lines(dataset.name):
        print(line)
    for label, name in enumerate(dataset.class_names):
        count = "" if dataset.labels is None else f"{(dataset.labels == label).sum():>8,} images"
        print(f"  {label:>3} {name:<20} {count}")
    print(save_figure(picture(dataset), results_folder() / "datasets", dataset.name)[1])


def factor_lines(dataset: ImageDataset) -> list[str]:
    """Return a line for each factor: its name, how many values, and which."""
    if dataset.factor_space is None or dataset.factors is None:
        return []
    space, lines = dataset.factor_space, []
    width = max(12, *map(len, space.names))
    for k, (name, size) in enumerate(zip(space.names, space.sizes, strict=True)):
        shown = space.named_values(k)
        said = ", ".join(shown) if size <= 6 else f"{shown[0]} … {shown[-1]}"
        if size == 2 and not dataset.is_grid:
            said += f"   {dataset.factors[:, k].mean():.1%} of the images have it"
        lines.append(f"  {name:<{width}} {size:>3} values  {said}")
    return lines


def split_lines(name: str) -> list[str]:
    """Return a line for each published hold-out of a data set, and for each modifier."""
    if (family := FAMILIES.get(name)) is None:
        return []
    rows = [("condition", "variant", "train", "test", "what is excluded, of all combinations")]
    for condition, variants in SPLITS[family].items():
        for variant, split in variants.items():
            train, test = split.counts
            rows.append((condition, variant, f"{train:,}", f"{test:,}", split.doc))
    for modifier, keep in MODIFIERS[family].items():
        rows.append(("modifier", modifier, f"{keep.count:,}", "", keep.doc))
    width = max(len(row[1]) for row in rows)
    return [f"  {c:<9}  {v:<{width}}  {n:>9}  {m:>7}  {doc}" for c, v, n, m, doc in rows]


def _kind(dataset: ImageDataset) -> str:
    if not dataset.is_twin:
        return f"published (sha256 {dataset.digest[:12]}…)"
    stands_in = "a twin, " if DECLARATIONS[dataset.name].files else ""
    return f"{stands_in}drawn by replearn ({dataset.digest})"


def picture(dataset: ImageDataset, samples: int = 2, most: int | None = None) -> "Figure":
    """Return a figure of a data set: rows of samples and of each factor's values, or classes.

    Args:
        dataset: whose images; only those in the figure are fetched.
        samples: rows of random samples.
        most: rows at most; None for all.
    """
    from replearn.analysis.figures.images import image_grid
    from replearn.analysis.figures.style import add_caption

    titles, rows = zip(*rows_of_images(dataset, samples)[:most], strict=True)
    figure = image_grid([dataset.batch(index).numpy() for index in rows], titles)
    return add_caption(figure, dataset.note or dataset.name)


def draw_for_docs(declaration: Declaration, folder: Path) -> str:
    """Write a small picture of a data set that is here, NAME.png, and say so."""
    from PIL import Image

    try:
        dataset = load(declaration.name, **_PART_IS_HERE.get(declaration.name, {}))
    except InputError:
        return f"{declaration.name}: no picture, it is {declaration.whereabouts()}"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{declaration.name}.png"
    # All sweeps if they are small enough, else the first five; noise does not get small.
    for rows, colours in ((None, 0), (None, 256), (6, 0), (6, 256), (4, 256), (2, 64), (1, 32)):
        content = BytesIO()
        figure = picture(dataset, samples=1, most=rows)
        figure.savefig(content, format="png", dpi=_NATIVE, metadata={"Software": None})
        if colours:
            whole = Image.open(content).convert("RGB")
            content = BytesIO()
            whole.quantize(colours).save(content, "png", optimize=True)
        if content.tell() <= _LARGEST:
            break
    path.write_bytes(content.getvalue())
    return f"{declaration.name}: {path} ({readable(path.stat().st_size)})"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
