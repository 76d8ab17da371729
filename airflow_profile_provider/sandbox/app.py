"""The ASGI application: finds a request's vendor, applies faults, lets the vendor answer, keeps the log."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from airflow_profile_provider.sandbox.agilenow.api import AgileNow
from airflow_profile_provider.sandbox.clock import Clock
from airflow_profile_provider.sandbox.communifire import Communifire
from airflow_profile_provider.sandbox.control import Control
from airflow_profile_provider.sandbox.faults import LOGIN_PAGE, LOGIN_PATH, Fault, Faults
from airflow_profile_provider.sandbox.lightfield.api import Lightfield
from airflow_profile_provider.sandbox.ocamba.api import Ocamba
from airflow_profile_provider.sandbox.sonoran.v1 import Sonoran
from airflow_profile_provider.sandbox.vendor import Vendor
from airflow_profile_provider.sandbox.wire import Reply, Request, text_reply

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

VENDORS: tuple[type[Vendor], ...] = (Sonoran, Communifire, AgileNow, Lightfield, Ocamba)


class App:
    """The five vendors and the control endpoints on one port."""

    def __init__(
        self,
        *,
        profiles: int = 100,
        seed: int = 1,
        quota: bool = True,
        harsh: bool = False,
        clock: Clock | None = None,
    ) -> None:
        self._start: dict[str, Any] = {"profiles": profiles, "seed": seed, "quota": quota, "harsh": harsh}
        self.clock = clock or Clock()
        self.faults = Faults()
        self.vendors: dict[str, Vendor] = {}
        self.reset()
        self._control = Control(self)

    def reset(self) -> None:
        """Back to the seeded state: profiles, settings, quotas, logs, faults, clock."""
        self.clock.restart()
        self.faults.all.clear()
        self.vendors.clear()
        self.vendors.update({each.name: each(self.clock, **self._start) for each in VENDORS})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        request = Request(
            scope["method"],
            scope["raw_path"].decode("latin-1"),
            scope["query_string"].decode("latin-1"),
            {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
            bytes(body),
            self.clock.now(),
        )
        exchange = _Exchange(scope, receive, send)
        vendor = next((each for each in self.vendors.values() if each.owns(request.segments)), None)
        if vendor:
            await self._answer(vendor, request, exchange)
        elif request.raw_path == LOGIN_PATH:
            await exchange.reply(text_reply(200, LOGIN_PAGE, "text/html; charset=utf-8"))
        else:
            await exchange.reply(self._control.answer(request))

    async def _answer(self, vendor: Vendor, request: Request, exchange: _Exchange) -> None:
        vendor.log.arrive(request.at)
        vendor.in_flight += 1
        try:
            named = vendor.addressed(request)
            request.key = named[0] if named else None
            fault = self.faults.strike(vendor.name, request, named)
            await self._strike(vendor, request, exchange, fault)
        finally:
            vendor.in_flight -= 1

    async def _strike(
        self, vendor: Vendor, request: Request, exchange: _Exchange, fault: Fault | None
    ) -> None:
        if fault and fault.when == "before":
            await asyncio.sleep(fault.delay)
        if fault and fault.kind == "reset":
            vendor.log.leave(request, None, "reset")
            return await exchange.reset()
        reply = await _outcome(vendor, request, fault)
        if fault and fault.when == "after":
            await asyncio.sleep(fault.delay)
        reply = vendor.leave(request, reply)
        if fault and fault.kind == "lost":
            vendor.log.leave(request, None, "lost")
            return await exchange.close()
        if fault and fault.kind == "truncate":
            vendor.log.leave(request, None, "truncate")
            return await exchange.truncate(reply)
        instead = fault.reply() if fault else None
        reply = instead or reply
        vendor.log.leave(request, reply.status, fault.kind if fault else None)
        return await exchange.reply(reply)


async def _outcome(vendor: Vendor, request: Request, fault: Fault | None) -> Reply:
    """What the vendor makes of a request; under a fault that does not commit, nothing."""
    if fault and fault.kind == "expire_token" and not vendor.expire_credentials():
        return vendor.credential_refused(request)
    if fault and not fault.commits and fault.kind != "expire_token":
        return Reply(500)
    refused = vendor.admit(request)
    if refused:
        return refused
    if vendor.settings["latency"]:
        await asyncio.sleep(vendor.settings["latency"])
    return vendor.answer(request)


class _Exchange:
    """One answer on its way out, whole or not."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._transport: asyncio.Transport = scope["state"]["transport"]
        self._receive, self._send = receive, send

    async def reply(self, reply: Reply) -> None:
        """Send an answer."""
        await self._begin(reply)
        await self._send({"type": "http.response.body", "body": reply.body})

    async def truncate(self, reply: Reply) -> None:
        """Send half of the body under its full length, then close."""
        await self._begin(reply)
        half = reply.body[: len(reply.body) // 2]
        await self._send({"type": "http.response.body", "body": half, "more_body": True})
        await self.close()

    async def close(self) -> None:
        """Close the connection in an orderly way, without an answer."""
        self._transport.close()
        await self._gone()

    async def reset(self) -> None:
        """Close the connection with a TCP reset."""
        own = self._transport.get_extra_info("socket")
        with socket.socket(fileno=os.dup(own.fileno())) as twin:
            twin.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()
        await self._gone()

    async def _begin(self, reply: Reply) -> None:
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers.items()]
        if reply.status != 204:
            headers.append((b"content-length", str(len(reply.body)).encode()))
        await self._send({"type": "http.response.start", "status": reply.status, "headers": headers})

    async def _gone(self) -> None:
        """Wait until the server has noticed, or it would report an application without an answer."""
        while (await self._receive())["type"] != "http.disconnect":
            pass
