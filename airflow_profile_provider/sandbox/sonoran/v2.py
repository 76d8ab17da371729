"""Sonoran CMS v2: the same accounts behind a bearer key, an envelope and problem+json.

https://docs.sonoransoftware.com/cms/ (API endpoints v2, rate limits). Quotas are per endpoint and minute. The
page shows no error body of the CMS; the shape here is that of the vendor's sister product.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from airflow_profile_provider.sandbox.quota import wait_for
from airflow_profile_provider.sandbox.state import Profile
from airflow_profile_provider.sandbox.wire import Reply, Request, Route, json_reply

if TYPE_CHECKING:
    from airflow_profile_provider.sandbox.sonoran.v1 import Sonoran

_COMMUNITY_ID = "00000000-0000-4000-8000-00000000c0de"


def community() -> dict[str, Any]:
    """The community that the key belongs to."""
    return {
        "id": "CMS-1000",
        "uuid": _COMMUNITY_ID,
        "name": "Sandbox community",
        "subVersion": 3,
        "tier": "PLUS",
        "servers": [],
    }


def routing(vendor: Sonoran) -> list[Route]:
    """The endpoints, each with the limits it is under."""
    rules = _Rules(vendor)
    one = "/v2/community/accounts/{id}"
    return [
        Route("GET", "/v2/community", rules.community, "v2 community"),
        Route("GET", "/v2/community/sub-version", rules.sub_version, "v2 community"),
        Route("GET", "/v2/community/lookup", rules.community, "v2 community"),
        Route("GET", "/v2/community/departments", rules.nothing, "v2 community"),
        Route("GET", "/v2/community/profile-fields", rules.definitions, "v2 community"),
        Route("GET", "/v2/community/accounts", rules.accounts, "v2 edit"),
        Route("GET", "/v2/community/accounts/search", rules.search, "v2 account"),
        Route("GET", "/v2/community/accounts/discord/{discordId}", rules.by_discord, "v2 account"),
        Route("GET", one, rules.one(rules.account), "v2 account"),
        Route("GET", f"{one}/ranks", rules.one(rules.ranks), "v2 account"),
        Route("GET", f"{one}/identifiers", rules.one(rules.show_identifiers), "v2 edit"),
        Route("PATCH", f"{one}/name", rules.one(rules.rename), "v2 edit"),
        Route("PATCH", f"{one}/profile-fields", rules.one(rules.edit), "v2 edit"),
    ]


def admit(vendor: Sonoran, request: Request) -> Reply | None:
    """The bearer key, then the endpoint's quota."""
    if request.bearer != vendor.settings["password"]:
        return credential_refused(vendor, request)
    route = vendor.routes.find(request)
    if route is None:
        return None
    request.bucket = f"{route.method} {route.pattern}"
    let_in, standings = vendor.take(request.bucket, route.bucket)
    return None if let_in else vendor.too_many(wait_for(standings))


def credential_refused(vendor: Sonoran, request: Request) -> Reply:
    """401, or 400 with the text of the first API."""
    if vendor.settings["v2_bad_key"] == 400:
        return problem(request, 400, "Bad Request", "INVALID API KEY")
    detail = "Invalid API key." if request.bearer else "Missing Authorization header."
    return problem(request, 401, "Unauthorized", detail)


def problem(request: Request, status: int, title: str, detail: str) -> Reply:
    """An error as problem+json."""
    document = {
        "type": f"https://httpstatuses.com/{status}",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": request.raw_path,
        "traceId": "00-5a4d0b0c000000000000000000000000-0000000000000000-00",
    }
    return json_reply(status, document, "application/problem+json; charset=utf-8")


def account(vendor: Sonoran, profile: Profile) -> dict[str, Any]:
    """An account as it is read, with its profile fields nested in ``data``."""
    return {
        **summary(profile, archived=profile.key in vendor.gone),
        "joinDate": vendor.clock.iso(profile.created),
        "lastLogin": vendor.clock.iso(profile.created),
        "owner": False,
        "identifiers": {"idents": []},
        "ranks": [],
        "profileFields": {"data": pairs(profile.fields)},
        "clockData": {"data": []},
    }


def summary(profile: Profile, *, archived: bool = False) -> dict[str, Any]:
    """An account as lists show it, without profile fields."""
    named = profile.identifiers
    return {
        "accId": profile.key,
        "uniqueId": named["uniqueId"],
        "accName": named["username"],
        "comName": named.get("comName") or named["username"],
        "activeApiIds": [named["apiId"]] if named["apiId"] else [],
        "discordId": named["discord"],
        "sysStatus": True,
        "comStatus": True,
        "archived": archived,
        "banned": False,
        "teamspeakId": None,
    }


def pairs(fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Fields as ``{id, value}`` pairs."""
    return [{"id": name, "value": value} for name, value in fields.items()]


def is_edit(each: Any) -> bool:
    """Whether an object holds at least one `{id, value}`."""
    wanted = each.get("profileFields") if isinstance(each, dict) else None
    return (
        isinstance(wanted, list)
        and bool(wanted)
        and all(isinstance(pair, dict) and isinstance(pair.get("id"), str) for pair in wanted)
    )


class _Rules:
    """What each endpoint answers."""

    def __init__(self, vendor: Sonoran) -> None:
        self._vendor = vendor

    def _envelope(self, request: Request, content: Any) -> Reply:
        meta = {"timestamp": self._vendor.clock.iso(), "path": request.raw_path}
        return json_reply(200, {"success": True, "data": content, "meta": meta})

    def one(self, rule: Callable[[Request, Profile], Reply]) -> Callable[[Request], Reply]:
        """A rule for one account, found by the accId in the path."""

        def answer(request: Request) -> Reply:
            key = request.segments[3]
            found = self._vendor.read({"accId": key}) if request.method == "GET" else None
            profile = found or self._vendor.profiles.get(key)
            if profile is None:
                return problem(request, 404, "Not Found", "Account not found.")
            return rule(request, profile)

        return answer

    def community(self, request: Request) -> Reply:
        return self._envelope(request, community())

    def sub_version(self, request: Request) -> Reply:
        return self._envelope(request, {"subVersion": 3, "tier": "PLUS"})

    def nothing(self, request: Request) -> Reply:
        return self._envelope(request, [])

    def definitions(self, request: Request) -> Reply:
        return self._envelope(request, self._vendor.catalogue())

    def accounts(self, request: Request) -> Reply:
        try:
            skip, take = int(request.query.get("skip") or 0), int(request.query.get("take") or 25)
        except ValueError:
            return problem(request, 400, "Bad Request", "skip and take are integers.")
        take = min(100, max(1, take))
        items = [summary(each) for each in self._vendor.page_of(self._vendor.profiles, skip, take)]
        total = self._vendor.total_of(len(self._vendor.profiles))
        content = {"items": items, "total": total, "skip": skip, "take": take}
        return self._envelope(request, content)

    def search(self, request: Request) -> Reply:
        asked = {"accId" if kind == "accountId" else kind: value for kind, value in request.query.items()}
        found = self._vendor.find(asked)
        named = [found] if found else []
        if self._vendor.settings["v2_search"] == "contains" and asked.get("username"):
            held = self._vendor.profiles
            named = [each for each in held if asked["username"] in str(each.identifiers["username"])]
        items = [summary(each) for each in named]
        return self._envelope(request, {"items": items, "total": self._vendor.total_of(len(items))})

    def by_discord(self, request: Request) -> Reply:
        found = self._vendor.find({"discord": request.segments[4]})
        if found is None:
            return problem(request, 404, "Not Found", "Account not found.")
        return self._envelope(request, summary(found))

    def account(self, request: Request, profile: Profile) -> Reply:
        return self._envelope(request, account(self._vendor, profile))

    def ranks(self, request: Request, profile: Profile) -> Reply:
        return self._envelope(request, {"accId": profile.key, "ranks": []})

    def show_identifiers(self, request: Request, profile: Profile) -> Reply:
        return self._envelope(request, {"accId": profile.key, "identifiers": []})

    def rename(self, request: Request, profile: Profile) -> Reply:
        body = request.json_or_none
        name = body.get("newName") if isinstance(body, dict) else None
        if not isinstance(name, str) or not name:
            return problem(request, 400, "Bad Request", "newName is required.")
        profile.identifiers["comName"] = name
        self._vendor.commit()
        return self._envelope(request, "Account name update requested.")

    def edit(self, request: Request, profile: Profile) -> Reply:
        body = request.json_or_none
        if not is_edit(body):
            return problem(request, 400, "Bad Request", "profileFields must hold at least one {id, value}.")
        unknown = self._vendor.unknown_field(body["profileFields"])
        if unknown:
            return problem(request, 400, "Bad Request", f"Unknown profile field '{unknown}'.")
        if misfit := self._vendor.misfit(body["profileFields"]):
            return problem(request, 400, "Bad Request", f"Invalid value of profile field '{misfit}'.")
        changes = self._vendor.write(profile, body["profileFields"])
        return self._envelope(
            request, pairs(profile.fields if self._vendor.settings["v2_answer"] == "all" else changes)
        )
