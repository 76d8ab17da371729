"""Runs a push beside the main thread, where signals strike.

A time-out of Airflow, SIGTERM and Ctrl-C raise in the main thread, between any two steps of whatever runs
there. So a push runs in a thread of its own, and the main thread only waits for it and reads the records of
an iterator, which may belong to it. What strikes there asks the push to end, and is raised once it has.
"""

from __future__ import annotations

import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import copy_context
from itertools import islice
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

T = TypeVar("T")

LISTEN_SECONDS = 0.2
"""A signal that comes just before a wait begins, or that another thread got, does not end that wait."""
AT_ONCE = 1000
WITHIN = 0.005
READ_ON_SECONDS = 3.0
"""How long the rest of an iterator is read, to be counted, once something struck."""
GRACE_SECONDS = 15.0
"""How long a push may take to end that was asked to; then it is left behind."""


class _Enough(BaseException):
    """The time for reading on is over."""


class Handed(Iterator[Any]):
    """An iterator that the main thread reads for another one, a few milliseconds' worth at a time."""

    def __init__(self, ask: Callable[[Handed], object], records: Iterator[Any]) -> None:
        self._ask = ask
        self._records = records
        self._read: deque[Any] = deque()
        self._answered = threading.Event()
        self._ended = False
        self._error: Exception | None = None
        self.waits = False
        """Whether the other thread waits for more."""

    def __next__(self) -> Any:
        """Return the next record, or raise what the iterator raised."""
        if not self._read and not self._ended:
            self._answered.clear()
            self.waits = True
            self._ask(self)
            self._answered.wait()
        if self._read:
            return self._read.popleft()
        error, self._error = self._error, None
        raise error or StopIteration

    def read_on(self) -> None:
        """Read some more, in the main thread, if the other one waits for it.

        What strikes while this is done, or is no Exception, is raised here; the other thread still waits.
        """
        if not self.waits:
            return
        until, number = time.monotonic() + WITHIN, 1
        try:
            while not self._ended and len(self._read) < AT_ONCE:
                before = len(self._read)
                self._read.extend(islice(self._records, number))  # in one step: a strike loses none of them
                self._ended = len(self._read) < before + number
                number = min(2 * number, 8)  # more would keep what a slow iterator gave so far
                if time.monotonic() > until:
                    break
        except Exception as error:  # noqa: BLE001 -- handed to whoever reads
            self._error, self._ended = error, True
        self._answer()

    def over(self) -> None:
        """Read no more, whatever there is."""
        self._ended = True
        self._answer()

    def _answer(self) -> None:
        self.waits = False
        self._answered.set()


class Beside(Generic[T]):
    """One call that runs in a thread of its own.

    ``interrupted`` is told what struck in the main thread, and asks the call to end.
    """

    def __init__(
        self, interrupted: Callable[[BaseException], object], *, grace: float = GRACE_SECONDS
    ) -> None:
        self._interrupted = interrupted
        self._grace = grace
        self._asked: SimpleQueue[Handed | None] = SimpleQueue()
        self._result: T | None = None
        self._error: BaseException | None = None
        self.struck: BaseException | None = None
        """What struck in the main thread."""
        self._handed: Handed | None = None

    def handed(self, records: Iterator[Any]) -> Handed:
        """Return an iterator that the main thread reads for the call."""
        self._handed = Handed(self._asked.put, records)
        return self._handed

    def run(self, call: Callable[[], T]) -> T | None:
        """Run the call to its end and return its result, or raise its error.

        Raises:
            BaseException: what struck meanwhile, once the call has ended, or did not within the grace.
        """
        context = copy_context()

        def runs() -> None:
            try:
                self._result = context.run(call)
            except BaseException as error:  # noqa: BLE001 -- raised in the main thread
                self._error = error
            finally:
                self._asked.put(None)

        thread = threading.Thread(target=runs, name="push", daemon=True)
        try:
            thread.start()
            self._serve()
        except BaseException as struck:
            self.struck = struck
            self._interrupted(struck)
            self._see_out(thread)
            raise
        if self._error is not None:
            raise self._error
        return self._result

    def _serve(self) -> None:
        while True:
            try:
                asked = self._asked.get(timeout=LISTEN_SECONDS)
            except Empty:
                continue
            if asked is None:
                return
            asked.read_on()

    def _serve_to_the_end(self, thread: threading.Thread) -> None:
        """Serve until the thread has ended; what it had asked or said may have been lost when it struck."""
        while thread.is_alive():
            if self._handed:
                self._handed.read_on()
            with suppress(Empty):
                self._asked.get(timeout=0.05)

    def _see_out(self, thread: threading.Thread) -> None:
        """Go on serving until the call has ended, within the grace; another strike ends that at once.

        An iterator that does not give its next record in time has given its last.
        """
        for seconds in (READ_ON_SECONDS, self._grace):
            with _at_most(seconds):
                try:
                    self._serve_to_the_end(thread)
                except _Enough:
                    if self._handed:
                        self._handed.over()
                    continue
                except BaseException:  # noqa: BLE001 -- it is enough; what struck first is raised
                    return
            return


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Raise _Enough in the main thread after so many seconds, whatever it waits for."""

    def enough(*_: object) -> None:
        raise _Enough

    before = signal.signal(signal.SIGALRM, enough)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except _Enough:
        pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
