"""How configurations stand, from real documents of runs and claims."""

from datetime import UTC, datetime, timedelta

import pytest

from replearn.runs.claims import claim
from replearn.runs.standing import (
    FAILED,
    FINISHED,
    INTERRUPTED,
    MISSING,
    RUNNING,
    Standing,
    claim_keys,
    find_standings,
)

STATE = {"resume.safetensors": b"state", "resume.json": b"{}"}


def now():
    """The time as run documents have it."""
    return datetime.now(UTC).replace(tzinfo=None)


@pytest.fixture
def stands(database):
    """Return how the configuration `h` stands for code `c`."""

    def find(code="c", same_code=False, key="h"):
        return find_standings(database, "unsupervised", [key], code, same_code)[key]

    return find


@pytest.fixture
def store(store_run):
    """Store a run of the configuration `h` and code `c`; return its id."""

    def run(status="COMPLETED", key="h", code="c", **fields):
        return store_run(
            status=status, identity={"config_hash": key, "code": code}, **{"config": {}} | fields
        )

    return run


def fail(database, sentence, retry, code="c"):
    mine = claim(database, claim_keys("unsupervised", ["h"])["h"], "host:1", code=code)
    mine.failed(sentence, retry)


def test_the_newest_whole_run_finishes_a_configuration(stands, store, database):
    assert stands() == Standing(MISSING)
    first, second = store(metrics={"val.loss": [2.0, 1.0]}), store(metrics={"val.loss": [2.0, 1.0]})
    assert stands() == Standing(FINISHED, second)
    database.metrics.update_one({"run_id": second}, {"$pop": {"steps": 1, "values": 1}})
    assert stands() == Standing(FINISHED, first)
    database.metrics.delete_many({})
    assert stands() == Standing(MISSING)


def test_other_configurations_and_experiments_do_not_count(stands, store):
    store(key="other")
    store(experiment="supervised")
    assert stands() == Standing(MISSING)


def test_code_counts_only_if_asked(stands, store):
    run_id = store()
    assert stands("d") == Standing(FINISHED, run_id)
    assert stands("d", same_code=True) == Standing(MISSING)
    assert stands("c", same_code=True) == Standing(FINISHED, run_id)


def test_a_run_is_alive_by_its_heartbeat(stands, store):
    run_id = store("RUNNING", heartbeat=now(), stop_time=None)
    assert stands() == Standing(RUNNING, run_id)


def test_a_silent_run_is_interrupted_if_it_left_a_state(stands, store):
    silent = now() - timedelta(minutes=5)
    store("RUNNING", heartbeat=silent)
    assert stands() == Standing(MISSING)
    run_id = store("RUNNING", heartbeat=silent, artifacts=STATE)
    assert stands() == Standing(INTERRUPTED, run_id)
    newer = store("TIMEOUT", artifacts=STATE)
    assert stands() == Standing(INTERRUPTED, newer)


def test_a_failed_run_says_why(stands, store):
    trace = ["Traceback", "  File", "replearn.training.engine.DivergedError: the loss is nan\n"]
    run_id = store("FAILED", fail_trace=trace)
    assert stands() == Standing(FAILED, run_id, "the loss is nan")


def test_a_claim_that_is_held_is_running(stands, database):
    mine = claim(database, claim_keys("unsupervised", ["h"])["h"], "host:1", code="c")
    mine.started(7)
    assert stands() == Standing(RUNNING, 7)


def test_failed_claims_count_for_their_code_until_it_changes(stands, database):
    fail(database, "out of memory", retry=True)
    assert stands() == Standing(FAILED, None, "out of memory")
    fail(database, "the loss is nan", retry=False)
    assert stands() == Standing(FAILED, None, "the loss is nan", settled=True)
    assert stands(None).settled
    assert stands("another") == Standing(MISSING)


def test_three_attempts_are_enough(stands, database):
    for _ in range(3):
        assert not stands().settled
        fail(database, "out of memory", retry=True)
    assert stands() == Standing(FAILED, None, "out of memory", settled=True)


def test_many_are_found_in_a_few_queries(database, store):
    from pymongo.monitoring import CommandListener

    hashes = [f"h{i}" for i in range(200)]
    for key in hashes[:20]:
        store(key=key, metrics={"val.loss": [1.0]}, artifacts={"a.json": b"{}"})

    class Count(CommandListener):
        n = 0

        def started(self, event):
            self.n += 1

        succeeded = failed = lambda self, event: None

    from pymongo import MongoClient

    counter = Count()
    address = database.client.address
    with MongoClient(*address, event_listeners=[counter]) as client:
        watched = client.get_database(database.name)
        found = find_standings(watched, "unsupervised", hashes, "c")
        assert counter.n <= 5
    assert sum(each.state == FINISHED for each in found.values()) == 20
