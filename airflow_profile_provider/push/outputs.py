"""Files that a push leaves behind: the rejects, to be replayed, and the keys that were delivered."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from airflow_profile_provider.errors import OutputFailed, SourceError, where_raised
from airflow_profile_provider.records import Change, Checkpoint, Row, Verdict, is_reject
from airflow_profile_provider.sources.keys import key_line
from airflow_profile_provider.sources.reading import Open
from airflow_profile_provider.sources.replaying import kept


class _LineFile:
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
        self._raw: IO[bytes] | None = None
        self._gzip: gzip.GzipFile | None = None
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
        if not self.path.endswith(".gz"):
            raw.write(line)
            return
        if self._gzip is None:
            self._gzip = gzip.GzipFile(fileobj=raw, mode="wb")
        self._gzip.write(line)

    def _start(self, path: str | None = None) -> IO[bytes]:
        self._raw = self._open(path or self.path, "wb")
        return self._raw

    def _fail(self, error: BaseException) -> OutputFailed:
        """Write no more; what is in the way of the last whole line is given up."""
        self._failed = OutputFailed(
            f"the {self.what} {self.path} cannot be written ({_words(error)}): make room for it, or let the "
            "task's user write it"
        )
        raw, self._raw, self._gzip = self._raw, None, None
        with suppress(Exception):  # an object store's writer may do anything here
            if raw:
                raw.close()
        if self._local and not self.path.endswith(".gz"):
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
        for line in gzip.GzipFile(fileobj=copy, mode="rb") if path.endswith(".gz") else copy:
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
        self._end_member()
        self._raw.flush()
        os.fsync(self._raw.fileno())
        return self._raw.tell()

    def _end_member(self) -> None:
        if self._gzip:
            self._gzip.close()  # the file goes on with another gzip member
            self._gzip = None

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
            if self.path.endswith(".gz") and self._gzip is None and self._raw.tell() == 0:
                self._gzip = gzip.GzipFile(fileobj=self._raw, mode="wb")  # empty, but still gzip
            self._end_member()
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


class Rejects(_LineFile):
    """JSON lines of what was not delivered; ``records=`` this file replays it. It holds profile values."""

    what = "rejects file"

    def __init__(
        self, path: str, open_file: Open, *, mapped: bool = False, longest_row: int = 1_000_000
    ) -> None:
        super().__init__(path, open_file, always=False)
        self.written = 0
        self.mapped = mapped
        self.longest_row = longest_row
        self._overtaken: dict[int, frozenset[str]] = {}

    def add(self, source: Change | Row, verdict: Verdict, reason: str) -> None:
        """Write a change, or the raw row where no change could be made of it.

        Raises:
            OutputFailed: the file cannot be written any further.
        """
        line: dict[str, Any] = _change(source) if isinstance(source, Change) else self._row(source)
        told = {"verdict": verdict.value, "reason": reason, "position": source.position}
        text = _to_line(line | told)
        if isinstance(source, Row) and len(text) > self.longest_row:
            size = f"({len(text):,} characters, more than are kept here: see the source)"
            text = _to_line({"row": size, "version": None} | told)
        self.written += self._line(text)

    def _cut_to(self, lines: int) -> None:
        self.lost += max(0, self.written - lines)
        self.written = lines

    def go_on_from(self, checkpoint: Checkpoint) -> None:
        """Begin with what earlier tries settled for good."""
        if checkpoint.rejects:
            self.written += self.go_on(
                checkpoint.rejects,
                checkpoint.rejects_bytes,
                lambda line: line if checkpoint.covers(json.loads(line)["position"]) else None,
            )

    def overtake(self, position: int, names: frozenset[str]) -> None:
        """Take these fields, or columns of a mapped row, out of a position's line when the file is done."""
        self._overtaken[position] = names

    def close(self) -> None:
        """Finish the file, without what was overtaken."""
        super().close()
        if not self._overtaken:
            return
        final = Rejects(self.path, self._open, mapped=self.mapped, longest_row=self.longest_row)
        kept = final.go_on(self.path, -1, keep=self._remaining)
        final.close()
        self.written = kept
        if not kept and self._local:
            Path(self.path).unlink()

    def _remaining(self, text: str) -> str | None:
        """Return what is left of a line; None where nothing is, and nothing was wrong with it."""
        line = json.loads(text)
        named = self._overtaken.get(line["position"])
        holder, member = self._holder(line)
        if named is None or not isinstance(values := holder.get(member), dict):
            return text
        holder[member] = {name: value for name, value in values.items() if name not in named}
        return _to_line(line) if holder[member] or line["verdict"] == Verdict.INVALID else None

    def _holder(self, line: dict[str, Any]) -> tuple[dict[str, Any], str]:
        """Return what holds the values of a line, and as which member."""
        if "row" not in line:
            return line, "fields"
        row = line["row"]
        is_change = isinstance(row, dict) and is_reject(row) and "fields" in row
        return (row, "fields") if is_change else (line, "row")

    def _row(self, row: Row) -> dict[str, Any]:
        """Return a change that is invalid as it came, so that it can be corrected in place, or the row."""
        content, types = kept(row.content)
        whole = not self.mapped and isinstance(content, dict) and {"key", "fields"} <= content.keys()
        line = {"version": None} | content if whole else {"row": content, "version": None}
        if row.text:
            line["text"] = True
            if row.problem:  # its cells are not those of its columns: replayed, they would be pushed as if
                line["unread"] = True
        return line | ({"types": types} if types else {})


def _to_line(line: dict[str, Any]) -> str:
    """Write a line as strict JSON, whatever it holds: it is here because something is wrong with it."""
    try:
        text = json.dumps(line, ensure_ascii=False, allow_nan=False)
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return json.dumps(line)
    return text


def _change(change: Change) -> dict[str, Any]:
    line: dict[str, Any] = {"key": change.key, "key_type": change.key_type, "fields": change.fields}
    if change.relationships:
        line["relationships"] = change.relationships
    return line | {"version": change.version}


class Delivered(_LineFile):
    """A line for each key that the vendor acknowledged: JSON objects in a .jsonl, keys elsewhere."""

    what = "file of delivered keys"

    def __init__(self, path: str, open_file: Open) -> None:
        super().__init__(path, open_file, always=True)
        self._json = path.removesuffix(".gz").endswith(".jsonl")

    def go_on_from(self, checkpoint: Checkpoint) -> None:
        """Begin with the keys that earlier tries delivered."""
        if checkpoint.delivered:
            self.go_on(checkpoint.delivered, checkpoint.delivered_bytes)

    def add(self, key: str) -> None:
        """Write an acknowledged key."""
        self._line(json.dumps({"key": key}, ensure_ascii=False) if self._json else key_line(key))


class PlanFile(_LineFile):
    """JSON lines of what would be sent."""

    what = "plan's file"

    def __init__(self, path: str, open_file: Open) -> None:
        super().__init__(path, open_file, always=True)

    def add(self, line: Mapping[str, Any]) -> None:
        """Write a change that would be sent."""
        self._line(_to_line(kept(line)[0]))
