"""Kill workers, runs, the driver and the database of sweeps at random, and look what is left.

    python -m chaos --minutes 10 --seed 0

starts a database of its own and sweeps of short real runs; what it started it kills with signal 9,
and does what a user would: start the database, type the command again. Then it lets all finish,
looks at every run, and writes docs/reliability.md (not with --seconds).
"""

import argparse
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmark.__main__ import write
from chaos.checks import differences, figures, problems_of, resumed
from chaos.victims import LEASE, PATIENCE, WORKERS, Sweeps
from replearn.errors import InputError
from replearn.paths import root
from replearn.runs.database import close_clients, open_database
from tables import markdown

# What is hit, and how often; one kill in the time of an undisturbed run, on average.
KINDS = {"run": 0.45, "worker": 0.2, "driver": 0.15, "database": 0.2}
AWAY = (0.5, 8.0)  # seconds that the database is away
REPEATED = 3  # finished runs that were taken up, and are compared with undisturbed ones


def main(argv: Sequence[str]) -> int:
    """Run the chaos and return the exit code: 0 if nothing was lost."""
    parser = argparse.ArgumentParser("python -m chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="of kills")
    parser.add_argument("--seconds", type=float, help="of short chaos, a kill every other second")
    parser.add_argument("--seed", type=int, default=0, help="of what is killed when")
    parser.add_argument("--points", type=int, default=24, help="configurations of one sweep")
    args = parser.parse_args(argv)
    seconds = 60 * args.minutes if args.seconds is None else args.seconds
    page = root() / "docs" / "reliability.md"
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        try:
            compared = REPEATED if args.seconds is None else 1
            found, problems = unleash(Path(folder), seconds, args.seed, args.points, compared)
        except InputError as error:
            print(f"python -m chaos: {error}", file=sys.stderr)
            return 1
    found["amiss"] = "; ".join(problems) or "nothing"
    print("\n".join(f"{name}: {value}" for name, value in found.items()))
    if args.seconds is None:
        write(page, "chaos", markdown(("what", "how many"), found.items()))
    return 1 if problems else 0


def unleash(
    folder: Path, seconds: float, seed: int, points: int, repeated: int
) -> tuple[dict[str, str], list[str]]:
    """Let the chaos go on for so long; return figures by name, and what is amiss in the end."""
    begin = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - begin:6.1f} s: {text}", flush=True)

    rng, kills = random.Random(seed), Counter()
    os.environ |= {"REPLEARN_HOME": str(folder), "MONGO_DB": "chaos"}
    with Sweeps(folder, points, say) as sweeps:
        # The short form has no time for this.
        alone = sweeps.run_alone(0, "undisturbed") if repeated > 1 else None
        known = set() if alone is None else {0}
        begin = time.monotonic()
        while "run" not in sweeps.pids():
            sweeps.tend(0.1)
            if time.monotonic() > begin + PATIENCE:
                raise InputError(f"no run of the sweep has begun within {PATIENCE} s")
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            sweeps.tend(min(left, rng.expovariate(1 / (alone or 2.0))))
            pids = sweeps.pids()
            there = [kind for kind in KINDS if kind in pids]
            (kind,) = rng.choices(there, [KINDS[each] for each in there])
            sweeps.kill(kind, rng.choice(sorted(pids[kind])))
            kills[kind] += 1
            if kind == "database":
                sweeps.tend(rng.uniform(*AWAY))
                sweeps.start_database()
        say("no more kills")
        sweeps.finish()
        spent = time.monotonic() - begin
        say("all is finished")
        database = open_database()
        undisturbed = database.client["undisturbed"]
        problems = list(problems_of(database, sweeps.seeds))
        compared = [run["config"]["seed"] for run in resumed(database)][:repeated]
        for each in compared:
            if each not in known:
                sweeps.run_alone(each, "undisturbed")
            problems += differences(database, undisturbed, each)
        problems += [f"process {pid} is left" for pid in sweeps.left()]
        counts = figures(database, sweeps.seeds)
        close_clients()
    found = {
        "kills with signal 9": ", ".join(f"{kind} {kills[kind]}" for kind in KINDS),
        "commands typed": f"{sweeps.typed}, {sweeps.retried} of them with --retry-failed",
        **counts,
        "of these, compared bit for bit with undisturbed runs": str(len(compared)),
        "minutes of kills, and until all was finished": f"{seconds / 60:.1f}, {spent / 60:.1f}",
    }
    if alone is not None:
        ratio = WORKERS * spent / (alone * len(sweeps.seeds))
        found["seconds of an undisturbed run"] = f"{alone:.1f}"
        found[f"time of {WORKERS} workers, over that of as many undisturbed runs"] = (
            f"{ratio:.2f} (a lease lasts {LEASE} s here)"
        )
    return found, problems


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
