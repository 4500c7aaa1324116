"""The runs in the database: list, show, sync, verify, trace, export, import, delete, gc."""

import argparse
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from tqdm import tqdm

from replearn.errors import InputError
from replearn.paths import root
from replearn.registry import lookup
from replearn.runs.config import parse_value


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; see `{self.prog} --help`")


def main(argv: Sequence[str]) -> int:
    """Run one command and return its exit code: 0, or 1 after a sentence on what is wrong."""
    try:
        if argv and not argv[0].startswith("-"):
            lookup(COMMANDS, argv[0], "command")
        args = _parser().parse_args(argv)
        return COMMANDS[args.command][0](args) or 0
    except InputError as error:
        print(f"python -m runs: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader has seen enough: `python -m runs list | head`
        sys.stderr.close()
        return 0


def _list(args: argparse.Namespace) -> None:
    from replearn.runs.listing import list_lines
    from replearn.runs.query import LeftOutWarning, find_runs

    database = _database()
    where = {"status": "any"} | parse_where(args.where)
    runs = find_runs(where, database, verify=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LeftOutWarning)  # the table marks them
        gaps = find_runs(where, database).left_out
    if args.ids:
        print(*(run_id for run_id in runs.ids if run_id not in gaps), sep="\n")
        return
    if not runs:
        print(f"no run in the database {database.name!r} matches")
        return
    columns = args.columns.split(",") if args.columns else None
    print("\n".join(list_lines(runs, gaps, columns)))


def _show(args: argparse.Namespace) -> None:
    from replearn.runs.listing import show_lines
    from replearn.runs.query import load_run

    print("\n".join(show_lines(load_run(args.id, _database()))))


def _sync(args: argparse.Namespace) -> int:
    from replearn.runs.spool import spooled_runs, sync

    database = _database()
    stored = sync(database)
    left = spooled_runs(database.name)
    if not stored and not left:
        print(f"no run waits for the database {database.name!r}")
    return 1 if left else 0


def _verify(args: argparse.Namespace) -> int:
    from replearn.runs.completion import find_damage

    database = _database()
    query = {"status": "COMPLETED"} if args.ids == ["all"] else {"_id": {"$in": _ids(args.ids)}}
    documents = list(
        database.runs.find(query, {"status": 1, "artifacts": 1, "completion": 1}).sort("_id", 1)
    )
    found = {document["_id"] for document in documents}
    if args.ids != ["all"] and (missing := [i for i in _ids(args.ids) if i not in found]):
        raise InputError(f"the database {database.name!r} has no run {missing[0]}")
    damaged = 0
    for document in tqdm(documents, "verify", unit="run", disable=None):
        damage = find_damage(database, document)
        damaged += bool(damage)
        for sentence in damage:
            tqdm.write(sentence)
    whole = len(documents) - damaged
    print(f"{whole} of {len(documents)} runs are whole: every point counted, every byte hashed")
    return 1 if damaged else 0


def _trace(args: argparse.Namespace) -> int | None:
    from replearn.runs.lineage import find_owner, trace, users
    from replearn.runs.listing import trace_lines

    if args.row is not None or args.recompute:
        return _trace_number(args)
    database = _database()
    if args.target.isdecimal():
        run_id = int(args.target)
    else:
        run_id, name = find_owner(_file(args.target), database)
        print(f"{args.target} is the artifact {name!r} of run {run_id}")
    print("\n".join(trace_lines(trace(run_id, database))))
    for line in trace_lines(users(run_id, database)):
        print(f"by: {line}")


def _trace_number(args: argparse.Namespace) -> int:
    """Print what is behind one number of a LaTeX table; with --recompute, verify one or all."""
    from replearn.study.tracing import trace_tables

    if args.row is not None and args.column is None:
        raise InputError("a number of a table has a ROW and a COLUMN: trace FILE.tex ROW COLUMN")
    database, path = _database(), _file(args.target)
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as text ({error})") from None
    tables = trace_tables(text, database, args.target, args.table or "")
    wrong: list[str] = []
    if args.row is None:
        for table in tables:
            wrong += [f"{table.printed.label}: {sentence}" for sentence in table.differences()]
        runs = [run for table in tables for run in table.runs()]
    else:
        if len(tables) > 1:
            labels = ", ".join(table.printed.label for table in tables)
            raise InputError(f"{args.target} has {len(tables)} tables: add --table, of {labels}")
        row, column = tables[0].place(args.row, args.column)
        print("\n".join(tables[0].lines(row, column)))
        wrong += filter(None, [tables[0].difference(row, column)])
        runs = tables[0].runs(row)
    if args.recompute:
        ids = sorted({run.id for run in runs})
        wrong += _damage(database, ids)
        if not wrong:
            what = "this number is" if args.row else "every number and every label of the file is"
            print(f"{what} what the database gives; {len(ids)} runs are whole, every byte hashed")
    for sentence in wrong:
        print(f"python -m runs: {sentence}", file=sys.stderr)
    return 1 if wrong else 0


def _damage(database: Any, ids: Sequence[int]) -> list[str]:
    """Return what is wrong with the stored bytes, points and results of runs, in sentences."""
    from replearn.runs.completion import find_damage

    fields = {"status": 1, "artifacts": 1, "completion": 1}
    found = database.runs.find({"_id": {"$in": list(ids)}}, fields).sort("_id", 1)
    return [sentence for document in found for sentence in find_damage(database, document)]


def _export(args: argparse.Namespace) -> int:
    from replearn.runs.archive import NOT_ENDED, export_runs
    from replearn.runs.query import LeftOutWarning, find_runs

    path, database = Path(args.file), _database()
    if path.suffix != ".tar":
        raise InputError(f"the file to write comes first and ends in .tar, got {args.file!r}")
    where = parse_where(args.where)
    runs = find_runs(where, database, verify=False).require()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LeftOutWarning)
        gaps = find_runs(where, database).left_out
    # Runs of other programs have no completion record; a run that is asked for by id is wanted.
    out = {i: gap for i, gap in gaps.items() if gap != "no completion record"}
    if "id" not in where:
        out |= {run.id: f"is {run.status}" for run in runs if run.status in NOT_ENDED}
    kept = [run for run in runs if run.id not in out]
    export_runs([run.id for run in kept], path, database)
    print(f"{len(kept)} runs, {path.stat().st_size / 1e6:.1f} MB: {path}")
    used = {i for run in kept for i in run.info.get("source_runs") or []}
    if absent := sorted(used - {run.id for run in kept}):
        print(f"they were made from runs that are not in it: {', '.join(map(str, absent))}")
    for run_id, why in out.items():
        print(f"python -m runs: run {run_id} is not in it: {why}", file=sys.stderr)
    return 1 if out else 0


def _import(args: argparse.Namespace) -> None:
    from replearn.runs.restore import import_runs

    imported = import_runs(Path(args.file), _database())
    for old, new in imported.ids.items():
        print(f"run {old} {'was here already as' if old in imported.known else 'is now'} run {new}")


def _delete(args: argparse.Namespace) -> None:
    from replearn.runs.removal import delete_runs

    ids = _ids(args.ids)
    if not args.yes:
        raise InputError(
            f"this deletes {len(ids)} run{'s' * (len(ids) > 1)} with metrics and artifacts for"
            " good; add --yes to do it"
        )
    delete_runs(ids, _database(), args.force)
    print(f"deleted {', '.join(map(str, ids))}")


def _gc(args: argparse.Namespace) -> None:
    from datetime import timedelta

    from replearn.runs.removal import find_garbage, remove_garbage

    database = _database()
    garbage = find_garbage(database, timedelta(hours=args.older_than))
    if not args.dry_run:
        remove_garbage(database, garbage)
    print(
        f"{'found' if args.dry_run else 'removed'} {len(garbage.metrics)} metrics,"
        f" {len(garbage.files)} files ({garbage.length / 1e6:.1f} MB), chunks of"
        f" {len(garbage.chunks)} lost files and {len(garbage.imports)} broken imports"
    )


def parse_where(arguments: Sequence[str]) -> dict[str, Any]:
    """Return the query of `key=value` arguments; `where.` before a key may be left out.

    Values are Python literals as in Sacred's `with`, anything else is text; `[a,b]` is a list.
    """
    where: dict[str, Any] = {}
    for argument in arguments:
        key, equals, value = argument.partition("=")
        key = key.removeprefix("where.")
        if not key or not equals:
            raise InputError(f"a query is made of key=value, such as seed=[0,1], got {argument!r}")
        if key in where:
            raise InputError(f"{key} is given twice; give a list for any of: {key}=[a,b]")
        where[key] = parse_value(value)
    return where


def _file(text: str) -> Path:
    """Return a file, named from the working folder or (`results/...`) from the checkout."""
    path = Path(text)
    below_root = root() / path
    return below_root if not path.exists() and below_root.exists() else path


def _ids(texts: Sequence[str]) -> list[int]:
    """Return run ids of arguments such as `3`, `4,5` and `7-9`."""
    ids: dict[int, None] = {}
    for text in ",".join(texts).split(","):
        first, _, last = text.partition("-")
        if not first.isdecimal() or (last and not last.isdecimal()) or text.endswith("-"):
            raise InputError(f"run ids are numbers such as 3 4,5 7-9, got {text!r}")
        ids.update(dict.fromkeys(range(int(first), int(last or first) + 1)))
    return list(ids)


def _database() -> Any:
    from replearn.runs.database import open_database

    return open_database()


def _parser() -> argparse.ArgumentParser:
    parser = _Parser("python -m runs", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, parser_class=_Parser)
    made = {name: commands.add_parser(name, help=text) for name, (_, text) in COMMANDS.items()}
    made["list"].add_argument("where", nargs="*", help="key=value: config paths, experiment, tags")
    made["list"].add_argument("--ids", action="store_true", help="print ids only, for scripts")
    made["list"].add_argument("--columns", help="config paths to show, PATH,PATH")
    made["show"].add_argument("id", type=int)
    made["trace"].add_argument("target", metavar="ID|FILE")
    made["trace"].add_argument("row", nargs="?", metavar="ROW", help="number or label, of a table")
    made["trace"].add_argument("column", nargs="?", metavar="COLUMN", help="number or label")
    made["trace"].add_argument("--table", help="label or number, in a file with several tables")
    made["trace"].add_argument(
        "--recompute", action="store_true", help="make the number (without ROW: all) again"
    )
    made["verify"].add_argument("ids", metavar="ID", nargs="*", default=["all"], help="3 4,5 7-9")
    made["delete"].add_argument("ids", metavar="ID", nargs="+", help="3 4,5 7-9")
    made["export"].add_argument("file", metavar="FILE.tar")
    made["export"].add_argument(
        "where", nargs="*", help="key=value, as of list: tags=study id=[3,4]"
    )
    made["import"].add_argument("file", metavar="FILE.tar")
    made["delete"].add_argument("--yes", action="store_true", help="do it")
    made["delete"].add_argument("--force", action="store_true", help="even if others need them")
    made["gc"].add_argument("--dry-run", action="store_true", help="only say what would go")
    made["gc"].add_argument(
        "--older-than", type=float, default=1.0, metavar="HOURS", help="spare younger things (1)"
    )
    return parser


COMMANDS: dict[str, tuple[Callable[[argparse.Namespace], int | None], str]] = {
    "list": (_list, "runs as a table, all or those that match key=value"),
    "show": (_show, "one run: config, result, metrics, artifacts"),
    "sync": (_sync, "store the runs that wait in sims/spool"),
    "verify": (_verify, "count all points and hash all bytes of runs"),
    "trace": (_trace, "what a run, a file or a number of a table was made from"),
    "export": (_export, "write the runs that match key=value to one tar file"),
    "import": (_import, "read runs from such a file"),
    "delete": (_delete, "delete runs with their metrics and artifacts"),
    "gc": (_gc, "remove what no run refers to"),
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
