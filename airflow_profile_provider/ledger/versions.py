"""Of which kind a target's versions are."""

from __future__ import annotations

from typing import Protocol

from airflow_profile_provider.records import Change, order_of


class KindReader(Protocol):
    """Knows the kind of a target's versions."""

    @property
    def version_kind(self) -> str | None:
        """The kind that is kept, if any."""


class KindWriter(Protocol):
    """Keeps the kind of a target's versions."""

    def keep_version_kind(self, kind: str) -> str:
        """Keep a kind, unless there is one; return the one that is kept."""


class VersionKind:
    """The kind of version (see `order_of`) that orders a target's changes: that of the first that came."""

    def __init__(self, reader: KindReader, writer: KindWriter | None) -> None:
        self._reader = reader
        self._writer = writer
        self._found: str | None = None
        self._is_kept = False

    def of(self, change: Change, *, keep: bool) -> str:
        """Return the target's kind; where none is kept, it is the change's, from now on with ``keep``."""
        order = order_of(change.version)
        if order is None:
            return ""
        if not self._is_kept and (keep or self._found is None):
            self._look(self._found or order[0], keep)
        return self._found or order[0]

    def _look(self, kind: str, keep: bool) -> None:
        known = self._reader.version_kind
        if known is None and keep and self._writer:
            known = self._writer.keep_version_kind(kind)
        self._is_kept = known is not None
        self._found = known or kind
