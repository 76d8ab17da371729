"""Ocamba Hood: profiles with seven updatable fields.

https://docs.ocamba.com/api/hood/v1.0/reference/ (update profiles), https://docs.ocamba.com/guides/core/ (rate
limits)

An update answers 204 without a body. Quotas are per account in two fixed windows, 10 a second and 150 a
minute; a 429 has no X-RateLimit headers, but Retry-After: seconds, or -1 when too many requests are under way
at once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from airflow_profile_provider.sandbox import seed
from airflow_profile_provider.sandbox.connections import OCAMBA_TOKEN
from airflow_profile_provider.sandbox.ocamba.imports import Imports
from airflow_profile_provider.sandbox.ocamba.reads import NOT_VALID
from airflow_profile_provider.sandbox.quota import Limit, Standing, wait_for
from airflow_profile_provider.sandbox.state import Profile
from airflow_profile_provider.sandbox.vendor import Limits, seconds_up
from airflow_profile_provider.sandbox.wire import Reply, Request, Route, json_reply

UPDATABLE = (
    "email",
    "mobile_phone_number",
    "full_name",
    "organization_id",
    "lists",
    "comment",
    "custom_properties",
)
_TEXTS = {"email", "mobile_phone_number", "full_name", "comment"}


class Ocamba(Imports):
    """One account and its Hood profiles."""

    name = "ocamba"
    identifiers = ("id", "email")
    forms: ClassVar[Mapping[str, str]] = {"email": "email", "mobile_phone_number": "phone"}
    published: ClassVar[Limits] = {"C": (Limit(10, 1.0), Limit(150, 60.0))}
    defaults: ClassVar[Mapping[str, Any]] = {"password": OCAMBA_TOKEN, "parallel_limit": 10}

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.lists = {"1000101": "Newsletter", "1000102": "Customers"}
        self.organizations = {"1000": "Aurora Foods", "1001": "Boreal Media"}
        super().__init__(*arguments, **options)

    def owns(self, segments: tuple[str, ...]) -> bool:
        """``/v1/hood/…`` and ``/v2/ocamba/…``."""
        return segments[:2] in {("v1", "hood"), ("v2", "ocamba")}

    def routing(self) -> list[Route]:
        """Profiles, the reference data and the token's validation."""
        one = "/v1/hood/profiles/{id}"
        return [
            Route("PATCH", one, self._update),
            Route("GET", one, self._retrieve),
            Route("DELETE", one, self._delete),
            Route("GET", "/v1/hood/profiles", self._list),
            Route("POST", "/v1/hood/profiles", self._create),
            Route("POST", "/v1/hood/profiles/import", self._import),
            Route("GET", "/v1/hood/reports/profiles/import/{id}/full", self._report),
            Route("GET", "/v1/hood/profile-lists", lambda _: self._reference(self.lists)),
            Route("GET", "/v1/hood/organizations", lambda _: self._reference(self.organizations)),
            Route("GET", "/v1/hood/profile-properties", self._properties),
            Route("POST", "/v2/ocamba/personal-api-keys/validate", lambda _: Reply(204)),
        ]

    def seed_profiles(self, count: int) -> None:
        """Profiles with ids of 19 or 20 digits."""
        for person in seed.people(self.random, count):
            fields: dict[str, Any] = {
                "email": person.email,
                "mobile_phone_number": person.phone,
                "full_name": person.full,
                "organization_id": self.random.choice(list(self.organizations)),
                "lists": ["1000101"],
                "comment": None,
                "custom_properties": {},
            }
            at = self.clock.now()
            length = 19 + self.random.randrange(2)
            self.profiles.put(
                Profile("17" + seed.digits(self.random, length - 2), fields, created=at, updated=at)
            )

    def identify(self, profile: Profile) -> dict[str, Any]:
        """The id alone is an identifier; e-mail addresses are found by lists only."""
        return {"id": profile.key}

    # -- arrival -------------------------------------------------------------------------------------------

    def addressed(self, request: Request) -> list[str]:
        """The id in the path."""
        return list(request.segments[3:4]) if request.segments[2:3] == ("profiles",) else []

    def admit(self, request: Request) -> Reply | None:
        """The token, the number of requests under way, the quota."""
        if request.bearer != self.settings["password"]:
            return self.credential_refused(request)
        if self.settings["quota"] and self.in_flight > self.settings["parallel_limit"]:
            return self._too_many("-1")
        route = self.routes.find(request)
        if route is None:
            return None
        request.bucket = (
            f"{route.method} {route.pattern}" if self.settings["quota_scope"] == "endpoint" else "account"
        )
        let_in, standings = self.take(request.bucket, "C")
        request.notes["standings"] = standings
        return None if let_in else self._too_many(seconds_up(wait_for(standings)))

    def leave(self, request: Request, reply: Reply) -> Reply:
        """X-RateLimit headers on all but a 429."""
        standings: list[Standing] = request.notes.get("standings", [])
        if not standings or reply.status == 429:
            return reply
        standing = standings[0] if self.settings["headers_window"] == "second" else standings[-1]
        return reply.adding(
            {
                "x-ratelimit-limit": str(standing.limit.requests),
                "x-ratelimit-remaining": str(standing.remaining),
                "x-ratelimit-reset": seconds_up(standing.resets_in),
            }
        )

    def credential_refused(self, request: Request) -> Reply:
        """401, whose trace id is the literal text ``{}``."""
        return json_reply(
            401, {"code": 401, "title": "Unauthorized.", "message": "Unauthorized.", "trace_id": "{}"}
        )

    def answer(self, request: Request) -> Reply:
        """Carry the request out."""
        route = self.routes.find(request)
        return self._error(404, "Not found.", "Not found.") if route is None else route.rule(request)

    def _too_many(self, wait: str) -> Reply:
        headers = {"retry-after": wait} if self.settings["retry_after"] or wait == "-1" else {}
        return self._error(429, "Too many requests.", "Too many requests.").adding(headers)

    # -- profiles ------------------------------------------------------------------------------------------

    def _update(self, request: Request) -> Reply:
        body, profile = request.json_or_none, self.profiles.get(request.segments[3])
        refused = self._refusal(body, profile)
        if refused:
            return self._bad(refused)
        if profile is None:
            return self._unknown()
        changes = {name: value for name, value in body.items() if name in UPDATABLE}
        self.profiles.change(profile, self._laid_over(profile, changes), self.clock.now())
        self.commit()
        return Reply(204)

    def _refusal(self, body: Any, profile: Profile | None) -> str | None:
        """What is wrong with a body, in the vendor's few words."""
        if not isinstance(body, dict) or not any(name in UPDATABLE for name in body):
            return NOT_VALID
        if self.settings["unknown_field"] == "refuse" and any(name not in UPDATABLE for name in body):
            return NOT_VALID
        known = {name: value for name, value in body.items() if name in UPDATABLE}
        if not all(self._fits(name, value) for name, value in known.items()):
            return NOT_VALID
        if self.settings["references"] == "refuse" and not self._references_exist(known):
            return NOT_VALID
        others = [each for each in self.profiles.find("email", known.get("email")) if each is not profile]
        return "Email already exists." if others and self.settings["same_email"] == "refuse" else None

    def _fits(self, name: str, value: Any) -> bool:
        if value is None:
            return bool(self.settings["null_value"] == "clear")
        if name in _TEXTS:
            return isinstance(value, str)
        if name == "organization_id":
            return isinstance(value, str | int) and not isinstance(value, bool)
        if name == "lists":
            return isinstance(value, list) and all(isinstance(each, str | int) for each in value)
        properties = self._properties_of(value)
        if isinstance(properties, dict) and self.settings["null_property"] == "refuse":
            return not any(each is None for each in properties.values())
        return isinstance(properties, dict)

    def _properties_of(self, value: Any) -> Any:
        if isinstance(value, str) and self.settings["custom_properties_text"] == "accept":
            try:
                return json.loads(value)
            except ValueError:
                return None
        return value

    def _references_exist(self, fields: Mapping[str, Any]) -> bool:
        organization, lists = fields.get("organization_id"), fields.get("lists") or []
        return (organization is None or str(organization) in self.organizations) and all(
            str(each) in self.lists for each in lists
        )

    def _laid_over(self, profile: Profile, changes: dict[str, Any]) -> dict[str, Any]:
        """The changes as they end up in the profile."""
        laid = self.kept(changes)
        if laid.get("organization_id") is not None:
            laid["organization_id"] = str(laid["organization_id"])
        if "lists" in laid:
            wanted = [str(each) for each in laid["lists"] or []]
            old = profile.fields.get("lists") or [] if self.settings["lists"] == "add" and wanted else []
            laid["lists"] = [*old, *(each for each in wanted if each not in old)]
        if "custom_properties" in laid:
            wanted_properties = self._properties_of(laid["custom_properties"]) or {}
            merge = self.settings["custom_properties"] == "merge"
            laid["custom_properties"] = {
                **((profile.fields.get("custom_properties") or {}) if merge else {}),
                **wanted_properties,
            }
        return laid

    def _create(self, request: Request) -> Reply:
        body = request.json_or_none
        if not isinstance(body, dict) or not (body.get("email") or body.get("mobile_phone_number")):
            return self._bad()
        refused = self._refusal(body, None)
        if refused:
            return self._bad(refused)
        at = self.clock.now()
        profile = Profile("17" + seed.digits(self.random, 17), created=at, updated=at)
        profile.fields = self._laid_over(profile, {name: body[name] for name in body if name in UPDATABLE})
        self.profiles.put(profile)
        self.commit(created=True)
        return json_reply(201, self._full(profile))

    def _delete(self, request: Request) -> Reply:
        if request.segments[3] in self.profiles:
            self.trash(request.segments[3])
        self.commit()
        return Reply(204)
