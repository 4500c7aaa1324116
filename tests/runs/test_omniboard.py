"""Omniboard beside a real server: where it listens, whom it answers, and which columns it has."""

import http.client
import json
import os
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from replearn.errors import InputError
from replearn.runs import omniboard
from replearn.runs.omniboard import (
    CUSTOM_COLUMNS,
    METRIC_COLUMNS,
    database_url,
    find_node,
    omniboard_status,
    seed_columns,
    start_omniboard,
    stop_omniboard,
)


@pytest.fixture
def installed():
    try:
        find_node()
    except InputError as error:
        pytest.skip(str(error))
    if not omniboard._SERVER.exists():
        pytest.skip("Omniboard is not installed: run bin/setup --node")


@pytest.fixture
def folder(tmp_path, installed):
    folder = tmp_path / "omni board"
    yield folder
    stop_omniboard(folder)


@pytest.fixture
def page(folder, database, mongo_server):
    return start_omniboard(mongo_server, database.name, folder)


def answer(page: str, method: str, path: str, **headers: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(page).port, timeout=10)
    connection.request(method, "/sacred/api/v1" + path, headers=headers)
    code = connection.getresponse().status
    connection.close()
    return code


def listening_addresses(port: int) -> set[str]:
    """The local addresses, in the kernel's hexadecimal, of sockets that listen on a port."""
    addresses = set()
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        for line in table.read_text().splitlines()[1:] if table.exists() else []:
            _, local, _, state, *_ = line.split()
            address, hexadecimal = local.split(":")
            if state == "0A" and int(hexadecimal, 16) == port:
                addresses.add(address)
    return addresses


@pytest.mark.slow
def test_omniboard_listens_on_the_loopback_only(page):
    assert listening_addresses(urlsplit(page).port) == {"0100007F"}  # 127.0.0.1
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", urlsplit(page).port), timeout=5)


@pytest.mark.slow
def test_other_web_sites_can_neither_read_nor_delete_runs(page, store_run, database):
    run_id = store_run()
    host = f"127.0.0.1:{urlsplit(page).port}"
    path = f"/Runs/{run_id}"
    assert answer(page, "GET", path, Host=host, Origin="http://elsewhere.example") == 403
    assert answer(page, "DELETE", path, Host=host, Origin="http://elsewhere.example") == 403
    assert answer(page, "DELETE", path, Host="rebound.example:9000") == 403
    assert database.runs.count_documents({}) == 1
    assert answer(page, "GET", path, Host=host) == 200
    assert answer(page, "GET", path, Host="localhost:9123", Origin="http://localhost:9123") == 200
    assert answer(page, "DELETE", path, Host=host, Origin=f"http://{host}") == 204
    assert database.runs.count_documents({}) == 0


@pytest.mark.slow
def test_a_second_start_finds_the_first_and_another_database_replaces_it(
    page, folder, database, mongo_server, store_run
):
    store_run()
    first = omniboard_status(folder).pid
    assert start_omniboard(mongo_server, database.name, folder) == page
    assert omniboard_status(folder).pid == first
    assert _count(page) == 1

    start_omniboard(mongo_server, database.name + "_other", folder)
    assert omniboard_status(folder).pid != first
    assert not os.path.exists(f"/proc/{first}/cmdline")
    assert _count(omniboard_status(folder).url) == 0


@pytest.mark.slow
def test_a_taken_port_is_left_alone_and_a_foreign_pid_is_not_killed(folder, database, mongo_server):
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as foreign,
    ):
        port = taken.getsockname()[1]
        folder.mkdir()
        (folder / "pid").write_text(f"{foreign.pid}\n")
        (folder / "url").write_text(f"http://127.0.0.1:{port}/sacred\n")
        page = start_omniboard(mongo_server, database.name, folder)
        assert urlsplit(page).port != port
        assert omniboard_status(folder).pid != foreign.pid
        assert stop_omniboard(folder)
        assert not stop_omniboard(folder)
        assert foreign.poll() is None
        foreign.communicate(b"\n")


def test_a_stale_pid_stops_nothing(tmp_path):
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as foreign:
        (tmp_path / "pid").write_text(f"{foreign.pid}\n")
        assert omniboard_status(tmp_path).pid is None
        assert not stop_omniboard(tmp_path)
        assert foreign.poll() is None
        foreign.communicate(b"\n")


def test_columns_read_what_runs_store():
    # As experiments.unsupervised, experiments.supervised and analysis.model name their results.
    scores = ["loss", "reconstruction", "reconstruction_ratio", "kl", "active_latents", "accuracy"]
    dci = ["dci_disentanglement", "dci_completeness", "dci_informativeness"]
    keys = ["dataset.name", "model.encoder", "model.latent_size", "training.loss.name"]
    keys += ["training.loss.params.beta", "seed"]
    wanted = {f"result.{name}" for name in scores + dci} | {f"config.{key}" for key in keys}
    assert set(CUSTOM_COLUMNS.values()) == wanted


def test_columns_are_seeded_once_and_stay_deleted(database):
    seed_columns(database)
    seed_columns(database)
    custom, metric = database["omniboard.custom.columns"], database["omniboard.metric.columns"]
    assert {c["name"]: c["config_path"] for c in custom.find()} == CUSTOM_COLUMNS
    assert {c["name"]: (c["metric_name"], c["extrema"]) for c in metric.find()} == METRIC_COLUMNS

    custom.delete_one({"name": "KL"})
    custom.update_one({"name": "Beta"}, {"$set": {"config_path": "config.mine"}})
    seed_columns(database)
    assert custom.count_documents({"name": "KL"}) == 0
    assert custom.find_one({"name": "Beta"})["config_path"] == "config.mine"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("mongodb://127.0.0.1:27117", "mongodb://127.0.0.1:27117/runs"),
        ("mongodb://h/old?w=1", "mongodb://h/runs?w=1"),
        ("mongodb://u:p@h/", "mongodb://u:p@h/runs?authSource=admin"),
        ("mongodb://u:p@h/users", "mongodb://u:p@h/runs?authSource=users"),
        ("mongodb://u:p@h,i/?authSource=a", "mongodb://u:p@h,i/runs?authSource=a"),
    ],
)
def test_the_database_is_named_without_changing_who_authenticates(url, expected):
    assert database_url(url, "runs") == expected


def test_without_node_or_with_an_old_one_a_sentence_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="needs Node 18 or newer, and there is none: install it"):
        find_node()
    node = tmp_path / "node"
    node.write_text("#!/bin/sh\necho v16.20.2\n")
    node.chmod(0o755)
    with pytest.raises(InputError, match=r"needs Node 18 or newer, and .*node is v16.20.2"):
        find_node()
    node.write_text("#!/bin/sh\necho v18.0.0\n")
    assert find_node() == str(node)


def _count(page: str | None) -> int:
    with urllib.request.urlopen(f"{page}/api/v1/Runs/count", timeout=10) as response:
        return json.load(response)["count"]
