"""Capture what a run prints, all of it: Sacred's own capture drops text when a run fails.

Two defects of Sacred 0.8.7 are mended here. Its reader moves the position of the buffer that the
experiment writes to, from another thread, so text can be overwritten. And after an exception its
buffer is closed before the last heartbeat reads it, so the text since the heartbeat before is lost.
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sacred import SETTINGS, stdout_capturing
from sacred.stdout_capturing import TeeingStreamProxy
from sacred.utils import apply_backspaces_and_linefeeds

HEAD = 200_000  # characters
TAIL = 800_000


class CapturedText:
    """The text since the last `get`, from any thread; never closed, so the end is read too."""

    closed = False

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._parts: list[str] = []

    def write(self, text: str) -> None:
        with self._lock:
            self._parts.append(text)

    def flush(self) -> None:
        pass

    def get(self) -> str:
        with self._lock:
            parts, self._parts = self._parts, []
        return "".join(parts)


@contextmanager
def capture_output() -> Iterator[CapturedText]:
    """Copy what goes to sys.stdout and sys.stderr into the yielded text."""
    text = CapturedText()
    before = sys.stdout, sys.stderr
    stdout_capturing.flush()
    sys.stdout = TeeingStreamProxy(sys.stdout, text)
    sys.stderr = TeeingStreamProxy(sys.stderr, text)
    try:
        yield text
    finally:
        stdout_capturing.flush()
        sys.stdout, sys.stderr = before


def install_capture() -> None:
    """Make Sacred capture with `capture_output`; called once, before an experiment runs."""
    SETTINGS.CAPTURE_MODE = "sys"  # type: ignore[attr-defined]
    stdout_capturing.tee_output_python = capture_output


def tidy(text: str) -> str:
    """Return `text` as a terminal shows it: of a progress bar its last state only.

    For `Experiment.captured_out_filter`; the same as Sacred's filter, which walks through every
    character of the whole output at each heartbeat, while this one only looks at the bars.
    """
    if "\r" not in text and "\b" not in text:
        return text
    head, newline, last = text.rpartition("\n")
    lines = [
        apply_backspaces_and_linefeeds(line + "\n")[:-1] if "\r" in line or "\b" in line else line
        for line in head.split("\n")
    ]
    return "\n".join(lines) + newline + apply_backspaces_and_linefeeds(last)


def shorten(text: str, head: int = HEAD, tail: int = TAIL) -> str:
    """Return `text` without its middle if it is longer than `head` + `tail` characters."""
    left_out = len(text) - head - tail
    if left_out <= 0:
        return text
    return f"{text[:head]}\n[… {left_out} characters left out …]\n{text[-tail:]}"
