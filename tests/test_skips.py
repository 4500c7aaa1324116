"""With CI set a skipped test fails, unless it is named."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
TESTS = """
import pytest

def test_runs(): pass

@pytest.mark.skip(reason="no chromium")
def test_marked(): pass

@pytest.mark.parametrize("name", ["a", "b"])
def test_real_data(name): pytest.skip("no file")

@pytest.mark.xfail(reason="known", strict=True)
def test_expected(): assert False
"""
FILE = "import pytest\n\npytest.importorskip('no_such_package', reason='no package')\n"


@pytest.fixture
def outcomes(tmp_path):
    """Run the tests above and return pytest's exit code, last line and whole output."""

    def run(allowed: str, **environment: str):
        (tmp_path / "test_some.py").write_text(TESTS)
        (tmp_path / "test_file.py").write_text(FILE)
        (tmp_path / "allowed.txt").write_text(allowed)
        clean = {k: v for k, v in os.environ.items() if k != "CI"}
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "skips", "-p", "no:cacheprovider", "--color=no"],
            cwd=tmp_path,
            env=clean
            | {"PYTHONPATH": str(HERE), "REPLEARN_ALLOWED_SKIPS": str(tmp_path / "allowed.txt")}
            | environment,
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stdout.strip().splitlines()[-1], done.stdout

    return run


@pytest.mark.slow
def test_without_ci_a_skip_is_a_skip(outcomes):
    code, last, _ = outcomes("")
    assert code == 0 and "1 passed, 4 skipped, 1 xfailed" in last
    assert outcomes("", CI="false")[0] == 0


@pytest.mark.slow
def test_with_ci_a_skip_is_a_failure_that_names_its_reason(outcomes):
    code, last, output = outcomes("test_file.py", CI="true")
    assert code == 1 and "2 failed, 1 passed, 1 skipped, 1 xfailed, 1 error" in last
    assert "test_some.py::test_marked was skipped" in output and "no chromium" in output
    code, _, output = outcomes("test_some.py", CI="true")
    assert code != 0 and "test_file.py was skipped" in output


@pytest.mark.slow
def test_with_ci_the_named_tests_may_skip(outcomes):
    allowed = "# real data\ntest_file.py\ntest_some.py::test_marked  # why\n"
    code, last, _ = outcomes(allowed + "test_some.py::test_real_data\n", CI="true")
    assert code == 0 and "1 passed, 4 skipped" in last
    code, last, _ = outcomes(allowed + "test_some.py::test_real_data[a]\n", CI="true")
    assert code == 1 and "1 failed" in last


def test_every_allowed_skip_is_a_test():
    from skips import ALLOWED, read_allowed

    for name in read_allowed(ALLOWED):
        path, *parts = name.split("::")
        assert (HERE.parent / path).exists(), name
        for part in parts:
            assert f"def {part.split('[')[0]}(" in (HERE.parent / path).read_text(), name
