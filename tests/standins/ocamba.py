"""Ocamba Hood, from its page "Update profile" alone."""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import unquote

from .server import Reply, Seen, StandIn

PATH = "/v1/hood/profiles/"
SHAPES: dict[str, type] = {
    "email": str,
    "mobile_phone_number": str,
    "full_name": str,
    "organization_id": str,
    "lists": list,
    "comment": str,
    "custom_properties": dict,
}


class Ocamba(StandIn):
    """Profiles by id. ``unknown_status``: the page does not say how an unknown id is answered."""

    unknown_status = 400

    def is_write(self, request: Seen) -> bool:
        """Whether it updates a profile."""
        return request.method == "PATCH" and request.path.startswith(PATH)

    def keys_of(self, request: Seen) -> list[str]:
        """The id in the path."""
        return [unquote(request.path.removeprefix(PATH))]

    def answer(self, request: Seen) -> Reply:
        """Update a profile: 204 and nothing else."""
        if request.headers.get("authorization") != f"Bearer {self.secret}":
            return _error(401, "Unauthorized.", "Unauthorized.")
        if not self.is_write(request):
            return _error(404, "Not found.", "The route does not exist.")
        key = self.keys_of(request)[0]
        if key not in self.profiles:
            return _error(self.unknown_status, "Bad request.", "Unknown profile id.")
        body = request.json
        if not isinstance(body, dict) or not body:
            return _error(400, "Bad request.", "The request is not valid.")
        if not all(name in SHAPES and isinstance(value, SHAPES[name]) for name, value in body.items()):
            return _error(400, "Bad request.", "The request is not valid.")
        self.profiles[key].update(body)
        return Reply(204)

    def probe(self, request: Seen) -> Reply | None:
        """The check of a token, which newer pages offer."""
        if (request.method, request.path) != ("POST", "/v2/ocamba/personal-api-keys/validate"):
            return None
        good = request.headers.get("authorization") == f"Bearer {self.secret}"
        return Reply(204) if good else _error(401, "Unauthorized.", "Unauthorized.")


def _error(code: int, title: str, message: str) -> Reply:
    body: dict[str, Any] = {"code": code, "title": title, "message": message}
    return Reply(code, {**body, "trace_id": secrets.token_hex(16)})
