"""Tables over seeds: what is bold, what is escaped, and that pdflatex sets the file."""

import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from scipy.stats import ttest_rel

from replearn.analysis.latex import comment, escape, standalone_document
from replearn.analysis.table_text import html_table, markdown_table, summary_table
from replearn.analysis.tables import Against, Column, Group, lay_out, unpaired_runs
from replearn.errors import InputError

NAN = float("nan")
SCORE = [Column("score", better="higher", digits=2)]


def best(groups, columns=SCORE):
    return [[cell.best for cell in row] for row in lay_out(groups, columns).cells]


def group(*values):
    return Group({"model": "m"}, {"score": values}, seeds=range(len(values)))


def test_a_cell_shows_mean_and_interval_by_hand():
    # Mean 2, half width 4.30265 / sqrt(3) = 2.484.
    table = summary_table([group(1, 2, 3)], [Column("score", digits=2)])
    assert r"$2.00 \pm 2.48$ & 3 \\" in table


def test_the_best_is_bold_in_the_direction_of_the_score():
    groups = [group(1, 2, 3), group(2, 3, 4), group(0, 1, 2)]
    assert best(groups) == [[False], [True], [False]]
    assert best(groups, [Column("score", better="lower")]) == [[False], [False], [True]]
    assert best(groups, [Column("score")]) == [[False], [False], [False]]


def test_what_a_paired_test_does_not_find_worse_is_bold_as_well():
    # Seed by seed 1.5, 0.5 and 1 below the best, p = 0.07, and 2, 2.1 and 1.9, p = 0.0008.
    top, close, far = group(5, 7, 9), group(3.5, 6.5, 8), group(3, 4.9, 7.1)
    assert ttest_rel([5, 7, 9], [3.5, 6.5, 8]).pvalue == pytest.approx(0.0742, abs=1e-4)
    assert best([top, close, far]) == [[True], [True], [False]]
    # Without the seeds' common part no test tells them apart.
    shuffled = replace(far, seeds=[2, 1, 0])
    assert best([top, close, shuffled]) == [[True], [True], [True]]


def test_bold_is_corrected_for_the_number_of_rows():
    top, second = group(5, 7, 9), group(4.5, 6.7, 8.3)  # p = 0.0494: below 0.05 alone
    assert 0.025 < ttest_rel([5, 7, 9], [4.5, 6.7, 8.3]).pvalue < 0.05
    assert best([top, second]) == [[True], [False]]
    assert best([top, second, group(3.5, 6.5, 8)]) == [[True], [True], [True]]


def test_rows_without_three_seeds_of_the_best_are_not_tested_which_is_said():
    other = replace(group(4, 6, 8), seeds=[7, 8, 9])
    layout = lay_out([group(5, 7, 9), other], SCORE)
    assert [row[0].best for row in layout.cells] == [True, False]
    assert "rows with fewer than 3 seeds of the best one are not tested" in layout.legend


def test_no_row_is_the_best_of_other_data():
    groups = [replace(group(i, i + 1, i + 2), data=data) for i, data in enumerate("aabb")]
    assert best(groups) == [[False], [True], [False], [True]]
    assert "within the column and data set" in lay_out(groups, SCORE).legend


def test_differences_are_of_equal_seeds_and_marked_by_a_corrected_test():
    base, near = group(5, 7, 9), group(6.5, 7.5, 10)
    far = Group({"model": "far"}, {"score": [9.1, 2.9, 7]}, seeds=[2, 0, 1], runs=[11, 12, 13])
    layout = lay_out([base, near, far], SCORE, Against("beta=1", [None, 0, 0]))
    cells = [row[0] for row in layout.cells]
    assert [c.difference for c in cells] == ["", "+1.00", "-0.67"]
    assert [c.difference_half_width for c in cells] == ["", "1.24", "3.09"]  # 4.3027 s / √3
    assert [c.marked for c in cells] == [False, False, False]
    sure = group(6.0, 8.1, 10.05)
    marked = lay_out([base, sure, near], SCORE, Against("beta=1", [None, 0, 0]))
    assert [row[0].marked for row in marked.cells] == [False, True, False]
    assert marked.legend.endswith(
        " Δ: difference to beta=1 of the runs with equal seeds, mean ± 95 % interval over n "
        "pairs, or Δ n; * p < 0.05 in a paired t-test, Holm-corrected within the column."
    )


def test_runs_without_a_partner_are_counted_and_below_three_pairs_there_is_no_test():
    base = replace(group(5, 7, 9), runs=[1, 2, 3])
    other = Group({"model": "o"}, {"score": [1, 2, 3]}, runs=[4, 5, 6], seeds=[1, 2, 3])
    against = Against("m", [None, 0])
    assert unpaired_runs([base, other], against) == [1, 6]
    layout = lay_out([base, other], SCORE, against)
    cell = layout.cells[1][0]
    assert (cell.difference, cell.difference_half_width, cell.marked) == ("-6.50", "", False)
    assert (layout.counts, layout.pairs) == ([3, 3], [0, 2])
    count = r"\begin{tabular}[t]{@{}r@{}}3\\{\footnotesize $\Delta$ 2}\end{tabular}"
    row = rf" & {count} \\ \addlinespace[2pt]"
    assert row in summary_table([base, other], SCORE, against=against)


def test_a_difference_is_the_second_line_of_its_cell():
    groups = [group(1, 2, 3), Group({"model": "x"}, {"score": [2, 3.1, 4.05]}, seeds=range(3))]
    table = summary_table(groups, SCORE, against=Against("m", [None, 0]))
    assert (
        r"\begin{tabular}[t]{@{}r@{}}$\mathbf{3.05 \pm 2.55}$\\{\footnotesize "
        r"$\Delta\,{+}1.05 \pm 0.12$\rlap{$^{*}$}}\end{tabular} & 3"
    ) in table
    assert "<br><small>Δ +1.05 ± 0.12*</small>" in html_table(
        groups, SCORE, against=Against("m", [None, 0])
    )
    assert r"**3.05 ± 2.55**, Δ +1.05 ± 0.12\* | 3 |" in markdown_table(
        groups, SCORE, against=Against("m", [None, 0])
    )


def test_rows_that_print_the_same_are_both_bold():
    close = [group(0.501, 0.501, 0.501), group(0.499, 0.499, 0.499), group(0.4, 0.4, 0.4)]
    assert best(close) == [[True], [True], [False]]
    assert best(close, [Column("score", better="higher", digits=3)]) == [[True], [False], [False]]


def test_below_three_seeds_there_is_neither_interval_nor_bold():
    groups = [group(9, 10), group(1, 2, 3), group(2, 3, 4)]
    assert best(groups) == [[False], [False], [True]]
    layout = lay_out(groups, SCORE)
    assert (layout.cells[0][0].mean, layout.cells[0][0].half_width) == ("9.50", "")
    assert layout.counts == [2, 3, 3]


def test_a_single_row_of_enough_seeds_has_nothing_to_be_better_than():
    assert best([group(1, 2, 3), group(9, 9)]) == [[False], [False]]


def test_missing_values_are_said_and_never_bold():
    groups = [group(9, 9, 9, NAN), group(1, 2, 3), group(2, 3, 4)]
    assert best(groups) == [[False], [False], [True]]
    assert "$9.00 \\pm 0.00$ {\\footnotesize (n = 3, 1 missing)} & 4" in summary_table(
        groups, SCORE
    )


def test_a_score_with_fewer_seeds_than_its_row_says_so():
    both = Group({"model": "m"}, {"a": [1, 2, 3], "b": [1, 2], "c": 5})
    cells = lay_out([both], [Column("a"), Column("b"), Column("c")]).cells[0]
    assert [cell.note for cell in cells] == ["", "n = 2", "n = 1"]


def test_a_score_that_a_row_lacks_is_a_dash():
    groups = [group(1, 2, 3), Group({"model": "x"}, {"other": [1]}), group(NAN, NAN)]
    cells = [row[0] for row in lay_out(groups, SCORE).cells]
    assert (cells[1].mean, cells[1].note) == ("–", "")
    assert (cells[2].mean, cells[2].note) == ("–", "2 missing")


def test_a_mean_that_rounds_to_zero_has_no_sign():
    assert lay_out([group(-0.0001)], SCORE).cells[0][0].mean == "0.00"


def test_legend_says_only_what_the_table_shows():
    assert lay_out([group(1), group(2)], [Column("score")]).legend == "Mean over n seeds."
    assert lay_out([group(1, 2, 3), group(2, 3, 4)], SCORE).legend == (
        "Mean ± 95 % Student-t interval over n seeds, where n ≥ 3; bold: the best mean, and those "
        "that a paired t-test over equal seeds does not find worse (p ≥ 0.05, Holm-corrected "
        "within the column); ↑ higher is better."
    )


def test_runs_stand_in_comments_and_no_name_can_leave_its_comment():
    groups = [Group({"model": "a\n\\evil"}, {"score": [1]}, runs=[7, 9])]
    lines = summary_table(groups, SCORE).splitlines()
    assert lines[0] == "% source runs: 7, 9"
    assert lines[1] == "% model=a \\evil: runs 7, 9"
    assert sum("evil" in line for line in lines) == 2


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("a_b & 50% #1 $x$ {y}", r"a\_b \& 50\% \#1 \$x\$ \{y\}"),
        ("~^\\", r"\textasciitilde{}\textasciicircum{}\textbackslash{}"),
        ("β-VAE, Γ, Α, ϕ", "$\\beta$-VAE, $\\Gamma$, $\\mathrm{A}$, U+03D5"),
        ("λ µ μ", r"$\lambda$ $\mu$ $\mu$"),
        ("é ç ß ø", r"\'{e} \c{c} \ss{} \o{}"),
        ("e\u0301", r"\'{e}"),
        ("z₁²⁻", "z$_{1}$$^{2}$$^{-}$"),
        ("a<b|c>d", "a$<$b$|$c$>$d"),
        ("[x]* --y", r"{[}x{]}{*} -{}-y"),
        ("a\n\tb", "a  b"),
        ("中", "U+4E2D"),
        (3.5, "3.5"),
    ],
)
def test_escaping(text, latex):
    assert escape(text) == latex
    assert escape(text).isascii()


def test_a_comment_is_one_line():
    assert comment("a\r\nb\u2028c\x0bd") == "% a b c d"


def every_trap():
    names = [chr(code) for code in range(32, 127)]
    hard = "".join(names) + " β-VAE Ω é ß ± ≤ → ² z₁ 中 -- « \u0000"
    return [
        Group(
            {"model": "[1] first", "note": hard},
            {"a_b": [1, 2, 3], "c": [1.0]},
            runs=[1, 2],
            seeds=range(3),
        ),
        Group(
            {"model": "*", "note": "β"},
            {"a_b": [2, 3.1, 4], "c": [-2.5, NAN]},
            runs=[3],
            seeds=range(3),
        ),
    ]


COLUMNS = [Column("a_b", unit="nats & bits", better="lower"), Column("c", "C²", better="higher")]


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_pdflatex_sets_a_table_with_every_trap(tmp_path):
    table = summary_table(
        every_trap(), COLUMNS, "All 50% of _it_", "tab:all-1", note="images are a twin"
    )
    origin = {"database": "50%_\\of\nall", "key": None}
    against = Against("β_50%", [None, 0])
    second = summary_table(every_trap(), COLUMNS, label="two", against=against, origin=origin)
    (tmp_path / "table.tex").write_text(standalone_document(table, second))
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "table.tex"],
        cwd=tmp_path, capture_output=True, text=True, errors="replace", timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]
    log = (tmp_path / "table.log").read_text(errors="replace")
    assert "Overfull" not in log
    assert "Missing character" not in log
    assert (tmp_path / "table.pdf").read_bytes().startswith(b"%PDF")
    if shutil.which("pdftotext"):
        text = subprocess.run(
            ["pdftotext", "-layout", "table.pdf", "-"], cwd=tmp_path, capture_output=True, text=True
        ).stdout
        # LaTeX draws the underscore, so it is no text.
        for words in (
            "[1] first",
            "β-VAE",
            "a b (nats & bits) ↓",
            "images are a twin",
            "2.000 ±",
            "∆ +1.033 ± 0.143∗",
        ):
            assert words in text


def test_standalone_document_is_complete_and_the_table_alone_is_not():
    table = summary_table(every_trap(), COLUMNS)
    document = standalone_document(table)
    assert r"\documentclass" not in table
    assert document.index(r"\usepackage{booktabs,graphicx}") < document.index(r"\begin{document}")
    assert table.strip() in document
    rules = re.findall(r"\\(toprule|midrule|bottomrule)", table)
    assert rules == ["toprule", "midrule", "bottomrule"]


class Cells(HTMLParser):
    """Reads the texts of the cells, and every tag."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag in ("td", "th"):
            self.texts.append("")

    def handle_data(self, data):
        if self.texts:
            self.texts[-1] += data


def test_html_shows_the_same_numbers_and_escapes_every_text():
    evil = "<script>alert('&')</script>"
    groups = [Group({evil: evil}, {evil: [1, 2, 3]}), Group({evil: "b"}, {evil: [-3, -2, -1]})]
    read = Cells(html_table(groups, [Column(evil, unit=evil, better="higher")], evil, evil))
    assert set(read.tags) == {"table", "caption", "thead", "tbody", "tr", "th", "td", "strong"}
    assert read.texts[0] == evil
    assert read.texts[3:6] == [evil, "2.000 ± 2.484", "3\n"]
    assert read.texts[7] == "−2.000 ± 2.484"


def test_markdown_shows_the_same_table():
    groups = [Group({"a|b": "x_y"}, {"score": [1, 2, 3]}), Group({"a|b": "z"}, {"score": [1, 1]})]
    lines = markdown_table([*groups, group(2, 3, 4)], SCORE).splitlines()
    assert lines[0] == r"| a\|b | model | score ↑ | n |"
    assert lines[2] == r"| x\_y |  | 2.00 ± 2.48 | 3 |"
    assert lines[3] == "| z |  | 1.00 | 2 |"
    assert lines[4] == "|  | m | **3.00 ± 2.48** | 3 |"


def test_bad_input_is_refused():
    with pytest.raises(InputError, match="at least one group of runs and one score"):
        summary_table([], SCORE)
    with pytest.raises(InputError, match="no group has a score 'scor': did you mean 'score'?"):
        summary_table([group(1)], [Column("scor")])
    with pytest.raises(InputError, match="is 'higher', 'lower' or None, not 'up'"):
        summary_table([group(1)], [Column("score", better="up")])
    with pytest.raises(InputError, match="label has only letters"):
        summary_table([group(1)], SCORE, label="a b")


def test_a_column_has_the_decimals_that_its_intervals_need():
    near = [group(0.350, 0.351, 0.352, 0.355), group(0.448, 0.449, 0.449, 0.448)]
    layout = lay_out(near, [Column("score", better="lower", digits=1)])
    cells = [row[0] for row in layout.cells]
    assert [(cell.mean, cell.half_width) for cell in cells] == [
        ("0.352", "0.003"),
        ("0.449", "0.001"),
    ]
    assert [cell.best for cell in cells] == [True, False]
    wide = lay_out([group(1.0, 2.0, 3.0)], [Column("score", digits=1)])
    assert wide.columns[0].digits == 1
    same = lay_out([group(1.0, 1.0, 1.0)], [Column("score", digits=1)])
    assert same.columns[0].digits == 1
