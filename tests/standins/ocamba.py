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
    """Profiles by id. ``unknown_status``: the page does not say how an unknown id is answered.

    ``silent``: a profile that is made is answered without a body, as in an older generation of the page.
    """

    unknown_status = 400
    silent = False

    def is_write(self, request: Seen) -> bool:
        """Whether it updates a profile."""
        return request.method == "PATCH" and request.path.startswith(PATH)

    def is_create(self, request: Seen) -> bool:
        """Whether it makes a profile."""
        return request.method == "POST" and f"{request.path}/" == PATH

    @property
    def made(self) -> list[str]:
        """The ids of the profiles that were made here."""
        return [key for key in self.profiles if key.startswith("1900")]

    def keys_of(self, request: Seen) -> list[str]:
        """The id in the path."""
        return [unquote(request.path.removeprefix(PATH))]

    def answer(self, request: Seen) -> Reply:
        """Update a profile: 204 and nothing else."""
        if request.headers.get("authorization") != f"Bearer {self.secret}":
            return _error(401, "Unauthorized.", "Unauthorized.")
        if request.method == "GET" and f"{request.path}/" == PATH:
            return self._list(request)
        if request.method == "GET" and request.path.startswith(PATH):
            return self._one(self.keys_of(request)[0])
        if self.is_create(request):
            return self._create(request.json)
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

    def _create(self, body: Any) -> Reply:
        """Make a profile, whoever else has these values: the page does not say that they are unique."""
        if not isinstance(body, dict) or not (body.get("email") or body.get("mobile_phone_number")):
            return _error(400, "Bad request.", "The request is not valid.")
        if not all(name in SHAPES and isinstance(value, SHAPES[name]) for name, value in body.items()):
            return _error(400, "Bad request.", "The request is not valid.")
        key = str(19000000000000000000 + len(self.profiles))
        self.profiles[key] = dict(body)
        return Reply(201) if self.silent else Reply(201, self._item(key))

    def _one(self, key: str) -> Reply:
        """As the sibling pages show one thing: a list of one."""
        if key not in self.profiles:
            return _error(self.unknown_status, "Bad request.", "Unknown profile id.")
        return Reply(200, {"total": 1, "items": [self._item(key)]})

    def _list(self, request: Seen) -> Reply:
        """By the general grammar: page=N,M, sort by id, equal values of fields."""
        number, _, length = request.query.get("page", "1").partition(",")
        wanted = {name: value for name, value in request.query.items() if name in {"id", *SHAPES}}
        items = [self._item(key) for key in self.profiles]
        items = [item for item in items if all(str(item.get(n)) == v for n, v in wanted.items())]
        if request.query.get("sort") == "id":
            items.sort(key=lambda item: int(item["id"]))
        size = int(length or 20)
        start = (int(number) - 1) * size
        return Reply(200, {"total": str(len(items)), "items": items[start : start + size]})

    def _item(self, key: str) -> dict[str, Any]:
        return {"id": key, "company_id": "7", "status": "1", **self.profiles[key]}

    def probe(self, request: Seen) -> Reply | None:
        """The check of a token, which newer pages offer."""
        if (request.method, request.path) != ("POST", "/v2/ocamba/personal-api-keys/validate"):
            return None
        good = request.headers.get("authorization") == f"Bearer {self.secret}"
        return Reply(204) if good else _error(401, "Unauthorized.", "Unauthorized.")


def _error(code: int, title: str, message: str) -> Reply:
    body: dict[str, Any] = {"code": code, "title": title, "message": message}
    return Reply(code, {**body, "trace_id": secrets.token_hex(16)})
