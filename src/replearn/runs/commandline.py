"""Run a Sacred experiment from the command line: checked, observed, and with one exit code.

Every config key is checked before a run document exists. Exit codes: 0 finished, 1 refused or
failed, 3 finished but spooled because the database was away, 124 out of time, 128+n signal n.
"""

import logging
import sys
import traceback
from collections.abc import Sequence
from typing import Any

from sacred import SETTINGS, Experiment
from sacred.arg_parser import get_config_updates
from sacred.run import Run
from sacred.utils import SacredInterrupt, apply_backspaces_and_linefeeds

from replearn.errors import InputError
from replearn.paths import sims_folder
from replearn.runs.config import check_presets, check_updates, config_hash, group_hash

# Sacred's "fd" capture loses the output of worker threads and breaks under pytest.
SETTINGS.CAPTURE_MODE = "sys"

SPOOLED = 3
REFUSED = {
    "--mongo_db": "-m", "--id": "-i", "--queue": "-q", "--file_storage": "-F", "--s3": "-S",
    "--sql": "-s", "--tiny_db": "-t", "--capture": "-C",
}  # fmt: skip


def run_commandline(experiment: Experiment, argv: Sequence[str] | None = None) -> int:
    """Parse the command line, run the command that it names, and return the exit code."""
    try:
        return _run(experiment, list(sys.argv if argv is None else argv))
    except InputError as error:
        return _say(error)
    except OSError as error:
        return _say(error) if error.strerror else _unexpected()


def _run(experiment: Experiment, argv: list[str]) -> int:
    command, updates, presets, options = parse(experiment, argv)
    if command is None:
        return 0
    run = make_run(experiment, command, updates, presets, options)
    if run.unobserved or options.get("--unobserved"):
        return _execute(run, None)
    return _execute(run, _observe(experiment, run))


def parse(
    experiment: Experiment, argv: list[str]
) -> tuple[str | None, dict[str, Any], list[str], dict[str, Any]]:
    """Return command, config updates, presets and options of a command line.

    The command is None if all that was asked for was help, which is then printed.
    """
    from sacred.utils import ensure_wellformed_argv
    from docopt import DocoptExit, docopt  # isort: skip

    argv = ensure_wellformed_argv(argv)
    short_usage, usage, internal_usage = experiment.get_usage()
    try:
        options = docopt(internal_usage, [str(a) for a in argv[1:]], default_help=False)
    except DocoptExit:
        raise InputError(
            f"this command line cannot be read: {' '.join(argv[1:])!r}; expected "
            f"'[COMMAND] [with KEY=VALUE PRESET ...]', see '--help'"
        ) from None
    for flag, short in REFUSED.items():
        if options.get(flag):
            raise InputError(
                f"the option {short} is not supported: it would break run ids, metrics or the "
                f"observer; MONGO_URL and MONGO_DB choose the database, 'python -m sweep' "
                f"runs many configurations"
            )
    command = options.get("COMMAND") or experiment.default_command
    if error := experiment._check_command(command):
        if not (options["help"] or options["--help"]):
            raise InputError(error.removeprefix("Error: ").rstrip("."))
    if experiment._handle_help(options, usage):
        return None, {}, [], options
    updates, presets = get_config_updates(options["UPDATE"])
    return command, updates, presets, options


def make_run(
    experiment: Experiment,
    command: str | None = None,
    updates: dict[str, Any] | None = None,
    presets: Sequence[str] = (),
    options: dict[str, Any] | None = None,
) -> Run:
    """Return the Sacred run of a checked configuration, not started yet and without observers.

    Raises:
        InputError: if a preset or a key is unknown, or a value does not fit.
    """
    updates = dict(updates or {})
    _quiet_about_new_keys()
    check_presets(experiment, list(presets))
    base = experiment._create_run(command, {}, (), {}, {}, {"--loglevel": "ERROR"}).config
    check_updates(base, updates)
    if updates.get("resume") is not None:
        from replearn.runs.resumption import resumed_config

        updates, presets = resumed_config(base, updates, presets), ()
    if "threads" in base and updates.get("threads") is None:
        import torch

        updates["threads"] = torch.get_num_threads()
    run = experiment._create_run(command, updates, list(presets), {}, {}, options)
    run.captured_out_filter = apply_backspaces_and_linefeeds
    return run


def _observe(experiment: Experiment, run: Run):
    """Attach the observer, which needs the database, and return it."""
    from replearn.runs.database import open_database
    from replearn.runs.observer import RunObserver
    from replearn.runs.sources import describe_sources

    database = open_database()
    code = describe_sources(experiment, run)
    identity = {
        "config_hash": config_hash(run.config),
        "group_hash": group_hash(run.config),
        "data": None,
        "code": code,
    }
    observer = RunObserver(
        database, identity=identity, spool_folder=sims_folder() / "spool" / database.name
    )
    run.observers.append(observer)
    return observer


def _execute(run: Run, observer) -> int:
    from replearn.runs.signals import exit_code, handle_signals

    with handle_signals():
        try:
            run()
        except (SacredInterrupt, KeyboardInterrupt) as error:
            print(f"{run.status.lower()}: what was measured so far is kept", file=sys.stderr)
            return exit_code(error)
        except (InputError, FloatingPointError) as error:
            _say(error)
            return 1
        except Exception:
            return _unexpected()
    if observer is not None and observer.spooled:
        return SPOOLED
    return 0


def _say(error: BaseException) -> int:
    print(f"error: {error}", file=sys.stderr)
    return 1


def _unexpected() -> int:
    traceback.print_exc()
    return 1


def _quiet_about_new_keys() -> None:
    """Silence Sacred's warnings about added and retyped keys: all keys are checked here."""
    for name in ("root", "sacred"):
        logging.getLogger(name).addFilter(_says_something)
    logging.getLogger().addFilter(_says_something)


def _says_something(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith(("Added new config entry", "Changed type of config"))
