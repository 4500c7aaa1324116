"""What the pages point to is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_and_pictures_exist(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if not re.match(r"[a-z]+:", target):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize(
    ("page", "names", "command"),
    [
        (
            "benchmarks",
            {
                "training",
                "precision",
                "startup",
                "queries",
                "sweeps",
                "similarity",
                "composition",
                "disentanglement",
            },
            "bin/benchmark",
        ),
        ("scale", {"scale"}, "bin/benchmark scale"),
        ("reliability", {"chaos"}, "python -m chaos"),
    ],
)
def test_every_part_of_the_benchmarks_was_measured(page, names, command):
    text = (ROOT / "docs" / f"{page}.md").read_text()
    parts = re.findall(r"<!-- measured: (\w+) -->\n(.*?)<!-- end -->", text, re.DOTALL)
    assert {name for name, _ in parts} == names
    assert all("cores, torch" in text for _, text in parts), f"run {command}"


def test_nothing_was_amiss_after_the_chaos():
    assert "\n| amiss | nothing |\n" in (ROOT / "docs" / "reliability.md").read_text()


def test_every_objective_was_measured_and_does_what_it_says():
    page = (ROOT / "docs" / "objectives.md").read_text()
    parts = dict(re.findall(r"<!-- measured: (\w+) -->\n(.*?)<!-- end -->", page, re.DOTALL))
    assert set(parts) == {"terms", "strengths"}
    assert all("runs " in text and " steps " in text for text in parts.values())
    assert parts["terms"].count("| yes |") == 8 and "**no**" not in parts["terms"]


def test_the_readme_shows_the_two_commands_first():
    text = (ROOT / "README.md").read_text()
    places = [text.index(part) for part in ("bin/run-quickstart", "bin/check", "![", "## Train")]
    assert places == sorted(places)
