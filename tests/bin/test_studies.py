"""All studies, small: tables that are full and traced, nothing trained twice, one sentence each."""

import os
import re
import shutil
import signal
import subprocess
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pymongo import MongoClient

import runs as runs_command
import sweep as sweep_command
from replearn.analysis.table_origin import read_tables
from replearn.sweep.grid import expand

ROOT = Path(__file__).resolve().parents[2]
STUDIES = [p.name for p in sorted(ROOT.glob("bin/run-*")) if '/study.sh"\n' in p.read_text()]
STUDIES.remove("run-all")
TINY = (
    "dataset.digits dataset.size=32 model.burgess training.steps=2 training.n_validation=64 "
    "training.optimizer.name=sgd training.optimizer.params.lr=0.01,1e30"
)


def run(script, *options, **environment):
    """Run a script of bin/, or one at a path, in a session of its own that ends with this test."""
    command = [script if isinstance(script, Path) else ROOT / "bin" / script, *options]
    with subprocess.Popen(
        command, cwd="/", env={**os.environ, **environment}, stdin=subprocess.DEVNULL, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            out, err = process.communicate(timeout=1500)
        except BaseException:
            os.killpg(process.pid, signal.SIGTERM)
            raise
    return subprocess.CompletedProcess(command, process.returncode, out, err)


@pytest.fixture(scope="module")
def place(mongo_server, tmp_path_factory):
    """Environment of a home and a database that the tests of this module share."""
    home = tmp_path_factory.mktemp("a home")
    (home / "data").mkdir()
    for drawn in ROOT.glob("data/dsprites-twin-*"):
        (home / "data" / drawn.name).symlink_to(drawn)
    name = f"test_{uuid.uuid4().hex[:12]}"
    yield {"REPLEARN_HOME": str(home), "MONGO_URL": mongo_server, "MONGO_DB": name}
    with MongoClient(mongo_server) as client:
        client.drop_database(name)


@pytest.fixture(scope="module")
def done(place):
    return run("run-all", "--fast", **place)


@pytest.fixture
def database(place, monkeypatch):
    """The database of the studies, which commands in this process also see."""
    from replearn.runs.database import close_clients, open_database

    for name, value in place.items():
        monkeypatch.setenv(name, value)
    yield open_database()
    close_clients()


def said(done):
    """What was printed, by study."""
    parts = re.split(r"^=== bin/(run-\S+) .*$", done.stdout, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def tables(done):
    """The LaTeX tables that were listed, by their study."""
    return {
        study: [Path(line.strip()) for line in text.splitlines() if line.endswith(".tex")]
        for study, text in said(done).items()
    }


@pytest.mark.slow
@pytest.mark.timeout(1600)
class TestAllStudies:
    def test_they_end_well_and_list_what_there_is(self, done):
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        assert list(tables(done)) == STUDIES and all(tables(done).values())
        lines = [line.strip() for line in done.stdout.splitlines() if line[:3] == "  /"]
        listed = [Path(line.partition(": one folder")[0]) for line in lines]
        assert all(path.exists() for path in listed)
        names = {path.name for path in listed}
        assert {"cka_debiased_layers.pdf", "hinton_panel.pdf", "errors.pdf"} <= names
        assert {"transformations_dsprites_r2r_sqr2tx.pdf", "map_dsprites_r2r_sqr2tx.pdf"} <= names

    def test_every_number_of_their_tables_is_there_and_traced(self, done, database, capsys):
        scores = {"summary", "condition"}
        traced = [p for p in sum(tables(done).values(), []) if p.parent.parent.name in scores]
        assert len(traced) >= len(STUDIES) + 2
        of_decoding = {str(path) for path in tables(done)["run-decoding"]}
        for path in traced:
            text = path.read_text()
            (table,) = read_tables(text)
            labels = len({name for group in table.groups for name in group.labels})
            rows = [row[labels:] for row in table.entries]
            assert rows and all(row[-1] in ("2", "3") for row in rows)
            for row in rows:
                # True decoders have no latents: no D, nor what else is said of them.
                assert "--" not in row or str(path) in of_decoding
                assert not re.search(r"nan|inf|missing|\(n =|& *&", "&".join(row), re.IGNORECASE)
            assert runs_command.main(["trace", str(path), "--recompute"]) == 0
            assert "every number and every label of the file is what" in capsys.readouterr().out
            last = str(labels + len(rows[0]) - 1)  # before n
            assert runs_command.main(["trace", str(path), "1", last]) == 0
            shown = {int(i) for i in re.findall(r"\brun (\d+)", capsys.readouterr().out)}
            named = re.search(r"^% [\w ]+=.*: runs ([\d, ]+)$", text, re.MULTILINE)
            assert named and shown >= (trained := {int(i) for i in named[1].split(",")})
            looks = database.runs.distinct("experiment.name", {"_id": {"$in": [*shown - trained]}})
            assert set(looks) <= {"analysis.model"}  # which gave the score

    def test_captions_name_twins_and_what_is_left_out(self, done):
        listed = tables(done)["run-unsupervised"]
        path, looked_at = (path for path in listed if path.name == "summary.tex")
        # Six objectives, and one with all scores.
        rows = [p.read_text().count("\n% replearn-row") for p in (path, looked_at)]
        assert rows == [6, 1] and "DCI scores" in looked_at.read_text()
        (caption,) = re.findall(r"\\caption\{(.*)\}", path.read_text())
        caption = caption.replace("\\_", "_").replace("{}", "")
        printed = said(done)["run-unsupervised"]
        for sentence in re.findall(r"^not at hand: (.*)$", printed, re.MULTILINE):
            assert f"Not at hand and left out: {sentence}." in caption
        assert re.search(r"Left out by --fast: .*shapes3d\.", caption)
        if "drawn by replearn in their place: dsprites" in printed:
            assert "dSprites redrawn by replearn" in caption

    @pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
    def test_pdflatex_sets_their_tables(self, done, tmp_path):
        for i, path in enumerate(sum(tables(done).values(), [])):
            command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", f"-jobname=t{i}"]
            said = subprocess.run([*command, path], cwd=tmp_path, capture_output=True, text=True)
            assert said.returncode == 0, said.stdout[-2000:]
            assert "Overfull" not in said.stdout

    def test_again_they_train_nothing(self, done, place, database):
        before = database.runs.count_documents({})
        with ThreadPoolExecutor() as pool:  # at once, which also holds
            again = list(pool.map(lambda study: run(study, "--fast", **place), STUDIES))
        for study, each in zip(STUDIES, again, strict=True):
            assert each.returncode == 0, each.stdout[-3000:] + each.stderr[-3000:]
            listed = [
                Path(line.strip()) for line in each.stdout.splitlines() if line.endswith(".tex")
            ]
            assert listed == tables(done)[study]
        assert database.runs.count_documents({}) == before


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_failed_run_stops_a_study_unless_it_is_to_keep_going(place, tmp_path):
    script = tmp_path / "run-tiny"
    script.write_text(
        f'#!/usr/bin/env bash\nset -euo pipefail\nsource "{ROOT}/bin/study.sh"\n'
        f'study_options "$@"\nsweep experiments.unsupervised with {TINY}\n'
        f"analyse analysis.summary with \"where.id=[$ids]\" 'columns=[loss]'\nresults\n"
    )
    script.chmod(0o755)
    going = run(script, "--keep-going", "--cluster", "inline", **place)
    assert going.returncode == 1
    assert "Done: bin/run-tiny --desk" in going.stdout and "summary.tex" in going.stdout
    assert going.stderr.splitlines()[-1] == (
        "Some runs have not finished, and the tables are without them; the same command tries "
        "again."
    )
    stopped = run(script, "--cluster=inline", **place)
    assert stopped.returncode == 1 and "analysis.summary" not in stopped.stdout
    assert stopped.stderr.splitlines()[-1] == (
        "bin/run-tiny has stopped at a sweep of experiments.unsupervised; the same command goes on "
        "with what is missing, and --keep-going makes tables of what is finished."
    )


@pytest.mark.slow
@pytest.mark.parametrize("study", STUDIES)
def test_a_dry_run_prints_commands_and_touches_nothing(study, tmp_path):
    # No server is at this address: whoever asked it would fail.
    nowhere = {"REPLEARN_HOME": str(tmp_path / "home"), "MONGO_URL": "mongodb://127.0.0.1:9"}
    dry = run(study, "--dry-run", "--paper", "--cluster", "slurm", "--jobs", "7", **nowhere)
    assert dry.returncode == 0
    assert dry.stderr.startswith(f"bin/{study} --paper wants the published files of all its data")
    lines = [line for line in dry.stdout.splitlines() if line.startswith("python -m ")]
    name = study.removeprefix("run-")
    assert re.match(r"python -m sweep --cluster slurm --jobs 7 experiments\.\w+ with ", lines[0])
    assert all(f"tags={name}-paper" in line for line in lines)
    assert lines[-1].startswith("python -m analysis.summary with")
    assert not (tmp_path / "home").exists()
    if study == "run-unsupervised":  # the published grid: 6 x 6 x 7 x 50
        points = expand(shell_words(lines[0])[9:])
        assert len(points) == 12_600 and len(set(map(tuple, points))) == 12_600


def shell_words(line):
    """The words of a printed command, as a shell reads them."""
    said = subprocess.run(
        ["bash", "-c", f"printf '%s\\0' {line}"], capture_output=True, text=True, check=True
    )
    return said.stdout.split("\0")[:-1]


def test_paper_wants_published_files_in_one_sentence(tmp_path):
    home = {"REPLEARN_HOME": str(tmp_path), "REPLEARN_DATA": str(tmp_path)}
    done = run("run-unsupervised", "--paper", **home)
    assert done.returncode == 1
    names = "scream_dsprites smallnorb cars3d dsprites color_dsprites noisy_dsprites shapes3d"
    wanted = ", ".join(f"python -m dataset get {name}" for name in names.split())
    assert done.stderr.splitlines() == [
        "bin/run-unsupervised --paper wants the published files of all its data sets; from "
        f"scripts/, get those that are not at hand: {wanted}; or take --desk."
    ]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("script", [*STUDIES, "run-all"])
def test_a_typo_is_one_sentence(script, tmp_path):
    for option in ("--fats", "fast"):
        done = run(script, option, REPLEARN_HOME=str(tmp_path))
        assert done.returncode == 1 and done.stdout == ""
        assert done.stderr == (
            f"bin/{script} knows --fast, --desk, --paper, --keep-going, --dry-run and the options "
            f"of python -m sweep, not '{option}'.\n"
        )
    done = run(script, "--fast", "--workers", REPLEARN_HOME=str(tmp_path))
    assert done.stderr == f"bin/{script}: expected a value behind --workers.\n"
    assert run(script, "--help").stdout.count(f"bin/{script} --fast ") == 1


def test_all_options_of_a_sweep_are_those_of_a_study():
    text = (ROOT / "bin" / "study.sh").read_text().replace("\\\n", "")
    known = set(re.search(r'WITH_VALUE="(.*)"', text)[1].split())
    flags = {"--help", "--dry-run", "--retry-failed"}
    other = {"--file", "--ids"}  # the study's own
    parsed = sweep_command._parser()._option_string_actions
    assert known == {option for option in parsed if option.startswith("--")} - flags - other
