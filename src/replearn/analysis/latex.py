"""Text for LaTeX: names escaped to plain ASCII that pdflatex can set, and whole documents."""

import re
import unicodedata
from collections.abc import Sequence

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    # In the default font encoding these print as other signs.
    "<": "$<$",
    ">": "$>$",
    "|": "$|$",
    '"': "{''}",
    # At the start of a row these would be arguments of the line break before.
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
}
_GREEK = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho "
    "sigma tau upsilon phi chi psi omega"
).split()
_LIKE_LATIN = {"omicron": "o"}
_LIKE_LATIN_CAPITAL = dict(
    zip("Alpha Beta Epsilon Zeta Eta Iota Kappa Mu Nu Omicron Rho Tau Chi".split(), "ABEZHIKMNOPTX",
        strict=True)
)  # fmt: skip
_SIGNS = {
    "±": r"$\pm$", "×": r"$\times$", "·": r"$\cdot$", "−": "$-$", "≤": r"$\leq$", "≥": r"$\geq$",
    "≠": r"$\neq$", "≈": r"$\approx$", "∞": r"$\infty$", "→": r"$\rightarrow$",
    "←": r"$\leftarrow$", "↑": r"$\uparrow$", "↓": r"$\downarrow$", "°": r"$^\circ$",
    "–": "--", "—": "---", "…": r"\dots{}", "‘": "`", "’": "'", "“": "``", "”": "''",
    "ß": r"\ss{}", "ø": r"\o{}", "Ø": r"\O{}", "æ": r"\ae{}", "Æ": r"\AE{}", "œ": r"\oe{}",
    "Œ": r"\OE{}", "ł": r"\l{}", "Ł": r"\L{}", "ı": r"\i{}", "µ": r"$\mu$", "ς": r"$\varsigma$",
    "∑": r"$\sum$", "√": r"$\surd$", "∈": r"$\in$", "∥": r"$\|$", "‖": r"$\|$", "§": r"\S{}",
}  # fmt: skip
_ACCENTS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0306": "u",
    "\u0307": ".", "\u0308": '"', "\u030a": "r", "\u030b": "H", "\u030c": "v", "\u0327": "c",
}  # fmt: skip


def escape(text: object) -> str:
    """Return `text` as LaTeX that prints these characters, in ASCII.

    Greek letters become mathematics (β is $\\beta$), accents commands; a character that
    pdflatex's default fonts lack is printed as its code point, U+4E2D.
    """
    # Two hyphens would print as one dash.
    pieces = re.split("(?<=-)(?=-)", unicodedata.normalize("NFC", str(text)))
    return "{}".join("".join(map(_escape_character, piece)) for piece in pieces)


def _escape_character(character: str) -> str:
    if character in _SPECIAL:
        return _SPECIAL[character]
    if character in _SIGNS:
        return _SIGNS[character]
    if " " <= character <= "~":
        return character
    if character.isspace() or unicodedata.category(character) == "Cc":
        return " "
    return _greek(character) or _accented(character) or _raised(character) or _code(character)


def _greek(character: str) -> str | None:
    words = unicodedata.name(character, "").split()
    if len(words) != 4 or words[0] != "GREEK" or words[2] != "LETTER":
        return None
    name = {"lamda": "lambda"}.get(words[3].lower(), words[3].lower())
    if name not in _GREEK:
        return None
    if words[1] == "SMALL":
        return f"${_LIKE_LATIN.get(name) or chr(92) + name}$"
    name = name.capitalize()
    latin = _LIKE_LATIN_CAPITAL.get(name)
    return f"$\\mathrm{{{latin}}}$" if latin else f"$\\{name}$"


def _accented(character: str) -> str | None:
    parts = unicodedata.normalize("NFD", character)
    if len(parts) != 2 or not parts[0].isascii() or parts[1] not in _ACCENTS:
        return None
    return f"\\{_ACCENTS[parts[1]]}{{{_SPECIAL.get(parts[0], parts[0])}}}"


def _raised(character: str) -> str | None:
    parts = unicodedata.decomposition(character).split()
    if len(parts) != 2 or parts[0] not in ("<super>", "<sub>"):
        return None
    base = chr(int(parts[1], 16))
    if base == "−":
        base = "-"
    if not (base.isalnum() and base.isascii()) and base not in "+-=()":
        return None
    return f"${'^' if parts[0] == '<super>' else '_'}{{{base}}}$"


def _code(character: str) -> str:
    return f"U+{ord(character):04X}"


def comment(text: str) -> str:
    """Return `text` as one line of LaTeX comment: no character of it can end the line."""
    return "% " + "".join(c if c.isprintable() else " " for c in " ".join(text.split()))


def standalone_document(*tables: str) -> str:
    """Return a complete LaTeX file that shows the `tables`; it needs booktabs and graphicx."""
    return "\n".join(
        [
            r"\documentclass{article}",
            r"\usepackage[margin=2.5cm]{geometry}",
            r"\usepackage{booktabs,graphicx}",
            r"\pagestyle{empty}",
            r"\begin{document}",
            *_separated(tables),
            r"\end{document}",
            "",
        ]
    )


def _separated(tables: Sequence[str]) -> list[str]:
    return [line for table in tables for line in (table.rstrip("\n"), "")]
