"""Which clusters there are, how large they become, and what is refused before anything runs."""

import re

import pytest

from replearn.errors import InputError
from replearn.sweep.address import check_address
from replearn.sweep.cluster import Options, open_pool, plan_workers, visible_gpus
from replearn.sweep.jobs import (
    check_database_url,
    check_interface,
    check_memory,
    job_words,
    lifetime_of,
    walltime_seconds,
)
from replearn.sweep.watch import NEVER, PASSING


@pytest.mark.parametrize(
    ("wanted", "gpus", "n_gpu", "n_cpu", "plan"),
    [
        (4, [], 2, 0, [("any", None)] * 2),
        (2, [], 9, 9, [("any", None)] * 2),
        (1, ["0"], 0, 0, []),
        (4, ["0", "1"], 9, 0, [("any", "0"), ("any", "1")]),
        (4, ["3", "5"], 9, 9, [("GPU", "3"), ("GPU", "5"), ("CPU", ""), ("CPU", "")]),
        (2, ["0", "1"], 9, 9, [("any", "0"), ("any", "1")]),
        (4, ["0", "1"], 0, 9, [("any", "")] * 4),
        (4, ["0", "1"], 1, 1, [("GPU", "0"), ("CPU", "")]),
    ],
)
def test_workers_and_their_gpus(wanted, gpus, n_gpu, n_cpu, plan):
    assert plan_workers(wanted, gpus, n_gpu, n_cpu) == (plan or [])


def test_gpus_are_named_as_cuda_names_them(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, GPU-5,7")
    assert visible_gpus(2) == ["3", "GPU-5"] and visible_gpus(0) == []
    with pytest.raises(InputError, match="gpus=4, but this machine shows 3"):
        visible_gpus(4)


@pytest.mark.parametrize("name", ["workers", "jobs", "cpus", "threads"])
def test_a_number_too_small_is_refused(name):
    with pytest.raises(InputError, match=f"{name} must be at least 1, got 0"):
        Options(**{name: 0})


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ({"workers": "two"}, "workers must be a whole number, got 'two'"),
        ({"workers": True}, "workers must be a whole number, got True"),
        ({"jobs": None}, "jobs must be a whole number, got None"),
        ({"memory": 8}, "memory must be text, got 8"),
        ({"account": 7}, "account must be text, got 7"),
        ({"directives": "--exclusive"}, "directives must be a list of texts, got '--exclusive'"),
        ({"prologue": [1]}, r"prologue must be a list of texts, got \[1\]"),
        ({"start_minutes": "soon"}, "start_minutes must be a number, got 'soon'"),
        ({"start_minutes": float("nan")}, "start_minutes must be a number, got nan"),
        ({"start_minutes": float("inf")}, "start_minutes must be more than 0 and finite, got inf"),
        ({"start_minutes": 0}, "start_minutes must be more than 0 and finite, got 0"),
    ],
)
def test_a_value_of_another_kind_is_refused(option, sentence):
    with pytest.raises(InputError, match=sentence):
        Options(**option)


def test_values_of_their_kind():
    given = {"workers": None, "start_minutes": 5, "directives": ["-x"], "account": "a"}
    assert Options(**given).start_minutes == 5


@pytest.mark.parametrize("text", ["lots", "8", "", "nan", "-8GB", "1e999GB"])
def test_what_is_no_memory(text):
    check_memory("500MB"), check_memory("16 GiB")
    with pytest.raises(InputError, match=f"memory must look like 8GB or 500MB, got '{text}'"):
        check_memory(text)


@pytest.mark.parametrize(
    ("text", "seconds"), [("04:00:00", 14400), ("2-12:00:30", 216030), ("100:00:00", 360000)]
)
def test_walltimes(text, seconds):
    assert walltime_seconds(text) == seconds


@pytest.mark.parametrize("text", ["4h", "", "00:70:00", "10"])
def test_what_is_no_walltime(text):
    with pytest.raises(InputError, match="walltime must look like 04:00:00"):
        walltime_seconds(text)


def test_a_worker_leaves_before_its_walltime():
    lifetime, stagger = lifetime_of(Options(walltime="04:00:00"))
    assert lifetime + stagger + 60 == 4 * 3600 and stagger == 300


@pytest.mark.parametrize(("walltime", "every"), [("00:03:00", 120), ("01:00:00", 4000)])
def test_a_walltime_shorter_than_a_checkpoint_is_refused(walltime, every):
    with pytest.raises(InputError, match=f"less than the {every} s between two resume states"):
        lifetime_of(Options(walltime=walltime, resume_every=every))


@pytest.mark.parametrize(
    "url",
    [
        None,
        "mongodb://localhost:27017",
        "mongodb://u:p@127.0.0.1/x",
        "mongodb://[::1]:27017",
        "mongodb://node1,localhost:27018/?replicaSet=r",
    ],
)
def test_nodes_do_not_reach_a_database_on_the_loopback(url):
    with pytest.raises(InputError, match="nodes of a queue cannot reach a database"):
        check_database_url(url)
    with pytest.raises(InputError, match="nodes of a queue cannot reach a database"):
        with open_pool("slurm", Options(), 1, 0, {"MONGO_URL": url} if url else {}):
            pass
    check_database_url(url, "lo")  # a job that reaches its driver there is on this machine


def test_a_queue_needs_a_network():
    with pytest.raises(InputError, match="slurm needs --interface, the network .* 'ip -brief addr"):
        with open_pool("slurm", Options(), 1, 0, {"MONGO_URL": "mongodb://db.example.org"}):
            pass


@pytest.mark.parametrize("host", ["192.0.2.1", "[2001:db8::1]"])
def test_a_password_does_not_travel_in_the_clear(host):
    secret = {"MONGO_URL": "mongodb://user:pass@db.example.org,db2:27017/admin?x=a:b"}
    with pytest.raises(
        InputError, match=r"the password in MONGO_URL in the clear.* tls://"
    ) as raised:
        with open_pool(f"tcp://{host}:9", Options(), 1, 0, secret):
            pass
    assert "pass@" not in str(raised.value) and raised.match(re.escape(f"give tls://{host}:9"))


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("tcp://127.0.0.1:9", "mongodb://user:pass@db.example.org"),
        ("tls://localhost:9", "mongodb://user:pass@db.example.org"),
        ("tcp://localhost:9", "mongodb://db.example.org/?x=user:pass@"),
        ("tcp://localhost:9", None),
    ],
)
def test_what_carries_no_password_in_the_clear_is_asked(address, url):
    with pytest.raises(InputError, match=f"no Dask scheduler answers at {address} within"):
        check_address(address, url)


def test_nodes_reach_a_database_by_name():
    check_database_url("mongodb://user:localhost@mongo.example.org:27017/?appName=127.0.0.1")


def test_an_interface_that_is_not_there():
    check_interface("lo"), check_interface(None)
    with pytest.raises(InputError, match=r"no network interface 'l0'; did you mean 'lo'\?"):
        check_interface("l0")


def test_the_words_of_queues():
    given = Options(partition="p", account="a", walltime="1-01:02:03", directives=["-x"])
    on_gpu = job_words("slurm", Options(gres="gpu:1"))
    assert on_gpu["job_extra_directives"] == ["--no-requeue", "--gres=gpu:1"]
    assert job_words("pbs", given) == {
        "queue": "p", "account": "a", "walltime": "25:02:03", "job_extra_directives": ["-x"],
    }  # fmt: skip
    assert job_words("sge", given)["project"] == "a"
    assert job_words("lsf", given)["walltime"] == "25:02"
    with pytest.raises(InputError, match="gres is a word of slurm, not of pbs"):
        job_words("pbs", Options(gres="gpu:1"))


@pytest.mark.parametrize(
    "reason",
    ["PartitionTimeLimit", "QOSMaxWallDurationPerJobLimit", "JobHeldUser", "PartitionDown"],
)
def test_reasons_that_do_not_pass(reason):
    assert NEVER.match(reason) and not NEVER.match("Resources") and not NEVER.match("Priority")


def test_refusals_that_may_pass():
    assert PASSING.search("Unable to contact slurm controller (connect failure)")
    assert PASSING.search("Socket timed out on send/recv operation")
    assert not PASSING.search("Invalid partition name specified")


@pytest.mark.parametrize(("queue", "program"), [("pbs", "qsub"), ("oar", "oarsub")])
def test_a_queue_that_is_not_installed(queue, program):
    with pytest.raises(InputError, match=f"no command '{program}' on this machine"):
        with open_pool(queue, Options(interface="lo"), 1):
            pass
