"""The stand-in for Ocamba and Sonoran that everything is measured against, in a process of its own.

It answers as the vendors do, after a latency that can be set, and refuses with 429 what exceeds its limits,
counted in sliding or in fixed windows. ``GET /_seen`` tells what arrived.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any, Protocol
from urllib.parse import parse_qs

Limit = tuple[int, float]
TOKEN_PATH = "/oAuth/rest/v2/Token"
ACCOUNTS_PATH = "/Endpoint/rest/api/v1/Accounts"
PAGE = 1000
"""Accounts on a page of Agile.Now's list, at the most."""


class Windows(Protocol):
    """A way to count requests against limits."""

    def admit(self, now: float) -> bool:
        """Count a request at this second, unless a limit forbids it."""


class Sliding:
    """At most so many requests in any window of a limit's length."""

    def __init__(self, limits: list[Limit]) -> None:
        self._admitted = [(limit, seconds, deque[float]()) for limit, seconds in limits]

    def admit(self, now: float) -> bool:
        """Count a request, unless a window that ends now is full."""
        for _, seconds, times in self._admitted:
            while times and times[0] <= now - seconds:
                times.popleft()
        if any(len(times) >= limit for limit, _, times in self._admitted):
            return False
        for _, _, times in self._admitted:
            times.append(now)
        return True


class Fixed:
    """At most so many requests in each window; the windows follow one another by the clock."""

    def __init__(self, limits: list[Limit]) -> None:
        self._limits = limits
        self._counted: Counter[tuple[float, int]] = Counter()

    def admit(self, now: float) -> bool:
        """Count a request, unless the window that it falls into is full."""
        windows = [(limit, (seconds, int(now // seconds))) for limit, seconds in self._limits]
        if any(self._counted[window] >= limit for limit, window in windows):
            return False
        self._counted.update(window for _, window in windows)
        return True


class StandIn:
    """An ASGI application."""

    def __init__(self, latency: float, windows: Windows, accounts: int = 0) -> None:
        self._latency = latency
        self._accounts = accounts
        self._windows = windows
        self._admitted: list[float] = []
        self._refused = 0

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[dict[str, Any]]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        """Answer one request."""
        now = time.time()
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        if scope["path"] == "/_seen":
            status, content = 200, json.dumps(self._seen()).encode()
        else:
            status, content = self._answer(scope, body, now)
            if self._latency:
                await asyncio.sleep(self._latency)
        headers = [(b"content-type", b"application/json")] if content else []
        if status == 429:
            headers.append((b"retry-after", b"1"))
        if status != 204:
            headers.append((b"content-length", str(len(content)).encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    def _seen(self) -> dict[str, Any]:
        times = self._admitted or [0.0]
        return {
            "admitted": len(self._admitted),
            "refused": self._refused,
            "seconds": times[-1] - times[0],
        }

    def _answer(self, scope: dict[str, Any], body: bytes, now: float) -> tuple[int, bytes]:
        if not self._windows.admit(now):
            self._refused += 1
            return 429, b""
        self._admitted.append(now)
        if scope["path"] == TOKEN_PATH:
            return 200, b'{"access_token": "bench-token", "token_type": "Bearer", "expires_in": 3599}'
        if scope["path"] == ACCOUNTS_PATH:
            return 200, accounts_page(
                int(parse_qs(scope["query_string"].decode())["CurrentPage"][0]), self._accounts
            )
        if scope["path"].startswith("/v1/hood/profiles"):
            return (204, b"") if scope["method"] == "PATCH" and json.loads(body) else (400, b"{}")
        return _sonoran(scope["path"], json.loads(body))


@cache
def accounts_page(page: int, number: int) -> bytes:
    """Return a page of Agile.Now's accounts, of so many in all."""
    rows = [account(at) for at in range(page * PAGE, min(number, (page + 1) * PAGE))]
    return json.dumps({"Meta": {"TotalItems": number, "CurrentPage": page}, "Data": rows}).encode()


def account(at: int) -> dict[str, Any]:
    """Make a sample account."""
    return {
        "Id": str(17430755068736000000 + at),
        "FirstName": "Person",
        "LastName": f"Number {at}",
        "Email": f"person-{at}@example.com",
        "Phone": f"+49 658 {at:08}",
        "Is_Active": True,
    }


def _sonoran(path: str, body: dict[str, Any]) -> tuple[int, bytes]:
    if path == "/general/get_profile_fields":
        return 200, json.dumps([{"id": "email"}, {"id": "full_name"}]).encode()
    if path != "/general/edit_acc_profile_fields":
        return 200, b"Backend Service Reached"
    kept = [field for account in body["data"] for field in account["profileFields"]]
    return 200, json.dumps(kept).encode()


def main() -> None:
    """Serve until the process is ended."""
    import uvicorn

    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--limit", type=json.loads, action="append", default=[])
    parser.add_argument("--fixed", action="store_true")
    parser.add_argument("--accounts", type=int, default=0)
    given = parser.parse_args()
    windows = (Fixed if given.fixed else Sliding)(given.limit)
    app: Any = StandIn(given.latency, windows, given.accounts)
    uvicorn.run(app, port=given.port, http="httptools", lifespan="off", access_log=False, log_level="warning")


if __name__ == "__main__":
    main()
