"""What events say: which rows of an outbox, which files, which changes are to be pushed.

An announcement is a reference. A range of an outbox is ``{"outbox": table, "first": n, "last": n,
"count": n}``, a file ``{"records": path}`` (or a list of them). Changes themselves under "records" are
taken, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from airflow_profile_provider.sources.announced import Announced, Outbox, Span
from airflow_profile_provider.values import read_json

_AIRFLOWS_OWN = frozenset({"from_rest_api", "from_trigger"})
_ENVELOPES = ("data", "message_batch", "Body")  # Redis; SQS, and each message of its batch
_REMEDY = 'name a file under "records", or send nothing but the event where an outbox is read'


def read_events(
    extras: Iterable[Any],
    outbox: Outbox | None = None,
    *,
    under: str | None = None,
    read: Callable[[Any], Any] | None = None,
) -> Announced:
    """Return what the extras of events announce together, in their order.

    Without any event, and with one that says nothing, it is all that the outbox owes. ``under`` is what paths
    must begin with. ``read`` turns the message of a queue into an announcement.
    """
    found = _Found(outbox, under)
    none = True
    for extra in extras:
        none = False
        for said in _announcements(_message(extra, read)):
            found.take(said)
    return found.all(everything=none)


class _Found:
    def __init__(self, outbox: Outbox | None, under: str | None) -> None:
        self._outbox = outbox
        self._under = under
        self._everything = False
        self._spans: list[Span] = []
        self._paths: list[str] = []
        self._changes: list[Any] = []
        self._problems: list[str] = []

    def take(self, said: Any) -> None:
        if not isinstance(said, Mapping):
            self._problems.append(f"is an event that holds {type(said).__name__}, no object; {_REMEDY}")
        elif "outbox" in said:
            self._take_span(said)
        elif "records" in said:
            records = said["records"]
            for each in records if isinstance(records, list | tuple) else [records]:
                self._take_record(each)
        elif said or self._outbox is None:
            names = ", ".join(map(repr, said)) or "nothing"
            self._problems.append(f"is an event that names no records: it says {names}; {_REMEDY}")
        else:
            self._everything = True

    def _take_span(self, said: Mapping[str, Any]) -> None:
        first, last = said.get("first"), said.get("last")
        own = self._outbox.table if self._outbox else None
        if said["outbox"] != own:
            self._problems.append(
                f"is an event of the outbox {said['outbox']!r}, and this push reads {own or 'none'}: give it "
                "sql_conn_id and from_events(table=...)"
            )
        elif type(first) is int and type(last) is int:
            self._spans.append((first, last))
        else:
            self._everything = True

    def _take_record(self, record: Any) -> None:
        if not isinstance(record, str):
            self._changes.append(record)
        elif self._under is not None and not _is_under(record, self._under):
            self._problems.append(f"is an event whose file is not under {self._under}")
        else:
            self._paths.append(record)

    def all(self, *, everything: bool) -> Announced:
        spans = None if self._everything or everything else tuple(self._spans)
        parts = map(tuple, (self._paths, self._changes, self._problems))
        return Announced(self._outbox, spans, *parts)


def _message(extra: Any, read: Callable[[Any], Any] | None) -> Any:
    """Return what the event's sender has said, without what Airflow adds."""
    said = extra or {}
    if isinstance(said, Mapping):
        said = (
            said["payload"]
            if "payload" in said
            else {name: value for name, value in said.items() if name not in _AIRFLOWS_OWN}
        )
    return said if read is None else read(said)


def _announcements(said: Any) -> Iterator[Any]:
    """Take the announcements out of the envelopes of queues; text that is no JSON is a path."""
    if isinstance(said, bytes):
        said = said.decode("utf-8", "replace")
    if isinstance(said, str):
        try:
            found = read_json(said)
        except (ValueError, RecursionError):
            found = None
        yield from _announcements(found) if isinstance(found, dict | list) else [{"records": said}]
    elif isinstance(said, list | tuple):
        for each in said:
            yield from _announcements(each)
    elif isinstance(said, Mapping) and "records" not in said and "outbox" not in said:
        inside = next((said[name] for name in _ENVELOPES if name in said), None)
        yield from [said] if inside is None else _announcements(inside)
    else:
        yield said


def _is_under(path: str, folder: str) -> bool:
    return path.startswith(folder) and ".." not in path.split("/")
