"""What the docs say of the data sets, as Markdown, without loading an image."""

from collections.abc import Collection, Iterable, Sequence

from replearn.dataset.declaration import Declaration, readable
from replearn.dataset.files import DataFile
from replearn.dataset.splits import COMBINED, CONDITIONS, FAMILIES, MODIFIERS, SPLITS


def dataset_table(declarations: Iterable[Declaration]) -> str:
    """Return the data sets: sizes, factors or classes, where images come from, terms."""
    rows = []
    for d in _by_name(declarations):
        shape = "×".join(map(str, d.image_shape))
        terms = d.terms or ("none stated" if d.files else "those of replearn")
        rows.append((f"`{d.name}`", f"{d.n_images:,}", shape, d.targets, d.origin, d.source, terms))
    head = ("name", "images", "shape (C, H, W)", "factors or classes", "images come from")
    return _table((*head, "source", "terms"), rows)


def value_table(declarations: Iterable[Declaration]) -> str:
    """Return the factors whose values have names, with the names in their order."""
    found: dict[tuple[str, str], list[str]] = {}
    for d in _by_name(declarations):
        named = d.factor_space.value_names if d.factor_space is not None else {}
        for factor, names in named.items():
            found.setdefault((f"`{factor}`", ", ".join(names)), []).append(f"`{d.name}`")
    rows = [(", ".join(names), *row) for row, names in found.items()]
    return _table(("data sets", "factor", "values 0, 1, …"), rows)


def file_table(declarations: Iterable[Declaration]) -> str:
    """Return the published files: of which data sets, size, kind of checksum."""
    rows = []
    for file, names in _files(declarations):
        link = f"[{file.name}]({file.urls[0]})" if file.urls else f"{file.name} (no address)"
        size = readable(file.size) if file.size else "not known"
        rows.append((names, link, size, file.checksum))
    return _table(("data set", "file", "size", "checksum"), rows)


def digest_table(declarations: Iterable[Declaration]) -> str:
    """Return the published files with their folders and digests."""
    rows = []
    for file, names in _files(declarations):
        folders = ", ".join(f"`{folder}`" for folder in file.folders)
        kinds = {"sha256": file.sha256, "md5": file.md5, "git blob": file.git_sha1}
        kinds["sha256 of its content"] = file.content_sha256
        digests = ", ".join(f"{kind} `{digest}`" for kind, digest in kinds.items() if digest)
        rows.append((names, f"`{file.name}` ({folders})", digests or "none published"))
    return _table(("data set", "file (sub-folders)", "digests"), rows)


def picture_section(declarations: Iterable[Declaration], drawn: Collection[str]) -> str:
    """Return a picture of each data set, from the folder datasets/ beside the page.

    Args:
        declarations: of all data sets.
        drawn: names of those that have a picture.
    """
    parts = []
    for d in _by_name(declarations):
        about = "No picture: its files were not at hand."
        if d.name in drawn:
            about = f"![samples of {d.name}](datasets/{d.name}.png)"
        parts.append(f"**{d.name}**\n\n{about}")
    return "\n\n".join(parts)


def condition_table() -> str:
    """Return the kinds of published hold-outs."""
    return _table(("`dataset.condition`", "what is excluded"), _code_first(CONDITIONS.items()))


def split_section() -> str:
    """Return the published hold-outs and their modifiers, a heading for each family of data."""
    parts = []
    for family, conditions in SPLITS.items():
        names = ", ".join(f"`{name}`" for name, own in FAMILIES.items() if own == family)
        rows = [
            (f"`{condition}`", f"`{variant}`", split.doc, f"`{split.test}`" + (
                f", trained on `{split.train}`" if split.train else ""
            ), *(f"{count:,}" for count in split.counts))
            for condition, variants in conditions.items()
            for variant, split in variants.items()
        ]  # fmt: skip
        head = ("condition", "variant", "what is excluded", "expression", "train", "test")
        parts.append(f"### {names}\n{_table(head, rows)}")
        if modifiers := MODIFIERS[family]:
            rows = [(f"`{n}`", m.doc, f"`{m.keep}`", f"{m.count:,}") for n, m in modifiers.items()]
            parts.append(_table(("modifier", "what is kept", "expression", "images"), rows))
    return "\n".join(parts)


def combined_table() -> str:
    """Return the hold-outs with modifiers that the papers have."""
    rows = [
        (*(f"`{name}`" for name in (family, condition, variant)),
         ", ".join(f"`{name}`" for name in modifiers), *(f"{count:,}" for count in counts))
        for (family, condition, variant, modifiers), counts in COMBINED.items()
    ]  # fmt: skip
    return _table(("data", "condition", "variant", "modifiers", "train", "test"), rows)


def _code_first(rows: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(f"`{name}`", about) for name, about in rows]


def _by_name(declarations: Iterable[Declaration]) -> list[Declaration]:
    return sorted(declarations, key=lambda d: d.name)


def _files(declarations: Iterable[Declaration]) -> list[tuple[DataFile, str]]:
    """Return every file once, with the names of the data sets that are made from it."""
    found: dict[DataFile, list[str]] = {}
    for d in _by_name(declarations):
        for file in d.files:
            found.setdefault(file, []).append(f"`{d.name}`")
    return [(file, ", ".join(names)) for file, names in found.items()]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in lines) + "\n"
