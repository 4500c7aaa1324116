"""Captured output: whole, from every thread, and of progress bars the last state."""

import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sacred.utils import apply_backspaces_and_linefeeds

from replearn.runs.output import capture_output, shorten, tidy


def test_nothing_is_lost_while_another_thread_reads(capsys):
    # Sacred's own capture moves the position of the buffer under the writer.
    read = []
    with capture_output() as text:
        done = threading.Event()

        def reader():
            while not done.is_set():
                read.append(text.get())

        thread = threading.Thread(target=reader)
        thread.start()
        for number in range(20_000):
            print(number)
        done.set()
        thread.join()
        print("last", file=sys.stderr)
    read.append(text.get())
    assert "".join(read).split() == [*map(str, range(20_000)), "last"]
    assert capsys.readouterr().err == "last\n"  # the terminal sees it too


def test_streams_are_restored_after_an_error():
    before = sys.stdout, sys.stderr
    with pytest.raises(KeyError):
        with capture_output() as text:
            print("said")
            raise KeyError
    assert (sys.stdout, sys.stderr) == before
    assert text.get() == "said\n" and text.get() == ""


@given(st.text(alphabet="ab\r\b\n", max_size=40))
def test_tidy_is_sacreds_filter(text):
    assert tidy(text) == apply_backspaces_and_linefeeds(text)


@given(st.text(alphabet="ab\r\b\n", max_size=30), st.text(alphabet="ab\r\b\n", max_size=30))
def test_tidy_in_pieces_is_sacreds_filter_in_pieces(first, second):
    sacred = apply_backspaces_and_linefeeds
    assert tidy(tidy(first) + second) == sacred(sacred(first) + second)


def test_a_progress_bar_leaves_its_last_state():
    bar = "".join(f"\r{n:3d}% |{'#' * (n // 10):10}|" for n in range(101))
    assert tidy("start\n" + bar + "\nend\n") == "start\n100% |##########|\nend\n"


def test_a_long_text_keeps_head_and_tail():
    text = "h" * 10 + "m" * 100 + "t" * 20
    assert shorten(text, 10, 20) == "h" * 10 + "\n[… 100 characters left out …]\n" + "t" * 20
    assert shorten(text, 100, 30) == text


def test_twenty_million_characters_of_output_are_capped(run_with):
    def main(_run):
        print("the head")
        for number in range(20):
            print(str(number % 10) * 1_000_000)
        print("the tail")

    document, observer = run_with(main)
    text = document["captured_out"]
    assert text.startswith("the head\n0000") and text.endswith("9999\nthe tail\n")
    assert "[… 19000038 characters left out …]" in text and len(text) < 1_000_100
    assert document["status"] == "COMPLETED" and observer.failure is None


def test_all_output_of_a_failed_run_is_kept(run_with):
    def main():
        for number in range(20_000):
            print(number)
        raise KeyError("the end")

    document, _ = run_with(main, fails=KeyError)
    assert document["captured_out"].split() == [str(number) for number in range(20_000)]
    assert document["status"] == "FAILED" and "the end" in document["fail_trace"][-1]
