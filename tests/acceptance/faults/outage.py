"""A vendor that goes away in the middle of a push and, perhaps, returns on the same port."""

from __future__ import annotations

import threading
import time
from typing import Any, Self

import uvicorn

from airflow_profile_provider.sandbox import Sandbox
from airflow_profile_provider.sandbox.app import App
from airflow_profile_provider.sandbox.server import bind, make_server

HOST = "127.0.0.1"


class Outage:
    """Serves an application, and tears the server down instead of answering one of its requests.

    `begin_after` so many requests more. The server returns ``seconds`` later on the same port, with all
    that the vendor held; `come_back` brings it back where that is None.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._seconds: float | None = None
        self._left: int | None = None
        self._begins = threading.Event()
        self._port = 0
        self._server: uvicorn.Server | None = None
        self._serving: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.come_back()
        return self

    def __exit__(self, *_: object) -> None:
        self._go()

    @property
    def sandbox(self) -> Sandbox:
        """The way to look at the vendors, while they are there."""
        return Sandbox(HOST, self._port)

    def begin_after(self, requests: int, seconds: float | None) -> None:
        """Go away when so many requests have been answered, for so long."""
        self._left, self._seconds = requests, seconds
        threading.Thread(target=self._direct, daemon=True).start()

    def come_back(self) -> None:
        """Listen on the same port as before."""
        self._left = None
        listening = bind(HOST, self._port)
        self._port = listening.getsockname()[1]
        self._server = server = make_server(self)  # type: ignore[arg-type] -- any application will do
        self._serving = threading.Thread(target=server.run, args=([listening],), daemon=True)
        self._serving.start()
        while not server.started:
            time.sleep(0.005)

    def _direct(self) -> None:
        self._begins.wait()
        self._go()
        if self._seconds is not None:
            time.sleep(self._seconds)
            self.come_back()

    def _go(self) -> None:
        assert self._server and self._serving
        self._server.should_exit = True
        self._serving.join(20)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request, or go away."""
        if self._left is not None and not scope["path"].startswith("/_sandbox"):
            self._left -= 1
            if self._left < 0:
                self._begins.set()
                scope["state"]["transport"].abort()
                while (await receive())["type"] != "http.disconnect":
                    pass
                return
        await self._app(scope, receive, send)
