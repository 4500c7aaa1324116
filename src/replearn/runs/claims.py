"""Claims: of all processes that want one configuration, one runs it; a dead one is replaced.

Collection `claims`, one document per configuration:
    _id          experiment:config_hash. With code=same, too: a sweep of any code and one of the
                 same at once would train a configuration twice, had each its own claims
    state        running | done | failed (may be tried again) | refused (may not) | released
    token        of the claim in force; whoever has another one has lost it
    lease_until  by the clock of the server, so that clocks of machines do not matter
    attempts     claims of this code that did not end by a signal; at most ATTEMPTS
    owner, run_id, error, code, sweep, since; spoiled: runs whose resume state cannot be used
"""

import os
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bson import ObjectId
from pymongo import DeleteOne, ReturnDocument
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from replearn.errors import InputError

LEASE = 150.0  # seconds without a sign of life after which another process may take over
ATTEMPTS = 3

_ALIVE = {"$gt": ["$lease_until", "$$NOW"]}


def claim_key(experiment: str, config_hash: str) -> str:
    """Return the key of a configuration."""
    return f"{experiment}:{config_hash}"


def this_process() -> str:
    """Return how this process is called as an owner of claims: host:pid."""
    return f"{socket.gethostname()}:{os.getpid()}"


@dataclass(frozen=True)
class Claim:
    """The right to run a configuration, for `seconds` from the last renewal.

    Every method compares the token on the server: once another process has taken over, none of
    them changes anything, and they return False. They raise PyMongoError if the server fails.
    """

    database: Database
    key: str
    owner: str
    seconds: float
    token: ObjectId
    sweep: str | None = None
    spoiled: tuple[int, ...] = ()

    def renew(self) -> bool:
        """Extend the lease; False if the claim is lost.

        A lease that is over is extended too, as long as nobody has taken over.
        """
        return self._change([{"$set": {"lease_until": _from_now(self.seconds)}}])

    def started(self, run_id: int) -> bool:
        """Note the run that this claim is for."""
        return self._change({"$set": {"run_id": run_id}})

    def done(self, run_id: int) -> bool:
        """Close the claim: the run is finished, and verified."""
        fields = {"state": "done", "run_id": run_id, "error": None}
        return self._change({"$set": fields})

    def failed(self, sentence: str, retry: bool, spoiled: int | None = None) -> bool:
        """Close the claim after a failure.

        Args:
            sentence: what went wrong.
            retry: whether the same configuration may work another time.
            spoiled: a run that cannot be resumed, so that the next attempt does not try to.
        """
        fields = {"state": "failed" if retry else "refused", "error": sentence}
        more = {} if spoiled is None else {"$addToSet": {"spoiled": spoiled}}
        return self._change({"$set": fields, **more})

    def release(self) -> bool:
        """Give the claim back, as if this attempt had not been: stopped by a signal, say."""
        return self._change({"$set": {"state": "released"}, "$inc": {"attempts": -1}})

    def loss(self) -> str:
        """Return, in words, why the claim is lost."""
        if self.database.claims.count_documents({"_id": self.key, "token": {"$ne": self.token}}):
            return (
                f"{holder(self.database, self.key)} has taken over its configuration, after "
                f"{self.seconds:.0f} s without a sign of life"
            )
        return "its claim was taken back"

    def document(self) -> dict[str, Any]:
        """Return what the run document holds of its claim."""
        return {"key": self.key, "token": self.token, "owner": self.owner, "sweep": self.sweep}

    def _change(self, update: Any) -> bool:
        query = {"_id": self.key, "token": self.token, "state": "running"}
        return self.database.claims.update_one(query, update).matched_count == 1


def claim(
    database: Database,
    key: str,
    owner: str,
    seconds: float = LEASE,
    sweep: str | None = None,
    code: str | None = None,
) -> Claim | None:
    """Claim a configuration; None if another process has it.

    A configuration that is done can be claimed: its run may have been removed since, so whoever
    has the claim asks once more whether there is a finished run.

    Args:
        database: the database of runs.
        key: from `claim_key`.
        owner: shown to others.
        seconds: the lease.
        sweep: the sweep that this is a part of.
        code: digest of the code. When it changes, failures of before do not count.

    Raises:
        InputError: if the configuration has failed and is not to be tried again.
    """
    mine = Claim(database, key, owner, seconds, ObjectId(), sweep)
    first = {"state": "released", "attempts": 0, "code": code}
    try:
        database.claims.update_one({"_id": key}, {"$setOnInsert": first}, upsert=True)
    except DuplicateKeyError:
        pass  # another process has just inserted it
    fresh = {"$or": [{"$eq": ["$state", "done"]}, {"$ne": ["$code", {"$literal": code}]}]}
    attempts = {"$cond": [fresh, 1, {"$add": ["$attempts", 1]}]}
    taken = {
        "owner": owner, "token": mine.token, "sweep": sweep, "code": code,
        "state": "running", "run_id": None, "error": None,
    }  # fmt: skip
    literal = {name: {"$literal": value} for name, value in taken.items()}
    times = {"lease_until": _from_now(seconds), "since": "$$NOW"}
    free = {"$or": [{"state": {"$ne": "running"}}, {"$expr": {"$not": _ALIVE}}]}
    again = [
        {"state": "done"},
        {"code": {"$ne": code}},
        {"state": {"$ne": "refused"}, "attempts": {"$lt": ATTEMPTS}},
    ]
    found = database.claims.find_one_and_update(
        {"_id": key, "$and": [free, {"$or": again}]},
        [{"$set": {"attempts": attempts, **literal, **times}}],
        return_document=ReturnDocument.AFTER,
    )
    if found is not None:
        spoiled = tuple(found.get("spoiled", ()))
        return Claim(database, key, owner, seconds, mine.token, sweep, spoiled)
    standing = standings(database, [key]).get(key, {})
    if standing.get("state") in ("refused", "failed", "dead") and not standing["may_retry"]:
        raise InputError(_why_not(standing))
    return None


def standings(database: Database, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return the claims of `keys` that exist: key -> document.

    Beyond what is stored, `state` is "dead" where a lease is over, and `may_retry` says whether
    the same code may claim the configuration now.
    """
    running = {"$eq": ["$state", "running"]}
    dead = {"$and": [running, {"$not": _ALIVE}]}
    state = {"$cond": [dead, "dead", "$state"]}
    left = {"$or": [{"$eq": ["$state", "done"]}, {"$lt": ["$attempts", ATTEMPTS]}]}
    closed = {"$in": ["$state", ["running", "refused"]]}
    found = database.claims.aggregate(
        [
            {"$match": {"_id": {"$in": list(keys)}}},
            {"$set": {"state": state}},
            {"$set": {"may_retry": {"$and": [{"$not": closed}, left]}}},
        ]
    )
    return {document["_id"]: document for document in found}


def holder(database: Database, key: str) -> str:
    """Return who has a claim, in words."""
    found = database.claims.find_one({"_id": key}) or {}
    run_id = found.get("run_id")
    return found.get("owner", "nobody") + ("" if run_id is None else f" (run {run_id})")


def forget(database: Database, claims: Iterable[Mapping[str, Any]]) -> int:
    """Delete claims, and return how many: failures of before do not count any more.

    A claim that has changed since it was read is kept: a process has taken it, or lives after all.
    Should one that is deleted be alive, its process stops with its next heartbeat.

    Args:
        database: the database of runs.
        claims: as `standings` gives them.
    """
    fields = ("_id", "token", "lease_until", "state")
    read = [{name: claim[name] for name in fields} for claim in claims]
    for each in read:
        if each["state"] == "dead":  # as it is called, not as it is stored
            each["state"] = "running"
    if not read:
        return 0
    return database.claims.bulk_write([DeleteOne(each) for each in read]).deleted_count


def is_superseded(database: Database, document: Mapping[str, Any]) -> bool:
    """Return whether another process runs, or has run, the configuration of a run document."""
    mine = document.get("claim")
    if not mine:
        return False
    query = {"_id": mine["key"], "token": {"$ne": mine["token"]}}
    return bool(
        database.claims.count_documents({**query, "state": {"$in": ["running", "done"]}}, limit=1)
    )


def _from_now(seconds: float) -> dict[str, Any]:
    return {"$add": ["$$NOW", round(seconds * 1000)]}


def _why_not(standing: Mapping[str, Any]) -> str:
    error = standing.get("error") or f"its process {standing['owner']} died"
    run_id = standing.get("run_id")
    run = "" if run_id is None else f", run {run_id}"
    how = "python -m sweep retry tries it again, as does a change of the code"
    if standing["state"] == "refused":
        return f"this configuration cannot work{run}: {error}; {how}"
    return f"this configuration failed {standing['attempts']} times (last{run}: {error}); {how}"
