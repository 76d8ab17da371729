"""Axero Communifire, from its page "REST API: Update User Profile Fields" alone."""

from __future__ import annotations

import json
from typing import Any

from .server import Reply, Seen, StandIn

PATH = "/api/users/fields"
IDENTIFIERS = ("UserID", "Email", "Username")
ATTRIBUTES = (
    *("UserID", "Email", "Username", "FirstName", "LastName"),
    *("Company", "Department", "Phone", "City", "State"),
)


class Communifire(StandIn):
    """Users by UserID; Email and Username are fields among the others, as the page's body has them.

    ``unknown_is``: a user that does not exist is answered with an "error", or with user "zero" and no error.
    """

    unknown_is = "error"
    bearer = False

    def is_write(self, request: Seen) -> bool:
        """Whether it is the page's one endpoint."""
        return request.path == PATH

    def is_create(self, request: Seen) -> bool:
        """Whether it would add a user: AddUser allows it, and there is none."""
        given = [name for name in IDENTIFIERS if self.is_write(request) and name in request.json]
        known = given and self._find(given[0], request.json[given[0]]) is not None
        return bool(given) and not known and request.query.get("AddUser", "") != "false"

    def keys_of(self, request: Seen) -> list[str]:
        """The identifiers in the body."""
        return [str(request.json[name]) for name in IDENTIFIERS if name in request.json]

    @property
    def made(self) -> list[str]:
        """UserIDs that were added here."""
        return self._made

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._made: list[str] = []

    def answer(self, request: Seen) -> Reply:
        """Update a user, or add one where AddUser says so."""
        if request.method == "GET" and self._authentic(request):
            return self._read(request)
        if request.path != PATH or request.method != "POST":
            return Reply(404, {"Message": "No HTTP resource was found that matches the request URI."})
        if not self._authentic(request):
            return Reply(401, _envelope("Authorization has been denied for this request."))
        if request.headers.get("content-type", "").split(";")[0] != "application/json":
            return Reply(415, _envelope("The content type must be application/json."))
        body = request.json
        if isinstance(body, str):  # "Stringify your JSON" can be read so, too
            body = json.loads(body)
        if not isinstance(body, dict) or not all(isinstance(value, str) for value in body.values()):
            return Reply(200, _envelope("The user JSON is not in the documented format."))
        return self._apply(body, request.query.get("AddUser", ""))

    def _read(self, request: Seen) -> Reply:
        """As the vendor's mobile app reads users: attributes of one, pages of all, a search by user name."""
        if request.path == "/api/users":
            rows = [self._user(key) for key in self.profiles]
            wanted = request.query.get("username", "")
            rows = [row for row in rows if wanted in str(row.get("Username") or "")]
            length = int(request.query.get("pagelength", 15))
            start = (int(request.query.get("startpage", 1)) - 1) * length
            return Reply(200, {"ResponseData": rows[start : start + length]})
        key = request.path.removeprefix("/api/content/")
        if key == request.path or request.query.get("contenttypeid") != "15":
            return Reply(404, {"Message": "No HTTP resource was found that matches the request URI."})
        if key not in self.profiles:
            return Reply(200, _envelope("User not found."))
        asked = [name for name in request.query.get("fields", "").split(",") if name in ATTRIBUTES]
        user = self._user(key)
        return Reply(200, {**_envelope(""), "ResponseData": {name: user.get(name) for name in asked}})

    def _user(self, key: str) -> dict[str, Any]:
        own = {label.replace(" ", "").lower(): value for label, value in self.profiles[key].items()}
        return {"UserID": int(key), **{name: own.get(name.lower()) for name in ATTRIBUTES[1:]}}

    def probe(self, request: Seen) -> Reply | None:
        """The caller, who newer pages name for trying a key."""
        if request.path != "/api/users/me":
            return None
        return Reply(200, {"UserID": 1}) if self._authentic(request) else Reply(401, _envelope("Denied."))

    def _authentic(self, request: Seen) -> bool:
        if self.bearer:
            return request.headers.get("authorization") == f"Bearer {self.secret}"
        return self.secret in {request.headers.get("rest-api-key"), request.query.get("token")}

    def _apply(self, body: dict[str, str], add: str) -> Reply:
        given = [name for name in IDENTIFIERS if name in body]
        if not given:
            return Reply(200, _envelope("UserID, Email or Username is required."))
        user = self._find(given[0], body[given[0]])
        if add == "true" and user is not None:
            return Reply(200, _envelope("A user with this e-mail address exists already."))
        if user is None and add == "false":
            unknown = _envelope("User not found.") if self.unknown_is == "error" else _envelope("", 0)
            return Reply(200, unknown)
        if user is None:
            user = str(max([1000, *(int(key) for key in self.profiles)]) + 1)
            self.profiles[user] = {given[0]: body[given[0]]}
            self._made.append(user)
        self.profiles[user].update((label, value) for label, value in body.items() if label != given[0])
        return Reply(200, _envelope("", int(user)))

    def _find(self, name: str, value: str) -> str | None:
        if name == "UserID":
            return value if value in self.profiles else None
        return next((key for key, fields in self.profiles.items() if fields.get(name) == value), None)


def _envelope(message: str, user: int | None = None) -> dict[str, Any]:
    return {"IsError": bool(message), "ResponseMessage": message, "ResponseData": user}
