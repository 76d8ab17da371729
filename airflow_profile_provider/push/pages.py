"""The pages of a vendor's list, the next of which may be on its way while the last one is compared."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor

from airflow_profile_provider.vendors.exchange import Page


class Pages:
    """Reads pages with ``read``, by their cursors, each once; ``in_flight`` is how many requests may be."""

    def __init__(self, read: Callable[[str | None], Page], in_flight: int) -> None:
        self._read = read
        self._in_flight = in_flight
        self._worker: Executor | None = None
        self._coming: tuple[str, Future[Page]] | None = None

    def at(self, cursor: str | None) -> Page:
        """Return the page of a cursor; raises what reading it raised."""
        coming, self._coming = self._coming, None
        if coming and coming[0] == cursor:
            return coming[1].result()
        return self._read(cursor)

    def ask_for(self, cursor: str) -> None:
        """Let the page of a cursor come, if one more request may be in flight beside those of others."""
        if self._in_flight < 2:
            return
        self._worker = self._worker or ThreadPoolExecutor(1, "pages")
        self._coming = cursor, self._worker.submit(self._read, cursor)

    def close(self) -> None:
        """Wait for no page any more."""
        if self._worker:
            self._worker.shutdown(wait=False, cancel_futures=True)
