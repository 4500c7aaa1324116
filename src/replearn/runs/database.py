"""Open the database of runs: a ping first, so that a missing server is one sentence."""

import os
import re

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING, MongoClient, WriteConcern
from pymongo.database import Database
from pymongo.errors import ConfigurationError, InvalidURI, OperationFailure, PyMongoError

from replearn.errors import InputError
from replearn.runs.server import mongo_url

DEFAULT_NAME = "replearn"
PING_SECONDS = 3
_SYSTEM_NAMES = {"admin", "config", "local"}

_clients: dict[str, MongoClient] = {}


def open_database(name: str | None = None) -> Database:
    """Return the database `name` (default: $MONGO_DB, else "replearn") of the server.

    Writes are acknowledged once they stand in the journal, so that a server that is killed right
    after keeps them.

    Raises:
        InputError: if the name or the URL is not valid, or the server does not answer within 3 s.
    """
    name = check_name(name or os.environ.get("MONGO_DB") or DEFAULT_NAME)
    url = mongo_url()
    try:
        client = _client(url)
        client.admin.command("ping")
    except (InvalidURI, ConfigurationError, ValueError) as error:
        raise InputError(
            f"MONGO_URL={without_password(url)} is not a MongoDB URL "
            f"({_clean(error, url)}); it looks like mongodb://host:27017"
        ) from None
    except OperationFailure as error:
        reason = (error.details or {}).get("errmsg", "refused")
        raise InputError(
            f"the MongoDB server at {without_password(url)} refused us ({_clean(reason, url)}): "
            "check the user and the password in MONGO_URL"
        ) from None
    except PyMongoError:
        raise InputError(
            f"no MongoDB server answers at {without_password(url)} within {PING_SECONDS} s: "
            "start it, correct MONGO_URL, or unset MONGO_URL to use the private server"
        ) from None
    return client.get_database(name, write_concern=WriteConcern(w="majority", j=True))


def check_name(name: str) -> str:
    """Return `name`, or raise an InputError if no database can be called so."""
    bad = re.search(r'[\s./\\"$\0*<>:|?]', name)
    if not name or bad or len(name.encode()) > 63 or name in _SYSTEM_NAMES:
        raise InputError(
            f"{name!r} cannot name a database: use up to 63 letters, digits, - and _ (MONGO_DB), "
            "but not " + ", ".join(sorted(_SYSTEM_NAMES))
        )
    return name


def ensure_indexes(database: Database) -> None:
    """Make the indexes that storing and finding runs rely on; those that exist are kept."""
    metrics = [("run_id", ASCENDING), ("name", ASCENDING)]
    try:
        database.metrics.create_index(metrics, unique=True)
    except OperationFailure:
        # Runs of other tools may hold a name twice; then the index only makes finding fast.
        database.metrics.create_index(metrics, name="run_id_1_name_1_shared")
    database.runs.create_index([("status", ASCENDING), ("identity.config_hash", ASCENDING)])
    database.runs.create_index([("experiment.name", ASCENDING), ("start_time", DESCENDING)])


def database_key(database: Database, make: bool = False) -> ObjectId | None:
    """Return the key that this database carries, None without one; `make` gives it one.

    Should a server die, another may listen at its address: the key tells the databases apart.
    """
    keys = database["replearn.database"]
    if make:
        keys.update_one({"_id": "key"}, {"$setOnInsert": {"key": ObjectId()}}, upsert=True)
    found = keys.find_one({"_id": "key"})
    return found["key"] if found else None


def without_password(url: str) -> str:
    """Return `url` without user, password and options, to be shown."""
    scheme, mark, rest = url.partition("://") if "://" in url else ("", "", url)
    return scheme + mark + rest.rpartition("@")[2].partition("?")[0]


def close_clients() -> None:
    """Close the connections of this process; the next `open_database` connects anew."""
    while _clients:
        _clients.popitem()[1].close()


def _client(url: str) -> MongoClient:
    """Return the one client of this process for `url`: a client is a pool of connections."""
    if url not in _clients:
        _clients[url] = MongoClient(
            url,
            serverSelectionTimeoutMS=PING_SECONDS * 1000,
            connectTimeoutMS=PING_SECONDS * 1000,
            socketTimeoutMS=60_000,  # a server that hangs must not hang the experiment for ever
            appname="replearn",
        )
    return _clients[url]


def _clean(error: object, url: str) -> str:
    """Return what the driver said on one line, without the secrets of `url`."""
    secrets = url.partition("://")[2].rpartition("@")[0]
    text = " ".join(str(error).split())
    for secret in filter(None, [secrets, *secrets.split(":", 1)]):
        text = text.replace(secret, "***")
    return text.rstrip(".")
