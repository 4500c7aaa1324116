"""Tasks of a sweep: skipped, claimed, taken up again, given back or refused, on a real server."""

import os
import signal
import time

import pytest
from pymongo.errors import AutoReconnect

from replearn.errors import InputError
from replearn.runs import claimed
from replearn.runs import database as database_module
from replearn.runs.claimed import Sweep, patiently, sweep_of
from replearn.runs.database import open_database
from replearn.training.engine import DivergedError


def raises(error):
    def action(_run):
        raise error

    return action


def test_a_configuration_is_run_once_and_then_skipped(sweep, run_probe, capsys):
    seen = []
    assert run_probe(lambda _run: seen.append(dict(sweep.claims.find_one()))) == 0
    during, after = seen[0], sweep.claims.find_one()
    run = sweep.runs.find_one()
    assert during["state"] == "running" and during["sweep"] == "s1" and during["run_id"] == 1
    assert (after["state"], after["run_id"], after["attempts"]) == ("done", 1, 1)
    assert run["claim"] == {key: during[key] for key in ("token", "owner", "sweep")} | {
        "key": f"probe:{run['identity']['config_hash']}"
    }
    capsys.readouterr()
    assert run_probe(lambda _run: seen.append("again")) == 0
    assert "skipped: run 1 is finished and has this configuration" in capsys.readouterr().out
    assert len(seen) == 1 and run_probe(lambda _run: None, kind="b") == 0
    assert sweep.runs.count_documents({}) == 2


def test_a_finished_run_that_was_removed_or_damaged_is_run_again(sweep, run_probe):
    def log(_run):
        _run.log_scalar("loss", 1.0, 0)

    assert run_probe(log) == 0
    sweep.metrics.delete_many({})
    with pytest.warns(UserWarning, match="1 completed run left out"):
        assert run_probe(log) == 0
    assert sorted(sweep.runs.distinct("_id")) == [1, 2]
    assert sweep.claims.find_one()["run_id"] == 2


def test_code_same_skips_only_what_this_code_has_finished(sweep, run_probe, monkeypatch, capsys):
    assert run_probe(lambda _run: None) == 0
    sweep.runs.update_one({}, {"$set": {"identity.code": "older"}})
    assert run_probe(lambda _run: None) == 0
    assert "skipped: run 1" in capsys.readouterr().out
    monkeypatch.setenv("REPLEARN_CODE", "same")
    assert run_probe(lambda _run: None) == 0
    assert run_probe(lambda _run: None) == 0
    assert "skipped: run 2" in capsys.readouterr().out
    code = sweep.runs.find_one({"_id": 2})["identity"]["code"]
    claim = sweep.claims.find_one()
    assert sweep.claims.count_documents({}) == 1  # one for a configuration, whosever code counts
    assert (claim["run_id"], claim["code"]) == (2, code)


def test_what_another_process_has_is_left_to_it(sweep, run_probe, capsys):
    codes = []
    assert run_probe(lambda _run: codes.append(run_probe(lambda _run: None))) == 0
    said = capsys.readouterr().out
    assert codes == [4] and f"claimed: probe {sweep.claims.find_one()['_id'][6:18]} by " in said
    assert f":{os.getpid()} (run 1)" in said
    assert sweep.runs.count_documents({}) == 1


def test_a_run_outside_of_the_sweep_that_is_alive_is_left_alone(
    sweep, run_probe, monkeypatch, capsys
):
    codes = []

    def meanwhile(_run):
        monkeypatch.setenv("REPLEARN_SWEEP", "s1")
        codes.append(run_probe(lambda _run: None))

    monkeypatch.delenv("REPLEARN_SWEEP")
    assert run_probe(meanwhile) == 0
    assert codes == [4] and "claimed: run 1 has this configuration" in capsys.readouterr().out
    assert sweep.claims.find_one()["state"] == "released"


@pytest.mark.parametrize("error", [InputError("no such latent"), DivergedError("loss is nan")])
def test_errors_of_the_configuration_are_not_tried_again(sweep, run_probe, capsys, error):
    assert run_probe(raises(error)) == 1
    assert sweep.claims.find_one()["state"] == "refused"
    capsys.readouterr()
    assert run_probe(lambda _run: None) == 1
    said = capsys.readouterr().err
    assert f"error: this configuration cannot work, run 1: {error}; python -m sweep retry" in said
    assert sweep.runs.count_documents({}) == 1


def test_other_failures_are_tried_three_times(sweep, run_probe, capsys):
    for _attempt in range(3):
        assert run_probe(raises(OSError(28, "No space left on device"))) == 1
    capsys.readouterr()
    assert run_probe(lambda _run: None) == 1
    said = capsys.readouterr().err
    assert "error: this configuration failed 3 times (last, run 3: OSError: [Errno 28] No " in said
    assert sweep.runs.count_documents({}) == 3


def test_a_database_that_refuses_the_start_is_no_fault_of_the_configuration(sweep, run_probe):
    sweep.create_collection("runs", validator={"never": {"$exists": True}})
    assert run_probe(lambda _run: None) == 1
    assert sweep.claims.find_one()["state"] == "failed"
    sweep.command("collMod", "runs", validator={})
    assert run_probe(lambda _run: None) == 0


def test_a_signal_gives_the_claim_back_and_costs_no_attempt(sweep, run_probe):
    for _attempt in range(4):
        code = run_probe(lambda _run: (os.kill(os.getpid(), signal.SIGTERM), time.sleep(5)))
        assert code == 128 + signal.SIGTERM
    found = sweep.claims.find_one()
    assert (found["state"], found["attempts"]) == ("released", 0)
    assert run_probe(lambda _run: None) == 0


def test_a_signal_before_the_run_begins_gives_the_claim_back(sweep, run_probe, monkeypatch):
    find_dead = claimed.find_dead

    def interrupted(*args):
        os.kill(os.getpid(), signal.SIGTERM)
        return find_dead(*args)

    monkeypatch.setattr(claimed, "find_dead", interrupted)
    assert run_probe(lambda _run: None) == 128 + signal.SIGTERM
    assert sweep.claims.find_one()["state"] == "released"
    assert sweep.runs.count_documents({}) == 0


def test_a_run_that_loses_its_claim_stops_and_is_not_finished(sweep, steal, run_probe, capsys):
    def wait(_run):
        steal()
        time.sleep(30)

    begin = time.monotonic()
    assert run_probe(wait) == 4
    assert time.monotonic() - begin < 15
    said = capsys.readouterr().err
    assert "run 1 stops: thief has taken over its configuration, after 2 s without a sign" in said
    assert sweep.runs.find_one()["status"] == "INTERRUPTED"
    found = sweep.claims.find_one()
    assert (found["owner"], found["state"]) == ("thief", "running")


def test_a_claim_that_is_lost_at_the_last_moment_is_no_second_finish(
    sweep, steal, run_probe, capsys
):
    assert run_probe(lambda _run: steal() and None) == 4
    captured = capsys.readouterr()
    assert "run 1: INTERRUPTED" in captured.out and "thief has taken over" in captured.err
    assert sweep.runs.find_one()["status"] == "INTERRUPTED"
    assert sweep.claims.find_one()["owner"] == "thief"


def test_a_claim_taken_back_stops_the_run(sweep, run_probe, capsys):
    assert run_probe(lambda _run: sweep.claims.delete_many({}) and time.sleep(30)) == 4
    assert "run 1 stops: its claim was taken back" in capsys.readouterr().err


def test_a_task_waits_for_a_database_that_is_away(database, monkeypatch, capsys):
    answers = iter([AutoReconnect("gone"), AutoReconnect("gone"), "back"])

    def ask():
        if isinstance(answer := next(answers), Exception):
            raise answer
        return answer

    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    assert patiently(ask) == "back"
    assert "the database is away; waiting 60 s for it" in capsys.readouterr().err
    monkeypatch.setattr(claimed, "PATIENCE", -1.0)
    monkeypatch.setattr(database_module, "PING_SECONDS", 0.1)
    monkeypatch.setenv("MONGO_URL", "mongodb://127.0.0.1:9")
    with pytest.raises(InputError, match="the database does not answer"):
        patiently(open_database)
    monkeypatch.setenv("MONGO_URL", "http://localhost")
    with pytest.raises(InputError, match="is not a MongoDB URL"):
        patiently(open_database)


def test_the_environment_is_checked():
    assert sweep_of({}) is None and sweep_of({"REPLEARN_SWEEP": ""}) is None
    assert sweep_of({"REPLEARN_SWEEP": "s"}) == Sweep("s", "any", 150.0)
    with pytest.raises(InputError, match="REPLEARN_CODE must be any or same, got 'new'"):
        sweep_of({"REPLEARN_SWEEP": "s", "REPLEARN_CODE": "new"})
    for lease in ("1", "soon", "nan", "inf"):
        with pytest.raises(InputError, match=f"REPLEARN_LEASE must be at least 2 s.*{lease!r}"):
            sweep_of({"REPLEARN_SWEEP": "s", "REPLEARN_LEASE": lease})
