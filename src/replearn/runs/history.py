"""What a run has measured so far: logged to Sacred, and kept so that a resumed run replays it."""

from typing import Any


class History:
    """Log scalars to a Sacred run and remember them.

    Args:
        run: the Sacred run.
        past: {metric: {"steps": [...], "values": [...]}} of an interrupted run, logged at once.
    """

    def __init__(self, run: Any, past: dict[str, dict[str, list]] | None = None):
        self.run = run
        self.metrics: dict[str, dict[str, list]] = {}
        for name, points in (past or {}).items():
            for step, value in zip(points["steps"], points["values"], strict=True):
                self.log(name, value, step)

    def log(self, name: str, value: float, step: int) -> None:
        """Log one point of a metric at an optimiser step."""
        points = self.metrics.setdefault(name, {"steps": [], "values": []})
        points["steps"].append(int(step))
        points["values"].append(float(value))
        self.run.log_scalar(name, float(value), int(step))
