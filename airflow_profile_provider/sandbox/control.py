"""The control endpoints, all under ``/_sandbox``: inspection, settings, faults, the clock.

GET    /_sandbox/health                    {"status": "ok", "vendors": [...]}
GET    /_sandbox/readings                  the table of open readings
POST   /_sandbox/reset                     back to the seeded state
GET    /_sandbox/clock                     {"now": seconds}
POST   /_sandbox/clock                     {"advance": seconds} and/or {"freeze": true|false}
GET    /_sandbox/faults                    the faults, with how often each matched and struck
POST   /_sandbox/faults                    one fault or a list of them
DELETE /_sandbox/faults                    no faults
POST   /_sandbox/settings                  settings for all vendors at once, e.g. {"quota": false}
GET    /_sandbox/{vendor}/profiles         {key: fields}
PUT    /_sandbox/{vendor}/profiles         {key: fields}, or {"profiles": {key: fields}, "replace": true,
                                           "identifiers": {key: {...}}, "relationships": {key: {...}},
                                           "definitions": {...}}
                                           or {"profiles": {key: fields}, "edit": true}: edited by hand
POST   /_sandbox/{vendor}/trash            {"keys": [key]}: deleted by hand
POST   /_sandbox/{vendor}/merge            {"from": key, "into": key}: merged by hand
GET    /_sandbox/{vendor}/profiles/{key}   fields
GET    /_sandbox/{vendor}/keys             {key: identifiers}
GET    /_sandbox/{vendor}/relationships    {key: {name: [ids]}}
GET    /_sandbox/{vendor}/requests         totals and the log (?last=n: its last n)
DELETE /_sandbox/{vendor}/requests         an empty log
GET    /_sandbox/{vendor}/settings         settings and limits
POST   /_sandbox/{vendor}/settings         {name: value}
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from airflow_profile_provider.sandbox.faults import Fault
from airflow_profile_provider.sandbox.readings import table
from airflow_profile_provider.sandbox.state import Log
from airflow_profile_provider.sandbox.vendor import Vendor
from airflow_profile_provider.sandbox.wire import Reply, Request, Route, Routes, json_reply

if TYPE_CHECKING:
    from airflow_profile_provider.sandbox.app import App

_LOAD_MEMBERS = {"profiles", "identifiers", "relationships", "definitions", "replace", "edit"}
_FAULT_MEMBERS = {each.name for each in fields(Fault)} - {"matched", "struck"}


class Control:
    """Answers what is asked of the sandbox itself."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._routes = Routes(
            [
                Route("GET", "/_sandbox/health", self._health),
                Route("GET", "/_sandbox/readings", lambda _: json_reply(200, table())),
                Route("POST", "/_sandbox/reset", self._reset),
                Route("GET", "/_sandbox/clock", self._clock),
                Route("POST", "/_sandbox/clock", self._clock),
                Route("GET", "/_sandbox/faults", self._show_faults),
                Route("POST", "/_sandbox/faults", self._add_faults),
                Route("DELETE", "/_sandbox/faults", self._clear_faults),
                Route("POST", "/_sandbox/settings", self._all_settings),
                *self._vendor_routes(),
            ]
        )

    def _vendor_routes(self) -> list[Route]:
        table: list[tuple[str, str, Callable[[Vendor, Request], Reply]]] = [
            ("GET", "profiles", _profiles),
            ("PUT", "profiles", _load),
            ("GET", "profiles/{key}", _profile),
            ("POST", "trash", _trash),
            ("POST", "merge", _merge),
            ("GET", "keys", _keys),
            ("GET", "relationships", _relationships),
            ("GET", "requests", _requests),
            ("DELETE", "requests", _forget_requests),
            ("GET", "settings", _settings),
            ("POST", "settings", _settings),
        ]
        return [
            Route(method, f"/_sandbox/{{vendor}}/{path}", self._for_vendor(rule))
            for method, path, rule in table
        ]

    def answer(self, request: Request) -> Reply:
        """Answer a control request; a mistake in it is a 400 that says what is wrong."""
        route = self._routes.find(request)
        if not route:
            return json_reply(404, {"error": f"nothing here answers {request.method} {request.raw_path}"})
        try:
            return route.rule(request)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            return json_reply(400, {"error": f"{type(error).__name__}: {error}"})

    def _for_vendor(self, rule: Callable[[Vendor, Request], Reply]) -> Callable[[Request], Reply]:
        def answer(request: Request) -> Reply:
            vendor = self._app.vendors.get(request.segments[1])
            if vendor is None:
                return json_reply(
                    404, {"error": f"no vendor {request.segments[1]!r}; {list(self._app.vendors)}"}
                )
            return rule(vendor, request)

        return answer

    def _health(self, _: Request) -> Reply:
        return json_reply(200, {"status": "ok", "vendors": list(self._app.vendors)})

    def _reset(self, _: Request) -> Reply:
        self._app.reset()
        return json_reply(200, {"status": "ok"})

    def _clock(self, request: Request) -> Reply:
        wanted = request.json if request.body else {}
        if "freeze" in wanted:
            self._app.clock.freeze(bool(wanted["freeze"]))
        self._app.clock.advance(float(wanted.get("advance", 0)))
        return json_reply(200, {"now": self._app.clock.now()})

    def _show_faults(self, _: Request) -> Reply:
        return json_reply(200, [asdict(fault) for fault in self._app.faults.all])

    def _add_faults(self, request: Request) -> Reply:
        wanted = request.json if isinstance(request.json, list) else [request.json]
        for each in wanted:
            if unknown := set(each) - _FAULT_MEMBERS:
                raise ValueError(f"unknown members {sorted(unknown)}; a fault has {sorted(_FAULT_MEMBERS)}")
            if each.get("vendor") not in {None, *self._app.vendors}:
                raise ValueError(f"no vendor {each['vendor']!r}")
        self._app.faults.all.extend([Fault(**each) for each in wanted])
        return self._show_faults(request)

    def _clear_faults(self, _: Request) -> Reply:
        self._app.faults.all.clear()
        return json_reply(200, [])

    def _all_settings(self, request: Request) -> Reply:
        documents = {name: each.change_settings(request.json) for name, each in self._app.vendors.items()}
        return json_reply(200, documents)


def _profiles(vendor: Vendor, _: Request) -> Reply:
    return json_reply(200, {profile.key: vendor.show(profile) for profile in vendor.profiles})


def _profile(vendor: Vendor, request: Request) -> Reply:
    profile = vendor.profiles.get(request.segments[3])
    if profile is None:
        return json_reply(404, {"error": f"{vendor.name} has no profile {request.segments[3]!r}"})
    return json_reply(200, vendor.show(profile))


def _load(vendor: Vendor, request: Request) -> Reply:
    document: dict[str, Any] = request.json
    if "profiles" not in document or set(document) - _LOAD_MEMBERS:
        document = {"profiles": document}
    return json_reply(200, {"loaded": vendor.load(document)})


def _trash(vendor: Vendor, request: Request) -> Reply:
    for key in request.json["keys"]:
        vendor.trash(str(key))
    return json_reply(200, {"trashed": len(request.json["keys"])})


def _merge(vendor: Vendor, request: Request) -> Reply:
    vendor.merge(str(request.json["from"]), str(request.json["into"]))
    return json_reply(200, {"merged": 1})


def _keys(vendor: Vendor, _: Request) -> Reply:
    return json_reply(200, {profile.key: vendor.identify(profile) for profile in vendor.profiles})


def _relationships(vendor: Vendor, _: Request) -> Reply:
    return json_reply(200, {profile.key: profile.links for profile in vendor.profiles})


def _requests(vendor: Vendor, request: Request) -> Reply:
    last = request.query.get("last")
    return json_reply(200, vendor.log.document(int(last) if last else None))


def _forget_requests(vendor: Vendor, _: Request) -> Reply:
    vendor.log = Log()
    return json_reply(200, vendor.log.document())


def _settings(vendor: Vendor, request: Request) -> Reply:
    if request.method == "POST":
        return json_reply(200, vendor.change_settings(request.json))
    return json_reply(200, vendor.settings_document())
