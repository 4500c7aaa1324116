"""One self-contained HTML page per analysis: figures, tables, config, source runs."""

import base64
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from io import BytesIO
from pathlib import Path

from replearn.analysis.files import check_name, write_whole
from replearn.analysis.table_text import html_table
from replearn.analysis.tables import Against, Column, Group
from replearn.errors import InputError

# Omniboard shows no artifact above 5 MB.
LIMIT = 5_000_000
_STYLE = """
* { box-sizing: border-box; }
body { margin: 2rem auto; max-width: 62rem; padding: 0 1.25rem; color: #222; background: #fff;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; }
h2 { font-size: 1.1rem; margin: 2.25rem 0 .6rem; padding-bottom: .25rem;
  border-bottom: 1px solid #ddd; }
p.subtitle { color: #666; margin: 0 0 1rem; }
nav { font-size: .9rem; }
nav a { margin-right: 1rem; }
a { color: #0059a8; }
figure { margin: 1rem 0; overflow-x: auto; }
figure img { max-width: 100%; height: auto; border: 1px solid #eee; padding: .4rem; }
figcaption, caption, small { color: #666; font-size: .85rem; }
caption { text-align: left; padding: .4rem 0; }
div.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; margin: .75rem 0; border-top: 2px solid #333;
  border-bottom: 2px solid #333; }
caption { caption-side: bottom; }
th, td { text-align: left; padding: .25rem .8rem .25rem .2rem; vertical-align: top; }
thead th { border-bottom: 1px solid #333; font-weight: 600; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums;
  white-space: nowrap; }
td.number small { white-space: normal; }
table.values { border-color: #bbb; border-width: 1px; }
table.values th { font-weight: 400; color: #555; }
code { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: .88em; }
footer { margin-top: 3rem; color: #888; font-size: .8rem; }
@media print { body { max-width: none; margin: 0; } figure { break-inside: avoid; } }
""".strip()


@dataclass(frozen=True)
class Text:
    """A paragraph of plain text."""

    text: str


@dataclass(frozen=True)
class Picture:
    """A PNG file or its bytes, with the caption below it, which is also its text for readers."""

    png: Path | str | bytes
    caption: str = ""


@dataclass(frozen=True)
class Scores:
    """A table of scores over seeds, as `replearn.analysis.table_text.html_table`."""

    groups: Sequence[Group]
    columns: Sequence[Column]
    caption: str = ""
    note: str = ""
    against: Against | None = None


@dataclass(frozen=True)
class Values:
    """Names and values, such as a config: nested ones are shown as a.b.c."""

    values: Mapping[str, object]


@dataclass(frozen=True)
class SourceRuns:
    """The runs that the analysis read: id -> what it is; each row is the target of #run-<id>.

    `links` may give, for an id, the path of a page relative to the report.
    """

    runs: Mapping[int, str]
    links: Mapping[int, str] | None = None


Block = Text | Picture | Scores | Values | SourceRuns


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it."""

    title: str
    blocks: Sequence[Block]


def write_report(
    folder: str | Path,
    title: str,
    sections: Sequence[Section],
    subtitle: str = "",
    name: str = "report.html",
    limit: int = LIMIT,
) -> Path:
    """Write the page `name` into `folder`, whole or not at all, and return its path.

    The page has no script, loads nothing, and forbids both to itself; every text is escaped, and
    "run 12" in a text links to the row of that run. Pictures shrink where the page would be above
    `limit` bytes. Equal input gives equal bytes.

    Raises:
        InputError: if the name is not flat and lower case, a picture is no PNG, a link is not a
            relative path, or the page cannot be brought under the limit.
    """
    check_name(name)
    known = {run for s in sections for b in s.blocks if isinstance(b, SourceRuns) for run in b.runs}
    pictures = [b for s in sections for b in s.blocks if isinstance(b, Picture)]
    pngs = [_read(picture) for picture in pictures]
    text = len(_page(title, subtitle, sections, known, [b""] * len(pngs)).encode())
    images = _shrink(pngs, limit - text)
    page = _page(title, subtitle, sections, known, images)
    return write_whole(Path(folder) / name, page)


def _page(
    title: str, subtitle: str, sections: Sequence[Section], known: set[int], images: list[bytes]
) -> str:
    remaining = iter(images)
    parts = []
    for number, section in enumerate(sections):
        parts.append(f'<section id="section-{number}"><h2>{escape(section.title)}</h2>')
        parts += [_block(block, known, remaining) for block in section.blocks]
        parts.append("</section>")
    links = [
        f'<a href="#section-{number}">{escape(section.title)}</a>'
        for number, section in enumerate(sections)
    ]
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>",
            f"<style>{_STYLE}</style></head><body>",
            f"<h1>{escape(title)}</h1>",
            *([f'<p class="subtitle">{_linked(subtitle, known)}</p>'] if subtitle else []),
            *([f"<nav>{''.join(links)}</nav>"] if len(links) > 1 else []),
            *parts,
            "<footer>Written by replearn.</footer>",
            "</body></html>",
            "",
        ]
    )


def _block(block: Block, known: set[int], images: Iterator[bytes]) -> str:
    if isinstance(block, Text):
        return f"<p>{_linked(block.text, known)}</p>"
    if isinstance(block, Picture):
        data = base64.b64encode(next(images)).decode()
        return (
            f'<figure><img width="{_shown_width(block)}" alt="{escape(block.caption)}" '
            f'src="data:image/png;base64,{data}">'
            f"<figcaption>{_linked(block.caption, known)}</figcaption></figure>"
        )
    if isinstance(block, Scores):
        table = html_table(block.groups, block.columns, block.caption, block.note, block.against)
        return f'<div class="wide">{table}</div>'
    if isinstance(block, Values):
        rows = [
            f"<tr><th><code>{escape(name)}</code></th><td><code>{escape(value)}</code></td></tr>"
            for name, value in _flat(block.values)
        ]
        return f'<div class="wide"><table class="values">{"".join(rows)}</table></div>'
    links = block.links or {}
    rows = []
    for run, words in block.runs.items():
        name = f"run {int(run)}"
        if run in links:
            name = f'<a href="{escape(_relative(links[run]))}">{name}</a>'
        rows.append(f'<tr id="run-{int(run)}"><td>{name}</td><td>{escape(words)}</td></tr>')
    return f'<div class="wide"><table class="values">{"".join(rows)}</table></div>'


def _linked(text: str, known: set[int]) -> str:
    """Escape `text`, and make "run 12" a link to its row where the page has one."""

    def link(match: re.Match[str]) -> str:
        run = int(match[1])
        return f'<a href="#run-{run}">{match[0]}</a>' if run in known else match[0]

    return re.sub(r"\brun (\d{1,12})\b", link, escape(text))


def _relative(link: str) -> str:
    if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:|[/\\]", link.strip()):
        raise InputError(f"a link of a report is a path relative to it, not {link!r}.")
    return link


def _flat(values: Mapping[str, object], prefix: str = "") -> list[tuple[str, str]]:
    rows = []
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            rows += _flat(value, f"{prefix}{name}.")
        else:
            text = value if isinstance(value, str) else json.dumps(value, default=str)
            rows.append((f"{prefix}{name}", text))
    return rows


def _read(picture: Picture) -> bytes:
    png = picture.png if isinstance(picture.png, bytes) else Path(picture.png).read_bytes()
    if not png.startswith(b"\x89PNG\r\n\x1a\n"):
        raise InputError(f"a picture of a report is a PNG, which {picture.caption!r} is not.")
    return png


def _shown_width(picture: Picture) -> int:
    """Return the width in CSS pixels: a figure of 200 dots per inch is shown at 5/4 of its size."""
    return round(int.from_bytes(_read(picture)[16:20], "big") * 1.25 * 96 / 200)


def _shrink(pngs: Sequence[bytes], room: int) -> list[bytes]:
    """Return the pictures in at most `room` bytes of base64, the largest shrunk first."""
    images, scales = list(pngs), [1.0] * len(pngs)

    def excess() -> int:
        return sum(4 * ((len(png) + 2) // 3) for png in images) - room

    while images and excess() > 0:
        largest = max(range(len(images)), key=lambda i: len(images[i]))
        scales[largest] *= 0.8
        if scales[largest] < 0.1:
            break
        images[largest] = _scaled(pngs[largest], scales[largest])
    if excess() > 0:
        raise InputError(
            f"the report would be above its limit by {excess()} bytes with pictures at a tenth of "
            "their size: split it into several."
        )
    return images


def _scaled(png: bytes, scale: float) -> bytes:
    from PIL import Image

    with Image.open(BytesIO(png)) as image:
        size = [max(1, round(scale * side)) for side in image.size]
        small = image.convert("RGB").resize((size[0], size[1]), Image.Resampling.LANCZOS)
    content = BytesIO()
    small.save(content, format="PNG", optimize=True)
    return content.getvalue()
