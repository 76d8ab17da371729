"""Sonoran CMS: accounts of a community and their profile fields, through the first API; v2 is in ``v2``.

https://docs.sonoransoftware.com/cms/ (developer API documentation, API integration)

Credentials and the request type stand in the body. Errors are bare upper-case texts. An unknown path below
``/general`` answers 200 ``Backend Service Reached``. More than one call per second over an extended period
blocks the community for an hour.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from airflow_profile_provider.sandbox import seed
from airflow_profile_provider.sandbox.connections import SONORAN_COMMUNITY, SONORAN_KEY
from airflow_profile_provider.sandbox.quota import Bucket, Limit
from airflow_profile_provider.sandbox.sonoran import v2 as sonoran_v2
from airflow_profile_provider.sandbox.state import Profile
from airflow_profile_provider.sandbox.vendor import Limits, Vendor, seconds_up
from airflow_profile_provider.sandbox.wire import Reply, Request, Route, json_reply, text_reply

NOT_LINKED = "API ID NOT LINKED TO AN ACCOUNT IN THIS COMMUNITY"
NO_ACCOUNT = "NO ACCOUNT FOUND UNDER GIVEN PARAMETERS IN THIS COMMUNITY"
GATEWAY_429 = "API rate limit exceeded"

_PAGE = ("skip", "take")
_Rule = Callable[[Any], Reply]

FIELDS: dict[str, dict[str, Any]] = {
    "d9d1288e-3892-40d6-acc5-be2c3d294bd4": {"type": "text array", "label": "Steam IDs", "options": None},
    "0b6c2f4e-58a7-4c1d-9f0e-3a1b7c5d2e90": {"type": "text", "label": "Display name", "options": None},
    "1f7a9d3c-6e2b-4b8f-8c4d-5e6f7a8b9c01": {"type": "text", "label": "Bio", "options": None},
    "2a8b0e4d-7f3c-4c90-9d5e-6f708b9cad12": {"type": "text", "label": "Location", "options": None},
    "3b9c1f5e-804d-4da1-ae6f-70819cadbe23": {
        "type": "select",
        "label": "Time zone",
        "options": ["UTC", "CET", "EST", "PST"],
    },
    "discord": {"type": "discord", "label": "Discord", "options": None},
}


class Sonoran(Vendor):
    """The community and its accounts."""

    name = "sonoran"
    identifiers = ("accId", "apiId", "username", "discord", "uniqueId")
    published: ClassVar[Limits] = {
        "v1": (Limit(1, 1.0),),
        "v2 edit": (Limit(22, 60.0),),
        "v2 account": (Limit(27, 60.0),),
        "v2 community": (Limit(13, 60.0),),
    }
    defaults: ClassVar[Mapping[str, Any]] = {
        "login": SONORAN_COMMUNITY,
        "password": SONORAN_KEY,
        "check_type": True,
        "block_seconds": 3600.0,
    }

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.fields = {name: dict(definition) for name, definition in FIELDS.items()}
        self._calls = Bucket(())
        self._calls_for: tuple[int, float] | None = None
        self.blocked_until = 0.0
        super().__init__(*arguments, **options)

    def owns(self, segments: tuple[str, ...]) -> bool:
        """``/general/…``, ``/communities/lookup`` and ``/v2/community…``."""
        return segments[0] in {"general", "communities"} or segments[:2] == ("v2", "community")

    def routing(self) -> list[Route]:
        """The first API, each path with its request type, and v2."""
        first: list[tuple[str, str, _Rule]] = [
            ("general/edit_acc_profile_fields", "EDIT_ACC_PROFLIE_FIELDS", self._edit),
            ("general/get_profile_fields", "GET_PROFILE_FIELDS", self._definitions),
            ("general/get_com_account", "GET_COM_ACCOUNT", self._account),
            ("general/get_accounts", "GET_ACCOUNTS", self._accounts),
            ("general/check_com_apiid", "CHECK_COM_APIID", self._check_api_id),
            ("general/get_account_ranks", "GET_ACCOUNT_RANKS", self._ranks),
            ("general/set_account_name", "SET_ACCOUNT_NAME", self._rename),
            ("general/get_departments", "GET_DEPARTMENTS", lambda _: json_reply(200, [])),
            ("general/get_sub_version", "GET_SUB_VERSION", lambda _: text_reply(200, "3")),
            ("general/force_sync", "FORCE_SYNC", lambda _: text_reply(200, "SYNC REQUESTED")),
            ("communities/lookup", "LOOKUP", lambda _: json_reply(200, sonoran_v2.community())),
        ]
        return [
            Route("POST", path, self._typed(kind, rule)) for path, kind, rule in first
        ] + sonoran_v2.routing(self)

    def seed_profiles(self, count: int) -> None:
        """Accounts with an id of each kind and some profile fields."""
        for person in seed.people(self.random, count):
            identifiers = {
                "apiId": f"steam:1100001{person.number:08x}",
                "username": person.username,
                "discord": seed.digits(self.random, 18),
                "uniqueId": person.number,
            }
            names = list(FIELDS)
            fields = {
                names[0]: [identifiers["apiId"]],
                names[1]: person.full,
                names[3]: "Helsinki",
                "discord": identifiers["discord"],
            }
            at = self.clock.now()
            self.profiles.put(Profile(seed.uuid(self.random), fields, identifiers, created=at, updated=at))

    def declare(self, definitions: Mapping[str, Any]) -> None:
        """Profile fields: {id: {"type", "label", "options"}}."""
        for name, definition in definitions.items():
            self.fields[name] = {"type": "text", "label": name, "options": None, **(definition or {})}

    def take_in(self, profile: Profile) -> None:
        """Add an account; the fields it uses are declared with it, identifiers not given are made up."""
        for name, value in profile.fields.items():
            if name not in self.fields:
                self.declare({name: {"type": "text array" if isinstance(value, list) else "text"}})
        number = len(self.profiles) + 1
        made = {"apiId": None, "username": f"member{number}", "discord": None, "uniqueId": number}
        profile.identifiers = {**made, **profile.identifiers}
        self.profiles.put(profile)

    # -- arrival -------------------------------------------------------------------------------------------

    def addressed(self, request: Request) -> list[str]:
        """The accounts named in ``data``, or in a v2 path."""
        if request.segments[0] == "v2":
            return list(request.segments[3:4])
        named = _objects(request.json_or_none)
        return [str(each[kind]) for each in named for kind in self.identifiers if kind in each]

    def admit(self, request: Request) -> Reply | None:
        """Community id, key and type in the body (v2: the bearer key); then the quota."""
        if request.segments[0] == "v2":
            return sonoran_v2.admit(self, request)
        if self.routes.find(request) is None:
            return None
        body = request.json_or_none
        if not isinstance(body, dict):
            return self.refusal(400, "INVALID REQUEST BODY")
        if body.get("id") != self.settings["login"]:
            return self.refusal(400, "INVALID COMMUNITY ID")
        if body.get("key") != self.settings["password"]:
            return self.refusal(400, "INVALID API KEY")
        return self._throttle(request)

    def credential_refused(self, request: Request) -> Reply:
        """400 with a text; v2 as it is set."""
        if request.segments[0] == "v2":
            return sonoran_v2.credential_refused(self, request)
        return self.refusal(400, "INVALID API KEY")

    def answer(self, request: Request) -> Reply:
        """Carry out what the path asks for; an unknown path says 200."""
        route = self.routes.find(request)
        if route:
            return route.rule(request)
        if request.segments[0] == "v2":
            return sonoran_v2.problem(request, 404, "Not Found", "No such endpoint.")
        return text_reply(200, "Backend Service Reached")

    def refusal(self, status: int, text: str) -> Reply:
        """An error of the first API, as text or as JSON."""
        if self.settings["error_body"] == "json":
            return json_reply(status, {"status": status, "message": text})
        return text_reply(status, text)

    def too_many(self, wait: float) -> Reply:
        """The gateway's 429."""
        document = {"message": GATEWAY_429, "request_id": self.trace_id().replace("-", "")}
        headers = {"retry-after": seconds_up(wait)} if self.settings["retry_after"] else {}
        return json_reply(429, document).adding(headers)

    def _throttle(self, request: Request) -> Reply | None:
        """One call a second on average over the extended period; more of them block the community."""
        request.bucket = "v1"
        if not self.settings["quota"]:
            return None
        now = self.clock.now()
        if now < self.blocked_until:
            return self.too_many(self.blocked_until - now)
        rate, period = self.limits["v1"][0], self.settings["sustained_seconds"]
        allowed = (int(rate.requests / rate.seconds * period) + 1, period)
        if allowed != self._calls_for:
            self._calls, self._calls_for = Bucket([Limit(*allowed)]), allowed
        if self._calls.take(now, sliding=True)[0]:
            return None
        self.blocked_until = now + self.settings["block_seconds"]
        return self.too_many(self.settings["block_seconds"])

    def forget_quota(self) -> None:
        """Start counting afresh, and lift a block."""
        super().forget_quota()
        self._calls_for, self.blocked_until = None, 0.0

    # -- the first API -------------------------------------------------------------------------------------

    def _typed(self, kind: str, rule: _Rule) -> Callable[[Request], Reply]:
        def answer(request: Request) -> Reply:
            if self.settings["check_type"] and request.json.get("type") != kind:
                return self.refusal(400, "INVALID REQUEST TYPE")
            return rule(request.json.get("data"))

        return answer

    def find(self, named: Mapping[str, Any]) -> Profile | None:
        """The account that an object names by any of the five identifiers, the first one given deciding."""
        for kind in self.identifiers:
            if named.get(kind) not in (None, ""):
                if kind == "accId":
                    return self.profiles.get(str(named[kind]))
                return next(iter(self.profiles.find(kind, named[kind])), None)
        return None

    def _edit(self, wanted: Any) -> Reply:
        objects = wanted if isinstance(wanted, list) else []
        if not objects or not all(sonoran_v2.is_edit(each) for each in objects):
            return self.refusal(400, "INVALID REQUEST DATA")
        if self.settings["batch"] == "first":
            objects = objects[:1]
        if self.settings["batch_unknown"] == "nothing" and not all(self.find(each) for each in objects):
            return self.refusal(self.settings["unknown_account"], NOT_LINKED)
        if any(
            self.unknown_field(each["profileFields"]) or self.misfit(each["profileFields"])
            for each in objects
        ):
            return self.refusal(400, "INVALID PROFILE FIELD")
        answer: list[dict[str, Any]] = []
        for each in objects:
            account = self.find(each)
            if account is None:
                return self.refusal(self.settings["unknown_account"], NOT_LINKED)
            self.write(account, each["profileFields"])
            answer += sonoran_v2.pairs(account.fields)
        return json_reply(200, answer)

    def unknown_field(self, wanted: list[dict[str, Any]]) -> str | None:
        """The first field id that is not in the catalogue, where that is refused."""
        if self.settings["unknown_field"] != "refuse":
            return None
        return next((each["id"] for each in wanted if each["id"] not in self.fields), None)

    def misfit(self, wanted: list[dict[str, Any]]) -> str | None:
        """The first field whose type does not take its value, where that is refused."""
        if self.settings["misfit"] != "refuse":
            return None
        return next((each["id"] for each in wanted if not self._fits(each)), None)

    def _fits(self, pair: Mapping[str, Any]) -> bool:
        """Whether a field's type takes a value; what is not documented is taken."""
        definition, value = self.fields.get(pair["id"], {}), pair.get("value")
        if value in (None, "", []):
            return True
        if definition.get("type") == "text array":
            return isinstance(value, list) and all(isinstance(each, str) for each in value)
        if definition.get("type") == "select":
            return isinstance(value, str) and value in (definition.get("options") or [value])
        return True

    def write(self, account: Profile, wanted: list[dict[str, Any]]) -> dict[str, Any]:
        """Set the fields of an account and return what was taken over."""
        changes = {
            each["id"]: each.get("value") for each in wanted if each["id"] in self.fields and self._fits(each)
        }
        if self.settings["verified_fields"] == "ignore":
            changes = {
                name: value for name, value in changes.items() if self.fields[name]["type"] != "discord"
            }
        changes = self.kept(changes)
        empty = [name for name, value in changes.items() if value in (None, "", [])]
        self.profiles.change(
            account, {name: value for name, value in changes.items() if name not in empty}, self.clock.now()
        )
        if self.settings["empty_value"] == "clear":
            self.profiles.unset(account, empty)
        self.commit()
        return changes

    def _definitions(self, _: Any) -> Reply:
        return json_reply(200, self.catalogue())

    def catalogue(self) -> list[dict[str, Any]]:
        """The field definitions."""
        return [{"id": name, **definition} for name, definition in self.fields.items()]

    def _account(self, wanted: Any) -> Reply:
        account = next((self.read(each) for each in _objects({"data": wanted})), None)
        if account is None:
            return self.refusal(400, NO_ACCOUNT)
        return json_reply(200, sonoran_v2.account(self, account))

    def _accounts(self, wanted: Any) -> Reply:
        asked = next(iter(_objects({"data": wanted})), {})
        skip, take = (max(0, value) if isinstance(value, int) else 0 for value in map(asked.get, _PAGE))
        take = min(100, max(25, take))
        shows = sonoran_v2.account if self.settings["list_fields"] == "show" else _summary
        accounts = [shows(self, each) for each in self.page_of(self._all(), skip, take)]
        total = self.total_of(len(self._all()))
        return json_reply(200, {"total": total, "skip": skip, "take": take, "accounts": accounts})

    def _all(self) -> list[Profile]:
        """All accounts, with those that were merged into others and are archived."""
        return [*self.profiles, *(profile for _, profile in self.gone.values())]

    def read(self, named: Mapping[str, Any]) -> Profile | None:
        """The account that an object names; an archived one is found by its own id, too."""
        archived = self.gone.get(str(named.get("accId")))
        return self.find(named) or (archived[1] if archived else None)

    def _check_api_id(self, wanted: Any) -> Reply:
        account = self._first(wanted)
        if account is None:
            return self.refusal(self.settings["unknown_account"], NOT_LINKED)
        return text_reply(200, str(account.identifiers["username"]))

    def _ranks(self, wanted: Any) -> Reply:
        account = self._first(wanted)
        return json_reply(200, []) if account else self.refusal(400, NO_ACCOUNT)

    def _rename(self, wanted: Any) -> Reply:
        account, asked = self._first(wanted), next(iter(_objects({"data": wanted})), {})
        name = asked.get("newName") or asked.get("name")
        if account is None or not name:
            return self.refusal(400, NO_ACCOUNT)
        account.identifiers["comName"] = name
        self.commit()
        return text_reply(200, "ACCOUNT NAME UPDATED")

    def _first(self, wanted: Any) -> Profile | None:
        return next((self.find(each) for each in _objects({"data": wanted})), None)


def _summary(_: Sonoran, profile: Profile) -> dict[str, Any]:
    return sonoran_v2.summary(profile)


def _objects(body: Any) -> list[dict[str, Any]]:
    named = body.get("data") if isinstance(body, dict) else None
    return [each for each in named if isinstance(each, dict)] if isinstance(named, list) else []
