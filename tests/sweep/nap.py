"""A run of a moment, for tests: python -m nap with folder=F name=N seconds=S code=C times=T.

Each attempt adds a line to F/N: `start PID`, then `done PID` or, after a signal, `stopped PID`. It
exits with `code` for the first `times` attempts.
"""

import os
import signal
import sys
import time
from pathlib import Path

words = dict(word.split("=", 1) for word in sys.argv[2:])
place = Path(words["folder"], words["name"])


def note(what: str) -> int:
    """Add a line, and return how many attempts there have been."""
    with open(place, "a") as file:
        file.write(f"{what} {os.getpid()}\n")
    return place.read_text().count("start ")


def stop(signum: int, frame: object) -> None:
    time.sleep(float(words.get("storing", 0)))
    note("stopped")
    sys.exit(124 if signum == signal.SIGUSR1 else 128 + signum)


if words.get("deaf") == "yes":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
else:
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGUSR1, stop)
attempt = note("start")
if words.get("show"):
    print(words["show"], "=", os.environ.get(words["show"]))
time.sleep(float(words.get("seconds", 0)))
code = int(words.get("code", 0))
if code and attempt <= int(words.get("times", 1)):
    if code > 128:
        os.kill(os.getpid(), code - 128)
    print(f"error: nap {words['name']} is asked to fail" if code == 1 else f"code {code}")
    sys.exit(code)
note("done")
print(f"run {attempt}: COMPLETED")
