"""bin/start-services and bin/stop-services, on real servers in a folder of the test."""

import os
import subprocess
from pathlib import Path

import pytest
from pymongo import MongoClient

BIN = Path(__file__).resolve().parents[2] / "bin"


@pytest.fixture
def services(tmp_path):
    """Run one of the two scripts, with an old Node on the PATH, and return code and output."""
    node = tmp_path / "old" / "node"
    node.parent.mkdir()
    node.write_text("#!/bin/sh\necho v16.20.2\n")
    node.chmod(0o755)
    home = tmp_path / "ho me"
    (home / "sims").mkdir(parents=True)

    def run(name: str, **environment: str):
        clean = {k: v for k, v in os.environ.items() if not k.startswith("MONGO_")}
        done = subprocess.run(
            [BIN / name],
            cwd="/",
            env=clean
            | {"REPLEARN_HOME": str(home), "PATH": f"{node.parent}:{os.environ['PATH']}"}
            | environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        return done.returncode, done.stdout, home

    yield run
    run("stop-services")


@pytest.mark.slow
def test_mongodb_starts_without_a_new_node_and_both_are_stopped(services):
    code, said, home = services("start-services")
    url = (home / "sims" / "mongo" / "url").read_text().strip()
    assert code == 0
    assert f"MongoDB    {url}  database replearn, started\n" in said
    assert "Omniboard  not started: Omniboard needs Node 18 or newer, and " in said
    assert "is v16.20.2: update it" in said
    with MongoClient(url, serverSelectionTimeoutMS=3000) as client:
        assert client.admin.command("ping")["ok"] == 1

    code, said, _ = services("start-services")
    assert code == 0 and f"MongoDB    {url}  database replearn, already running\n" in said

    code, said, _ = services("stop-services")
    assert (code, said) == (0, "Omniboard  was not running\nMongoDB    stopped\n")
    code, said, _ = services("stop-services")
    assert (code, said) == (0, "Omniboard  was not running\nMongoDB    was not running\n")


@pytest.mark.slow
def test_the_users_own_server_is_used_and_left_running(services, mongo_server):
    own = {"MONGO_URL": mongo_server, "MONGO_DB": "mine"}
    code, said, home = services("start-services", **own)
    assert code == 0
    assert f"MongoDB    {mongo_server}  database mine, named by MONGO_URL\n" in said
    assert not (home / "sims" / "mongo").exists()
    services("stop-services", **own)
    with MongoClient(mongo_server, serverSelectionTimeoutMS=3000) as client:
        assert client.admin.command("ping")["ok"] == 1
        client.drop_database("mine")


@pytest.mark.slow
def test_a_database_that_does_not_answer_is_one_sentence(services):
    code, said, _ = services("start-services", MONGO_URL="mongodb://127.0.0.1:1")
    assert (code, said) == (1, "")


@pytest.mark.parametrize("name", ["start-services", "stop-services"])
def test_what_is_no_option_starts_and_stops_nothing(name):
    def run(option):
        return subprocess.run([BIN / name, option], capture_output=True, text=True, timeout=60)

    told, refused = run("--help"), run("--halp")
    assert told.returncode == 0 and "Omniboard" in told.stdout
    assert refused.returncode == 1
    assert refused.stderr == f"bin/{name} takes no options, not '--halp'.\n"
