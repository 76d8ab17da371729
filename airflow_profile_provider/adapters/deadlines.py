"""PostgreSQL connections that do not wait for ever where a server stands still and says nothing."""

from __future__ import annotations

from collections.abc import Generator
from functools import lru_cache
from time import monotonic
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from psycopg import Connection


@lru_cache
def answering_within(seconds: float) -> type[Connection[Any]]:
    """Return psycopg's connection, which is closed and fails where one answer takes longer than that."""
    import psycopg

    class Answering(psycopg.Connection[Any]):
        answer_seconds = seconds
        """May be set for what takes longer."""

        def wait(self, gen: Any, *given: Any, **named: Any) -> Any:
            return super().wait(_until(monotonic() + self.answer_seconds, gen, self), *given, **named)

    return Answering


def _until(end: float, steps: Generator[Any, Any, Any], connection: Connection[Any]) -> Any:
    """Take the steps of an exchange, as psycopg asks for them, until the end has come."""
    from psycopg.errors import OperationalError

    ready: Any = None
    try:
        wanted = next(steps)
        while True:
            ready = yield wanted
            if not ready and monotonic() > end:  # nothing came for a while
                connection.close()
                raise OperationalError("no answer in time")
            wanted = steps.send(ready)
    except StopIteration as done:
        return done.value
