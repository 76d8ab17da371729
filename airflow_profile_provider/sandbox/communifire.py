"""Axero Communifire: users whose profile fields go by the labels that the site shows.

https://my.axerosolutions.com/ (REST API: Update User Profile Fields). Labels are case-sensitive. Identifier
and fields share one flat object. An error is HTTP 200 with ``IsError: true``. ``AddUser`` says what happens
to a user who is not there; left out, a new one is made.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from airflow_profile_provider.sandbox import seed
from airflow_profile_provider.sandbox.connections import COMMUNIFIRE_KEY
from airflow_profile_provider.sandbox.state import Profile
from airflow_profile_provider.sandbox.vendor import Vendor
from airflow_profile_provider.sandbox.wire import Reply, Request, Route, json_reply

LABELS = (
    "First name",
    "Last name",
    "Company",
    "Department",
    "Job title",
    "Phone",
    "Mobile",
    "City",
    "State",
    "Country",
    "About me",
    "Reports to",
    "Time zone",
    "Share my profile",
)
_ATTRIBUTES = {"FirstName": "First name", "LastName": "Last name"}
NAMED = {
    *("UserID", "Email", "Username", "FirstName", "LastName"),
    *("Company", "Department", "Phone", "City", "State"),
}


class Communifire(Vendor):
    """One site and its users."""

    name = "communifire"
    identifiers = ("UserID", "Email", "Username")
    forms: ClassVar[Mapping[str, str]] = {"Email": "email", "Phone": "phone", "Mobile": "phone"}
    defaults: ClassVar[Mapping[str, Any]] = {"password": COMMUNIFIRE_KEY, "security_level": 1}

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.labels = set(LABELS)
        self._next = 1
        super().__init__(*arguments, **options)

    def owns(self, segments: tuple[str, ...]) -> bool:
        """``/api/…``."""
        return segments[0] == "api"

    def routing(self) -> list[Route]:
        """The update, and the reads beside it."""
        return [
            Route("POST", "/api/users/fields", self._update),
            Route("GET", "/api/users/me", self._me),
            Route("GET", "/api/users", self._users),
            Route("GET", "/api/users/{id}/details", self._details),
            Route("GET", "/api/content/{id}", self._content),
            Route("GET", "/api/spaces", lambda _: _envelope([])),
        ]

    def seed_profiles(self, count: int) -> None:
        """Users with ids that count up."""
        for person in seed.people(self.random, count):
            fields = {
                "Email": person.email,
                "Username": person.username,
                "First name": person.first,
                "Last name": person.last,
                "Company": seed.company(self.random),
                "Phone": person.phone,
                "Share my profile": "true",
            }
            self._add(fields)

    def declare(self, definitions: Mapping[str, Any]) -> None:
        """Labels: {label: anything}."""
        self.labels.update(definitions)

    def take_in(self, profile: Profile) -> None:
        """Add a user; the labels used are declared with it."""
        for kind in ("Email", "Username"):
            if kind in profile.identifiers:
                profile.fields[kind] = profile.identifiers.pop(kind)
        self.labels.update(name for name in profile.fields if name not in self.identifiers)
        if profile.key.isdecimal():
            self._next = max(self._next, int(profile.key) + 1)
        self.profiles.put(profile)

    # -- arrival -------------------------------------------------------------------------------------------

    def addressed(self, request: Request) -> list[str]:
        """The identifiers in the body or in the path."""
        if request.method == "POST":
            body = self._body(request)
            return (
                [str(body[kind]) for kind in self.identifiers if body.get(kind)]
                if isinstance(body, dict)
                else []
            )
        return [segment for segment in request.segments[2:3] if segment not in {"me", "fields"}]

    def admit(self, request: Request) -> Reply | None:
        """A bearer token always; a key in the header or in the address below security level 2."""
        key = request.headers.get("rest-api-key") or request.query.get("token")
        legacy = key is not None and self.settings["security_level"] < 2
        if (key if legacy else request.bearer) != self.settings["password"]:
            return self.credential_refused(request)
        return None

    def credential_refused(self, request: Request) -> Reply:
        """401."""
        return json_reply(401, _error("Unauthorized"))

    def answer(self, request: Request) -> Reply:
        """Carry the request out."""
        route = self.routes.find(request)
        if route is None:
            return json_reply(
                404, {"Message": f"No HTTP resource was found that matches {request.raw_path}."}
            )
        return route.rule(request)

    # -- the update ----------------------------------------------------------------------------------------

    def _update(self, request: Request) -> Reply:
        if not request.says_json:
            return json_reply(415, {"Message": "The request entity's media type is not supported."})
        body, mode = self._body(request), request.query.get("AddUser", "").strip().lower()
        if not isinstance(body, dict) or mode not in {"", "true", "false"}:
            return _failure("Invalid JSON data.")
        named = next((kind for kind in self.identifiers if body.get(kind) not in (None, "")), None)
        if named is None:
            return _failure("UserID, Email or Username is required.")
        fields = {label: value for label, value in body.items() if label != named}
        refused = self._refusal(fields)
        if refused:
            return _failure(refused)
        user = self._find(named, body[named])
        return self._set(user, fields) if user and mode != "true" else self._add_user(body, user, mode)

    def _body(self, request: Request) -> Any:
        """The body, whether it is JSON or a text that holds JSON, its identifiers spelt as the page does."""
        body = request.json_or_none
        if isinstance(body, str) and self.settings["text_body"] == "accept":
            try:
                body = json.loads(body)
            except ValueError:
                return None
        if not isinstance(body, dict) or self.settings["identifier_spelling"] == "exact":
            return body
        spelt = {_letters(kind): kind for kind in self.identifiers}
        return {
            name if name in self.labels else spelt.get(_letters(name), name): value
            for name, value in body.items()
        }

    def _add_user(self, body: Mapping[str, Any], user: Profile | None, mode: str) -> Reply:
        if mode == "false":
            return _failure("User not found.")
        if user and self.settings["add_existing"] == "error":
            return _failure("A user with this email or username already exists.")
        made = body.get("UserID") and self.settings["add_by_id"] == "make"
        if not (body.get("Email") or body.get("Username") or made):
            return _failure("Email or Username is required to add a user.")
        known = self.kept({name: self._text(value) for name, value in body.items() if self._known(name)})
        added = self._add({name: value for name, value in known.items() if value != ""})
        self.commit(created=True)
        return _envelope(int(added.key))

    def _set(self, user: Profile, fields: Mapping[str, Any]) -> Reply:
        changes = {name: self._text(value) for name, value in fields.items() if self._known(name)}
        if self.settings["second_identifier"] == "ignore":
            changes = {name: value for name, value in changes.items() if name not in self.identifiers}
        changes.pop("UserID", None)
        changes = self.kept(changes)
        empty = [name for name, value in changes.items() if value == ""]
        self.profiles.change(
            user, {name: value for name, value in changes.items() if value != ""}, self.clock.now()
        )
        if self.settings["empty_value"] == "clear":
            self.profiles.unset(user, empty)
        self.commit()
        return _envelope(int(user.key) if user.key.isdecimal() else user.key)

    def _refusal(self, fields: Mapping[str, Any]) -> str | None:
        if self.settings["unknown_label"] == "error":
            unknown = next((name for name in fields if not self._known(name)), None)
            if unknown is not None:
                return f"Profile field '{unknown}' does not exist."
        if self.settings["native_values"] == "error":
            native = next((name for name, value in fields.items() if not isinstance(value, str)), None)
            if native is not None:
                return f"The value of '{native}' must be a string."
        return None

    def _known(self, name: str) -> bool:
        return name in self.labels or name in self.identifiers

    @staticmethod
    def _text(value: Any) -> str:
        """A value as the site keeps it: text."""
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, list):
            return ",".join(str(each) for each in value)
        return "" if value is None else str(value)

    def _find(self, kind: str, value: Any) -> Profile | None:
        if kind == "UserID":
            return self.profiles.get(str(value))
        if self.settings["same_person"] == "ignore_case":
            wanted = str(value).strip().casefold()
            return next(
                (
                    user
                    for user in self.profiles
                    if str(user.fields.get(kind, "")).strip().casefold() == wanted
                ),
                None,
            )
        return next(iter(self.profiles.find(kind, value)), None)

    def _add(self, fields: dict[str, Any]) -> Profile:
        at = self.clock.now()
        fields.pop("UserID", None)
        user = Profile(str(self._next), fields, created=at, updated=at)
        self._next += 1
        return self.profiles.put(user)

    # -- reads ---------------------------------------------------------------------------------------------

    def _me(self, _: Request) -> Reply:
        me = {
            "UserID": 999999,
            "Username": "integration",
            "Email": "integration@example.com",
            "AvatarImageURL": "",
        }
        return json_reply(200, me)

    def _users(self, request: Request) -> Reply:
        asked = {name.lower(): value for name, value in request.query.items()}
        users = list(self.profiles)
        if asked.get("username"):
            users = [user for user in users if asked["username"] in user.fields.get("Username", "")]
        try:
            page, length = max(1, int(asked.get("startpage", 1))), max(1, int(asked.get("pagelength", 15)))
        except ValueError:
            return _failure("Invalid page.")
        return _envelope([self._listed(user) for user in self.page_of(users, (page - 1) * length, length)])

    def _details(self, request: Request) -> Reply:
        user = self.profiles.get(request.segments[2])
        return _failure("User not found.") if user is None else _envelope(self._user(user))

    def _content(self, request: Request) -> Reply:
        if request.query.get("contenttypeid") != "15":
            return _failure("Content not found.")
        user = self.profiles.get(request.segments[2])
        if user is None:
            return _failure("User not found.")
        asked = [name for name in request.query.get("fields", "").split(",") if name]
        attributes = self._user(user)
        if self.settings["read_labels"] == "ignore":
            attributes = {name: value for name, value in attributes.items() if name in NAMED}
        known = {name for name in asked if name in NAMED or name in attributes}
        return _envelope({name: attributes.get(name) for name in known} if asked else attributes)

    def _listed(self, user: Profile) -> dict[str, Any]:
        shown = self._user(user)
        if self.settings["list_shows"] == "identifiers":
            return {name: shown.get(name) for name in self.identifiers}
        return {name: value for name, value in shown.items() if name in NAMED}

    def _user(self, user: Profile) -> dict[str, Any]:
        """A user's fixed attributes and, by their labels, the fields."""
        attributes = {name: user.fields.get(label) for name, label in _ATTRIBUTES.items()}
        number = int(user.key) if user.key.isdecimal() else user.key
        return {"UserID": number, **attributes, **user.fields}


def _letters(label: str) -> str:
    return "".join(letter for letter in label.casefold() if letter.isalnum())


def _envelope(content: Any) -> Reply:
    return json_reply(200, {"IsError": False, "ResponseMessage": "", "ResponseData": content})


def _error(message: str) -> dict[str, Any]:
    return {"IsError": True, "ResponseMessage": message, "ResponseData": None}


def _failure(message: str) -> Reply:
    return json_reply(200, _error(message))
