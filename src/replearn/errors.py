"""The one exception for input that cannot be used: its message is a sentence for the user."""

from collections.abc import Iterable
from difflib import get_close_matches


class InputError(ValueError):
    """What the user gave cannot be used.

    The message is one sentence: what was expected, what was given, what to do. Commands print it
    without a traceback and exit with a code that is not 0.
    """


def nearest(name: str, choices: Iterable[str], n: int = 3) -> str:
    """Return the `n` choices that `name` was probably meant to be, as words for a sentence."""
    choices = sorted(map(str, choices))
    name = str(name)
    begun = [choice for choice in choices if len(name) >= 3 and choice.startswith(name)]
    inside = [choice for choice in choices if name and name in choice]
    close = get_close_matches(name, choices, n=n, cutoff=0.5) or inside
    if found := list(dict.fromkeys([*begun, *close]))[:n]:
        return "did you mean " + " or ".join(repr(choice) for choice in found) + "?"
    return "choose from " + ", ".join(choices) if choices else "there is none to choose from"
