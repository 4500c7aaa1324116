"""Run a Sacred experiment from the command line: checked, observed, and with one exit code.

Every config key is checked before a run document exists. Exit codes: 0 finished, 1 refused or
failed, 3 finished but spooled because the database was away, 4 another process of a sweep has this
configuration, 124 out of time, 128+n signal n.
"""

import copy
import errno
import hashlib
import logging
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import Any

from docopt import DocoptExit, docopt
from sacred import SETTINGS, Experiment
from sacred.arg_parser import get_config_updates
from sacred.config import ConfigDict
from sacred.run import Run
from sacred.utils import ensure_wellformed_argv

from replearn.errors import InputError
from replearn.runs.config import (
    at_least_one,
    canonical,
    check_updates,
    config_hash,
    group_hash,
    parse_lists,
    whole_numbers,
)
from replearn.runs.output import install_capture, tidy
from replearn.runs.presets import check_presets, replace_specs
from replearn.runs.sources import collect_sources

# Read when an experiment is made. All installed packages are listed at no cost, while "imported"
# sees three of them and takes half a second; sources are collected by `collect_sources`.
SETTINGS.DISCOVER_DEPENDENCIES = "pkg"  # type: ignore[attr-defined]
SETTINGS.DISCOVER_SOURCES = "none"  # type: ignore[attr-defined]

SPOOLED = 3
FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)  # a disk, a file-size limit, a quota
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
    collect_sources(experiment)
    install_capture()
    logging.getLogger("fontTools").setLevel(logging.WARNING)  # Sacred shows INFO of everyone
    run = make_run(experiment, command, updates, presets, options)
    if run.unobserved or options.get("--unobserved") or run.debug:
        run.unobserved = True
        return _execute(run, None)
    from replearn.runs import claimed
    from replearn.runs.database import open_database

    identity = _identity(run)

    def execute(run: Run, database: Any, claim: Any = None) -> int:
        return _execute(run, _observe(run, database, identity, claim))

    if (sweep := claimed.sweep_of()) is not None:

        def resumed(dead: Mapping[str, Any]) -> Run:
            return make_run(experiment, command, updates, presets, options, dead)

        return claimed.run_claimed(sweep, run, identity, resumed, execute)
    database = open_database()
    if run.config.get("skip_finished"):
        query = claimed.same_runs(run.experiment_info["name"], identity)
        if (done := claimed.finished_run(database, query)) is not None:
            print(claimed.skipped(done))
            return 0
    return execute(run, database)


def parse(
    experiment: Experiment, argv: list[str]
) -> tuple[str | None, dict[str, Any], list[str], dict[str, Any]]:
    """Return command, config updates, presets and options of a command line.

    The command is None if all that was asked for was help, which is then printed.
    """
    words = ensure_wellformed_argv(argv)
    short_usage, usage, internal_usage = experiment.get_usage()
    try:
        options = docopt(internal_usage, [str(word) for word in words[1:]], default_help=False)
    except DocoptExit:
        raise InputError(
            f"this command line cannot be read: {' '.join(words[1:])!r}; expected "
            f"'[COMMAND] [with KEY=VALUE PRESET ...]', see '--help'"
        ) from None
    for flag, short in REFUSED.items():
        if options.get(flag):
            raise InputError(
                f"the option {short} is not supported: it would break run ids, metrics or the "
                f"observer; MONGO_URL and MONGO_DB choose the database, 'python -m sweep' "
                f"runs many configurations"
            )
    if options.get("--beat-interval") in ("0", "0.0"):
        raise InputError("-b 0 would store no metrics; expected seconds between two heartbeats")
    command = options.get("COMMAND") or experiment.default_command
    if error := experiment._check_command(command):
        if not (options["help"] or options["--help"]):
            raise InputError(error.removeprefix("Error: ").rstrip("."))
    if experiment._handle_help(options, usage):
        return None, {}, [], options
    updates, presets = get_config_updates(options["UPDATE"])
    return command, parse_lists(updates), presets, options


def make_run(
    experiment: Experiment,
    command: str | None = None,
    updates: dict[str, Any] | None = None,
    presets: Sequence[str] = (),
    options: dict[str, Any] | None = None,
    ancestor: Mapping[str, Any] | None = None,
    base: Mapping[str, Any] | None = None,
) -> Run:
    """Return the Sacred run of a checked configuration, not started yet and without observers.

    Args:
        experiment: to be run.
        command: of the experiment; its default command unless given.
        updates: of the configuration.
        presets: names of named configs.
        options: of the command line.
        ancestor: the document of a dead run of this very configuration, to go on from.
        base: what `base_config` gives, if it is known already.

    Raises:
        InputError: if a preset or a key is unknown, or a value does not fit.
    """
    updates = whole_numbers(updates or {})
    check_presets(experiment, list(presets))
    base = base_config(experiment, command) if base is None else base
    sections: Mapping[str, Mapping[str, Any]] = {}
    check_updates(base, updates)
    if updates.get("resume") is not None:
        from replearn.runs.resumption import resumed_config

        updates, presets = resumed_config(str(experiment.path), base, updates, presets), []
    elif "source" in base and command in (None, experiment.default_command):
        from replearn.runs.finetuning import source_config

        sections, updates = source_config(experiment, base, updates, presets)
    if ancestor is not None:
        # With another number of threads it would not be bit for bit the run that died.
        updates = {"threads": ancestor["config"].get("threads"), **updates}
        updates["resume"] = ancestor["_id"]
    if "threads" in base and updates.get("threads") is None:
        import torch

        updates["threads"] = torch.get_num_threads()
    elif "threads" in base:
        at_least_one("threads", updates["threads"])
    run = _create(experiment, command, updates, list(presets), options or {}, sections)
    run.captured_out_filter = tidy
    return run


def base_config(experiment: Experiment, command: str | None = None) -> dict[str, Any]:
    """Return the configuration without presets and updates: every key that there is."""
    return _create(experiment, command, {}, [], {}).config


def _create(
    experiment: Experiment,
    command: str | None,
    updates: dict[str, Any],
    presets: list[str],
    options: dict[str, Any],
    sections: Mapping[str, Mapping[str, Any]] | None = None,
) -> Run:
    """Return Sacred's run, and leave the configurations of the ingredients as they were.

    `sections` are defaults of ingredients in place of their own.

    Sacred writes what config hooks fill in into the dictionaries that ingredients were made with:
    the defaults of one loss would turn up in the next.
    """
    # Every key is checked by us, more strictly than by Sacred, which refuses keys of presets.
    options = {**options, "--force": True}
    parts = [part for part, _ in experiment.traverse_ingredients()]
    before = [(part.configurations, part.named_configs) for part in parts]
    for part in parts:
        given = (sections or {}).get(str(part.path))
        own = copy.deepcopy(part.configurations)
        part.configurations = own if given is None else [ConfigDict(given)]
        part.named_configs = dict(part.named_configs)
    try:
        chosen = replace_specs(experiment, presets, updates)
        return experiment._create_run(command, updates, chosen, {}, {}, options)
    finally:
        for part, (configurations, named) in zip(parts, before, strict=True):
            part.configurations, part.named_configs = configurations, named


def _observe(run: Run, database: Any, identity: dict[str, Any], claim: Any = None):
    """Attach the observer and return it."""
    from replearn.runs.observer import RunObserver

    observer = RunObserver(database, identity=identity, claim=claim)
    run.observers.append(observer)
    return observer


def _identity(run: Run) -> dict[str, Any]:
    """Return what decides whether two runs are one; the digest of the data is not known yet."""
    return {
        "config_hash": config_hash(run.config),
        "group_hash": group_hash(run.config),
        "data": None,
        "code": _code_hash(run),
    }


def _code_hash(run: Run) -> str:
    """Return the sha256 of all sources' names and digests."""
    return hashlib.sha256(canonical(run.experiment_info["sources"]).encode()).hexdigest()


def _execute(run: Run, observer: Any) -> int:
    from replearn.runs.signals import CLAIMED, Interrupted, signals_dropped, signals_handled

    if run.config.get("threads"):
        import torch

        torch.set_num_threads(run.config["threads"])
    failure: BaseException | None = None
    amiss = None
    with signals_handled():
        try:
            run()
        except (Interrupted, Exception) as error:
            failure = error
        finally:
            # There is no document, and so no id, if the database refused the start.
            if observer is not None and observer.run_id is not None:
                print(f"run {observer.run_id}: {observer.status}", flush=True)
        if observer is not None and observer.claim is not None:
            from replearn.runs.claimed import settle

            signals_dropped()
            amiss = settle(observer, failure, run.config.get("resume"))
    if isinstance(failure, Interrupted):
        print(f"{str(run.status).lower()}: what was measured so far is kept", file=sys.stderr)
        return failure.exit_code
    if failure is not None:
        # Out here Ctrl-C is Python's own again, which a debugger needs.
        return _fail(failure, run)
    if observer is not None and observer.claim_lost:
        return CLAIMED
    if observer is not None and observer.failure:
        return SPOOLED if observer.spooled else 1  # the observer has said why
    return 0 if amiss is None else _say(InputError(amiss))


def _fail(error: BaseException, run: Run) -> int:
    """Say what ended the run: a sentence if it is foreseen, else, and with -d, the traceback.

    With -D, as in Sacred, the debugger opens where an unforeseen exception was raised; the run is
    stored by then.
    """
    foreseen = isinstance(error, (InputError, FloatingPointError))
    if foreseen or (isinstance(error, OSError) and error.errno in FULL):
        if not run.debug:
            return _say(error)
        traceback.print_exception(error)
    else:
        traceback.print_exception(error)
        if run.pdb:
            import pdb

            pdb.post_mortem(error.__traceback__)
    return 1


def _say(error: BaseException) -> int:
    print(f"error: {error}", file=sys.stderr)
    return 1


def _unexpected() -> int:
    traceback.print_exc()
    return 1
