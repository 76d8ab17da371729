"""Lightfield: accounts and contacts of a CRM.

https://docs.lightfield.app/ (API reference; using the API: errors, rate limits, idempotency, scopes)

Every request carries a bearer key and ``Lightfield-Version``; every body is JSON. Quotas are 25 a second in
each of Write, Read and Search. ``Idempotency-Key`` replays the old answer for 24 hours and carries nothing
out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from airflow_profile_provider.sandbox import seed
from airflow_profile_provider.sandbox.connections import LIGHTFIELD_KEY
from airflow_profile_provider.sandbox.lightfield import fields as lightfield_fields
from airflow_profile_provider.sandbox.lightfield.records import Records, Refusal, relationship
from airflow_profile_provider.sandbox.quota import Limit, Standing, wait_for
from airflow_profile_provider.sandbox.state import Profile, Profiles
from airflow_profile_provider.sandbox.vendor import Limits, Vendor, seconds_up
from airflow_profile_provider.sandbox.wire import Reply, Request, Route, Rule, json_reply

VERSION = "2026-03-01"
_DAY = 86_400.0
_TYPES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    409: "conflict",
    415: "unsupported_media_type",
    422: "unprocessable_content",
    429: "too_many_requests",
}
_ACCOUNT_LINKS = {
    "$owner": relationship("Owner", "HAS_ONE", "member"),
    "$contact": relationship("Contact", "HAS_MANY", "contact"),
    "$opportunity": relationship("Opportunity", "HAS_MANY", "opportunity"),
    "$task": relationship("Task", "HAS_MANY", "task"),
    "$note": relationship("Note", "HAS_MANY", "note"),
    "$meeting": relationship("Meeting", "HAS_MANY", "meeting"),
}
_CONTACT_LINKS = {"$account": relationship("Account", "HAS_MANY", "account")}


class Lightfield(Vendor):
    """One workspace."""

    name = "lightfield"
    identifiers = ("id",)
    published: ClassVar[Limits] = {name: (Limit(25, 1.0),) for name in ("write", "read", "search")}
    defaults: ClassVar[Mapping[str, Any]] = {
        "password": LIGHTFIELD_KEY,
        "scopes": [],
        "subject_type": "workspace",
        "ignored_fields": [],
        "answers_as": "",
    }

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.members: list[dict[str, Any]] = []
        self._contacts = Profiles()
        self._answered: dict[tuple[str, ...], tuple[float, Reply | None]] = {}
        super().__init__(*arguments, **options)

    def owns(self, segments: tuple[str, ...]) -> bool:
        """``/v1/…`` but for ``/v1/hood``."""
        return segments[0] == "v1" and segments[1:2] != ("hood",)

    def routing(self) -> list[Route]:
        """The endpoints; a bucket is the quota's category and the scope."""
        self.accounts = Records(
            self, "accounts", "acc_", self.profiles, lightfield_fields.ACCOUNT_FIELDS, _ACCOUNT_LINKS
        )
        self.contacts = Records(
            self, "contacts", "con_", self._contacts, lightfield_fields.CONTACT_FIELDS, _CONTACT_LINKS
        )
        routes = [
            Route("GET", "/v1/auth/validate", self._validate, "read"),
            Route("GET", "/v1/members", self._refusing(self._list_members), "search members:read"),
            Route("GET", "/v1/members/{id}", self._member, "read members:read"),
        ]
        for records in (self.accounts, self.contacts):
            path, scope = f"/v1/{records.plural}", records.plural
            routes += [
                Route("GET", path, self._refusing(records.search), f"search {scope}:read"),
                Route("POST", path, self._refusing(records.create), f"write {scope}:create"),
                Route("GET", f"{path}/definitions", records.definitions, f"read {scope}:read"),
                Route("GET", f"{path}/{{id}}", self._refusing(records.retrieve), f"read {scope}:read"),
                Route("POST", f"{path}/{{id}}", self._refusing(records.update), f"write {scope}:update"),
            ]
        return routes

    def seed_profiles(self, count: int) -> None:
        """Ten members, a contact and an account for each of the count."""
        at = self.clock.now()
        for person in seed.people(self.random, 10):
            self.members.append(_member(person, self.clock.iso()))
        for person in seed.people(self.random, count):
            contact = Profile(f"con_{seed.token(self.random)}", created=at, updated=at)
            contact.fields = {
                "$name": {"firstName": person.first, "lastName": person.last},
                "$email": [person.email],
            }
            self._contacts.put(contact)
            account = Profile(f"acc_{seed.token(self.random)}", created=at, updated=at)
            account.fields = {
                "$name": f"{seed.company(self.random)} {person.number}",
                "$website": [f"https://company{person.number}.example.com"],
                "$headcount": lightfield_fields.option_id("Headcount", "11-50"),
                "$primaryAddress": {"city": "Helsinki", "country": "FI"},
                "tier": "standard",
            }
            account.links = {"$owner": [self.random.choice(self.members)["id"]], "$contact": [contact.key]}
            self.profiles.put(account)

    def declare(self, definitions: Mapping[str, Any]) -> None:
        """Account fields: {key: {"valueType", "label", "readOnly", "options": [labels]}}."""
        for name, wanted in definitions.items():
            kind = wanted.get("valueType", "TEXT")
            if kind not in lightfield_fields.VALUE_TYPES:
                raise ValueError(f"unknown valueType {kind!r}")
            self.accounts.fields[name] = lightfield_fields.definition(
                wanted.get("label", name),
                kind,
                read_only=bool(wanted.get("readOnly")),
                options=",".join(wanted.get("options", [])),
            )

    def take_in(self, profile: Profile) -> None:
        """Add an account; fields without a definition and entities it links to are declared with it."""
        for name, value in profile.fields.items():
            if name not in self.accounts.fields:
                self.accounts.fields[name] = lightfield_fields.guess(name, value)
        for linked in profile.links.values():
            for each in linked:
                if each.startswith("con_") and each not in self._contacts:
                    self._contacts.put(Profile(each, created=profile.created, updated=profile.created))
                elif each.startswith("mem_") and each not in self.entities("member"):
                    person = seed.people(self.random, 1)[0]
                    self.members.append({**_member(person, self.clock.iso()), "id": each})
        self.profiles.put(profile)

    def entities(self, kind: str) -> set[str]:
        """The ids of all records of an object type."""
        if kind == "member":
            return {each["id"] for each in self.members}
        profiles = {"contact": self._contacts, "account": self.profiles}.get(kind, Profiles())
        return {each.key for each in profiles}

    # -- arrival -------------------------------------------------------------------------------------------

    def addressed(self, request: Request) -> list[str]:
        """The id in the path."""
        return list(request.segments[2:3])

    def admit(self, request: Request) -> Reply | None:
        """Key, version, content type, scope and quota, then the idempotency key."""
        if request.bearer != self.settings["password"]:
            return self.credential_refused(request)
        if request.headers.get("lightfield-version") != VERSION:
            message = f"The Lightfield-Version header must be '{VERSION}'."
            return self.error(400, message, code="version_header")
        if request.body and not request.says_json:
            return self.error(415, "Content-Type must be application/json.")
        route = self.routes.find(request)
        if route is None:
            return self.error(404, "No such endpoint.")
        return self._throttle(request, route) or self._replayed(request, route)

    def _throttle(self, request: Request, route: Route) -> Reply | None:
        category, _, scope = route.bucket.partition(" ")
        request.bucket = category
        let_in, standings = self.take(category, category)
        request.notes["standings"] = standings
        if not let_in:
            message = "Rate limit exceeded. Please try again later."
            return self.error(429, message).adding({"retry-after": seconds_up(wait_for(standings))})
        if scope and self.settings["scopes"] and scope not in self.settings["scopes"]:
            return self.error(403, f"The API key lacks the scope '{scope}'.")
        return None

    def _replayed(self, request: Request, route: Route) -> Reply | None:
        """The old answer of a key already used; 409 while the first request with it is still running."""
        key = request.headers.get("idempotency-key")
        if key is None or request.method != "POST":
            return None
        if len(key) > 255:
            return self.error(400, "The idempotency key is too long.", code="idempotency_key_too_long")
        of_record = request.segments[2:3] if self.settings["idempotency_scope"] == "record" else ()
        used = (route.pattern, key, *of_record)
        at, answered = self._answered.get(used, (0.0, None))
        if used in self._answered and self.clock.now() - at < _DAY:
            if answered is None:
                message = "A request with this idempotency key is still running."
                return self.error(409, message, code="idempotency_conflict", kind="idempotency_conflict")
            request.notes["replayed"] = True
            return answered
        self._answered[used] = (self.clock.now(), None)
        request.notes["used"] = used
        return None

    def leave(self, request: Request, reply: Reply) -> Reply:
        """Keep the answer for its idempotency key (a failure frees the key); add the quota headers."""
        used = request.notes.get("used")
        if used and reply.status < 400:
            self._answered[used] = (self._answered[used][0], reply)
        elif used:
            self._answered.pop(used, None)
        standings: list[Standing] = request.notes.get("standings", [])
        if not standings:
            return reply
        return reply.adding(
            {
                "x-ratelimit-limit": str(standings[0].limit.requests),
                "x-ratelimit-remaining": str(max(0, standings[0].remaining)),
                "x-ratelimit-reset": str(math.ceil(self.clock.now() + standings[0].resets_in - 1e-6)),
            }
        )

    def credential_refused(self, request: Request) -> Reply:
        """401."""
        return self.error(401, "The API key is invalid or was revoked.")

    def answer(self, request: Request) -> Reply:
        """Carry the request out."""
        route = self.routes.find(request)
        return self.error(404, "No such endpoint.") if route is None else route.rule(request)

    def error(
        self, status: int, message: str, *, code: str = "", param: str | None = None, kind: str = ""
    ) -> Reply:
        """An error, with the ``error`` member around it or without."""
        document: dict[str, Any] = {"type": kind or _TYPES[status], "message": message}
        if code:
            document["code"] = code
        if param:
            document["param"] = param
        return json_reply(status, {"error": document} if self.settings["envelope"] == "wrapped" else document)

    def _refusing(self, rule: Rule) -> Rule:
        def answer(request: Request) -> Reply:
            try:
                return rule(request)
            except Refusal as refusal:
                return self.error(refusal.status, refusal.message, code=refusal.code, param=refusal.param)

        return answer

    # -- members and the key -------------------------------------------------------------------------------

    def _validate(self, _: Request) -> Reply:
        return json_reply(
            200,
            {
                "active": True,
                "tokenType": "api_key",
                "subjectType": self.settings["subject_type"],
                "scopes": self.settings["scopes"],
            },
        )

    def _list_members(self, request: Request) -> Reply:
        limit, offset = self.accounts.page(request)
        shown = self.members[offset : offset + limit]
        return json_reply(200, {"data": shown, "object": "list", "totalCount": len(self.members)})

    def _member(self, request: Request) -> Reply:
        found = next((each for each in self.members if each["id"] == request.segments[2]), None)
        return json_reply(200, found) if found else self.error(404, "The member does not exist.")


def _member(person: seed.Person, at: str) -> dict[str, Any]:
    fields = {
        "$email": {"value": person.email, "valueType": "EMAIL"},
        "$name": {"value": {"firstName": person.first, "lastName": person.last}, "valueType": "FULL_NAME"},
        "$profileImage": {"value": None, "valueType": "URL"},
        "$role": {"value": "member", "valueType": "TEXT"},
    }
    identifier = f"mem_{person.username.replace('.', '')}"
    return {
        "id": identifier,
        "createdAt": at,
        "updatedAt": None,
        "httpLink": None,
        "fields": fields,
        "relationships": {},
    }
