"""The rooms of docs/design.md: who may import whom, and what no file may hold."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "replearn"
SCRIPTS = ROOT / "scripts"
FILES = sorted([*SOURCE.rglob("*.py"), *SCRIPTS.rglob("*.py")])
TESTS = sorted((ROOT / "tests").rglob("*.py"))
MAX_LINES = 350

# Room -> the other rooms of src/replearn that it may import.
ROOMS = {
    "dataset": set(),
    "models": set(),
    "analysis": set(),
    "training": {"models"},
    "runs": {"dataset", "models", "training"},
    "study": {"dataset", "models", "training", "analysis", "runs"},
    "sweep": {"analysis", "runs", "study"},
}
# Package -> the rooms of src/replearn that may import it.
ONLY_IN = {
    "sacred": {"runs"},
    "pymongo": {"runs"},
    "gridfs": {"runs"},
    "bson": {"runs"},
    "incense": {"runs"},
    "ignite": {"training", "study"},
    "matplotlib": {"analysis"},
    "distributed": {"sweep"},
    "dask_jobqueue": {"sweep"},
}
# Folder of scripts/ -> the other folders and commands of scripts/ that it may import.
SCRIPT_ROOMS = {
    "configs": set(),
    "ingredients": {"configs"},
    "experiments": {"configs", "ingredients"},
    "analysis": {"configs"},
}
NOT_A_NAME = {"utils", "util", "helpers", "helper", "common", "misc"}
RUNS_CODE = re.compile(  # what executes what it loads
    r"\bimport pickle\b|\bpickle\.|\btorch\.(load|save)\(|(?<![\w.])(eval|exec)\("
    r"|allow_pickle=True|shell=True|\byaml\.load\("
)


class _WithoutTyping(ast.NodeTransformer):
    def visit_If(self, node: ast.If):
        """Drop what only the type checker reads."""
        return None if ast.unparse(node.test) == "TYPE_CHECKING" else self.generic_visit(node)


def imported_modules(path: Path) -> set[str]:
    """The modules that a file imports when it runs, anywhere in it; `from a import b` as a, a.b."""
    modules = set()
    tree = _WithoutTyping().visit(ast.parse(path.read_text()))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = path.relative_to(SOURCE.parent).parts[: -node.level] if node.level else ()
            base = ".".join([*package, *([node.module] if node.module else [])])
            modules |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    return modules


def wrong_imports(path: Path, modules: set[str]) -> list[str]:
    """The modules that a file of src/ or scripts/ must not import."""
    script = path.is_relative_to(SCRIPTS)
    parts = path.relative_to(SCRIPTS if script else SOURCE).parts
    room = parts[0] if len(parts) > 1 else ""
    wrong = []
    for module in sorted(modules):
        top, *rest = module.split(".")
        if script:
            if room in SCRIPT_ROOMS and top in {p.stem for p in SCRIPTS.iterdir()} - {room}:
                wrong += [module] if top not in SCRIPT_ROOMS[room] else []
        else:
            if top in {p.stem for p in SCRIPTS.iterdir()}:
                wrong.append(module)
            if top in ONLY_IN and room not in ONLY_IN[top]:
                wrong.append(module)
            if top == "replearn" and rest and rest[0] in ROOMS and rest[0] != room:
                wrong += [module] if rest[0] not in ROOMS.get(room, set()) else []
    return wrong


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", FILES, ids=name)
def test_imports_go_one_way(path):
    assert wrong_imports(path, imported_modules(path)) == []


@pytest.mark.parametrize(
    ("path", "module"),
    [
        (SOURCE / "dataset" / "x.py", "replearn.models.vae"),
        (SOURCE / "dataset" / "x.py", "matplotlib.pyplot"),
        (SOURCE / "models" / "x.py", "ignite.engine"),
        (SOURCE / "analysis" / "x.py", "replearn.training.losses"),
        (SOURCE / "training" / "x.py", "replearn.analysis"),
        (SOURCE / "training" / "x.py", "pymongo"),
        (SOURCE / "runs" / "x.py", "experiments.unsupervised"),
        (SOURCE / "registry.py", "replearn.runs"),
        (SCRIPTS / "configs" / "x.py", "ingredients.model"),
        (SCRIPTS / "ingredients" / "x.py", "experiments.supervised"),
        (SCRIPTS / "analysis" / "x.py", "ingredients.model"),
    ],
)
def test_the_rules_refuse(path, module):
    assert wrong_imports(path, {module}) == [module]


def test_every_room_has_its_rules():
    folders = {p.name for p in SOURCE.iterdir() if (p / "__init__.py").exists()}
    assert folders == set(ROOMS)


@pytest.mark.parametrize("path", FILES + TESTS, ids=name)
def test_a_file_starts_with_what_it_is_and_is_one_idea(path):
    text = path.read_text()
    if path.name != "__init__.py" or text.strip():
        docstring = ast.get_docstring(ast.parse(text))
        assert docstring and docstring.splitlines()[0].rstrip().endswith((".", "?", ":", ","))
    n_lines = text.count("\n")
    assert n_lines <= MAX_LINES, "is it two ideas?"
    assert path.stem not in NOT_A_NAME


@pytest.mark.parametrize("path", FILES, ids=name)
def test_nothing_that_is_loaded_executes(path):
    found = [line for line in path.read_text().splitlines() if RUNS_CODE.search(line)]
    assert found == []


@pytest.mark.parametrize(
    "line", ["import pickle", "torch.load(path)", "x = eval(text)", "np.load(p, allow_pickle=True)"]
)
def test_code_that_executes_what_it_loads_is_found(line):
    assert RUNS_CODE.search(line)
    assert not RUNS_CODE.search("model.eval()") and not RUNS_CODE.search("retrieval(x)")


@pytest.mark.parametrize("path", FILES, ids=name)
def test_input_is_not_checked_by_assert_and_no_error_is_hidden(path):
    for node in ast.walk(ast.parse(path.read_text())):
        assert not isinstance(node, ast.Assert), f"line {node.lineno}: assert"
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"line {node.lineno}: bare except"


def test_experiments_tell_a_story_in_few_lines():
    for path in (SCRIPTS / "experiments").glob("*.py"):
        assert len(path.read_text().splitlines()) <= 80, path.name


def test_no_tracked_file_names_this_machine():
    listed = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, text=True
    ).stdout.split("\0")
    machine = re.compile(r"/" + r"work/|/home/[a-z]|/" + r"root/")
    for file in filter(None, listed):
        path = ROOT / file
        if path.suffix in {".npz", ".png", ".pdf", ".zip"} or not path.is_file():
            continue
        found = [line for line in path.read_text().splitlines() if machine.search(line)]
        assert found == [], file


def test_the_design_names_every_room_and_command():
    page = (ROOT / "docs" / "design.md").read_text()
    rooms = page.partition("## Rooms")[2].partition("## Who may import whom")[0]
    for name in [*ROOMS, *SCRIPT_ROOMS]:
        assert re.search(rf"^  {name}/ ", rooms, re.MULTILINE), name
    for path in SCRIPTS.glob("*.py"):
        assert path.name in rooms, path.name
    for folder in (p for p in SCRIPTS.iterdir() if (p / "__init__.py").exists()):
        assert f"  {folder.name}/ " in rooms, folder.name
