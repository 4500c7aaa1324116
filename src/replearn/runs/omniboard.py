"""Omniboard, the browser of runs: started beside the database, on the loopback only."""

import fcntl
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from pymongo.database import Database

from replearn.errors import InputError
from replearn.paths import sims_folder
from replearn.runs.database import without_password

# Custom columns read any path of the run document; metric columns the points of one metric.
CUSTOM_COLUMNS = {
    "Dataset": "config.dataset.name",
    "Encoder": "config.model.encoder",
    "Latents": "config.model.latent_size",
    "Loss": "config.training.loss.name",
    "Beta": "config.training.loss.params.beta",
    "Seed": "config.seed",
    "Final loss": "result.loss",
    "Reconstruction": "result.reconstruction",
    "Reconstruction ratio": "result.reconstruction_ratio",
    "KL": "result.kl",
    "Active latents": "result.active_latents",
    "Accuracy": "result.accuracy",
    "Disentanglement": "result.dci_disentanglement",
    "Completeness": "result.dci_completeness",
    "Informativeness": "result.dci_informativeness",
}
METRIC_COLUMNS = {"Train loss": ("train.loss", "last"), "Held-out loss": ("val.loss", "last")}

PREFERRED_PORTS = range(9000, 9010)
START_SECONDS = 60
STOP_SECONDS = 10
_PORT_IN_USE = 98

_CHECKOUT = Path(__file__).resolve().parents[3]
_PRELOAD = _CHECKOUT / "bin" / "omniboard-loopback.cjs"
_SERVER = _CHECKOUT / "node_modules" / "omniboard" / "dist" / "start.js"

_started: list[subprocess.Popen[bytes]] = []  # those of this process, which it must reap


@dataclass(frozen=True)
class OmniboardStatus:
    """What `omniboard_status` found: its pid, its page and what it shows, if it runs."""

    pid: int | None
    url: str | None
    shows: str | None


def omniboard_status(folder: Path | None = None) -> OmniboardStatus:
    """Return whether the Omniboard of `folder` (default: sims/omniboard) runs, and where."""
    folder = _folder(folder)
    pid = _read(folder / "pid")
    if pid is None or not pid.isdigit() or not _is_ours(int(pid)):
        return OmniboardStatus(None, None, None)
    return OmniboardStatus(int(pid), _read(folder / "url"), _read(folder / "shows"))


def start_omniboard(mongo_url: str, database: str, folder: Path | None = None) -> str:
    """Start Omniboard for one database, unless it runs already, and return the URL of its page.

    It listens on 127.0.0.1 only and outlives the process that started it. One that shows another
    database is stopped first.

    Raises:
        InputError: if Node 18 is missing, Omniboard is not installed, or it does not start.
    """
    folder = _folder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    shows = f"{without_password(mongo_url).rstrip('/')} {database}"
    with _locked(folder):
        status = omniboard_status(folder)
        if status.url and status.shows == shows:
            return status.url
        node = find_node()
        if not _SERVER.exists():
            raise InputError(
                f"Omniboard is not installed in {_CHECKOUT / 'node_modules'}: "
                "run bin/setup --node, which needs npm and its registry"
            )
        _stop(status)
        last = urlsplit(status.url or _read(folder / "url") or "").port
        for port in _ports(last):
            process = _launch(node, folder, port, database_url(mongo_url, database))
            url = f"http://127.0.0.1:{port}/sacred"
            for name, text in (("pid", str(process.pid)), ("url", url), ("shows", shows)):
                (folder / name).write_text(text + "\n")
            if _wait_until_it_answers(process, url, folder):
                return url
    raise InputError("no free port on 127.0.0.1 for Omniboard")


def stop_omniboard(folder: Path | None = None) -> bool:
    """Stop the Omniboard of `folder`; return whether there was one to stop."""
    folder = _folder(folder)
    if not folder.exists():
        return False
    with _locked(folder):
        return _stop(omniboard_status(folder))


def seed_columns(database: Database) -> None:
    """Add the columns of scores and of the main config values to Omniboard's table, once each.

    A column that the user has deleted stays away, and one of the same name is left as it is.
    """
    seeded = database["omniboard.seeded.columns"]
    wanted = [
        ("omniboard.custom.columns", {"name": name, "config_path": path})
        for name, path in CUSTOM_COLUMNS.items()
    ] + [
        ("omniboard.metric.columns", {"name": name, "metric_name": metric, "extrema": extrema})
        for name, (metric, extrema) in METRIC_COLUMNS.items()
    ]
    for collection, column in wanted:
        name = {"name": column["name"]}
        if seeded.find_one(name) is None:
            database[collection].update_one(name, {"$setOnInsert": column}, upsert=True)
            seeded.update_one(name, {"$setOnInsert": name}, upsert=True)


def find_node() -> str:
    """Return the path of Node 18 or newer.

    Raises:
        InputError: if there is none.
    """
    node = shutil.which("node")
    if node is None:
        raise InputError(
            "Omniboard needs Node 18 or newer, and there is none: install it (with npm) and run "
            "bin/start-services again; everything else works without it"
        )
    version = subprocess.run([node, "--version"], capture_output=True, text=True).stdout.strip()
    major = re.match(r"v(\d+)\.", version)
    if major is None or int(major[1]) < 18:
        raise InputError(
            f"Omniboard needs Node 18 or newer, and {node} is {version or 'broken'}: update it "
            "and run bin/start-services again; everything else works without it"
        )
    return node


def database_url(mongo_url: str, database: str) -> str:
    """Return the URL of one database of a server, as Omniboard's older driver wants it.

    The database in the path would become the one that authenticates, so the one that did
    (the old path, else admin) is named.
    """
    parts = urlsplit(mongo_url)
    query = parts.query
    if "@" in parts.netloc and "authsource=" not in query.lower():
        source = parts.path.strip("/") or "admin"
        query += ("&" if query else "") + f"authSource={source}"
    return urlunsplit((parts.scheme, parts.netloc, f"/{database}", query, ""))


def _launch(node: str, folder: Path, port: int, url: str) -> subprocess.Popen[bytes]:
    # The URL may hold a password: the environment is private to the user, the arguments are not.
    environment = os.environ | {"PORT": str(port), "MONGO_URI": url}
    environment.pop("OMNIBOARD_CONFIG", None)
    with open(folder / "omniboard.log", "wb") as log:
        process = subprocess.Popen(
            [node, "-r", str(_PRELOAD), str(_SERVER)],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _started.append(process)
    return process


def _wait_until_it_answers(process: subprocess.Popen[bytes], url: str, folder: Path) -> bool:
    """Return True once Omniboard answers, False if its port was taken meanwhile."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        code = process.poll()
        if code == _PORT_IN_USE:
            return False
        if code is not None:
            raise InputError(
                f"Omniboard ended with code {code} at its start; the reason stands in "
                f"{folder / 'omniboard.log'}"
            )
        try:
            with urllib.request.urlopen(f"{url}/api/v1/Runs/count", timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    _stop(OmniboardStatus(process.pid, url, None))
    raise InputError(
        f"Omniboard did not answer within {START_SECONDS} s; its log is {folder / 'omniboard.log'}"
    )


def _stop(status: OmniboardStatus) -> bool:
    if status.pid is None:
        return False
    for sign in (signal.SIGTERM, signal.SIGKILL):
        os.kill(status.pid, sign)
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline:
            if not _is_ours(status.pid):
                _reap(status.pid)
                return True
            time.sleep(0.02)
    raise InputError(f"Omniboard (pid {status.pid}) does not stop")


def _reap(pid: int) -> None:
    for process in _started:
        if process.pid == pid:
            process.wait(STOP_SECONDS)


def _is_ours(pid: int) -> bool:
    """Return whether `pid` runs this checkout's Omniboard: a pid file outlives its process."""
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes()  # empty for a zombie
    except OSError:
        command = ["ps", "-o", "command=", "-p", str(pid)]
        if Path("/proc/self").exists() or not shutil.which("ps"):
            return False
        arguments = subprocess.run(command, capture_output=True).stdout
    return os.fsencode(_PRELOAD) in arguments


def _ports(last: int | None) -> Iterator[int]:
    """Yield free ports: the last one first, since a page may still be open on it."""
    for port in ([last] if last else []) + list(PREFERRED_PORTS):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        yield port
    for _ in range(20):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        yield port


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; the kernel frees it should this process die."""
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _folder(folder: Path | None) -> Path:
    return (Path(folder) if folder else sims_folder() / "omniboard").resolve()


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip() or None
    except OSError:
        return None
