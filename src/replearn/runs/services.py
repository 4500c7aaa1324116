"""Start and stop what shows and keeps the runs: `python -m replearn.runs.services start|stop`."""

import os
import sys

from replearn.errors import InputError
from replearn.runs.database import open_database, without_password
from replearn.runs.omniboard import (
    omniboard_status,
    seed_columns,
    start_omniboard,
    stop_omniboard,
)
from replearn.runs.server import mongo_url, server_status, stop_server


def start() -> None:
    """Start the private MongoDB, unless $MONGO_URL names another, and Omniboard; print the URLs.

    Raises:
        InputError: if the database does not answer. A missing Omniboard is only told.
    """
    own = bool(os.environ.get("MONGO_URL"))
    running = own or server_status().running
    database = open_database()
    url = mongo_url()
    state = "named by MONGO_URL" if own else "already running" if running else "started"
    print(f"MongoDB    {without_password(url)}  database {database.name}, {state}", flush=True)
    seed_columns(database)
    before = omniboard_status().pid
    try:
        page = start_omniboard(url, database.name)
    except InputError as error:
        print(f"Omniboard  not started: {error}")
        return
    state = "already running" if omniboard_status().pid == before else "started"
    print(f"Omniboard  {page}  {state}")


def stop() -> None:
    """Stop Omniboard and the private MongoDB, those that run; a user's own server stays."""
    for name, stopped in (("Omniboard", stop_omniboard()), ("MongoDB", stop_server())):
        print(f"{name:9}  {'stopped' if stopped else 'was not running'}", flush=True)


def main(arguments: list[str]) -> int:
    """Run `start` or `stop` and return the exit code."""
    commands = {"start": start, "stop": stop}
    if len(arguments) != 1 or arguments[0] not in commands:
        print("usage: python -m replearn.runs.services start|stop", file=sys.stderr)
        return 2
    try:
        commands[arguments[0]]()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
