"""Import Sacred without what an experiment that only trains would wait for in vain.

Sacred imports pandas wherever it is installed, to be able to store data frames; info and results
here are plain numbers, strings, lists and dicts. Imported before Sacred, this hides pandas from it;
later imports of pandas find it. And Sacred asks `inspect.stack` who makes an ingredient, which goes
through all modules for the sources of all frames: a quarter of a second for four ingredients.
"""

import inspect
import sys
from types import FrameType, SimpleNamespace

_HIDDEN = "pandas" not in sys.modules and "sacred" not in sys.modules
if _HIDDEN:
    sys.modules["pandas"] = None  # type: ignore[assignment] # None means: cannot be imported
try:
    import sacred.experiment
    import sacred.ingredient
finally:
    if _HIDDEN:
        del sys.modules["pandas"]


def _stack() -> list[tuple[FrameType]]:
    """Return what Sacred reads of `inspect.stack()`: the frames, from the caller outwards."""
    frames, frame = [], sys._getframe(1)
    while frame is not None:
        frames.append((frame,))
        frame = frame.f_back
    return frames


for _module in (sacred.experiment, sacred.ingredient):
    _module.inspect = SimpleNamespace(**{**vars(inspect), "stack": _stack})  # type: ignore[attr-defined]
