"""What a sweep says: the plan, a live table, and how all ended."""

import shutil
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TextIO

from replearn.runs.pace import Progress
from replearn.runs.standing import FAILED, FINISHED, INTERRUPTED, MISSING, RUNNING, Standing

MOST_LINES = 20  # of a kind; the rest is counted
ENOUGH = 0.1  # of a run, after which the time left goes by this sweep alone
TERMINAL_SECONDS, FILE_SECONDS = 1.0, 60.0  # between two tables, or lines


def standing_lines(standings: Mapping[str, Standing], labels: Mapping[str, str]) -> list[str]:
    """Return a line for each state that occurs, and one for each point that failed."""
    lines = []
    for state in (FINISHED, RUNNING, INTERRUPTED, FAILED, MISSING):
        found = {key: each for key, each in standings.items() if each.state == state}
        if not found:
            continue
        note = "go on from their last states" if state == INTERRUPTED else ""
        if settled := sum(each.settled for each in found.values()):
            note = f"{settled} not tried again but by 'python -m sweep retry'"
        ids = [each.run_id for each in found.values() if each.run_id is not None]
        words = [f"{state:<12}{len(found):>6}", runs_text(ids) if ids else "", note]
        lines.append("  ".join(filter(None, words)))
        if state == FAILED:
            lines += _limited([f"  {failed_text(labels[k], each)}" for k, each in found.items()])
    return lines


def failed_text(label: str, standing: Standing) -> str:
    """Return the line of a point that failed."""
    run = "" if standing.run_id is None else f" (run {standing.run_id})"
    return f"{label}{run}: {standing.sentence or 'it did not say why'}"


def running_lines(running: Iterable[Progress], labels: Mapping[str, str]) -> list[str]:
    """Return a line for each run under way: what it is, its step and its loss."""
    lines = []
    for run in running:
        words = [f"  run {run.run_id}", labels.get(run.config_hash, "")]
        if run.step is not None:
            words += [f"step {run.step}" + (f" of {run.steps}" if run.steps else "")]
            words += [f"loss {run.loss:.4g}"]
        lines.append("  ".join(words))
    return _limited(lines)


def runs_text(ids: Iterable[int]) -> str:
    """Return ids as `run 3`, or `runs 3-5, 9`."""
    spans: list[list[int]] = []
    for run_id in sorted(set(ids)):
        if spans and run_id == spans[-1][1] + 1:
            spans[-1][1] = run_id
        else:
            spans.append([run_id, run_id])
    shown = ", ".join(f"{a}-{b}" if b > a else f"{a}" for a, b in spans)
    return f"run{'s' * (not shown.isdecimal())} {shown}"


def duration_text(seconds: float | None) -> str:
    """Return a duration in words, such as `3 h 20 min`; None is unknown."""
    if seconds is None:
        return "unknown"
    for size, unit, smaller, part in ((86400, "d", 3600, "h"), (3600, "h", 60, "min")):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit} {seconds % size // smaller:.0f} {part}"
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"


class LiveTable:
    """The state of a sweep under way: redrawn in a terminal, a line now and then in a file.

    Args:
        labels: config hash -> what is said of a point.
        look: asks the database which runs are under way, and how far they are.
        expected: seconds that all takes, None if unknown.
        stream: where to; default: the standard output.
    """

    def __init__(
        self,
        labels: Mapping[str, str],
        look: Callable[[], Sequence[Progress]],
        expected: float | None = None,
        stream: TextIO | None = None,
    ):
        self._labels, self._look, self._expected = labels, look, expected
        self._stream = stream or sys.stdout
        self._terminal = self._stream.isatty()
        self._ended: Counter[str] = Counter()
        self._began = time.monotonic()
        self._drawn = 0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep_drawing, daemon=True)

    def __enter__(self) -> "LiveTable":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._draw([])

    def ended(self, key: str, how: str, sentence: str | None = None) -> None:
        """Note that a point has ended: `how` is done, skipped, failed or cancelled."""
        with self._lock:
            self._ended[how] += 1
        if how == "failed":
            self._print([f"failed: {self._labels[key]}: {sentence}"])

    def lines(self, running: Sequence[Progress]) -> list[str]:
        """Return the table: a line of counts, and one for each run under way."""
        with self._lock:
            ended = dict(self._ended)
        n_ended = sum(ended.values())
        counts = [f"{ended.get('done', 0)} of {len(self._labels)} done", f"{len(running)} running"]
        counts += [
            f"{ended[how]} {how}" for how in ("failed", "skipped", "cancelled") if how in ended
        ]
        passed = time.monotonic() - self._began
        left = self._expected and max(0.0, self._expected - passed)
        part = sum(run.step / run.steps for run in running if run.step and run.steps)
        if (worked := ended.get("done", 0) + ended.get("failed", 0) + part) > ENOUGH:
            left = passed / worked * max(0.0, len(self._labels) - n_ended - part)
        counts += [f"{duration_text(passed)} passed, time left: {duration_text(left)}"]
        return [", ".join(counts), *running_lines(running, self._labels)]

    def _keep_drawing(self) -> None:
        while not self._stop.wait(TERMINAL_SECONDS if self._terminal else FILE_SECONDS):
            try:
                running = self._look()
            except Exception:  # the database is away for a moment: the runs keep what they have
                continue
            self._draw(running)

    def _draw(self, running: Sequence[Progress]) -> None:
        lines = self.lines(running)
        if self._terminal:
            self._print([], lines)
        else:
            names = runs_text(run.run_id for run in running) if running else ""
            self._print([f"{lines[0]}  {names}".rstrip()])

    def _print(self, kept: Sequence[str], redrawn: Sequence[str] = ()) -> None:
        """Write lines that stay, and below them lines that the next call replaces."""
        width = shutil.get_terminal_size().columns - 1
        with self._lock:
            up = f"\x1b[{self._drawn}F\x1b[J" if self._drawn else ""
            shown = [line[:width] for line in redrawn] if self._terminal else []
            self._drawn = len(shown)
            with suppress(OSError):  # the reader is gone (`| head`): the runs go on
                self._stream.write(up + "".join(f"{line}\n" for line in [*kept, *shown]))
                self._stream.flush()


def _limited(lines: Sequence[str]) -> list[str]:
    more = len(lines) - MOST_LINES
    return [*lines[:MOST_LINES], *([f"  and {more} more"] if more > 0 else [])]
