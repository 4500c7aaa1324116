"""Import Sacred without pandas, which an experiment that only trains would wait for in vain.

Sacred imports pandas wherever it is installed, to be able to store data frames; info and results
here are plain numbers, strings, lists and dicts. Imported before Sacred, this hides pandas from it;
later imports of pandas find it.
"""

import sys

_HIDDEN = "pandas" not in sys.modules and "sacred" not in sys.modules
if _HIDDEN:
    sys.modules["pandas"] = None  # type: ignore[assignment] # None means: cannot be imported
try:
    import sacred  # noqa: F401
finally:
    if _HIDDEN:
        del sys.modules["pandas"]
