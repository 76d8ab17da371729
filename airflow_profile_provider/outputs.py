"""Files that a push leaves behind: the rejects, to be replayed, and the keys that were delivered."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Mapping
from contextlib import ExitStack
from typing import IO, Any

from airflow_profile_provider.errors import SourceError
from airflow_profile_provider.records import Change, Row, Verdict
from airflow_profile_provider.sources import Open


class _LineFile:
    """A text file that is made when its first line is written, or at the end if ``always``."""

    def __init__(self, path: str, open_file: Open, *, always: bool) -> None:
        self.path = path
        self._open = open_file
        self._always = always
        self._stack = ExitStack()
        self._file: IO[bytes] | gzip.GzipFile | None = None

    def _line(self, text: str) -> None:
        if self._file is None:
            self._file = self._start()
        self._file.write(text.encode() + b"\n")

    def _start(self) -> IO[bytes] | gzip.GzipFile:
        try:
            raw = self._stack.enter_context(self._open(self.path, "wb"))
        except OSError as error:
            raise SourceError(
                f"{self.path} cannot be written: {error.strerror or type(error).__name__}"
            ) from None
        if self.path.endswith(".gz"):
            return self._stack.enter_context(gzip.open(raw, "wb"))
        return raw

    def close(self) -> None:
        """Finish the file."""
        if self._file is None and self._always:
            self._start()
        self._stack.close()


class Rejects(_LineFile):
    """JSON lines of what was not delivered; ``records=`` this file replays it. It holds profile values."""

    def __init__(self, path: str, open_file: Open, *, mapped: bool = False) -> None:
        super().__init__(path, open_file, always=False)
        self.written = 0
        self._mapped = mapped

    def add(self, source: Change | Row, verdict: Verdict, reason: str) -> None:
        """Write a change, or the raw row where no change could be made of it."""
        line: dict[str, Any] = _change(source) if isinstance(source, Change) else self._row(source)
        line |= {"verdict": verdict.value, "reason": reason, "position": source.position}
        self._line(_to_line(line))
        self.written += 1

    def _row(self, row: Row) -> dict[str, Any]:
        """Return a change that is invalid as it came, so that it can be mended in place, or the row."""
        content = row.content
        if not self._mapped and isinstance(content, dict) and {"key", "fields"} <= content.keys():
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

    def add(self, key: str) -> None:
        """Write an acknowledged key."""
        self._line(json.dumps({"key": key}, ensure_ascii=False) if self._json else key)
