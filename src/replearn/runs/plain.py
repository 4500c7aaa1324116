"""Plain values for run documents: numbers, strings, lists and dicts that every reader understands.

Sacred would store a numpy number as `{"py/object": "numpy.float32", "value": …}`, which no query
and no column of Omniboard takes for a number.
"""

import datetime
import math
from collections.abc import Mapping, Sequence, Set
from pathlib import PurePath
from typing import Any

from bson import ObjectId

MAX_ARRAY = 1000
MAX_DEPTH = 50  # a document may nest 100 deep
_INT64 = 2**63


def plain(value: Any, depth: int = 0) -> Any:
    """Return `value` as numbers, strings, lists, dicts, dates and None; never raises.

    0-d tensors and numpy numbers become Python numbers, small arrays lists, tuples and sets lists,
    keys strings. What has no such form becomes a short text that says what it was.
    """
    if value is None or isinstance(value, bool | datetime.datetime | ObjectId):
        return value
    if isinstance(value, str):
        return str(value).encode("utf-8", "replace").decode()
    if isinstance(value, int):
        return int(value) if -_INT64 <= value < _INT64 else str(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, PurePath):
        return str(value)
    if depth > MAX_DEPTH:
        return f"<{type(value).__name__}: nested too deeply>"
    if isinstance(value, Mapping):
        return {_key(key): plain(item, depth + 1) for key, item in list(value.items())}
    if isinstance(value, Set):
        return [plain(item, depth + 1) for item in sorted(value, key=str)]
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        return [plain(item, depth + 1) for item in list(value)]
    return _from_array(value)


def number(value: Any) -> float | None:
    """Return a measured value as a float, None if it is no number (text, None, an array).

    Tensors and arrays of one element are numbers, on whatever device; bool counts as 0 and 1.
    """
    if type(value) is float:
        return value
    if isinstance(value, str | bytes | None):
        return None
    try:
        return float(value.item() if hasattr(value, "item") else value)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        return None


def whole_number(value: Any) -> int | None:
    """Return a step as an int, None if it is not a whole number of 64 bits."""
    if type(value) is int:
        return value if -_INT64 <= value < _INT64 else None
    as_float = number(value)
    if as_float is None or not math.isfinite(as_float) or as_float != int(as_float):
        return None
    return int(as_float) if abs(as_float) < _INT64 else None


def _from_array(value: Any) -> Any:
    """Return arrays and tensors (by their interface: no import of torch here), else a text."""
    name = type(value).__name__
    shape = getattr(value, "shape", None)
    try:
        if shape is not None and hasattr(value, "tolist"):
            if math.prod(shape) <= MAX_ARRAY:
                return plain(value.tolist())
            return f"<{name} of shape {tuple(shape)}: save it as an artifact>"
        return repr(value)[:200]
    except Exception as error:  # a repr may do anything; a document must be written all the same
        return f"<{name}: {type(error).__name__}>"


def _key(key: Any) -> str:
    text = str(plain(key)).replace("\0", "")
    return "@" + text[1:] if text.startswith("$") else text
