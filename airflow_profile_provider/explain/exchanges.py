"""Requests and answers as they may be shown: without credentials, and without profile values if asked."""

from __future__ import annotations

import base64
import json
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus

from airflow_profile_provider.delivery.wire import Observed
from airflow_profile_provider.errors import ProfileError
from airflow_profile_provider.records import Change
from airflow_profile_provider.vendors.base import Access, Vendor
from airflow_profile_provider.vendors.exchange import Pause, Request

HIDDEN = "***"
MOST_REQUESTS = 50
MOST_TEXT = 4000
_SECRET_WORDS = ("secret", "token", "password", "api_key", "apikey", "credential")
_FORM = "application/x-www-form-urlencoded"
_KNOWN_HEADERS = ("content-type", "content-length", "date", "retry-after", "server", "x-ratelimit-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request, and its answer where it was sent; free of credentials.

    ``problem`` says why there is no answer. Bodies are JSON where they are, else text.
    """

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str]
    body: Any = field(default=None, repr=False)
    note: str = ""
    sent: bool = False
    status: int | None = None
    answer_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    answer: Any = field(default=None, repr=False)
    problem: str = ""

    def as_dict(self, *, redact: bool, hide_address: bool) -> dict[str, Any]:
        """Return it as it is printed; ``hide_address`` for an address that holds a value."""
        host = "/".join(self.url.split("/", 3)[:3])
        shown: dict[str, Any] = {
            "method": self.method,
            "url": f"{host}/{HIDDEN}" if hide_address else self.url,
            "headers": dict(self.headers),
            "body": HIDDEN if redact and self.body is not None else self.body,
        }
        if self.note:
            shown["note"] = self.note
        if self.sent:
            shown["status"] = self.status
            shown["problem"] = self.problem or None
            shown["answer_headers"] = _plain_headers(self.answer_headers) if redact else self.answer_headers
            shown["answer"] = HIDDEN if redact and self.answer is not None else self.answer
        return shown


class Masks:
    """Takes credentials out of what is shown, however a request writes them."""

    def __init__(self, access: Access) -> None:
        named = {
            name: value
            for name, value in access.extra.items()
            if any(word in name.lower() for word in _SECRET_WORDS) and not name.lower().endswith("_url")
        }
        self._whole = {str(value) for value in (access.login, access.secret, *named.values()) if value}
        self._parts: set[str] = set()
        for value in (access.secret, *named.values()):
            self.add(str(value or ""))
        if access.login and access.secret:
            self.add(base64.b64encode(f"{access.login}:{access.secret}".encode()).decode())

    def add(self, secret: str) -> None:
        """Hide this one, too."""
        if secret:
            coded = base64.b64encode(secret.encode()).decode()
            self._parts |= {secret, quote(secret, safe=""), quote_plus(secret), coded}
            self._parts |= {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}

    def text(self, text: str) -> str:
        """Return text without them."""
        for part in sorted(self._parts, key=len, reverse=True):
            text = text.replace(part, HIDDEN)
        return text

    def value(self, value: Any) -> Any:
        """Return a JSON value without them; what is a credential as a whole, the login too, is hidden."""
        if isinstance(value, Mapping):
            return {self.text(str(name)): self.value(part) for name, part in value.items()}
        if isinstance(value, list):
            return [self.value(part) for part in value]
        if isinstance(value, str | int | float) and not isinstance(value, bool) and str(value) in self._whole:
            return HIDDEN
        return self.text(value) if isinstance(value, str) else value

    def body(self, content: bytes | str | None, kind: str = "") -> Any:
        """Return a body without them, parsed where it is JSON or a form."""
        if not content:
            return None
        text = content.decode("utf-8", "replace") if isinstance(content, bytes) else content
        if kind.startswith(_FORM):
            return self.value(dict(parse_qsl(text, keep_blank_values=True)))
        try:
            return self.value(json.loads(text))
        except (ValueError, RecursionError):
            shown = self.text(text)
            return shown[:MOST_TEXT] + (" …" if len(shown) > MOST_TEXT else "")

    def headers(self, headers: Mapping[str, Any], credential: Iterable[str]) -> dict[str, str]:
        """Return headers without them, and without the value of those that carry the credential."""
        names = {name.lower() for name in credential} | {"authorization", "proxy-authorization"}
        shown = {}
        for name, value in headers.items():
            text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
            scheme = "Bearer " if text.startswith("Bearer ") else ""
            shown[name] = f"{scheme}{HIDDEN}" if name.lower() in names else self.text(text)
        return shown


# -- what would be sent -----------------------------------------------------------------------------------


def unsent(vendor: Vendor, change: Change, masks: Masks, *, key_type: str = "") -> list[Exchange]:
    """Return the requests that deliver a change, as far as they are known before the first is answered.

    One whose profile is not known is looked up first, by its vendor's key of this type: the rest depends on
    that.
    """
    found = []
    token = vendor.token_request()
    if token:
        found.append(_shown(vendor, token, masks, "gets the token for the other requests"))
    reads = False
    if change.sought:
        looked = _answered_by_nothing(vendor.find(change.sought.by, change.sought.value, key_type))
        return found + [
            _shown(vendor, request, masks, "looks for the profile") for request in islice(looked, 1)
        ]
    for request in islice(_answered_by_nothing(vendor.steps([change])), MOST_REQUESTS):
        note = "its body will also hold what the request before it reads" if reads and request.body else ""
        found.append(_shown(vendor, request, masks, note))
        reads = reads or request.method == "GET"
    return found


def _answered_by_nothing(steps: Generator[Request | Pause, Any, Any]) -> Iterator[Request]:
    """Yield what a vendor asks for, each time answered by nothing; an answer may change what follows."""
    try:
        request = next(steps)
        while True:
            if isinstance(request, Request):
                yield request
            request = steps.send({})
    except (StopIteration, ProfileError):
        return
    except (LookupError, TypeError, ValueError, AttributeError):  # its rules need a real answer to go on
        return


def _shown(vendor: Vendor, request: Request, masks: Masks, note: str) -> Exchange:
    credential = {} if request.public else vendor.credential("")
    headers = {**vendor.headers(), **credential, **request.headers}
    if vendor.idempotency_header and request.method != "GET":
        headers[vendor.idempotency_header] = "(a fresh random value)"
    whole = "://" in request.path
    return Exchange(
        method=request.method,
        url=masks.text(request.path if whole else vendor.access.host + request.path),
        headers=masks.headers(headers, credential),
        body=masks.body(request.body, headers.get("Content-Type", "")),
        note=note,
    )


# -- what was sent ----------------------------------------------------------------------------------------


def sent(observed: Iterable[Observed], vendor: Vendor, masks: Masks) -> list[Exchange]:
    """Return what a transport told of its requests as it may be shown."""
    observed = list(observed)
    names = set(vendor.credential(""))
    for one in observed:
        for name in names:
            masks.add(one.headers.get(name, "").removeprefix("Bearer "))
    token = vendor.token_request()
    return [_as_sent(one, vendor, masks, names, token) for one in observed]


def _as_sent(
    one: Observed, vendor: Vendor, masks: Masks, names: Iterable[str], token: Request | None
) -> Exchange:
    address = token and (token.path if "://" in token.path else vendor.access.host + token.path)
    is_token = address is not None and one.url.startswith(str(address))
    answer = masks.body(one.answer.content) if one.answer else None
    return Exchange(
        method=one.method,
        url=masks.text(one.url),
        headers=masks.headers(one.headers, names),
        body=masks.body(one.body, one.headers.get("Content-Type", "")),
        note="gets the token for the other requests" if is_token else "",
        sent=True,
        status=one.answer.status if one.answer else None,
        answer_headers=_without_cookies(masks, one.answer.headers) if one.answer else {},
        answer=HIDDEN if is_token and answer is not None else answer,
        problem=masks.text(one.problem),
    )


def _without_cookies(masks: Masks, headers: Mapping[str, str]) -> dict[str, str]:
    return {
        name: text
        for name, text in masks.headers(headers, ()).items()
        if not name.lower().startswith("set-cookie")
    }


def _plain_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers whose values are known to be none of a profile."""
    return {
        name: text if name.lower().startswith(_KNOWN_HEADERS) else HIDDEN for name, text in headers.items()
    }
