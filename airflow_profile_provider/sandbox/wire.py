"""What a vendor sees of HTTP: a request in, a reply out, and a table of routes between them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, unquote


class NotJson(ValueError):
    """The body is not JSON."""


def _refuse_constant(name: str) -> None:
    """NaN and Infinity are Python's, not JSON's."""
    raise NotJson(name)


@dataclass
class Request:
    """One request as it arrived. ``segments`` are decoded one by one: an encoded slash stays in its own."""

    method: str
    raw_path: str
    query_string: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    at: float = 0.0
    key: str | None = None
    bucket: str | None = None
    notes: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def segments(self) -> tuple[str, ...]:
        """The path, split and decoded."""
        return tuple(unquote(part) for part in self.raw_path.strip("/").split("/"))

    @cached_property
    def pairs(self) -> list[tuple[str, str]]:
        """The query in its order."""
        return parse_qsl(self.query_string, keep_blank_values=True)

    @cached_property
    def query(self) -> dict[str, str]:
        """The query; the last value of a name wins."""
        return dict(self.pairs)

    @cached_property
    def json(self) -> Any:
        """The body as JSON; raises NotJson."""
        try:
            return json.loads(self.body, parse_constant=_refuse_constant)
        except ValueError as error:
            raise NotJson(str(error)) from None

    @property
    def json_or_none(self) -> Any:
        """The body as JSON, or None where it is none."""
        try:
            return self.json
        except NotJson:
            return None

    @property
    def bearer(self) -> str | None:
        """The token of an ``Authorization: Bearer`` header."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else None

    @property
    def says_json(self) -> bool:
        """Whether the declared content type is JSON."""
        return self.headers.get("content-type", "").split(";")[0].strip().lower() == "application/json"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as bytes, with its headers in lower case."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def adding(self, headers: Mapping[str, str]) -> Reply:
        """Return this reply with more headers."""
        return Reply(self.status, self.body, {**self.headers, **headers}) if headers else self


_dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def json_reply(status: int, document: object, kind: str = "application/json", **headers: str) -> Reply:
    """A JSON answer; a header's name is written with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, _dumps(document).encode(errors="replace"), {"content-type": kind, **named})


def text_reply(status: int, text: str, kind: str = "text/plain; charset=utf-8") -> Reply:
    """A text answer."""
    return Reply(status, text.encode(), {"content-type": kind})


Rule = Callable[[Request], Reply]


@dataclass(frozen=True, slots=True)
class Route:
    """A method and a path pattern such as ``/v1/accounts/{id}``, with the rule that answers it."""

    method: str
    pattern: str
    rule: Rule
    bucket: str = ""

    @property
    def parts(self) -> tuple[str, ...]:
        """The pattern, split."""
        return tuple(self.pattern.strip("/").split("/"))


class Routes:
    """Finds the route of a request; a literal segment goes before a placeholder."""

    def __init__(self, routes: list[Route]) -> None:
        self._by_length: dict[tuple[str, int], list[tuple[tuple[str, ...], Route]]] = {}
        for route in sorted(routes, key=lambda each: each.pattern.count("{")):
            self._by_length.setdefault((route.method, len(route.parts)), []).append((route.parts, route))

    def find(self, request: Request) -> Route | None:
        """The route that answers a request, or None."""
        segments = request.segments
        for parts, route in self._by_length.get((request.method, len(segments)), ()):
            if all(part == got or part[0] == "{" for part, got in zip(parts, segments, strict=True)):
                return route
        return None
