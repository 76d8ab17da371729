"""Files that a push leaves behind: the rejects, to be replayed, and the keys that were delivered."""

from __future__ import annotations

import gzip
import json
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
        self._file.write(text.encode("utf-8", "surrogatepass") + b"\n")

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
        self._line(json.dumps(line, ensure_ascii=False, default=str))
        self.written += 1

    def _row(self, row: Row) -> dict[str, Any]:
        """Return a change that is invalid as it came, so that it can be mended in place, or the row."""
        content = row.content
        if not self._mapped and isinstance(content, dict) and {"key", "fields"} <= content.keys():
            return {"version": None} | content
        return {"row": content, "version": None} | ({"text": True} if row.text else {})


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
