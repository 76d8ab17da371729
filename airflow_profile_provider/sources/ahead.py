"""Reading ahead of whoever is slower: what a database hands out is kept, so that nobody holds it waiting.

A database's operators may end a session that idles in its transaction, and a vendor may take hours. So a
query is read by a thread of its own: a few pieces wait in memory; once their reader proves slow, all further
ones go to a private file on disk, which has no name.
"""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Callable, Iterator
from tempfile import TemporaryFile
from threading import Condition, Thread
from typing import IO, Any, TypeVar

from airflow_profile_provider.errors import SourceError

ROOM = 4
PATIENCE = 0.5
_LAST_SECONDS = 2.0

_Piece = TypeVar("_Piece")


def read_ahead(
    pieces: Callable[[], Iterator[_Piece]], *, room: int = ROOM, patience: float = PATIENCE
) -> Iterator[_Piece]:
    """Yield what ``pieces`` does, in a thread of its own; its error comes after what was before it.

    ``room`` pieces wait in memory, and then ``patience`` seconds for their reader; the rest goes to disk.
    """
    shelf = _Shelf(room, patience)
    thread = Thread(target=shelf.fill, args=(pieces,), name="read-ahead", daemon=True)
    thread.start()
    try:
        yield from shelf.taken()
    finally:
        shelf.close()
        thread.join(_LAST_SECONDS)  # a database that says nothing is not waited for


class _Shelf:
    """Pieces on their way from the thread that reads to the one that pushes, in order."""

    def __init__(self, room: int, patience: float) -> None:
        self._room = room
        self._patience = patience
        self._waiting: deque[Any] = deque()  # a piece, or where it is in the file
        self._in_memory = 0
        self._file: IO[bytes] | None = None
        self._change = Condition()
        self._error: BaseException | None = None
        self._ended = False
        self._closed = False

    def fill(self, pieces: Callable[[], Iterator[Any]]) -> None:
        """Take pieces in, to the last or until the shelf is closed."""
        error: BaseException | None = None
        found = pieces()
        try:
            for piece in found:
                if not self._put(piece):
                    break
        except BaseException as raised:  # noqa: BLE001 -- the other thread raises it
            error = raised
        finally:
            close = getattr(found, "close", None)
            if close:
                close()
            with self._change:
                self._error, self._ended = error, True
                self._change.notify_all()

    def _put(self, piece: Any) -> bool:
        with self._change:
            if self._has_room() or self._file is None:
                self._change.wait_for(lambda: self._closed or self._has_room(), self._patience)
            if not self._closed and not self._has_room():
                where = self._written(piece)
                if where:
                    self._waiting.append(where)
                    self._change.notify_all()
                    return True
                self._change.wait_for(lambda: self._closed or self._has_room())
            if self._closed:
                return False
            self._waiting.append(piece)
            self._in_memory += 1
            self._change.notify_all()
            return True

    def _has_room(self) -> bool:
        return self._in_memory < self._room and self._in_memory == len(self._waiting)

    def _written(self, piece: Any) -> _Place | None:
        """Write a piece to the file; None where it cannot be written: then it waits for room in memory."""
        try:
            content = pickle.dumps(piece, protocol=pickle.HIGHEST_PROTOCOL)
        except Exception:  # noqa: BLE001 -- a driver's own objects refuse it as they like
            return None
        try:
            if self._file is None:
                self._file = TemporaryFile()  # noqa: SIM115 -- closed by whoever closes the shelf
            place = _Place(self._file.seek(0, 2), len(content))
            self._file.write(content)
        except OSError as error:
            raise SourceError(
                f"what the query returns cannot be kept in the temporary folder ({error.strerror}): make "
                "room there"
            ) from None
        return place

    def taken(self) -> Iterator[Any]:
        """Hand the pieces out; then raise what ended them, if anything did."""
        while True:
            with self._change:
                self._change.wait_for(lambda: self._waiting or self._ended)
                if not self._waiting:
                    break
                piece = self._waiting.popleft()
                if isinstance(piece, _Place):
                    piece = self._read(piece)
                else:
                    self._in_memory -= 1
                self._change.notify_all()
            yield piece
        if self._error:
            raise self._error

    def _read(self, place: _Place) -> Any:
        assert self._file
        self._file.seek(place.start)
        content = self._file.read(place.size)
        if not self._waiting:  # all of it has been read: begin anew
            self._file.close()
            self._file = None
        return pickle.loads(content)  # this process wrote it, into a file without a name

    def close(self) -> None:
        """Take nothing more in, and forget what is there."""
        with self._change:
            self._closed = True
            self._waiting.clear()
            if self._file:
                self._file.close()
            self._change.notify_all()


class _Place:
    """Where a piece is in the file."""

    __slots__ = ("size", "start")

    def __init__(self, start: int, size: int) -> None:
        self.start = start
        self.size = size
