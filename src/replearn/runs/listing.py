"""Runs as text for the command line: a table of many, a page of one, a tree of a lineage."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from replearn.errors import InputError, nearest
from replearn.runs.completion import file_ids, find_gap, stored_curves, stored_files, whole_curves
from replearn.runs.config import VOLATILE
from replearn.runs.lineage import Link
from replearn.runs.run import Run
from replearn.runs.where import paths

# Shown first where runs have them; then the paths in which the runs differ.
KEY_PATHS = ("dataset.name", "model.name", "training.loss.name", "seed")
MAX_PATHS = 6
SILENT = 120  # seconds without a heartbeat after which a run is taken for dead


def list_lines(
    runs: Sequence[Run], gaps: Mapping[Any, str], columns: Sequence[str] | None = None
) -> list[str]:
    """Return a table with one line a run: id, experiment, status, times, key config, result.

    Args:
        gaps: id -> what a completed run lacks.
        columns: config paths to show instead of those in which the runs differ.

    Raises:
        InputError: if no run has one of `columns`.
    """
    configs = [dict(paths(run.config)) for run in runs]
    chosen, n_more = _choose_paths(configs, columns)
    rows = [["id", "experiment", "status", "started (UTC)", "seconds", *chosen, "result"]]
    for run, config in zip(runs, configs, strict=True):
        seconds = "" if run.seconds is None else f"{run.seconds:.0f}"
        values = [_shown(config.get(path, "")) for path in chosen]
        rows.append(
            [str(run.id), run.experiment, _status(run, gaps), _time(run.started), seconds]
            + [*values, _result(run.result)]
        )
    lines = _aligned(rows)
    if n_more:
        lines.append(f"({n_more} more config paths differ; choose with --columns PATH,PATH)")
    return lines


def show_lines(run: Run) -> list[str]:
    """Return everything about one run that fits a screen or two, with names that queries take."""
    database = run.database
    document = database.runs.find_one({"_id": run.id}) or {}
    curves = stored_curves(database, [run.id])[run.id]
    files = stored_files(database, list(file_ids(document).values()))
    gap = find_gap(document, curves, files) if run.status == "COMPLETED" else None
    lines = [f"run {run.id}  {run.experiment}  {_status(run, {run.id: gap} if gap else {})}"]
    seconds = "" if run.seconds is None else f", {run.seconds:.0f} s"
    lines.append(f"started  {_time(run.started)} UTC{seconds}")
    host = document.get("host") or {}
    if host:
        gpus = [g.get("model") for g in (host.get("gpus") or {}).get("gpus", [])]
        hardware = ", ".join(filter(None, [host.get("hostname"), host.get("cpu"), *gpus]))
        lines.append(f"host     {hardware}")
    lines += [f"git      {line}" for line in _commits(document)]
    if run.identity:
        lines += [f"identity {' '.join(f'{k}={_short(v)}' for k, v in run.identity.items())}"]
    if run.tags:
        lines.append(f"tags     {', '.join(run.tags)}")
    for key in ("source_runs", "resumed_from", "elsewhere"):
        if run.info.get(key):
            lines.append(f"{key}  {_shown(run.info[key])}")
    if gap:
        lines.append(f"incomplete: {gap}")
    lines += _section("config", [(path, _shown(value)) for path, value in paths(run.config)])
    result = run.result if isinstance(run.result, Mapping) else {"": run.result}
    lines += _section("result", [(k, _shown(v)) for k, v in result.items() if v is not None])
    lines += _section(
        "metrics (points, last value)",
        [(name, f"{c.points:>7}", _shown(c.last)) for name, c in whole_curves(curves).items()],
    )
    sizes = {name: files.get(file_id) for name, file_id in run.artifacts.items()}
    lines += _section(
        "artifacts (bytes)",
        [(name, f"{f.length:>12,}" if f else "missing") for name, f in sorted(sizes.items())],
    )
    trace = document.get("fail_trace") or []
    if trace:
        lines += ["", "failed with", "  " + str(trace[-1]).strip().splitlines()[-1]]
    return lines


def trace_lines(links: Iterable[Link]) -> list[str]:
    """Return a lineage as an indented tree, one line a run."""
    lines = []
    for link in links:
        indent, role = "  " * link.depth, f"{link.role}: " if link.role else ""
        if link.document is None:
            lines.append(f"{indent}{role}run {link.run_id} is no longer in the database")
            continue
        document, info = link.document, link.document.get("info") or {}
        name = (document.get("experiment") or {}).get("name", "")
        if link.repeated:
            lines.append(f"{indent}{role}run {link.run_id}  {name}  (see above)")
            continue
        words = [f"run {link.run_id}", name, document.get("status", "")]
        words += [_time(document.get("start_time")), *_commits(document)]
        identity = document.get("identity") or {}
        words += [f"{key} {_short(value)}" for key, value in identity.items() if value]
        if note := (info.get("dataset") or {}).get("note"):
            words.append(f"[{note}]")
        if imported := document.get("imported"):
            words.append(f"[imported, was run {imported.get('id')}]")
        lines.append(f"{indent}{role}{'  '.join(filter(None, words))}")
        for kind, ids in (info.get("elsewhere") or {}).items():
            lines.append(f"{indent}  {kind} in the database it was imported from: {ids}")
    return lines


def _choose_paths(
    configs: Sequence[Mapping[str, Any]], columns: Sequence[str] | None
) -> tuple[list[str], int]:
    known = dict.fromkeys(path for config in configs for path in config)
    if columns is not None:
        for path in columns if configs else []:
            if path not in known:
                raise InputError(f"no run has the config path {path!r}; {nearest(path, known)}")
        return list(columns), 0
    first = [path for path in KEY_PATHS if path in known]
    varied = [
        path
        for path in known
        if path not in first
        and path.split(".")[0] not in VOLATILE
        and len({repr(config.get(path)) for config in configs}) > 1
    ]
    chosen = [*first, *varied][:MAX_PATHS]
    return chosen, len(first) + len(varied) - len(chosen)


def _status(run: Run, gaps: Mapping[Any, str]) -> str:
    if run.id in gaps:
        return f"{run.status} (incomplete)" if run.completion else f"{run.status} (unverified)"
    seen = run.heartbeat or run.started
    if run.status == "RUNNING" and seen is not None:
        silent = (datetime.now(UTC).replace(tzinfo=None) - seen).total_seconds()
        if silent > SILENT:
            return f"RUNNING (silent for {_duration(silent)})"
    return run.status


def _duration(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _result(result: Any) -> str:
    if isinstance(result, Mapping):
        return " ".join(f"{k}={_shown(v)}" for k, v in list(result.items())[:4])
    return "" if result is None else _shown(result)


def _commits(document: Mapping[str, Any]) -> list[str]:
    repositories = (document.get("experiment") or {}).get("repositories") or []
    found = {(r.get("commit", "")[:10], bool(r.get("dirty"))) for r in repositories}
    return [f"commit {commit}{' + changes' if dirty else ''}" for commit, dirty in sorted(found)]


def _section(title: str, rows: Sequence[tuple[str, ...]]) -> list[str]:
    return ["", title, *("  " + line for line in _aligned(rows))] if rows else []


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _shown(value: Any) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 60 else text[:59] + "…"


def _short(value: Any) -> str:
    return str(value)[:10]


def _time(time: datetime | None) -> str:
    return time.strftime("%Y-%m-%d %H:%M") if time else ""
