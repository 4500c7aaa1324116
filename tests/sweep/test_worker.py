"""What a worker computes for one driver is not touched by what it is told by another."""

import os
import threading

from replearn.sweep.worker import Environment, call

NAME = "MONGO_DB"


def test_a_block_sees_the_environment_of_its_driver(monkeypatch):
    monkeypatch.setenv(NAME, "theirs")
    monkeypatch.delenv("REPLEARN_HOME", raising=False)
    mine = {NAME: "mine", "REPLEARN_HOME": "/home"}
    assert call(os.getenv, (NAME,), 1, mine) == "mine"
    assert os.environ[NAME] == "theirs" and "REPLEARN_HOME" not in os.environ
    assert call(os.getenv, (NAME,), 1, {NAME: None}) is None
    assert os.environ[NAME] == "theirs"


def test_another_driver_that_comes_changes_nothing_under_way(monkeypatch):
    monkeypatch.setenv(NAME, "first")

    def block() -> str | None:
        Environment({NAME: "second"}).setup(None)  # type: ignore[arg-type]
        return os.getenv(NAME)

    assert call(block, (), 1, {NAME: "mine"}) == "mine"
    assert os.environ[NAME] == "second"


def test_blocks_of_two_drivers_wait_for_each_other_and_those_of_one_do_not(monkeypatch):
    monkeypatch.setenv(NAME, "theirs")
    together, seen = threading.Barrier(2), []

    def block() -> None:
        together.wait(10)  # with the other one of the same driver
        seen.append(os.environ[NAME])

    names = ["a", "b", "a", "b"]
    threads = [
        threading.Thread(target=call, args=(block, (), 1, {NAME: name}), daemon=True)
        for name in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert seen in (["a", "a", "b", "b"], ["b", "b", "a", "a"])
    assert os.environ[NAME] == "theirs"
