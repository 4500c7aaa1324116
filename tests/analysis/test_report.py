"""The report: self-contained, escaped, below Omniboard's limit, equal for equal input."""

import base64
import re
from html.parser import HTMLParser
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from replearn.analysis.figures import hinton, save_figure
from replearn.analysis.report import (
    LIMIT,
    Picture,
    Scores,
    Section,
    SourceRuns,
    Text,
    Values,
    write_report,
)
from replearn.analysis.tables import Column, Group
from replearn.errors import InputError

EVIL = "<script src='http://evil'>alert(\"1\")</script> & run 12"


class Page(HTMLParser):
    """Reads the tags with their attributes, and all text."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def every(self, name):
        return [attributes for tag, attributes in self.tags if tag == name]


def png(width=40, height=30, noise=False):
    pixels = np.zeros((height, width, 3), dtype=np.uint8)
    if noise:
        pixels = np.random.default_rng(0).integers(0, 256, pixels.shape, dtype=np.uint8)
    content = BytesIO()
    Image.fromarray(pixels).save(content, format="PNG")
    return content.getvalue()


def full_report(folder, **options):
    scores = Scores([Group({EVIL: EVIL}, {EVIL: [1, 2, 3]})], [Column(EVIL)], EVIL, EVIL)
    sections = [
        Section(EVIL, [Text(EVIL), Picture(png(), EVIL), scores]),
        Section("Config", [Values({EVIL: {EVIL: EVIL}, "loss": {"beta": 8, "none": None}})]),
        Section("Source runs", [SourceRuns({12: EVIL, 7: "x"}, {7: "../7/report.html"})]),
    ]
    return write_report(folder, EVIL, sections, subtitle=EVIL, **options)


def test_every_text_is_escaped_and_nothing_is_loaded(tmp_path):
    path = full_report(tmp_path)
    assert path.name == "report.html"
    page = Page(path.read_text(encoding="utf-8"))
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "iframe", "object", "embed", "link", "base", "form"}
    # <title>, heading, subtitle, link to and heading of the section, text, figure caption; caption,
    # note, two headings and a cell of the table; two names and a value of the config; a run.
    assert page.text.count("alert(") == 7 + 5 + 3 + 1
    for _, attributes in page.tags:
        assert not any(name.startswith("on") for name in attributes)
        for name in ("src", "href"):
            address = attributes.get(name, "#")
            assert address.startswith(("#", "data:image/png;base64,", "../7/")), address
    (policy,) = [meta["content"] for meta in page.every("meta") if "http-equiv" in meta]
    assert "default-src 'none'" in policy and "script-src" not in policy


def test_runs_of_a_text_link_to_their_row(tmp_path):
    runs = SourceRuns({12: "β = 8"}, {12: "../../x/12/report.html"})
    text = Text("Between run 12, run 123 and prerun 12.")
    page = Page(write_report(tmp_path, "t", [Section("s", [text, runs])]).read_text())
    links = [a["href"] for a in page.every("a")]
    assert links == ["#run-12", "../../x/12/report.html"]
    assert [row["id"] for row in page.every("tr")] == ["run-12"]


def test_config_is_shown_flat(tmp_path):
    config = {"loss": {"params": {"beta": 8.5}}, "tags": ["a"], "resume": None, "empty": {}}
    page = write_report(tmp_path, "t", [Section("s", [Values(config)])]).read_text()
    rows = re.findall(r"<code>(.*?)</code>.*?<code>(.*?)</code>", page)
    assert rows == [
        ("loss.params.beta", "8.5"), ("tags", "[&quot;a&quot;]"), ("resume", "null"),
        ("empty", "{}"),
    ]  # fmt: skip


def test_figures_are_embedded_as_they_were_saved(tmp_path):
    _, path = save_figure(hinton(np.eye(3), ["a", "b", "c"]), tmp_path, "hinton", "run 1")
    report = write_report(tmp_path, "t", [Section("s", [Picture(path, "Importance")])])
    (image,) = Page(report.read_text()).every("img")
    assert base64.b64decode(image["src"].split(",")[1]) == path.read_bytes()
    assert image["alt"] == "Importance"
    # 200 dots per inch, shown at 5/4 of 96 CSS pixels per inch.
    with Image.open(path) as picture:
        assert int(image["width"]) == pytest.approx(picture.width * 0.6, abs=1)


def test_equal_input_gives_equal_bytes(tmp_path):
    first, second = full_report(tmp_path / "a"), full_report(tmp_path / "b")
    assert first.read_bytes() == second.read_bytes()
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["report.html"]


def test_pictures_shrink_until_the_page_is_below_its_limit(tmp_path):
    large, small = png(600, 400, noise=True), png()
    assert len(large) > 600_000
    section = Section("s", [Picture(large, "large"), Picture(small, "small")])
    path = write_report(tmp_path, "t", [section], limit=300_000)
    assert 150_000 < path.stat().st_size <= 300_000
    first, second = Page(path.read_text()).every("img")
    with Image.open(BytesIO(base64.b64decode(first["src"].split(",")[1]))) as image:
        assert image.width < 600
        assert image.width / image.height == pytest.approx(1.5, abs=0.02)
    assert base64.b64decode(second["src"].split(",")[1]) == small, "only the largest shrinks"
    assert first["width"] == "360", "and it is shown as large as before"


def test_the_limit_is_what_omniboard_previews():
    assert LIMIT == 5_000_000


@pytest.mark.parametrize(
    ("blocks", "sentence"),
    [
        ([Picture(b"GIF89a", "x")], "a picture of a report is a PNG, which 'x' is not"),
        ([SourceRuns({1: "x"}, {1: "http://a"})], "relative to it, not 'http://a'"),
        ([SourceRuns({1: "x"}, {1: " javascript:alert(1)"})], "relative to it"),
        ([SourceRuns({1: "x"}, {1: "//evil/x"})], "relative to it"),
        ([Text("x" * 400_000)], "split it into several"),
    ],
)
def test_what_cannot_be_shown_is_refused_and_leaves_no_file(tmp_path, blocks, sentence):
    with pytest.raises(InputError, match=sentence):
        write_report(tmp_path, "t", [Section("s", blocks)], limit=300_000)
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_omniboard_cannot_preview_is_refused(tmp_path):
    with pytest.raises(InputError, match="lower-case letters"):
        write_report(tmp_path, "t", [], name="a/Report.html")
