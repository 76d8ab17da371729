"""Runs the sandbox: in the foreground for the command line, or in a background thread for tests."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote

import uvicorn
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from airflow_profile_provider.sandbox.app import App
from airflow_profile_provider.sandbox.connections import connections


def _connection_made(self: Any, transport: asyncio.BaseTransport) -> None:
    """Hand the transport to the application, in a copy of the state that each request's scope carries."""
    AutoHTTPProtocol.connection_made(self, transport)
    self.app_state = {**self.app_state, "transport": transport}


_Protocol = type("_Protocol", (AutoHTTPProtocol,), {"connection_made": _connection_made})


def make_server(app: App) -> uvicorn.Server:
    """A uvicorn server whose application can close and reset connections."""
    config = uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
    )
    return uvicorn.Server(config)


def bind(host: str, port: int) -> socket.socket:
    """Listen on a host and port; port 0 takes a free one."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((host, port))
    listening.listen(2048)
    return listening


class Refused(Exception):
    """The sandbox refused a control request; its reason is the message."""


class Sandbox:
    """A running sandbox, inspected and steered over HTTP like any other one.

    The same object works for a sandbox of another process: ``Sandbox("127.0.0.1", 8765)``.
    """

    def __init__(self, host: str, port: int, server: uvicorn.Server | None = None) -> None:
        self.host, self.port = host, port
        self._server = server

    @property
    def url(self) -> str:
        """The address, e.g. ``http://127.0.0.1:8765``."""
        return f"http://{self.host}:{self.port}"

    def connections(self) -> dict[str, dict[str, Any]]:
        """The five default connections that point here, as Airflow's connection JSON."""
        return connections(self.port, self.host)

    def stop(self) -> None:
        """Stop serving; open connections are closed."""
        if self._server:
            self._server.should_exit = True

    def profiles(self, vendor: str) -> dict[str, dict[str, Any]]:
        """All profiles of a vendor: {key: fields}."""
        return self._dict("GET", f"{vendor}/profiles")

    def profile(self, vendor: str, key: str) -> dict[str, Any]:
        """The fields of one profile; raises Refused where there is none."""
        return self._dict("GET", f"{vendor}/profiles/{quote(key, safe='')}")

    def load(self, vendor: str, profiles: Mapping[str, Any], **more: Any) -> None:
        """Replace a vendor's profiles (``replace=False``: add to them); ``more``: see ``control``."""
        self.control("PUT", f"{vendor}/profiles", {"profiles": dict(profiles), **more})

    def edit(self, vendor: str, profiles: Mapping[str, Any]) -> None:
        """Edit profiles by hand: {key: {field: value}}; their other fields stay."""
        self.control("PUT", f"{vendor}/profiles", {"profiles": dict(profiles), "edit": True})

    def trash(self, vendor: str, *keys: str) -> None:
        """Delete profiles by hand."""
        self.control("POST", f"{vendor}/trash", {"keys": list(keys)})

    def merge(self, vendor: str, key: str, into: str) -> None:
        """Merge a profile into another by hand."""
        self.control("POST", f"{vendor}/merge", {"from": key, "into": into})

    def keys(self, vendor: str) -> dict[str, dict[str, Any]]:
        """The identifiers of each profile: {key: {kind: value}}."""
        return self._dict("GET", f"{vendor}/keys")

    def relationships(self, vendor: str) -> dict[str, dict[str, list[str]]]:
        """The links of each profile: {key: {relationship: [ids]}}."""
        return self._dict("GET", f"{vendor}/relationships")

    def requests(self, vendor: str, last: int | None = None) -> dict[str, Any]:
        """Totals and the log: total, by_status, writes, created, max {"1s", "60s"}, max_by_bucket, log."""
        return self._dict("GET", f"{vendor}/requests" + ("" if last is None else f"?last={last}"))

    def forget_requests(self, vendor: str) -> None:
        """Empty a vendor's log and totals."""
        self.control("DELETE", f"{vendor}/requests")

    def faults(self, vendor: str | None = None, kind: str = "status", **match: Any) -> None:
        """Add a fault; see ``airflow_profile_provider.sandbox.faults``."""
        self.control("POST", "faults", {"vendor": vendor, "kind": kind, **match})

    def show_faults(self) -> list[dict[str, Any]]:
        """The faults set at present, each with how often it matched and struck."""
        return list(self.control("GET", "faults"))

    def clear_faults(self) -> None:
        """Remove all faults."""
        self.control("DELETE", "faults")

    def settings(self, vendor: str | None = None, **changes: Any) -> dict[str, Any]:
        """Change settings of a vendor (None: of all) and return them; without changes only return them."""
        if vendor is None:
            return self._dict("POST", "settings", changes)
        return self._dict("POST" if changes else "GET", f"{vendor}/settings", changes or None)

    def reset(self) -> None:
        """Back to the seeded state: profiles, settings, quotas, logs, faults, clock."""
        self.control("POST", "reset")

    def advance(self, seconds: float) -> None:
        """Move the sandbox's clock forward."""
        self.control("POST", "clock", {"advance": seconds})

    def freeze(self, frozen: bool = True) -> None:
        """Stop the sandbox's clock, or let it run on."""
        self.control("POST", "clock", {"freeze": frozen})

    def control(self, method: str, path: str, document: Any = None) -> Any:
        """Send a control request to ``/_sandbox/<path>`` and return its JSON; raises Refused."""
        connection = HTTPConnection(self.host, self.port, timeout=30)
        try:
            body = None if document is None else json.dumps(document)
            connection.request(method, f"/_sandbox/{path}", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            got = json.loads(answer.read())
        finally:
            connection.close()
        if answer.status != 200:
            raise Refused(got["error"])
        return got

    def _dict(self, method: str, path: str, document: Any = None) -> dict[str, Any]:
        return dict(self.control(method, path, document))


@contextmanager
def serve(
    port: int = 0,
    *,
    host: str = "127.0.0.1",
    profiles: int = 100,
    seed: int = 1,
    quota: bool = True,
    harsh: bool = False,
) -> Iterator[Sandbox]:
    """Serve in a background thread, on a free port unless one is given, until the block ends."""
    server = make_server(App(profiles=profiles, seed=seed, quota=quota, harsh=harsh))
    listening = bind(host, port)
    thread = threading.Thread(target=server.run, args=([listening],), name="sandbox", daemon=True)
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("the sandbox did not start")
        time.sleep(0.005)
    sandbox = Sandbox(host, listening.getsockname()[1], server)
    try:
        yield sandbox
    finally:
        sandbox.stop()
        thread.join(10)
        listening.close()
