"""What a sweep says in a terminal and in a log file."""

import io
import os

import pytest

from replearn.runs.pace import Progress
from replearn.runs.standing import FAILED, FINISHED, INTERRUPTED, MISSING, Standing
from replearn.sweep.table import LiveTable, duration_text, runs_text, standing_lines


class Terminal(io.StringIO):
    def isatty(self):
        return True


LABELS = {"a": "seed=0", "b": "seed=1", "c": "seed=2"}


def look():
    return [Progress(7, "b", 20, 500, 1.25)]


@pytest.mark.parametrize(
    ("ids", "text"),
    [([3], "run 3"), ([5, 3, 4, 9, 3], "runs 3-5, 9"), ([1, 2], "runs 1-2")],
)
def test_ids_are_spans(ids, text):
    assert runs_text(ids) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "unknown"),
        (0.4, "0 s"),
        (89, "89 s"),
        (600, "10 min"),
        (12_000, "3 h 20 min"),
        (180_000, "2 d 2 h"),
    ],
)
def test_durations_are_words(seconds, text):
    assert duration_text(seconds) == text


def test_each_state_has_a_line_and_each_failure_its_sentence():
    standings = {
        "a": Standing(FINISHED, 3),
        "b": Standing(FAILED, 4, "the loss is nan", settled=True),
        "c": Standing(INTERRUPTED, 5),
        "d": Standing(MISSING),
    }
    assert standing_lines(standings, {**LABELS, "d": "seed=3"}) == [
        "finished         1  run 3",
        "interrupted      1  run 5  go on from their last states",
        "failed           1  run 4  1 not tried again but by 'python -m sweep retry'",
        "  seed=1 (run 4): the loss is nan",
        "missing          1",
    ]
    failed = {str(i): Standing(FAILED) for i in range(25)}
    lines = standing_lines(failed, {key: key for key in failed})
    assert lines[1] == "  0: it did not say why" and lines[-1] == "  and 5 more"


def test_a_terminal_is_redrawn_and_failures_stay():
    stream = Terminal()
    table = LiveTable(LABELS, look, expected=600, stream=stream)
    table._draw(look())
    table.ended("a", "failed", "the loss is nan")
    table.ended("c", "skipped")
    table._draw(look())
    first, second = stream.getvalue().split("\x1b[2F\x1b[J")
    running = "  run 7  seed=1  step 20 of 500  loss 1.25"
    assert first.splitlines() == [
        "0 of 3 done, 1 running, 0 s passed, time left: 10 min",
        running,
    ]
    assert second.splitlines() == [
        "failed: seed=0: the loss is nan",
        "0 of 3 done, 1 running, 1 failed, 1 skipped, 0 s passed, time left: 0 s",
        running,
    ]


def test_the_time_left_goes_by_what_is_done(monkeypatch):
    table = LiveTable(LABELS, look, expected=600, stream=io.StringIO())
    table._began -= 100
    assert "time left: 8 min" in table.lines([])[0]
    table.ended("a", "skipped")
    half = [Progress(7, "b", 250, 500, 1.25)]
    assert "100 s passed, time left: 5 min" in table.lines(half)[0].replace("2 min p", "100 s p")
    table.ended("b", "done")
    assert "time left: 2 min" in table.lines([])[0]


def test_a_log_file_gets_whole_lines(monkeypatch):
    monkeypatch.setattr("replearn.sweep.table.FILE_SECONDS", 0.01)
    stream = io.StringIO()
    with LiveTable(LABELS, look, stream=stream) as table:
        while "run 7" not in stream.getvalue():
            pass
        table.ended("a", "done")
    lines = stream.getvalue().splitlines()
    assert lines[0] == "0 of 3 done, 1 running, 0 s passed, time left: unknown  run 7"
    assert lines[-1].startswith("1 of 3 done, 0 running") and "\x1b" not in stream.getvalue()


def test_a_database_that_is_away_for_a_moment_stops_no_table(monkeypatch):
    monkeypatch.setattr("replearn.sweep.table.FILE_SECONDS", 0.01)
    asked = []

    def away():
        asked.append(1)
        raise OSError("away")

    stream = io.StringIO()
    with LiveTable(LABELS, away, stream=stream):
        while len(asked) < 2:
            pass
    assert stream.getvalue().count("\n") == 1


def test_a_reader_that_is_gone_stops_no_sweep():
    reader, writer = os.pipe()
    os.close(reader)
    stream = os.fdopen(writer, "w")
    with LiveTable(LABELS, look, stream=stream) as table:
        table.ended("a", "failed", "the loss is nan")
    with pytest.raises(BrokenPipeError):
        stream.close()
