"""Claims on a real server: one winner each, leases by the server's clock, three attempts."""

import random
import threading
import time

import pytest
from pymongo import MongoClient

from replearn.errors import InputError
from replearn.runs.claims import claim, forget, holder, is_superseded, standings

KEY = "probe:hash"


def steal(database, seconds=150.0):
    """Let the lease run out, as of a process that is dead, and claim."""
    database.claims.update_one({"_id": KEY}, [{"$set": {"lease_until": "$$NOW"}}])
    time.sleep(0.002)
    return claim(database, KEY, "thief", seconds)


def test_sixteen_threads_claim_fifty_configurations_and_each_has_one_winner(database, mongo_server):
    keys = [f"probe:{number}" for number in range(50)]
    won, errors = [], []
    start = threading.Barrier(16)

    def compete(number):
        try:
            with MongoClient(mongo_server) as client:
                mine = client.get_database(database.name)
                order = random.Random(number).sample(keys, len(keys)) if number % 2 else keys
                start.wait()
                won.extend(
                    (key, held.token)
                    for key in order
                    if (held := claim(mine, key, f"thread {number}")) is not None
                )
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=compete, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    stored = {document["_id"]: document for document in database.claims.find()}
    assert sorted(won) == sorted((key, stored[key]["token"]) for key in keys)
    assert all(document["attempts"] == 1 for document in stored.values())


def test_a_race_for_a_lease_that_is_over_has_one_winner(database, mongo_server):
    lost = claim(database, KEY, "dead")
    database.claims.update_one({"_id": KEY}, [{"$set": {"lease_until": "$$NOW"}}])
    start, winners = threading.Barrier(8), []

    def compete(number):
        with MongoClient(mongo_server) as client:
            mine = client.get_database(database.name)
            mine.claims.find_one()
            start.wait()
            winners.append(claim(mine, KEY, f"thread {number}") is not None)

    threads = [threading.Thread(target=compete, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(winners) == [False] * 7 + [True]
    assert database.claims.find_one()["attempts"] == 2
    assert not lost.renew()


def test_whoever_has_lost_a_claim_changes_nothing(database):
    lost = claim(database, KEY, "slow")
    assert claim(database, KEY, "other") is None
    assert lost.renew() and lost.started(3)
    assert holder(database, KEY) == "slow (run 3)"
    now = steal(database)
    before = database.claims.find_one()
    assert not any([lost.renew(), lost.started(4), lost.done(4), lost.release()])
    assert not lost.failed("late", retry=False)
    assert database.claims.find_one() == before
    assert (before["owner"], before["token"]) == ("thief", now.token)
    assert lost.loss().startswith("thief has taken over its configuration, after 150 s without")
    document = {"claim": lost.document()}
    assert is_superseded(database, document) and not is_superseded(database, {"status": "x"})
    assert now.failed("the disk is full", retry=True)
    assert not is_superseded(database, document)


def test_a_lease_that_is_over_is_renewed_as_long_as_nobody_took_over(database):
    held = claim(database, KEY, "slow", 0.05)
    time.sleep(0.1)
    assert standings(database, [KEY])[KEY]["state"] == "dead"
    assert held.renew()
    assert standings(database, [KEY])[KEY]["state"] == "running"
    assert claim(database, KEY, "other") is None


def test_the_clock_is_the_servers(database, monkeypatch):
    held = claim(database, KEY, "here")
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert held.renew() and claim(database, KEY, "a machine whose clock is wrong") is None
    now = database.command("serverStatus", metrics=0)["localTime"]
    left = database.claims.find_one()["lease_until"] - now
    assert 145 < left.total_seconds() <= 150


def test_three_attempts_and_a_signal_is_none(database):
    assert claim(database, KEY, "host:1", code="a").release()
    assert claim(database, KEY, "host:2", code="a").failed("the disk is full", retry=True)
    steal(database)  # "thief" is of other code, and so begins to count anew
    assert database.claims.find_one()["attempts"] == 1
    for attempt in (2, 3):
        assert steal(database) is not None
        assert database.claims.find_one()["attempts"] == attempt
    with pytest.raises(InputError, match="failed 3 times .last: its process thief died.; python"):
        steal(database)
    assert not standings(database, [KEY])[KEY]["may_retry"]
    assert claim(database, KEY, "host:1", code="b").done(7)
    assert database.claims.find_one()["attempts"] == 1


def test_what_is_the_configurations_own_fault_is_refused_until_the_code_changes(database):
    held = claim(database, KEY, "host:1", code="a")
    held.started(5)
    assert held.failed("$oops: the loss is not finite", retry=False)
    with pytest.raises(
        InputError, match=r"cannot work, run 5: \$oops: the loss is not finite; pyt"
    ):
        claim(database, KEY, "host:2", code="a")
    assert claim(database, KEY, "$host:2", code="b").owner == "$host:2"
    assert database.claims.find_one()["owner"] == "$host:2"


def test_what_was_done_can_be_claimed_because_its_run_may_be_removed(database):
    for run_id in range(5):
        assert claim(database, KEY, "host:1").done(run_id)
    found = standings(database, [KEY, "probe:unknown"])
    assert set(found) == {KEY}
    assert (found[KEY]["state"], found[KEY]["run_id"]) == ("done", 4)


def test_a_claim_that_is_forgotten_is_lost_and_free(database):
    held = claim(database, KEY, "host:1")
    assert forget(database, standings(database, [KEY]).values()) == 1
    assert not held.renew() and held.loss() == "its claim was taken back"
    assert claim(database, KEY, "host:2") is not None
    assert forget(database, []) == 0


def test_a_claim_that_was_taken_since_it_was_read_is_not_forgotten(database):
    first = claim(database, KEY, "host:1")
    assert first.failed("away", retry=True)
    failed = standings(database, [KEY]).values()
    second = claim(database, KEY, "host:2")
    assert forget(database, failed) == 0 and second.renew()


def test_a_claim_of_a_process_that_lives_after_all_is_not_forgotten(database):
    held = claim(database, KEY, "host:1", seconds=-1)
    dead = standings(database, [KEY])
    assert dead[KEY]["state"] == "dead" and held.renew()
    assert forget(database, dead.values()) == 0 and held.started(3)


def test_a_dead_claim_is_forgotten_but_not_once_it_is_done(database):
    held = claim(database, KEY, "host:1", seconds=-1)
    dead = standings(database, [KEY]).values()
    assert held.done(3) and forget(database, dead) == 0
    assert claim(database, KEY, "host:1", seconds=-1) is not None
    assert forget(database, standings(database, [KEY]).values()) == 1


def test_a_resume_state_that_is_spoiled_is_remembered(database):
    held = claim(database, KEY, "host:1")
    assert held.spoiled == () and held.failed("damaged", retry=True, spoiled=3)
    assert claim(database, KEY, "host:2").spoiled == (3,)
