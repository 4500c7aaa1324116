"""Values of pairs of representations by their content, kept in one SQLite file that grows."""

import os
import sqlite3
import time
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from replearn.paths import results_folder

Array = NDArray[np.float64]

# Raised when what the tables hold changes its meaning.
_FORMAT = 1
_BUSY_SECONDS = 120.0
_BATCH = 500  # values that one statement names
# SQLITE_ERROR: other tables, or a format that this SQLite does not know.
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)

# A line is a row of a block: the numbers of one representation with those of `others`.
_TABLES = """
CREATE TABLE IF NOT EXISTS representation(id INTEGER PRIMARY KEY, key TEXT UNIQUE NOT NULL);
CREATE TABLE IF NOT EXISTS context(id INTEGER PRIMARY KEY, key TEXT UNIQUE NOT NULL);
CREATE TABLE IF NOT EXISTS line(
    context INTEGER NOT NULL, first INTEGER NOT NULL, kinds TEXT NOT NULL,
    others BLOB NOT NULL, numbers BLOB NOT NULL, crc INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS line_of ON line(context, first);
CREATE TABLE IF NOT EXISTS fact(
    context INTEGER NOT NULL, representation INTEGER NOT NULL,
    n INTEGER NOT NULL, constant INTEGER NOT NULL, rank INTEGER,
    PRIMARY KEY (context, representation)) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Facts:
    """What preparing a representation has shown: inputs, whether constant, rank if decided."""

    n: int
    constant: bool = False
    rank: int | None = None


class PairStore:
    """The numbers of pairs by (context, key, key); any number of processes may share it.

    A context is a text that names all that the numbers depend on beside the two representations:
    measure, parameters, precision, code. Each `write` is one transaction: a process that is killed
    leaves what it has written, and no half of a block. What cannot be stored, on a full disk, is
    a warning. A damaged file is set aside, with a warning, and a new one is begun.

    Args:
        folder: where the file lies, results/pairs by default.
    """

    def __init__(self, folder: Path | None = None):
        self.folder = Path(folder) if folder is not None else results_folder() / "pairs"
        self.path = self.folder / f"pairs-{_FORMAT}.sqlite"
        self._connection: sqlite3.Connection | None = None
        self._owner = 0
        self._ids: dict[tuple[str, str], int] = {}

    def read(
        self, context: str, keys: Sequence[str], kinds: Sequence[str], symmetric: bool
    ) -> tuple[NDArray[np.bool_], dict[str, Array]]:
        """Return (M, M) which pairs are known, and a matrix of each kind of number, NaN elsewhere.

        Args:
            context: of the numbers.
            keys: M different keys; rows are the first of a pair, columns the second.
            kinds: such as "value" and "error"; a pair is known if all of them are stored.
            symmetric: whether what is stored of (x, y) holds for (y, x).
        """
        m = len(keys)
        known = np.zeros((m, m), dtype=bool)
        out = {kind: np.full((m, m), np.nan) for kind in kinds}

        def fill(db: sqlite3.Connection) -> None:
            known[:] = False  # a damaged file may have given some
            ids = self._known_ids(db, "representation", keys)
            of_context = self._known_ids(db, "context", [context])
            if not ids or not of_context:
                return
            place = np.full(max(ids.values()) + 1, -1, dtype=np.int64)
            for at, key in enumerate(keys):
                if key in ids:
                    place[ids[key]] = at
            for first, given, others, numbers in self._lines(db, of_context[context], ids.values()):
                if not set(kinds) <= set(given):
                    continue
                inside = others < len(place)
                columns = np.where(inside, place[np.where(inside, others, 0)], -1)
                wanted = columns >= 0
                row, columns = place[first], columns[wanted]
                known[row, columns] = True
                if symmetric:
                    known[columns, row] = True
                for kind in kinds:
                    values = numbers[given.index(kind)][wanted]
                    out[kind][row, columns] = values
                    if symmetric:
                        out[kind][columns, row] = values

        self._try(fill)
        for matrix in out.values():
            matrix[~known] = np.nan
        return known, out

    def write(
        self,
        context: str,
        rows: Sequence[str],
        columns: Sequence[str],
        numbers: Mapping[str, Array],
        symmetric: bool,
    ) -> None:
        """Store a block (I, J) of each kind of number; if it is its own mirror image, its half.

        Args:
            context: of the numbers.
            rows, columns: keys of the I and the J representations.
            numbers: (I, J) by kind.
            symmetric: as in `read`; then of equal rows and columns one half is stored.
        """
        half = symmetric and list(rows) == list(columns)
        kinds = ",".join(numbers)
        block = np.stack([np.asarray(matrix, dtype="<f8") for matrix in numbers.values()])

        def put(db: sqlite3.Connection) -> None:
            ids = self._interned(db, "representation", [*rows, *columns])
            of_context = self._interned(db, "context", [context])[context]
            others = np.array([ids[key] for key in columns], dtype="<i8")
            lines = []
            for i, key in enumerate(rows):
                start = i if half else 0
                who, what = others[start:].tobytes(), block[:, i, start:].tobytes()
                crc = zlib.crc32(what, zlib.crc32(who))
                lines.append((of_context, ids[key], kinds, who, what, crc))
            db.executemany("INSERT INTO line VALUES (?, ?, ?, ?, ?, ?)", lines)

        self._try(put, writes=True)

    def facts(self, context: str, keys: Sequence[str]) -> dict[str, Facts]:
        """Return what is known of representations by key."""
        found: dict[str, Facts] = {}

        def fill(db: sqlite3.Connection) -> None:
            ids = self._known_ids(db, "representation", keys)
            of_context = self._known_ids(db, "context", [context])
            if not ids or not of_context:
                return
            names = {number: key for key, number in ids.items()}
            query = "SELECT representation, n, constant, rank FROM fact WHERE context = ?"
            for number, n, constant, rank in self._select(db, query, of_context[context], names):
                found[names[number]] = Facts(n, bool(constant), rank)

        self._try(fill)
        return found

    def write_facts(self, context: str, facts: Mapping[str, Facts]) -> None:
        """Store facts by key; a rank that is known already is kept."""

        def put(db: sqlite3.Connection) -> None:
            ids = self._interned(db, "representation", list(facts))
            of_context = self._interned(db, "context", [context])[context]
            db.executemany(
                "INSERT INTO fact VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
                "n = excluded.n, constant = excluded.constant, "
                "rank = coalesce(excluded.rank, rank)",
                [(of_context, ids[k], f.n, f.constant, f.rank) for k, f in facts.items()],
            )

        self._try(put, writes=True)

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        if self._connection is not None and self._owner == os.getpid():
            self._connection.close()
        self._connection = None
        self._ids = {}

    def _try(self, use: Callable[[sqlite3.Connection], None], writes: bool = False) -> None:
        """Use the file in one transaction, again if it was damaged; a full disk is a warning."""
        for _ in range(2):
            try:
                with self._transaction(writes) as db:
                    use(db)
                return
            except (sqlite3.DatabaseError, OSError) as error:
                if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _DAMAGED:
                    why = f"values of pairs are not kept in {self.path}: {error}."
                    warnings.warn(why, stacklevel=3)
                    return
                self._set_aside(str(error))

    @contextmanager
    def _transaction(self, writes: bool) -> Iterator[sqlite3.Connection]:
        db = self._open()
        db.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
        try:
            yield db
        except BaseException:
            self._ids = {}  # those that were new are taken back
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")

    def _open(self) -> sqlite3.Connection:
        # A connection must not be used by a child of the process that opened it.
        if self._connection is None or self._owner != os.getpid():
            self._ids = {}
            self.folder.mkdir(parents=True, exist_ok=True)
            # No write-ahead log: processes of several computers may share the folder.
            connection = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None)
            self._connection, self._owner = connection, os.getpid()
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.executescript(_TABLES)
        return self._connection

    def _set_aside(self, why: str) -> None:
        self.close()
        aside = self.path.with_name(f"{self.path.name}.damaged-{time.time_ns()}")
        warnings.warn(
            f"the values of pairs in {self.path} are damaged ({why}); the file is set aside as "
            f"{aside.name}, and they are computed again.",
            stacklevel=4,
        )
        for suffix in ("", "-journal"):
            try:
                os.replace(f"{self.path}{suffix}", f"{aside}{suffix}")
            except FileNotFoundError:
                continue  # another process was first, or there is no journal

    def _lines(
        self, db: sqlite3.Connection, context: int, ids: Iterable[int]
    ) -> Iterator[tuple[int, list[str], NDArray[np.int64], Array]]:
        """Yield (first, kinds, others (J,), numbers (kinds, J)) of the lines that are intact."""
        query = "SELECT first, kinds, others, numbers, crc FROM line WHERE context = ?"
        for first, kinds, who, what, crc in self._select(db, query, context, ids, "first"):
            if zlib.crc32(what, zlib.crc32(who)) != crc:
                error = sqlite3.DatabaseError("other bytes than were written")
                error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
                raise error
            names = kinds.split(",")
            others = np.frombuffer(who, dtype="<i8")
            yield first, names, others, np.frombuffer(what, dtype="<f8").reshape(len(names), -1)

    @staticmethod
    def _select(
        db: sqlite3.Connection,
        query: str,
        context: int,
        ids: Iterable[int],
        column: str = "representation",
    ) -> Iterator[tuple]:
        wanted = list(ids)
        for start in range(0, len(wanted), _BATCH):
            part = wanted[start : start + _BATCH]
            marks = ",".join("?" * len(part))
            yield from db.execute(f"{query} AND {column} IN ({marks})", [context, *part])

    def _known_ids(self, db: sqlite3.Connection, table: str, keys: Sequence[str]) -> dict[str, int]:
        unknown = [key for key in dict.fromkeys(keys) if (table, key) not in self._ids]
        for start in range(0, len(unknown), _BATCH):
            part = unknown[start : start + _BATCH]
            marks = ",".join("?" * len(part))
            found = db.execute(f"SELECT key, id FROM {table} WHERE key IN ({marks})", part)
            self._ids |= {(table, key): number for key, number in found}
        return {key: self._ids[table, key] for key in keys if (table, key) in self._ids}

    def _interned(self, db: sqlite3.Connection, table: str, keys: Sequence[str]) -> dict[str, int]:
        unknown = [key for key in dict.fromkeys(keys) if (table, key) not in self._ids]
        db.executemany(f"INSERT OR IGNORE INTO {table}(key) VALUES (?)", [(k,) for k in unknown])
        return self._known_ids(db, table, keys)
