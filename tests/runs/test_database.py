"""Opening the database: names, URLs and absent servers, one sentence each."""

import socket
import time

import pytest

from replearn.errors import InputError
from replearn.runs.database import ensure_indexes, open_database, without_password


def test_opens_the_named_database_and_confirms_writes_from_the_journal(database, monkeypatch):
    assert open_database().name == database.name
    assert open_database("other").name == "other"
    assert open_database().write_concern.document == {"w": "majority", "j": True}
    monkeypatch.delenv("MONGO_DB")
    assert open_database().name == "replearn"


@pytest.mark.parametrize("name", ["a b", "a/b", "a.b", "a$", "x" * 64, "admin", 'a"b'])
def test_refuses_a_name_that_no_database_can_have(database, name):
    with pytest.raises(InputError, match="cannot name a database"):
        open_database(name)


@pytest.mark.parametrize("url", ["mongodb://", "mongodb://h:port", "http://h"])
def test_refuses_what_is_no_url(monkeypatch, url):
    monkeypatch.setenv("MONGO_URL", url)
    with pytest.raises(InputError, match="is not a MongoDB URL"):
        open_database("x")


@pytest.mark.slow  # it waits the 3 s
def test_an_absent_server_is_one_sentence_without_the_password(monkeypatch):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    monkeypatch.setenv("MONGO_URL", f"mongodb://ada:s3cret@127.0.0.1:{port}/?appname=s3cret")
    started = time.monotonic()
    with pytest.raises(
        InputError, match=f"no MongoDB server answers at mongodb://127.0.0.1:{port}/ within 3 s"
    ) as caught:
        open_database("x")
    assert "s3cret" not in str(caught.value) and "ada" not in str(caught.value)
    assert time.monotonic() - started < 6


def test_a_refused_password_is_not_shown(mongo_server, monkeypatch):
    monkeypatch.setenv("MONGO_URL", mongo_server.replace("://", "://ada:s3cret@"))
    with pytest.raises(InputError, match="refused us .*Authentication failed.*MONGO_URL") as caught:
        open_database("x")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("mongodb://u:p@h:1/db?authSource=admin", "mongodb://h:1/db"),
        ("mongodb://u:p@x@h", "mongodb://h"),
        ("mongodb+srv://u:p@h/?tlsCertificateKeyFilePassword=p", "mongodb+srv://h/"),
        ("mongodb://h:1", "mongodb://h:1"),
        ("u:p@h:1", "h:1"),
    ],
)
def test_shows_urls_without_secrets(url, shown):
    assert without_password(url) == shown


def test_indexes_are_made_once_and_forbid_a_metric_twice(database):
    from pymongo.errors import DuplicateKeyError

    ensure_indexes(database)
    ensure_indexes(database)
    assert {"run_id_1_name_1"} < set(database.metrics.index_information())
    assert "status_1_identity.config_hash_1" in database.runs.index_information()
    assert "experiment.name_1_start_time_-1" in database.runs.index_information()
    database.metrics.insert_one({"run_id": 1, "name": "loss"})
    with pytest.raises(DuplicateKeyError):
        database.metrics.insert_one({"run_id": 1, "name": "loss"})


def test_a_database_of_other_tools_with_a_metric_twice_still_opens(database):
    database.metrics.insert_many([{"run_id": 1, "name": "loss"}, {"run_id": 1, "name": "loss"}])
    ensure_indexes(database)
    ensure_indexes(database)
    assert "run_id_1_name_1_shared" in database.metrics.index_information()
