"""Of which kind a target's versions are."""

from __future__ import annotations

from typing import Protocol

from airflow_profile_provider.records import Change, order_of


class KindStore(Protocol):
    """Where the kind of a target's versions is kept."""

    @property
    def version_kind(self) -> str | None:
        """The kind that is kept, if any."""

    def keep_version_kind(self, kind: str) -> str:
        """Keep a kind, unless there is one; return the one that is kept."""


class VersionKind:
    """The kind of version (see `order_of`) that orders a target's changes: that of the first that came."""

    def __init__(self, store: KindStore) -> None:
        self._store = store
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
        known = self._store.version_kind
        if known is None and keep:
            known = self._store.keep_version_kind(kind)
        self._is_kept = known is not None
        self._found = known or kind
