"""A pytest plugin: with CI set, a skipped test fails, but for those of tests/allowed_skips.txt.

A line of that file is a test id, as pytest prints it, or a file or folder of tests; # starts a
comment. Loaded by `-p skips` in pyproject.toml.
"""

import os
from pathlib import Path

import pytest

ALLOWED = Path(__file__).with_name("allowed_skips.txt")


def read_allowed(path: Path) -> tuple[str, ...]:
    """Return the test ids of `path`, without comments."""
    lines = (line.split(" #")[0].strip() for line in path.read_text().splitlines())
    return tuple(line for line in lines if line and not line.startswith("#"))


def is_allowed(test_id: str, allowed: tuple[str, ...]) -> bool:
    """Return whether `test_id`, or the file or class or function it is part of, may be skipped."""
    return any(
        test_id == name or test_id.startswith((name + "::", name + "[", name.rstrip("/") + "/"))
        for name in allowed
    )


def pytest_configure(config: pytest.Config) -> None:
    """Read the list once, and only where it counts."""
    if os.environ.get("CI", "").lower() not in ("", "0", "false"):
        path = Path(os.environ.get("REPLEARN_ALLOWED_SKIPS", ALLOWED))
        config.pluginmanager.register(_SkipsFail(read_allowed(path)))


class _SkipsFail:
    """Turns the report of a skipped test or file into a failure that names the reason."""

    def __init__(self, allowed: tuple[str, ...]):
        self.allowed = allowed

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo):
        return self._judge((yield), hasattr(call.excinfo, "value"))

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self, collector: pytest.Collector):
        return self._judge((yield), True)

    def _judge(self, report, raised: bool):
        # An expected failure also counts as skipped; it has run.
        if report.skipped and not hasattr(report, "wasxfail") and raised:
            if not is_allowed(report.nodeid, self.allowed):
                reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
                report.outcome = "failed"
                report.longrepr = (
                    f"{report.nodeid} was skipped ({reason}), which CI counts as a failure: "
                    "install what it needs (apt.txt), or name it in tests/allowed_skips.txt"
                )
        return report
