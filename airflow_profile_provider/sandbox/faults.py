"""Faults on demand: which requests they strike, and what they do to them.

kind            what happens                                                        the request is carried out
``status``      ``status`` with ``body`` (text or JSON) and ``headers``             only with ``commit``
``lost``        the connection closes without an answer                             yes
``reset``       the connection is reset before anything is done                     no
``delay``       the answer waits ``delay`` seconds (``when``: "after", "before")    yes
``truncate``    half of the body arrives under the full Content-Length              yes
``html``        200 with an HTML login page                                         only with ``commit``
``empty``       200 with an empty body                                              only with ``commit``
``redirect``    302 to a login page that answers 200                                only with ``commit``
``expire_token`` the credential is refused once, as the vendor refuses it; a token  no
                that the vendor issued is really void from then on

A fault matches by ``vendor``, ``method``, ``path`` (a
regular expression, searched in the decoded path) and ``key`` (an identifier that the request names). Of the
matching requests it strikes ``times`` (the first n; none given: all), after letting ``skip`` go, every
``every``-th one, or with ``probability`` (repeatable by ``seed``). ``delay`` may be given with every kind.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from airflow_profile_provider.sandbox.wire import Reply, Request, json_reply, text_reply

KINDS = ("status", "lost", "reset", "delay", "truncate", "html", "empty", "redirect", "expire_token")

LOGIN_PAGE = (
    "<!DOCTYPE html>\n<html><head><title>Sign in</title></head>"
    "<body><form method='post'><input name='user'><input name='password' type='password'></form></body>"
    "</html>"
)
LOGIN_PATH = "/_sandbox/login"


@dataclass
class Fault:
    """One fault and how often it has struck."""

    kind: str
    vendor: str | None = None
    method: str | None = None
    path: str | None = None
    key: str | None = None
    times: int | None = None
    skip: int = 0
    every: int | None = None
    probability: float | None = None
    seed: int = 0
    status: int = 500
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    when: str = "after"
    commit: bool = False
    matched: int = 0
    struck: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown kind {self.kind!r}; one of {', '.join(KINDS)}")
        if self.when not in {"after", "before"}:
            raise ValueError("when is 'after' or 'before'")
        self._path = re.compile(self.path) if self.path else None
        self._random = random.Random(self.seed)

    def matches(self, vendor: str, request: Request, keys: Iterable[str]) -> bool:
        """Whether a request is of the kind that this fault is for."""
        if self.vendor not in {None, vendor} or self.method not in {None, request.method}:
            return False
        if self._path and not self._path.search("/" + "/".join(request.segments)):
            return False
        return self.key is None or str(self.key) in keys

    def strikes(self) -> bool:
        """Count a matching request and say whether this one is struck."""
        self.matched += 1
        if self.matched <= self.skip or (self.times is not None and self.struck >= self.times):
            return False
        if self.every is not None and (self.matched - self.skip) % self.every:
            return False
        if self.probability is not None and self._random.random() >= self.probability:
            return False
        self.struck += 1
        return True

    @property
    def commits(self) -> bool:
        """Whether the vendor carries the request out."""
        return self.commit or self.kind in {"lost", "delay", "truncate"}

    def reply(self) -> Reply | None:
        """The answer given instead of the vendor's, or None where the vendor's own is used."""
        headers = {name.lower(): str(value) for name, value in self.headers.items()}
        if self.kind == "status":
            return self._body().adding(headers)
        if self.kind == "html":
            return text_reply(200, LOGIN_PAGE, "text/html; charset=utf-8").adding(headers)
        if self.kind == "empty":
            return Reply(200).adding(headers)
        if self.kind == "redirect":
            return Reply(302, b"", {"location": LOGIN_PATH, **headers})
        return None

    def _body(self) -> Reply:
        if self.body is None:
            return Reply(self.status)
        if isinstance(self.body, str):
            return text_reply(self.status, self.body)
        return json_reply(self.status, self.body)


class Faults:
    """The faults set at present; the first one that strikes decides."""

    def __init__(self) -> None:
        self.all: list[Fault] = []

    def strike(self, vendor: str, request: Request, keys: Iterable[str]) -> Fault | None:
        """The fault that strikes this request, if any."""
        for fault in self.all:
            if fault.matches(vendor, request, keys) and fault.strikes():
                return fault
        return None
