"""Agile.Now: accounts behind OAuth2 client credentials.

https://docs.agilenow.io/apidocs/ (Account, OAuth 2.0 client credentials flow)

A token lives about an hour. PUT updates one account, named by Id or, with the query parameter ``Name``, by
Username or ExternalId; an id may be written ``base64|…``. Errors are one record. The page does not say what
PUT does to fields that are left out.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from airflow_profile_provider.sandbox import seed
from airflow_profile_provider.sandbox.agilenow import account
from airflow_profile_provider.sandbox.agilenow import filters as agilenow_filters
from airflow_profile_provider.sandbox.agilenow import tokens as agilenow_tokens
from airflow_profile_provider.sandbox.connections import AGILENOW_ID, AGILENOW_SECRET
from airflow_profile_provider.sandbox.state import Profile
from airflow_profile_provider.sandbox.vendor import Vendor
from airflow_profile_provider.sandbox.wire import Reply, Request, Route, json_reply

_ROOT = "/Endpoint/rest/api/v1"
_TITLES = {400: "Bad Request", 401: "Unauthorized", 403: "Bad Request", 404: "Not Found"}
_TYPES = {
    400: "/Errors/Bad Input",
    401: "/Errors/Unauthorized",
    403: "/Errors/Permission",
    404: "/Errors/Not Found",
}
_NOT_READ = "The user has provided input that the browser is unable to convert."
_MULTIPLE = "There are multiple rows in the database for the same value"
_STRUCTURE = "The value does not match the specified entity structure"


class AgileNow(Vendor):
    """One server and the accounts that its tenant sees."""

    name = "agilenow"
    identifiers = ("Id", "Username", "ExternalId", "Email", "Phone", "Identifier")
    forms: ClassVar[Mapping[str, str]] = {"Email": "email", "Phone": "phone"}
    defaults: ClassVar[Mapping[str, Any]] = {
        "login": AGILENOW_ID,
        "password": AGILENOW_SECRET,
        "token_lifetime": 3599.0,
        "client_scopes": "*",
        "ignored_fields": [],
        "answers_as": "",
    }

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.tokens = agilenow_tokens.Tokens(self)
        super().__init__(*arguments, **options)

    def owns(self, segments: tuple[str, ...]) -> bool:
        """``/Endpoint/rest/…`` and ``/oAuth/rest/…``."""
        return segments[0] in {"Endpoint", "oAuth", "oauth"}

    def routing(self) -> list[Route]:
        """The token and the account's five verbs; the bucket names what scope each needs."""
        one = f"{_ROOT}/Account/{{Id}}"
        return [
            Route("POST", "/oAuth/rest/v2/Token", self.tokens.issue),
            Route("GET", one, self._one(self._show), "Read"),
            Route("PUT", one, self._one(self._update), "Update"),
            Route("DELETE", one, self._one(self._delete), "Delete"),
            Route("GET", f"{_ROOT}/Accounts", self._list, "Read"),
            Route("POST", f"{_ROOT}/Account", self._insert, "Create"),
            Route("PATCH", f"{_ROOT}/Account", self._upsert, "Create, Update"),
        ]

    def seed_profiles(self, count: int) -> None:
        """Accounts with every member set, so that one that is reset shows."""
        for person in seed.people(self.random, count):
            fields = {
                "Name": person.full,
                "FirstName": person.first,
                "LastName": person.last,
                "Phone": person.phone,
                "Email": person.email,
                "Identifier": f"ID-{person.number:06d}",
                "IdentifierVerified": True,
                "LanguageId": self.random.choice(account.LANGUAGES),
                "TimezoneId": "FLE Standard Time",
                "DateFormatId": "DD.MM.YYYY",
                "Username": person.username,
                "ExternalId": seed.uuid(self.random),
                "NotifyByEmail": True,
                "NotifyBySMS": False,
                "Is_Active": True,
            }
            at = self.clock.now()
            self.profiles.put(Profile(seed.uuid(self.random), fields, created=at, updated=at))

    def take_in(self, profile: Profile) -> None:
        """Add an account; members not given are empty."""
        given = {name: profile.identifiers.pop(name) for name in list(profile.identifiers)}
        profile.fields = {
            **{name: account.empty(name) for name in account.UPDATABLE},
            **given,
            **profile.fields,
        }
        profile.fields.pop("Id", None)
        self.profiles.put(profile)

    def identify(self, profile: Profile) -> dict[str, Any]:
        """The three that a request may name an account by."""
        return {"Id": profile.key, **{kind: profile.fields.get(kind) for kind in ("Username", "ExternalId")}}

    # -- arrival -------------------------------------------------------------------------------------------

    def addressed(self, request: Request) -> list[str]:
        """The id in the path, decoded if it was in base64, and as written."""
        written = request.segments[5:6]
        return list(dict.fromkeys((*map(_decoded, written), *written)))

    def admit(self, request: Request) -> Reply | None:
        """A live token, and where scopes are enforced the one that the operation names."""
        route = self.routes.find(request)
        if request.segments[0] != "Endpoint" or (route and not route.bucket):
            return None
        scopes = self.tokens.scopes_of(request.bearer)
        if scopes is None:
            return self.credential_refused(request)
        if route and self.settings["enforce_scopes"] and not _allowed(scopes, route.bucket):
            return self.error(request, 403, "The user does not have access to execute operation")
        return None

    def credential_refused(self, request: Request) -> Reply:
        """401 with the error record; 403 for the token request."""
        if request.segments[0] != "Endpoint":
            return self.tokens.refused(request)
        return self.error(request, 401, "The session Id or OAuth token used has expired or is invalid.")

    def expire_credentials(self) -> bool:
        """Void every token."""
        self.tokens.expire_all()
        return True

    def answer(self, request: Request) -> Reply:
        """Carry the request out."""
        route = self.routes.find(request)
        return (
            self.error(request, 404, "The resource was not found") if route is None else route.rule(request)
        )

    def error(self, request: Request, status: int, text: str, kind: str | None = None) -> Reply:
        """The error record."""
        document = {
            "Errors": [text],
            "Type": kind or _TYPES[status],
            "Title": _TITLES[status],
            "StatusCode": status,
            "Instance": request.raw_path,
            "RequestKey": self.trace_id(),
        }
        return json_reply(status, document)

    # -- one account ---------------------------------------------------------------------------------------

    def _one(self, rule: Callable[[Request, Profile], Reply]) -> Callable[[Request], Reply]:
        def answer(request: Request) -> Reply:
            kind = request.query.get("Name") or "Id"
            if kind not in {"Id", "Username", "ExternalId", "Email"}:
                return self.error(request, 400, f"The field '{kind}' cannot be used to find a record")
            found = self._find(kind, _decoded(request.segments[5]))
            if not found:
                return self.error(request, 404, f"The record with {kind} was not found")
            if len(found) > 1:
                return self.error(request, 400, _MULTIPLE, "Errors/Multible Rows")
            return rule(request, found[0])

        return answer

    def _find(self, kind: str, value: str) -> list[Profile]:
        if kind == "Id":
            profile = self.profiles.get(value)
            return [profile] if profile else []
        return self.profiles.find(kind, value)

    def record(self, profile: Profile) -> dict[str, Any]:
        created, modified = (self.clock.iso(at) for at in (profile.created, profile.updated))
        return account.response(self.settings["answers_as"] or profile.key, profile.fields, created, modified)

    def _show(self, _: Request, profile: Profile) -> Reply:
        return json_reply(200, self.record(profile))

    def _delete(self, _: Request, profile: Profile) -> Reply:
        self.profiles.drop(profile.key)
        self.commit()
        return json_reply(200, self.record(profile))

    def _update(self, request: Request, profile: Profile) -> Reply:
        """PUT: whether a field that is left out keeps its value is a reading."""
        body = request.json_or_none
        refused = self._refusal(body, account.UPDATABLE, profile)
        if refused:
            return self.error(request, 400, refused)
        changes = self._changes(body, account.UPDATABLE)
        if self.settings["left_out"] == "reset":
            changes = {
                **{name: account.empty(name) for name in account.UPDATABLE if name not in body},
                **changes,
            }
        return self._write(profile, changes)

    def _write(self, profile: Profile, changes: dict[str, Any]) -> Reply:
        kept = {name: value for name, value in changes.items() if name not in self.settings["ignored_fields"]}
        self.profiles.change(profile, self.kept(kept), self.clock.now())
        self.commit()
        return json_reply(200, self.record(profile))

    def _changes(self, body: Mapping[str, Any], known: tuple[str, ...]) -> dict[str, Any]:
        """What of a body is taken over."""
        changes = {}
        for name, value in body.items():
            if name not in known or name == "Id" or not account.in_enum(name, value or ""):
                continue
            if value is None and self.settings["null_value"] == "ignore":
                continue
            changes[name] = account.empty(name) if value is None else value
        return changes

    def _refusal(self, body: Any, known: tuple[str, ...], own: Profile | None) -> str | None:
        """What is wrong with a body: its shape, a member, a type, an enum value, something not unique."""
        if not isinstance(body, dict):
            return _NOT_READ
        for name, value in body.items():
            if name not in known:
                if self.settings["unknown_member"] == "refuse":
                    return f"{_STRUCTURE}: '{name}'"
                continue
            if value is not None and not account.fits(name, value):
                return f"{_STRUCTURE}: '{name}'"
            if self.settings["bad_enum"] == "refuse" and not account.in_enum(name, value or ""):
                return f"The value of '{name}' is not one of the allowed values"
        return self._taken(body, own)

    def _taken(self, body: Mapping[str, Any], own: Profile | None) -> str | None:
        if own is None and self.settings["create_existing"] == "make":
            return None
        for name in account.UNIQUE:
            if any(other is not own for other in self.profiles.find(name, body.get(name))):
                return f"The value of '{name}' must be unique in the system"
        return None

    # -- insert, upsert, list ------------------------------------------------------------------------------

    def _insert(self, request: Request) -> Reply:
        body = request.json_or_none
        refused = self._refusal(body, account.INSERTABLE, None)
        if refused is None and (
            body.get("Id") in self.profiles or any(not body.get(each) for each in account.REQUIRED)
        ):
            refused = _STRUCTURE
        if refused:
            return self.error(request, 400, refused)
        at = self.clock.now()
        profile = Profile(body.get("Id") or seed.uuid(self.random), created=at, updated=at)
        self.take_in(profile)
        self.log.created += 1
        return self._write(profile, self._changes(body, account.INSERTABLE))

    def _upsert(self, request: Request) -> Reply:
        body = request.json_or_none
        if not isinstance(body, dict):
            return self.error(request, 400, _STRUCTURE)
        if body.get("Id"):
            found = self._find("Id", str(body["Id"]))
            if not found:
                return self.error(request, 404, "The record with Id was not found")
        else:
            matches = [
                each for kind in ("Username", "ExternalId") for each in self._find(kind, body.get(kind) or "")
            ]
            found = list({id(each): each for each in matches}.values())
        if not found:
            return self._insert(request)
        if len(found) > 1:
            return self.error(request, 400, _MULTIPLE, "Errors/Multible Rows")
        refused = self._refusal(body, account.INSERTABLE, found[0])
        if refused:
            return self.error(request, 400, refused)
        return self._write(found[0], self._changes(body, account.INSERTABLE))

    def _list(self, request: Request) -> Reply:
        try:
            return json_reply(200, agilenow_filters.listed(self.profiles, request.query, self))
        except ValueError:
            return self.error(request, 400, _NOT_READ)


def _decoded(written: str) -> str:
    """An id as it is, or what ``base64|…`` holds (either alphabet, padded or not)."""
    if not written.startswith("base64|"):
        return written
    text = written.removeprefix("base64|").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return written


def _allowed(scopes: str, action: str) -> bool:
    return scopes == "*" or any(f"{role}:{action}" in scopes for role in ("AccessManager", "AccessUser"))
