"""A file of lines that a push leaves behind, wherever it is written, and gone on with after a failure."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from airflow_profile_provider.errors import OutputFailed, SourceError, where_raised
from airflow_profile_provider.sources.packing import packing_of, unpacked
from airflow_profile_provider.sources.reading import Open

_GZIP = 31
"""How zlib is told to write gzip's header and trailer."""


class LineFile:
    """A text file that is made when its first line is written, or at the end if ``always``.

    A file that cannot be written stops the push: the first line that fails raises OutputFailed, those after
    it are counted as ``lost``. What stands in it by then stays readable, to its last whole line.
    """

    what = "file"

    def __init__(self, path: str, open_file: Open, *, always: bool) -> None:
        self.path = path
        self.lost = 0
        """How many lines could not be written."""
        self._open = open_file
        self._always = always
        self._local = "://" not in path
        self._zips = packing_of(path) == ".gz"
        self._raw: IO[bytes] | None = None
        self._member: Any = None
        """What packs the lines of a gzip member; it owns no file, so that it cannot write to a closed one."""
        self._failed: OutputFailed | None = None

    def _line(self, text: str) -> bool:
        """Write a line; False where the file has failed before.

        Raises:
            OutputFailed: it fails now.
        """
        if self._failed:
            self.lost += 1
            return False
        try:
            self._write(text.encode() + b"\n")
        except Exception as error:  # noqa: BLE001 -- each object store has its own
            self.lost += 1
            raise self._fail(error) from None
        return True

    def _write(self, line: bytes) -> None:
        raw = self._raw or self._start()
        if not self._zips:
            raw.write(line)
            return
        self._member = self._member or zlib.compressobj(wbits=_GZIP)
        if packed := self._member.compress(line):
            raw.write(packed)

    def _start(self, path: str | None = None) -> IO[bytes]:
        self._raw = self._open(path or self.path, "wb")
        return self._raw

    def _fail(self, error: BaseException) -> OutputFailed:
        """Write no more; what is in the way of the last whole line is given up."""
        self._failed = OutputFailed(
            f"the {self.what} {self.path} cannot be written ({_words(error)}): make room for it, or let the "
            "task's user write it"
        )
        raw, self._raw, self._member = self._raw, None, None
        with suppress(Exception):  # an object store's writer may do anything here
            if raw:
                raw.close()
        if self._local and not self._zips:
            with suppress(OSError):
                self._cut_to(_end_at_last_line(self.path))
        return self._failed

    def _cut_to(self, lines: int) -> None:
        """Learn how many lines stand in a file that failed."""

    def go_on(self, path: str, size: int, keep: Callable[[str], str | None] = str) -> int:
        """Begin with what ``keep`` leaves of each line of an earlier file; return how many lines that are.

        Only its first ``size`` bytes count; -1 stands for all of them. The earlier file stays whole until its
        successor is.

        Raises:
            SourceError: it is gone.
            OutputFailed: this one cannot be written.
        """
        with SpooledTemporaryFile(1_000_000) as copy:
            try:
                with closing(self._open(path, "rb")) as raw:
                    _copy(raw, copy, size)
            except OSError as error:
                raise SourceError(f"{path} cannot be read: {_words(error)}") from None
            copy.seek(0)
            try:
                return self._go_on(path, copy, keep)
            except OSError as error:
                with suppress(OSError):
                    Path(f"{self.path}.new").unlink()
                raise self._fail(error) from None

    def _go_on(self, path: str, copy: IO[bytes], keep: Callable[[str], str | None]) -> int:
        kept = 0
        self._start(f"{self.path}.new" if self._local else self.path)
        for line in unpacked(path, copy):
            text = line.decode()
            left = keep(text.rstrip("\n")) if text.endswith("\n") else None
            if left is not None:
                self._write(left.encode() + b"\n")
                kept += 1
        if self._local:
            self._secure()
            Path(f"{self.path}.new").replace(self.path)
        return kept

    def secure(self) -> int | None:
        """Make sure that what was written outlives this process.

        Returns:
            the size in bytes (-1 once it is closed: all of it), or None where a file is kept only once it is
            closed (on object storage), or cannot be written.

        Raises:
            OutputFailed: it cannot be written.
        """
        if self._failed:
            return None
        try:
            return self._secure()
        except Exception as error:  # noqa: BLE001 -- each object store has its own
            raise self._fail(error) from None

    def _secure(self) -> int | None:
        if self._raw is None:
            return 0
        if self._raw.closed:
            return -1
        if not self._local:
            return None
        self._end_member(self._raw)
        self._raw.flush()
        os.fsync(self._raw.fileno())
        return self._raw.tell()

    def _end_member(self, raw: IO[bytes]) -> None:
        if self._member:
            raw.write(self._member.flush())  # the file goes on with another gzip member
            self._member = None

    def close(self) -> None:
        """Finish the file.

        Raises:
            OutputFailed: it cannot be written.
        """
        if self._failed:
            return
        try:
            self._close()
        except Exception as error:  # noqa: BLE001 -- each object store has its own
            raise self._fail(error) from None

    def _close(self) -> None:
        if self._raw is None and self._always:
            self._start()
        if self._raw and not self._raw.closed:
            if self._zips and self._member is None and self._raw.tell() == 0:
                self._member = zlib.compressobj(wbits=_GZIP)  # empty, but still gzip
            self._end_member(self._raw)
            self._raw.close()


def _words(error: BaseException) -> str:
    return getattr(error, "strerror", None) or where_raised(error)


def _end_at_last_line(path: str) -> int:
    """Cut off what stands behind the last whole line of a file; return how many lines it has."""
    with Path(path).open("r+b") as file:
        end = lines = 0
        for line in file:
            if line.endswith(b"\n"):
                end += len(line)
                lines += 1
        file.truncate(end)
    return lines


def _copy(raw: IO[bytes], copy: IO[bytes], size: int) -> None:
    left = size
    while left and (piece := raw.read(min(left, 1 << 16) if left > 0 else 1 << 16)):
        copy.write(piece)
        left -= len(piece) if left > 0 else 0
