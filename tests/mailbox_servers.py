"""Loopback servers that take messages: a mail server, and what Slack's API is to its client."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.header import decode_header, make_header
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl


@dataclass
class Mailbox:
    """The messages that came, oldest first: (subject, text)."""

    port: int = 0
    messages: list[tuple[str, str]] = field(default_factory=list)
    refuses: bool = False
    """Whether nothing is taken for now."""

    @property
    def subjects(self) -> list[str]:
        """What the messages are about."""
        return [subject for subject, _ in self.messages]


@contextmanager
def mail_server() -> Iterator[Mailbox]:
    """Serve SMTP as far as a client of Python's needs it."""
    box = Mailbox()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self._say("220 here")
            while line := self.rfile.readline().decode().strip():
                word = line.split()[0].upper()
                if word == "QUIT":
                    return self._say("221 bye")
                if word == "DATA":
                    self._say("354 go on")
                    self._take()
                elif word in {"MAIL", "RCPT"} and box.refuses:
                    self._say("554 not now")
                else:
                    self._say("250 ok")
            return None

        def _take(self) -> None:
            lines: list[bytes] = []
            while (line := self.rfile.readline()) not in {b".\r\n", b""}:
                lines.append(line)
            mail = message_from_bytes(b"".join(lines))
            parts = [part for part in mail.walk() if not part.is_multipart()]
            text = "".join((part.get_payload(decode=True) or b"").decode() for part in parts)  # type: ignore[union-attr]
            box.messages.append((str(make_header(decode_header(mail["subject"]))), text))
            self._say("250 taken")

        def _say(self, line: str) -> None:
            self.wfile.write(f"{line}\r\n".encode())

    with _served(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)) as port:
        box.port = port
        yield box


@contextmanager
def slack_server() -> Iterator[Mailbox]:
    """Serve the one method of Slack's API that sends."""
    box = Mailbox()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            is_json = "json" in self.headers["content-type"]
            given: dict[str, Any] = json.loads(body) if is_json else dict(parse_qsl(body))
            box.messages.append((str(given["text"]).partition("\n")[0], str(given["text"])))
            answer = json.dumps({"ok": True}).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with _served(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as port:
        box.port = port
        yield box


@contextmanager
def _served(server: socketserver.TCPServer) -> Iterator[int]:
    server.daemon_threads = True  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
