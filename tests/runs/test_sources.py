"""Sources and git state: every file, one question to git, no credentials."""

import hashlib
import subprocess

import pytest
from sacred import SETTINGS, Experiment, Ingredient

from replearn.runs.sources import GitState, collect_sources, git_state


@pytest.fixture
def checkout(tmp_path):
    """A repository with three sources and one commit; `git` runs in it."""
    for name in ("src/a/model.py", "scripts/train.py", "scripts/.cache/x.py", "tests/t.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# {name}\n")

    def git(*arguments):
        identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
        command = ["git", "-C", str(tmp_path), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    return tmp_path, git


def test_git_state_is_the_commit_and_whether_tracked_files_differ(checkout):
    folder, git = checkout
    commit = git("rev-parse", "HEAD")
    assert git_state(folder) == GitState(f"git:/{folder}", commit, False)
    (folder / "untracked.txt").write_text("x")
    assert git_state(folder).dirty is False
    (folder / "scripts" / "train.py").write_text("changed")
    assert git_state(folder).dirty is True


@pytest.mark.parametrize(
    ("remote", "shown"),
    [
        ("https://ada:token@example.org/r.git", "https://example.org/r.git"),
        ("git@example.org:ada/r.git", "git@example.org:ada/r.git"),
    ],
)
def test_the_remote_is_shown_without_token(checkout, remote, shown):
    folder, git = checkout
    git("remote", "add", "origin", remote)
    assert git_state(folder).url == shown


def test_no_repository_no_commit_no_git(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_state(tmp_path) is None
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    assert git_state(tmp_path) is None
    monkeypatch.setenv("PATH", "")
    assert git_state(tmp_path) is None


def test_an_experiment_gets_all_sources_and_one_repository(checkout, monkeypatch):
    folder, git = checkout
    monkeypatch.setattr(SETTINGS, "DISCOVER_SOURCES", "none")
    part = Ingredient("part", save_git_info=False)
    experiment = Experiment("x", ingredients=[part], save_git_info=False)
    collect_sources(experiment, folder)
    info = experiment.get_experiment_info()
    digests = dict(info["sources"])
    own = {name for name in digests if not name.startswith("..")}
    assert own == {"src/a/model.py", "scripts/train.py"}
    assert sum(name.endswith("test_sources.py") for name in digests) == 1  # the main file
    expected = hashlib.md5(b"# src/a/model.py\n", usedforsecurity=False).hexdigest()
    assert digests["src/a/model.py"] == expected
    commit = git("rev-parse", "HEAD")
    assert info["repositories"] == [{"url": f"git:/{folder}", "commit": commit, "dirty": False}]
    assert info["base_dir"] == str(folder)


def test_files_of_an_earlier_root_are_not_carried_on(checkout, tmp_path_factory):
    folder, _ = checkout
    experiment = Experiment("x", save_git_info=False)
    collect_sources(experiment, folder)
    first = experiment.get_experiment_info()["sources"]
    other = tmp_path_factory.mktemp("other")
    (other / "src").mkdir()
    (other / "src/other.py").write_text("# other\n")
    collect_sources(experiment, other)
    names = {name for name, _ in experiment.get_experiment_info()["sources"]}
    assert {name for name in names if not name.startswith("..")} == {"src/other.py"}
    collect_sources(experiment, folder)
    assert experiment.get_experiment_info()["sources"] == first
