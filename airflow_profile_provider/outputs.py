"""Files that a push leaves behind: the rejects, to be replayed, and the keys that were delivered."""

from __future__ import annotations

import gzip
import json
import math
import os
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from airflow_profile_provider.errors import SourceError
from airflow_profile_provider.records import Change, Checkpoint, Row, Verdict
from airflow_profile_provider.sources import Open


class _LineFile:
    """A text file that is made when its first line is written, or at the end if ``always``."""

    def __init__(self, path: str, open_file: Open, *, always: bool) -> None:
        self.path = path
        self._open = open_file
        self._always = always
        self._local = "://" not in path
        self._raw: IO[bytes] | None = None
        self._gzip: gzip.GzipFile | None = None

    def _line(self, text: str) -> None:
        raw = self._raw or self._start()
        if not self.path.endswith(".gz"):
            raw.write(text.encode() + b"\n")
            return
        if self._gzip is None:
            self._gzip = gzip.GzipFile(fileobj=raw, mode="wb")
        self._gzip.write(text.encode() + b"\n")

    def _start(self, path: str | None = None) -> IO[bytes]:
        try:
            self._raw = self._open(path or self.path, "wb")
        except OSError as error:
            raise SourceError(
                f"{self.path} cannot be written: {error.strerror or type(error).__name__}"
            ) from None
        return self._raw

    def go_on(self, path: str, size: int, keep: Callable[[str], str | None] = str) -> int:
        """Begin with what ``keep`` leaves of each line of an earlier file; return how many lines that are.

        Only its first ``size`` bytes count; -1 stands for all of them. The earlier file stays whole until its
        successor is.

        Raises:
            SourceError: it is gone.
        """
        kept = 0
        with SpooledTemporaryFile(1_000_000) as copy:
            try:
                with closing(self._open(path, "rb")) as raw:
                    _copy(raw, copy, size)
            except OSError as error:
                raise SourceError(
                    f"{path} cannot be read: {error.strerror or type(error).__name__}"
                ) from None
            copy.seek(0)
            self._start(f"{self.path}.new" if self._local else self.path)
            for line in gzip.GzipFile(fileobj=copy, mode="rb") if path.endswith(".gz") else copy:
                text = line.decode()
                left = keep(text.rstrip("\n")) if text.endswith("\n") else None
                if left is not None:
                    self._line(left)
                    kept += 1
        if self._local:
            self.secure()
            Path(f"{self.path}.new").replace(self.path)
        return kept

    def secure(self) -> int | None:
        """Make sure that what was written outlives this process.

        Returns:
            the size in bytes (-1 once it is closed: all of it), or None where a file is kept only once it is
            closed (on object storage).
        """
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
        """Finish the file."""
        if self._raw is None and self._always:
            self._start()
        if self._raw and not self._raw.closed:
            if self.path.endswith(".gz") and self._gzip is None and self._raw.tell() == 0:
                self._gzip = gzip.GzipFile(fileobj=self._raw, mode="wb")  # empty, but still gzip
            self._end_member()
            self._raw.close()


def _copy(raw: IO[bytes], copy: IO[bytes], size: int) -> None:
    left = size
    while left and (piece := raw.read(min(left, 1 << 16) if left > 0 else 1 << 16)):
        copy.write(piece)
        left -= len(piece) if left > 0 else 0


class Rejects(_LineFile):
    """JSON lines of what was not delivered; ``records=`` this file replays it. It holds profile values."""

    def __init__(self, path: str, open_file: Open, *, mapped: bool = False) -> None:
        super().__init__(path, open_file, always=False)
        self.written = 0
        self.mapped = mapped
        self._overtaken: dict[int, frozenset[str]] = {}

    def add(self, source: Change | Row, verdict: Verdict, reason: str) -> None:
        """Write a change, or the raw row where no change could be made of it."""
        line: dict[str, Any] = _change(source) if isinstance(source, Change) else self._row(source)
        line |= {"verdict": verdict.value, "reason": reason, "position": source.position}
        self._line(_to_line(line))
        self.written += 1

    def go_on_from(self, checkpoint: Checkpoint) -> None:
        """Begin with what earlier tries settled for good."""
        if checkpoint.rejects:
            self.written += self.go_on(
                checkpoint.rejects,
                checkpoint.rejects_bytes,
                lambda line: line if checkpoint.covers(json.loads(line)["position"]) else None,
            )

    def overtake(self, position: int, fields: frozenset[str]) -> None:
        """Take these fields out of the line of a position when the file is finished."""
        self._overtaken[position] = fields

    def close(self) -> None:
        """Finish the file, without what was overtaken."""
        super().close()
        if not self._overtaken:
            return
        final = Rejects(self.path, self._open, mapped=self.mapped)
        kept = final.go_on(self.path, -1, keep=self._remaining)
        final.close()
        self.written = kept
        if not kept and self._local:
            Path(self.path).unlink()

    def _remaining(self, text: str) -> str | None:
        """Return what is left of a line; None where nothing is."""
        line = json.loads(text)
        named = self._overtaken.get(line["position"])
        if named is None or "fields" not in line:
            return text
        line["fields"] = {name: value for name, value in line["fields"].items() if name not in named}
        return _to_line(line) if line["fields"] else None

    def _row(self, row: Row) -> dict[str, Any]:
        """Return a change that is invalid as it came, so that it can be mended in place, or the row."""
        content = row.content
        if not self.mapped and isinstance(content, dict) and {"key", "fields"} <= content.keys():
            return {"version": None} | content
        return {"row": content, "version": None} | ({"text": True} if row.text else {})


def _to_line(line: dict[str, Any]) -> str:
    """Write a line as strict JSON, whatever it holds: it is here because something is wrong with it."""
    try:
        text = json.dumps(line, ensure_ascii=False, allow_nan=False, default=str)
        text.encode()
    except (TypeError, ValueError, RecursionError):
        return json.dumps(_lenient(line, 50))
    return text


def _lenient(value: Any, depth: int) -> Any:
    if depth == 0:
        return "(nested too deeply)"
    if isinstance(value, Mapping):
        return {str(name): _lenient(item, depth - 1) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_lenient(item, depth - 1) for item in value]
    if isinstance(value, bool | str) or value is None:
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, int) and value.bit_length() < 10_000:
        return value
    return f"(an integer of {value.bit_length()} bits)" if isinstance(value, int) else str(value)


def _change(change: Change) -> dict[str, Any]:
    line: dict[str, Any] = {"key": change.key, "key_type": change.key_type, "fields": change.fields}
    if change.relationships:
        line["relationships"] = change.relationships
    return line | {"version": change.version}


class Delivered(_LineFile):
    """A line for each key that the vendor acknowledged: JSON objects in a .jsonl, bare keys elsewhere."""

    def __init__(self, path: str, open_file: Open) -> None:
        super().__init__(path, open_file, always=True)
        self._json = path.removesuffix(".gz").endswith(".jsonl")

    def go_on_from(self, checkpoint: Checkpoint) -> None:
        """Begin with the keys that earlier tries delivered."""
        if checkpoint.delivered:
            self.go_on(checkpoint.delivered, checkpoint.delivered_bytes)

    def add(self, key: str) -> None:
        """Write an acknowledged key."""
        self._line(json.dumps({"key": key}, ensure_ascii=False) if self._json else key)


class PlanFile(_LineFile):
    """JSON lines of what would be sent."""

    def __init__(self, path: str, open_file: Open) -> None:
        super().__init__(path, open_file, always=True)

    def add(self, line: Mapping[str, Any]) -> None:
        """Write a change that would be sent."""
        self._line(_to_line(dict(line)))
