"""What goes over the wire and what comes back: requests, answers, tokens, rates; and how a header is read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any

from airflow_profile_provider.records import Acknowledgement
from airflow_profile_provider.vendors.fields import Catalogue, FieldInfo


@dataclass(frozen=True, slots=True)
class Rate:
    """At most ``limit`` requests in any ``seconds``."""

    limit: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Allowance:
    """What an answer says of the quota: ``remaining`` of ``limit`` requests for ``reset`` more seconds."""

    limit: int
    remaining: int
    reset: float


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, without credential, and how to read its answer.

    ``path`` starts with a slash: it is one at the vendor's host. A ``public`` request carries no credential,
    and only such a one may be a whole URL; ``named_by`` is then the extra that it comes from. ``read`` takes
    the `Answer` and returns what the generator gets back; it raises `Retriable` for an answer that the
    transport should ask for again. A request that is not ``repeatable`` is never sent a second time once it
    may have arrived: the vendor's generator gets the `Unanswered` thrown in and decides.
    One with a ``renewal`` is built anew before it is sent again, for what it was built from may have changed.
    """

    method: str
    path: str
    read: Callable[[Answer], Any] = field(repr=False)
    body: bytes | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    repeatable: bool = True
    public: bool = False
    named_by: str = "host"
    renewal: Renewal | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Renewal:
    """How a request is built anew: what to ask for, and the request that is made of what was read."""

    look: Request
    build: Callable[[Any], Request]


@dataclass(frozen=True, slots=True)
class Pause:
    """So many seconds without a request: the vendor has taken what was sent, and works on it."""

    seconds: float


@dataclass(frozen=True)
class Answer:
    """One HTTP answer, read to its end. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes = field(repr=False)

    @cached_property
    def text(self) -> str:
        """The body as text."""
        return self.content.decode("utf-8", "replace").strip()

    @cached_property
    def parsed(self) -> Any:
        """The body as JSON, or None where it is none: an HTML page, an empty body, one nested without end."""
        try:
            found = _DECODER.decode(self.content.decode(json.detect_encoding(self.content)))
        except (ValueError, RecursionError):
            return None
        return found if _is_shallow(self.content) or _depth(found) <= DEEPEST else None

    @property
    def members(self) -> Mapping[str, Any]:
        """The body's members where it is a JSON object, else nothing."""
        return self.parsed if isinstance(self.parsed, dict) else {}


DEEPEST = 64
"""Levels of arrays and objects in an answer; what goes deeper is none of an API's."""


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object's members; one that is there twice with two values says nothing."""
    found = dict(pairs)
    if len(found) < len(pairs) and any(found[name] != value for name, value in pairs):
        raise ValueError("a member is there twice")
    return found


_DECODER = json.JSONDecoder(object_pairs_hook=_members, parse_constant=_no_number)


_NO_BRACKETS = bytes(sorted(set(range(256)) - set(b"[]{}")))


def _is_shallow(content: bytes) -> bool:
    """Whether a text surely goes no deeper than it may; many rows need not be walked through for that.

    Each turn takes away the brackets that hold none, and what holds those alone: two levels at the most.
    Brackets in a text may be left over: then it is not sure.
    """
    left = content.translate(None, _NO_BRACKETS)
    for _ in range(DEEPEST // 2):
        if not left:
            return True
        left = left.replace(b"{}", b"").replace(b"[]", b"")
    return not left


def _depth(found: Any) -> int:
    """Return how deep arrays and objects lie in each other."""
    depth, level = 0, [found]
    while level:
        depth += 1
        level = [
            inner
            for outer in level
            if isinstance(outer, list | dict)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return depth - 1


@dataclass(frozen=True, slots=True)
class Token:
    """An access token and its life in seconds."""

    value: str = field(repr=False)
    lifetime: float


@dataclass(frozen=True, slots=True)
class Held:
    """One profile as the vendor keeps it: the ``key`` in the type that was asked for.

    ``fields`` are named as in a change, and their values have the JSON types in which a change sends them.
    ``relationships`` has the ids that each of them links; one that it lacks links none. None: it is not
    shown, or none of them is.
    """

    key: str = field(repr=False)
    fields: Mapping[str, Any] = field(repr=False)
    relationships: Mapping[str, Sequence[str] | None] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of all profiles, and the ``cursor`` of the next one: a text to be kept; None at the end.

    ``total`` is how many there are in all, where the list says so: for an estimate, since it may be stale.
    """

    held: tuple[Held, ...] = field(repr=False)
    cursor: str | None
    total: int | None = None


Steps = Generator[Request | Pause, Any, Acknowledgement]
Probe = Generator[Request, Any, str]
Reading = Generator[Request, Any, Mapping[str, Held | None]]
Paging = Generator[Request, Any, Page]
Finding = Generator[Request, Any, tuple[Held, ...]]
Learning = Generator[Request, Any, Catalogue]
Telling = Generator[Request, Any, tuple[FieldInfo, ...]]


def retry_after(answer: Answer) -> float | None:
    """Return the seconds that Retry-After asks for, or None where it is missing or names no time (-1)."""
    value = answer.headers.get("retry-after", "").strip()[:100]
    if re.fullmatch(r"\d+(\.\d+)?", value):
        return float(value)
    try:
        when = parsedate_to_datetime(value)
        if when.tzinfo is None:
            when = when.replace(tzinfo=UTC)
        return max(0.0, (when - datetime.now(UTC)).total_seconds())
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def allowance(answer: Answer) -> Allowance | None:
    """Return what the X-RateLimit headers say, or None where they are missing or make no sense.

    Reset is read as seconds from now, or as Unix time where it is too large for that.
    """
    names = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")
    found = [answer.headers.get(name) for name in names]
    if None in found:
        return None
    try:
        limit, remaining, reset = (float(str(value)) for value in found)
    except ValueError:
        return None
    if reset > 1e8:
        reset -= datetime.now(UTC).timestamp()
    if not (1 <= limit < 1e9 and 0 <= remaining <= limit and reset < 1e6):
        return None
    return Allowance(int(limit), int(remaining), max(0.0, reset))


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def to_json(value: Any) -> bytes:
    """Write a request body."""
    return _ENCODER.encode(value).encode()
