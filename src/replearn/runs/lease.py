"""A claim is kept while its run goes on: renewed by a thread of its own, and stopped for if lost.

Not by Sacred's heartbeat, which waits while a large artifact is being stored.
"""

import threading
from collections.abc import Callable

from pymongo.errors import PyMongoError

from replearn.runs.claims import Claim
from replearn.runs.notices import say
from replearn.runs.signals import ClaimLost, interrupt_main

AWAY_SECONDS = 5.0  # between two tries while the database is away


class LeaseKeeper:
    """Renews `claim` three times a lease, from `start` to `stop`.

    Args:
        claim: of this process.
        check: raises a PyMongoError if another database answers, which knows of no claim.
    """

    def __init__(self, claim: Claim, check: Callable[[], None]):
        self.claim = claim
        self.lost = ""
        self._check = check
        self._run_id: int | None = None
        self._stopped = threading.Event()
        self._lock = threading.Lock()

    def start(self, run_id: int) -> None:
        """Note the run that the claim is for, and keep the claim from now on."""
        self._run_id = run_id
        self.claim.started(run_id)
        threading.Thread(target=self._renew, name="lease", daemon=True).start()

    def stop(self) -> None:
        """Renew no more."""
        self._stopped.set()

    def confirm(self) -> bool:
        """Renew the claim, and return whether it is still this process's.

        The first time that it is not, `lost` says who has it, and the main thread is interrupted.

        Raises:
            PyMongoError: if the database is away.
        """
        with self._lock:
            if not self.lost and not self.claim.renew():
                self._check()
                self.lost = f"run {self._run_id} stops: {self.claim.loss()}"
                say(self.lost)
                interrupt_main(ClaimLost(self.lost))
            return not self.lost

    def _renew(self) -> None:
        third = self.claim.seconds / 3
        pause = third
        while not self._stopped.wait(pause):
            try:
                if not self.confirm():
                    return
                pause = third
            except PyMongoError:
                pause = min(third, AWAY_SECONDS)  # the observer says that the database is away
