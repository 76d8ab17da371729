"""The five vendors as the fuzz meets them: profiles to start with, fields to write, and how to read both."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from standins import AgileNow, Communifire, Lightfield, Ocamba, Seen, Sonoran, StandIn
from standins.agilenow import TOKEN_PATH

PROFILES = 8
"""How many profiles each vendor holds before a push."""

Named = Iterator[tuple[str, str, Any]]
"""Profile, field and value of each write that a request asks for."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """One vendor. ``fields`` maps a field to the kind of its values: text, flag, list, object, number, any.

    ``keys`` maps a key type to what names the profile number n; the first is the default. ``named`` reads
    what a request would write, by the identifier that it names.
    """

    conn_type: str
    stand_in: type[StandIn]
    keys: Mapping[str, Callable[[int], str]]
    fields: Mapping[str, str]
    before: Callable[[int], dict[str, Any]]
    named: Callable[[StandIn, Seen], Named]
    nobody: str
    refused: tuple[int, Any]
    options: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    clears: bool = False
    batch_limit: int = 1

    def profiles(self) -> dict[str, dict[str, Any]]:
        """What the vendor holds to start with."""
        first = next(iter(self.keys.values()))
        return {first(n): self.before(n) for n in range(PROFILES)}

    def profile_of(self, stand_in: StandIn, key_type: str, key: str) -> str | None:
        """The profile that a key names, or None where nobody has it."""
        if key_type == next(iter(self.keys)):
            return key if key in stand_in.profiles else None
        if isinstance(stand_in, Sonoran):
            return stand_in.also_known.get((key_type, key))
        return next((own for own, held in stand_in.profiles.items() if held.get(key_type) == key), None)


def _ocamba(stand_in: StandIn, seen: Seen) -> Named:
    if stand_in.is_write(seen) and isinstance(seen.json, dict):
        for name, value in seen.json.items():
            yield stand_in.keys_of(seen)[0], name, value


def _communifire(stand_in: StandIn, seen: Seen) -> Named:
    if stand_in.is_write(seen) and isinstance(seen.json, dict):
        identifier, *fields = seen.json.items()
        for name, value in fields:
            yield identifier[1], name, value


def _agilenow(stand_in: StandIn, seen: Seen) -> Named:
    if stand_in.is_write(seen) and isinstance(seen.json, dict):
        for name, value in seen.json.items():
            yield stand_in.keys_of(seen)[0], name, value


def _lightfield(stand_in: StandIn, seen: Seen) -> Named:
    if stand_in.is_write(seen) and isinstance(seen.json, dict):
        for name, value in seen.json.get("fields", {}).items():
            yield stand_in.keys_of(seen)[0], name, value


def _sonoran(stand_in: StandIn, seen: Seen) -> Named:
    if stand_in.is_write(seen) and isinstance(seen.json, dict):
        for one in seen.json["data"]:
            key = next(value for name, value in one.items() if name != "profileFields")
            for pair in one["profileFields"]:
                yield str(key), pair["id"], pair["value"]


PLACES: dict[str, Place] = {
    place.conn_type: place
    for place in (
        Place(
            conn_type="ocamba",
            stand_in=Ocamba,
            keys={"id": lambda n: str(1001 + n)},
            fields={
                "full_name": "text",
                "comment": "text",
                "lists": "list",
                "custom_properties": "object",
            },
            before=lambda n: {"full_name": f"Before {n}", "comment": "kept", "lists": ["1"]},
            named=_ocamba,
            nobody="9999",
            refused=(400, {"code": 400, "title": "Bad request.", "message": "The request is not valid."}),
        ),
        Place(
            conn_type="communifire",
            stand_in=Communifire,
            keys={
                "UserID": lambda n: str(11 + n),
                "Email": lambda n: f"person{n}@example.com",
                "Username": lambda n: f"person{n}",
            },
            fields={"Company": "text", "Phone": "text", "Last name": "text"},
            before=lambda n: {
                "Email": f"person{n}@example.com",
                "Username": f"person{n}",
                "Company": "before",
            },
            named=_communifire,
            nobody="9999",
            refused=(200, {"IsError": True, "ResponseMessage": "no", "ResponseData": None}),
            options={"mode": ("update", "upsert", "create")},
        ),
        Place(
            conn_type="agilenow",
            stand_in=AgileNow,
            keys={
                "Id": lambda n: f"3ad64ab3-0000-46c5-b1d7-{n:012d}",
                "Username": lambda n: f"person{n}@example.com",
                "ExternalId": lambda n: f"ext/{n}",
            },
            fields={"FirstName": "text", "Phone": "text", "Is_Active": "flag", "NotifyBySMS": "flag"},
            before=lambda n: {
                "Name": f"Account {n}",
                "FirstName": "before",
                "LastName": "kept",
                "Username": f"person{n}@example.com",
                "ExternalId": f"ext/{n}",
                "Is_Active": True,
            },
            named=_agilenow,
            nobody="3ad64ab3-ffff-46c5-b1d7-000000000000",
            refused=(400, {"Errors": ["no"], "Type": "/Errors/Bad Input", "StatusCode": 400}),
            options={"write": ("merge", "put")},
        ),
        Place(
            conn_type="lightfield",
            stand_in=Lightfield,
            keys={"id": lambda n: f"acc_{n:04d}"},
            fields={"$name": "text", "$website": "list", "tier": "any", "score": "any"},
            before=lambda n: {"$name": f"Before {n}", "tier": "bronze"},
            named=_lightfield,
            nobody="acc_nobody",
            refused=(422, {"error": {"type": "unprocessable_content", "message": "no"}}),
            clears=True,
        ),
        Place(
            conn_type="sonoran",
            stand_in=Sonoran,
            keys={
                "accId": lambda n: f"6f0c2a10-0000-4000-8000-{n:012d}",
                "apiId": lambda n: f"api-{n}",
            },
            fields={"unit": "any", "callsign": "any", "rank": "text"},
            before=lambda n: {"unit": f"before {n}", "rank": "Cadet"},
            named=_sonoran,
            nobody="6f0c2a10-ffff-4000-8000-000000000000",
            refused=(400, "UNIT IS NOT ALLOWED"),
            batch_limit=50,
        ),
    )
}


def stand_in_of(place: Place) -> StandIn:
    """The vendor with its profiles, newly made."""
    stand_in = place.stand_in(place.profiles())
    if isinstance(stand_in, Sonoran):
        keys = place.keys
        stand_in.also_known = {("apiId", keys["apiId"](n)): keys["accId"](n) for n in range(PROFILES)}
    return stand_in


def about_profiles(stand_in: StandIn, seen: Seen) -> bool:
    """Whether a request is about profiles, and neither for a token nor for a catalogue."""
    reads_one = seen.method == "GET" and "/Account/" in seen.path
    return seen.path != TOKEN_PATH and (stand_in.is_write(seen) or reads_one)
