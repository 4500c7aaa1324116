"""bin/setup in a small checkout whose path has a space: twice, at once, and when it cannot."""

import http.server
import os
import pty
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import pytest

BIN = Path(__file__).resolve().parents[2] / "bin"
PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "replearn"
version = "0"
"""
# What setuptools does for an editable installation; it would have to be downloaded.
BACKEND = """
import os, zipfile

def build_editable(folder, config_settings=None, metadata_directory=None):
    name, info = "replearn-0-py3-none-any.whl", "replearn-0.dist-info"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        wheel.writestr("replearn.pth", os.path.join(os.getcwd(), "src"))
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: replearn\\nVersion: 0\\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/RECORD", "")
    return name
"""
WITH_GPU = Path("/dev/nvidiactl").exists()


def run(checkout: Path, *arguments: str, script: str = "setup", **environment: str):
    clean = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "CONDA_PREFIX")}
    return subprocess.run(
        [checkout / "bin" / script, *arguments],
        cwd="/",
        env=clean | {"PIP_NO_INDEX": "1", "REPLEARN_PYTHON": sys.executable} | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def python_that_scripts_use(checkout: Path, **environment: str) -> str:
    code = f'source "{checkout}/bin/environment.sh"; echo "$PYTHON"'
    clean = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "CONDA_PREFIX")}
    done = subprocess.run(
        ["bash", "-c", code], env=clean | environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def copy_checkout(folder: Path) -> Path:
    """A checkout with the real bin/, an empty package, and no requirement but pip."""
    shutil.copytree(BIN, folder / "bin")
    (folder / "src" / "replearn").mkdir(parents=True)
    (folder / "src" / "replearn" / "__init__.py").write_text('"""Nothing."""\n')
    (folder / "pyproject.toml").write_text(PYPROJECT)
    (folder / "backend.py").write_text(BACKEND)
    (folder / "requirements.txt").write_text("# nothing\n")
    return folder


def make_wheel(folder: Path, version: str) -> Path:
    """A wheel of a package that calls itself torch and holds nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    path, info = folder / f"torch-{version}-py3-none-any.whl", f"torch-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: torch\nVersion: {version}\n"
        )
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A checkout that two set-ups at once have prepared; with what both printed."""
    folder = copy_checkout(tmp_path_factory.mktemp("check out") / "re pl")
    said = []
    threads = [threading.Thread(target=lambda: said.append(run(folder).stderr)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return folder, said


@pytest.mark.slow
def test_two_at_once_set_up_once_and_a_third_has_nothing_to_do(checkout):
    folder, said = checkout
    assert sorted(text.count("Making .venv: done") for text in said) == [0, 1]
    start = time.monotonic()
    again = run(folder)
    assert time.monotonic() - start < 2  # 20 ms; the bound only tells it from an installation
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    code = "import replearn, sys; print(replearn.__doc__, sys.prefix)"
    python = python_that_scripts_use(folder)
    done = subprocess.run([python, "-c", code], cwd="/", capture_output=True, text=True)
    assert done.stdout.strip() == f"Nothing. {folder / '.venv'}"


@pytest.mark.slow
def test_a_terminal_sees_the_seconds_go_by(checkout):
    folder, _ = checkout
    (folder / ".venv" / "installed.sha256").unlink()
    leader, follower = pty.openpty()
    done = subprocess.run(
        [folder / "bin" / "setup"], env=os.environ | {"PIP_NO_INDEX": "1"}, stderr=follower
    )
    os.close(follower)
    said = os.read(leader, 100_000).decode()
    os.close(leader)
    assert done.returncode == 0
    assert re.search(r"\rInstalling replearn: \d+ s  ", said.replace("\x1b[K", ""))
    assert "Installing replearn: done in" in said


@pytest.mark.slow
def test_changed_requirements_and_a_moved_checkout_are_set_up_anew(checkout, tmp_path):
    folder, _ = checkout
    moved = shutil.copytree(folder, tmp_path / "moved", symlinks=True)
    assert "Installing replearn: done" in run(moved).stderr
    python = python_that_scripts_use(moved)
    code = "import replearn; print(replearn.__file__)"
    done = subprocess.run([python, "-c", code], cwd="/", capture_output=True, text=True)
    assert done.stdout.strip() == str(moved / "src" / "replearn" / "__init__.py")

    # A system whose Python has gone, as after an upgrade.
    (moved / ".venv" / "bin" / "python").unlink()
    (moved / ".venv" / "bin" / "python").symlink_to("/usr/bin/no-such-python")
    assert "Making .venv: done" in run(moved).stderr
    assert subprocess.run([python, "-c", code], cwd="/", capture_output=True, check=True)

    (moved / "requirements.txt").write_text("no-such-package==1\n")
    failed = run(moved)
    assert failed.returncode == 1
    assert "No matching distribution found for no-such-package==1" in failed.stderr
    (moved / "requirements.txt").write_text("# nothing again\n")
    assert run(moved).returncode == 0


@pytest.mark.slow
def test_an_active_environment_counts_only_if_it_has_this_checkout(checkout, tmp_path):
    folder, _ = checkout
    own = str(folder / ".venv" / "bin" / "python")
    assert python_that_scripts_use(folder, VIRTUAL_ENV=str(folder / ".venv")) == own

    active = tmp_path / "active env"
    (active / "bin").mkdir(parents=True)
    wrapper = active / "bin" / "python"
    wrapper.write_text(f'#!/bin/sh\nexec "{own}" "$@"\n')
    wrapper.chmod(0o755)
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        assert python_that_scripts_use(folder, **{name: str(active)}) == str(wrapper)

    wrapper.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')  # has another checkout's
    assert python_that_scripts_use(folder, VIRTUAL_ENV=str(active)) == own


@pytest.mark.slow
@pytest.mark.skipif(WITH_GPU, reason="an NVIDIA GPU takes torch from PyPI")
def test_torch_comes_from_the_cpu_index_if_that_answers(checkout, tmp_path):
    folder = shutil.copytree(checkout[0], tmp_path / "re pl", symlinks=True)
    (folder / "requirements.txt").write_text("torch==9.9.9\n")
    wheel = make_wheel(tmp_path / "index" / "torch", "9.9.9+cpu")
    (wheel.parent / "index.html").write_text(f'<a href="{wheel.name}">{wheel.name}</a>')

    def handler(*arguments):
        return _Silent(*arguments, directory=str(tmp_path / "index"))

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        index = f"http://127.0.0.1:{server.server_port}"
        done = run(folder, REPLEARN_TORCH_INDEX=index, PIP_NO_INDEX="0")
        server.shutdown()
    assert done.returncode == 0, done.stderr
    assert "Installing torch 9.9.9 for CPU: done" in done.stderr
    assert installed_torch(folder) == "9.9.9+cpu"

    # The right version is there: nothing is asked again, not even when other pins change.
    (folder / "requirements.txt").write_text("torch==9.9.9  \n")
    done = run(folder, REPLEARN_TORCH_INDEX="http://127.0.0.1:1")
    assert done.returncode == 0 and "did not answer" not in done.stderr


@pytest.mark.slow
@pytest.mark.skipif(WITH_GPU, reason="an NVIDIA GPU takes torch from PyPI")
def test_a_cpu_index_that_hangs_is_given_up_after_3_seconds(checkout, tmp_path):
    folder = shutil.copytree(checkout[0], tmp_path / "re pl", symlinks=True)
    (folder / "requirements.txt").write_text("torch==9.9.9\n")
    make_wheel(tmp_path / "wheels", "9.9.9")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        index = f"http://127.0.0.1:{silent.getsockname()[1]}"
        done = run(folder, REPLEARN_TORCH_INDEX=index, PIP_FIND_LINKS=str(tmp_path / "wheels"))
    assert done.returncode == 0, done.stderr
    assert f"({index}) did not answer within 3 s; torch comes from PyPI." in done.stderr
    assert installed_torch(folder) == "9.9.9"


def test_without_python_3_11_one_sentence_says_so(tmp_path):
    folder = copy_checkout(tmp_path / "re pl")
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("bash", "cat", "dirname", "env", "flock", "mkdir", "readlink", "sed", "sha256sum"):
        (tools / name).symlink_to(str(shutil.which(name)))
    old = tools / "python3"
    old.write_text("#!/bin/bash\nexit 1\n")  # what every other version answers
    old.chmod(0o755)
    done = run(folder, PATH=str(tools), REPLEARN_PYTHON="")
    assert done.returncode == 1
    assert done.stderr == (
        "replearn needs Python 3.11 with its venv module, and none was found: install it "
        "(Debian 12: apt-get install python3.11-venv) or name one in REPLEARN_PYTHON.\n"
    )


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("setup", "bin/setup knows --dev, --node and --slurm, not '--all'."),
        ("check", "bin/check knows --quick, not '--all'."),
    ],
)
def test_an_unknown_option_is_refused(tmp_path, script, sentence):
    folder = copy_checkout(tmp_path / "re pl")
    done = run(folder, "--all", script=script)
    assert (done.returncode, done.stderr) == (1, sentence + "\n")
    assert not (folder / ".venv").exists()


def test_a_venv_of_another_checkout_is_left_as_it_is(tmp_path):
    folder, other = copy_checkout(tmp_path / "re pl"), tmp_path / "other"
    other.mkdir()
    (folder / ".venv").symlink_to(other)
    done = run(folder)
    assert done.returncode == 1 and done.stderr.startswith(f".venv is a link to {other}, where")
    assert list(other.iterdir()) == []


def installed_torch(checkout: Path) -> str:
    code = "import importlib.metadata as m; print(m.version('torch'))"
    python = checkout / ".venv" / "bin" / "python"
    return subprocess.run([python, "-c", code], capture_output=True, text=True).stdout.strip()


class _Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Say nothing."""
