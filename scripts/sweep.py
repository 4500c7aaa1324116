"""Many configurations of one experiment, each once: what is finished is not run again.

    python -m sweep experiments.unsupervised with dataset.digits,mnist model.kim seed=0,1,2
    python -m sweep --cluster local --workers 4 --gpus 2 EXPERIMENT with ...
    python -m sweep --cluster slurm --interface ib0 --jobs 50 --gres gpu:1 EXPERIMENT with ...
    python -m sweep --cluster tcp://host:8786 EXPERIMENT with ...
    python -m sweep --file grid.yaml            what it holds: replearn.sweep.gridfile
    python -m sweep status|cancel|retry [ID]    of the newest sweep, or of that with this id

Commas outside brackets and quotes are axes, and the grid is their product.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

from replearn.errors import InputError, nearest

FOLDERS = ("experiments", "analysis")
COMMANDS = ("status", "cancel", "retry")
HELP = {
    "workers": "local: runs at once (half of the cores)",
    "gpus": "local: GPUs, each for one run at once (0)",
    "threads": "CPU threads of a run (its share of the cores)",
    "jobs": "queue: jobs at once (10)",
    "cpus": "queue: cores of a job (4)",
    "memory": "queue: of a job (8GB)",
    "walltime": "queue: of a job (04:00:00)",
    "gres": "queue: gpu:1",
    "partition": "queue: where jobs go",
    "account": "queue: who pays",
    "interface": "queue: network of this machine and the nodes (needed)",
    "directives": "queue: a further line of the job's header; may be repeated",
    "prologue": "queue: a line of shell before the worker starts; may be repeated",
    "start_minutes": "queue: give up if no job has started by then (720)",
}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; see `python -m sweep --help`")


def main(argv: Sequence[str]) -> int:
    """Run one command and return its exit code: 0 if all is finished, 1 if not, 130 at Ctrl-C."""
    argv = list(argv)
    cut = argv.index("with") if "with" in argv else len(argv)
    words = argv[cut + 1 :]
    try:
        args = _parser().parse_args(argv[:cut])
        if args.experiment in COMMANDS:
            return _command(args, words)
        if args.experiment is not None:
            check_experiment(args.experiment)
        if args.id is not None:
            raise InputError(f"expected 'with' before the words of the grid, got {args.id!r}")
        return _sweep(args, words)
    except InputError as error:
        print(f"python -m sweep: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader has seen enough: `python -m sweep --dry-run ... | head`
        sys.stderr.close()
        return 1
    except KeyboardInterrupt:
        print("python -m sweep: stopped; the same command goes on", file=sys.stderr)
        return 130


def _sweep(args: argparse.Namespace, words: Sequence[str]) -> int:
    """Run the grid of the command line, or of a file and the command line."""
    from replearn.sweep.grid import Grid, parse_axes
    from replearn.sweep.gridfile import read_experiment, read_grid

    name = args.experiment
    if args.file:
        named = read_experiment(args.file)
        if name and named and name != named:
            raise InputError(f"{args.file} is a grid of {named}, not of {name}; name one of them")
        name, grid = name or named, read_grid(args.file, words)
    else:
        grid = Grid(parse_axes(words))
    if name is None:
        raise InputError(f"expected an experiment: {', '.join(experiments())}")
    asked = _options(args, {})
    experiment = load_experiment(name)
    return _plan_and_run(args, name, experiment, grid.points(), grid.shape(), words, asked)


def _plan_and_run(
    args: argparse.Namespace,
    module: str,
    experiment: Any,
    points: Sequence[Sequence[str]],
    shape: str,
    words: Sequence[str],
    asked: Mapping[str, Any],
) -> int:
    from replearn.runs.database import open_database
    from replearn.runs.resolving import code_hash
    from replearn.runs.standing import FINISHED
    from replearn.sweep.driver import (
        Sweep,
        check_place,
        command_lines,
        drive,
        forget_failures,
        missing,
        plan_lines,
    )
    from replearn.sweep.plan import check_points, make_plan

    if args.ids and not (folder := Path(args.ids).absolute().parent).is_dir():
        raise InputError(f"--ids {args.ids}: there is no folder {folder}; make it first")
    plan = make_plan(experiment, points)
    sweep = Sweep(module, experiment.path, list(words), plan, code_hash(experiment), **asked)
    database = open_database()
    if args.retry_failed and not args.dry_run:
        forget_failures(sweep, database)
    found = sweep.standings(database)
    if todo := missing(sweep, found):
        check_place(sweep, todo)
    check_points(todo, here="://" not in sweep.cluster)
    print("\n".join(plan_lines(sweep, shape, len(points), found, database)), flush=True)
    if args.dry_run:
        print("\n".join(command_lines(sweep, found)))
        return 0
    code = drive(sweep, found, database)
    if args.ids:
        ended = sweep.standings(database).values()
        ids = sorted({each.run_id for each in ended if each.state == FINISHED and each.run_id})
        Path(args.ids).write_text("".join(f"{run_id}\n" for run_id in ids))
    return code


def _command(args: argparse.Namespace, words: Sequence[str]) -> int:
    """Look at a stored sweep, stop it, or run again what failed of it."""
    from replearn.runs.database import open_database
    from replearn.runs.sweeps import cancel_sweep, load_sweep
    from replearn.sweep.driver import is_running, status_lines
    from replearn.sweep.watch import cancel_pending

    if words or args.file:
        raise InputError(f"'{args.experiment}' takes the id of a sweep, not a grid")
    database = open_database()
    stored = load_sweep(database, args.id)
    if args.experiment == "retry":
        experiment = load_experiment(stored["module"])
        points = [point["words"] for point in stored["points"]]
        asked = _options(args, stored["options"])
        args.retry_failed = True
        words = stored["words"]
        return _plan_and_run(args, stored["module"], experiment, points, "", words, asked)
    if args.experiment == "cancel":
        new = cancel_sweep(database, stored["_id"])
        if stored["cluster"] == "slurm":
            cancel_pending(f"replearn-{stored['_id']}")
        stored["cancelled"] = True
        if not new:
            print("it was cancelled before")
        elif is_running(stored, database):
            print("its runs store what they have, and end")
        else:
            print("nothing of it is running, and nothing more of it will start")
    lines, finished = status_lines(stored, database)
    print("\n".join(lines))
    return 0 if finished or args.experiment == "cancel" else 1


def experiments() -> list[str]:
    """Return the names of all experiments and analyses, such as `experiments.unsupervised`."""
    return [
        f"{folder}.{path.stem}"
        for folder in FOLDERS
        for place in import_module(folder).__path__
        for path in sorted(Path(place).glob("[!_]*.py"))
    ]


def load_experiment(name: str) -> Any:
    """Return the Sacred experiment of a module of experiments/ or analysis/.

    Raises:
        InputError: if there is none of this name.
    """
    check_experiment(name)
    return import_module(name).ex


def check_experiment(name: str) -> None:
    """Raise an InputError that names the nearest experiments and commands unless there is one."""
    if name not in (known := experiments()):
        choices = nearest(name, [*known, *COMMANDS])
        raise InputError(f"there is no experiment {name!r}; {choices}")


def _options(args: argparse.Namespace, stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return cluster, options and choice of code: as typed, else as stored, else the defaults.

    Raises:
        InputError: if there is no such cluster, or Dask is missing.
    """
    from replearn.sweep.cluster import NAMES, QUEUES, Options

    cluster = args.cluster or stored.get("cluster") or "local"
    known = ("inline", "local", *QUEUES)
    if cluster not in known and not cluster.startswith(("tcp://", "tls://")):
        raise InputError(f"there is no cluster {cluster!r}; {nearest(cluster, NAMES)}")
    if cluster != "inline" and not (find_spec("distributed") and find_spec("dask_jobqueue")):
        raise InputError(
            f"--cluster {cluster} needs Dask; install replearn with its extra: pip install "
            f"'.[sweep]', or run one configuration after another: --cluster inline"
        )
    typed = {key: value for key in HELP if (value := getattr(args, key)) is not None}
    values = {**(stored.get("options") or {}), **typed}
    same = stored.get("same_code", False) if args.code is None else args.code == "same"
    return {"cluster": cluster, "options": Options(**values), "same_code": same}


def _parser() -> argparse.ArgumentParser:
    from replearn.sweep.cluster import Options

    parser = _Parser(
        "python -m sweep",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="python -m sweep [options] EXPERIMENT with KEY=A,B PRESET,PRESET ...\n"
        "       python -m sweep status|cancel|retry [ID]",
        allow_abbrev=False,
    )
    parser.add_argument("experiment", nargs="?", help="experiments.NAME or analysis.NAME")
    parser.add_argument("id", nargs="?", help=argparse.SUPPRESS)
    parser.add_argument("--file", help="a grid in YAML")
    parser.add_argument("--dry-run", action="store_true", help="print the plan only")
    parser.add_argument("--code", choices=("any", "same"), help="whose finished runs count (any)")
    parser.add_argument("--retry-failed", action="store_true", help="try again what failed")
    parser.add_argument("--ids", metavar="FILE", help="write the ids of finished runs there")
    parser.add_argument("--cluster", help="inline, local, slurm, pbs, sge, lsf, oar or an address")
    kinds = {field.name: str(field.type) for field in fields(Options)}
    for name, text in HELP.items():
        option = f"--{name.replace('_', '-')}"
        if kinds[name].startswith("Sequence"):
            parser.add_argument(option, action="append", metavar="LINE", help=text)
        else:
            kind = int if "int" in kinds[name] else float if "float" in kinds[name] else str
            parser.add_argument(option, type=kind, metavar=name.upper(), help=text)
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
