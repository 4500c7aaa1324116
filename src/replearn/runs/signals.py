"""Turn signals into interrupts that Sacred records: what was measured is stored before the end.

INT, TERM, HUP   status INTERRUPTED, exit code 128 + number (130, 143, 129)
USR1             status TIMEOUT, exit code 124 (SLURM sends it before the time limit)

A run whose claim another process has taken over is stopped likewise, by `interrupt_main`.
"""

import _thread
import queue
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from sacred.utils import SacredInterrupt, TimeoutInterrupt

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
CLAIMED = 4  # the exit code of what another process does
_DELICATE = {threading.__file__, queue.__file__}
_GRACE = 200  # times 5 ms: code that waits in a lock for good is interrupted all the same

_restoring = threading.Lock()
_held = 0
_waiting: int | None = None
_raised = False
_postponed = 0
_hurry = False
_cause: "Interrupted | None" = None


class Interrupted(KeyboardInterrupt):
    """The run was stopped by a signal; Sacred stores STATUS, the command exits with `exit_code`.

    A KeyboardInterrupt and not Sacred's SacredInterrupt, which is an Exception: libraries, and
    Sacred itself around its observers, catch those and go on.
    """

    STATUS = SacredInterrupt.STATUS

    def __init__(self, signum: int):
        super().__init__(f"stopped by {signal.Signals(signum).name}")
        self.signum = signum
        self.exit_code = 128 + signum


class TimedOut(Interrupted):
    """The run was told that its time is over (USR1)."""

    STATUS = TimeoutInterrupt.STATUS

    def __init__(self, signum: int = signal.SIGUSR1):
        super().__init__(signum)
        self.exit_code = 124


class ClaimLost(Interrupted):
    """Another process has taken over the configuration of this run."""

    def __init__(self, sentence: str):
        super().__init__(signal.SIGUSR1)
        self.args = (sentence,)
        self.exit_code = CLAIMED


def handle_signals() -> None:
    """Let INT, TERM, HUP and USR1 end the run in good order; called in the main thread.

    A signal that is ignored stays ignored: HUP under nohup, INT of a job that a script started
    with `&`. Only the first signal interrupts: later ones must not break the storing that it began.
    """
    global _raised, _waiting, _postponed, _hurry, _cause
    _raised, _waiting, _postponed, _hurry, _cause = False, None, 0, False, None
    for signum in SIGNALS:
        if signum == signal.SIGUSR1 or signal.getsignal(signum) != signal.SIG_IGN:
            signal.signal(signum, _on_signal)


@contextmanager
def signals_handled() -> Iterator[None]:
    """Handle signals as `handle_signals` does, and restore what was before."""
    before = {signum: signal.getsignal(signum) for signum in SIGNALS}
    handle_signals()
    try:
        yield
    finally:
        with _restoring:
            for signum, handler in before.items():
                signal.signal(signum, handler)


@contextmanager
def signals_held() -> Iterator[None]:
    """Postpone the interrupt to the end of the block (of the main thread; others see none)."""
    global _held, _waiting
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _held += 1
    try:
        yield
    finally:
        _held -= 1
        if not _held and _waiting is not None and not _raised:
            signum, _waiting = _waiting, None
            _interrupt(signum)


def signals_dropped() -> None:
    """Interrupt no more: from here on the run is only being stored."""
    global _raised, _waiting
    _raised, _waiting = True, None


def interrupt_main(cause: Interrupted) -> None:
    """Raise `cause` in the main thread, from another one, as a signal would.

    Without `handle_signals` nobody expects it, and nothing happens; nor while the run is stored.
    """
    global _cause
    _cause = cause
    _send(signal.SIGUSR1)


def in_a_hurry() -> bool:
    """Return whether a signal came while the run is being stored: wait for no server then."""
    return _hurry


def _on_signal(signum: int, frame: FrameType | None) -> None:
    global _waiting, _postponed, _hurry
    if _raised:
        _hurry = True
        _say(f"{signal.Signals(signum).name} ignored: storing the run, this ends by itself")
    elif _held:
        _waiting = signum
    elif _postponed < _GRACE and _is_delicate(frame):
        _postponed += 1
        _thread.start_new_thread(_again, (signum,))
    else:
        _interrupt(signum)


def _interrupt(signum: int) -> None:
    global _raised
    _raised = True
    if _cause is not None:
        raise _cause
    raise TimedOut(signum) if signum == signal.SIGUSR1 else Interrupted(signum)


def _is_delicate(frame: FrameType | None) -> bool:
    """Return whether an interrupt at `frame` could leave a lock taken for ever.

    `log_scalar` puts values on a queue whose lock the heartbeat needs to read them out.
    """
    for _ in range(6):
        if frame is None:
            return False
        if frame.f_code.co_filename in _DELICATE:
            return True
        frame = frame.f_back
    return False


def _again(signum: int) -> None:
    time.sleep(0.005)
    _send(signum)


def _send(signum: int) -> None:
    """Send a signal to the main thread, unless it has done with signals: it would be killed."""
    with _restoring:
        if not _raised and signal.getsignal(signum) is _on_signal:
            signal.pthread_kill(threading.main_thread().ident or 0, signum)


def _say(text: str) -> None:
    try:
        print(text, file=sys.stderr, flush=True)
    except (OSError, ValueError, RuntimeError):
        pass  # a closed terminal, or a print that was interrupted by this one
