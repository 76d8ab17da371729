"""Files that a push leaves behind: the rejects, to be replayed, and the keys that were delivered."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from airflow_profile_provider.checkpoint import Checkpoint
from airflow_profile_provider.push.line_file import LineFile
from airflow_profile_provider.records import Change, Leaver, Row, Verdict, is_reject
from airflow_profile_provider.sources.keys import key_line
from airflow_profile_provider.sources.packing import bare
from airflow_profile_provider.sources.reading import Open
from airflow_profile_provider.sources.replaying import kept


class Rejects(LineFile):
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

    def add(self, source: Change | Row, verdict: Verdict, reason: str, place: str = "") -> None:
        """Write a change, or the raw row where no change could be made of it; ``place`` is its file and line.

        Raises:
            OutputFailed: the file cannot be written any further.
        """
        line: dict[str, Any] = _change(source) if isinstance(source, Change) else self._row(source)
        told = {"verdict": verdict.value, "reason": reason, "position": source.position}
        told |= {"place": place} if place else {}
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
        is_change = isinstance(content, dict) and {"key", "fields"} <= content.keys()
        whole = is_change and (not self.mapped or type(row.content) is Leaver)
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
    if change.sought:
        line["match"] = {change.sought.by: change.sought.value}
    return line | {"version": change.version}


class Delivered(LineFile):
    """A line for each key that the vendor acknowledged: JSON objects in a .jsonl, keys elsewhere."""

    what = "file of delivered keys"

    def __init__(self, path: str, open_file: Open) -> None:
        super().__init__(path, open_file, always=True)
        self._json = bare(path).endswith(".jsonl")

    def go_on_from(self, checkpoint: Checkpoint) -> None:
        """Begin with the keys that earlier tries delivered."""
        if checkpoint.delivered:
            self.go_on(checkpoint.delivered, checkpoint.delivered_bytes)

    def add(self, key: str) -> None:
        """Write an acknowledged key."""
        self._line(json.dumps({"key": key}, ensure_ascii=False) if self._json else key_line(key))


class AuditFile(LineFile):
    """JSON lines of the records whose profile is not what it should be."""

    what = "audit's file"

    def __init__(self, path: str, open_file: Open) -> None:
        super().__init__(path, open_file, always=True)

    def go_on_from(self, checkpoint: Checkpoint) -> None:
        """Begin with what earlier tries found, and need not look at again."""
        if checkpoint.audit:
            self.go_on(
                checkpoint.audit,
                checkpoint.audit_bytes,
                lambda line: line if checkpoint.covers(json.loads(line)["position"]) else None,
            )

    def add(self, line: Mapping[str, Any]) -> None:
        """Write a record that differs."""
        self._line(_to_line(kept(line)[0]))


class Absent(LineFile):
    """A line for each key that the source no longer has: JSON objects in a .jsonl, keys elsewhere."""

    what = "file of absent keys"

    def __init__(self, path: str, open_file: Open) -> None:
        super().__init__(path, open_file, always=False)
        self._json = bare(path).endswith(".jsonl")

    def begin(self) -> None:
        """Make the file, also where nobody is absent: it says that somebody has looked."""
        self._always = True

    def add(self, key: str, *, noted: bool) -> None:
        """Write a key; ``noted``: it was absent in an earlier run, too."""
        told = {"key": key, "new": not noted}
        self._line(json.dumps(told, ensure_ascii=False) if self._json else key_line(key))


class PlanFile(LineFile):
    """JSON lines of what would be sent."""

    what = "plan's file"

    def __init__(self, path: str, open_file: Open) -> None:
        super().__init__(path, open_file, always=True)

    def add(self, line: Mapping[str, Any]) -> None:
        """Write a change that would be sent."""
        self._line(_to_line(kept(line)[0]))
