"""What the storing of a run says on the console: short sentences that never fail."""

import sys

from pymongo.database import Database

from replearn.runs.database import without_password


def say(text: str) -> None:
    """Print a line to stderr; a closed terminal must not end the run."""
    try:
        print(text, file=sys.stderr, flush=True)
    except (OSError, ValueError):
        pass


def reason(error: BaseException) -> str:
    """Return what an error says, on one short line."""
    text = " ".join(str(error).split()).partition(", Timeout:")[0].partition(" (configured")[0]
    return f"{type(error).__name__}: {text}"[:300] if text else type(error).__name__


def server_name(database: Database) -> str:
    """Return host and port of the database's server."""
    hosts = database.client.topology_description.server_descriptions()
    return without_password(", ".join(f"{host}:{port}" for host, port in hosts))
