"""Ports on loopback, and things that happen meanwhile."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

_GIVEN_FROM = 32_000
"""Systems give ports from here on, or a little above, to whoever names none."""
_CHANCE = random.SystemRandom()  # the other is seeded, and the same for each worker


def free_port() -> int:
    """Return a port that nobody listens on, and that no connection is given by chance.

    A server that goes away finds it free when it returns, however many clients have tried to reach it
    meanwhile.
    """
    while not is_free(port := _CHANCE.randrange(20_000, _GIVEN_FROM)):
        pass
    return port


def is_free(port: int) -> bool:
    """Whether nobody listens on a port, and no connection is given it by chance."""
    if port >= _GIVEN_FROM:
        return False
    with socket.socket() as found, suppress(OSError):
        found.bind(("127.0.0.1", port))
        return True
    return False


def wait_for_port(port: int, seconds: float = 10.0) -> None:
    """Wait until somebody listens on a port."""
    end = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)
        else:
            return


@contextmanager
def meanwhile(action: Callable[[], object], *, when: Callable[[], bool]) -> Iterator[None]:
    """Do something once, in a thread, as soon as a condition holds; what it raises is raised at the end."""
    over, raised = threading.Event(), []

    def watch() -> None:
        while not over.is_set():
            if when():
                try:
                    action()
                except BaseException as error:  # noqa: BLE001 -- the test must hear of it
                    raised.append(error)
                return
            time.sleep(0.005)

    thread = threading.Thread(target=watch, name="meanwhile", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    if raised:
        raise raised[0]
