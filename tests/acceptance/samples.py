"""What the tests need to know of each vendor: one entry a vendor, facts only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from standins import AgileNow, Communifire, Lightfield, Ocamba, Sonoran, StandIn

Fields = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A vendor's sample material.

    ``key`` and ``before`` say what the vendor keeps as its profile number n, ``fields`` what a change of it
    holds. ``text`` and ``other`` are fields that take any text. ``invalid`` is what must be refused before
    sending, ``misshapen`` has a value of the wrong type, ``faulty`` names that field. ``required`` lists what
    a connection cannot do without; ``reads`` and ``overhead`` the requests beside the writes: per change,
    and once. ``create_by`` is the key type of the profiles that can be made, ``created`` what a change of the
    one with number n then holds, ``tells_created`` whether the vendor says which were made by an upsert.
    """

    stand_in: type[StandIn]
    key: Callable[[int], str]
    before: Callable[[int], Fields]
    fields: Callable[[int], Fields]
    text: str
    other: str
    nobody: str
    invalid: Fields
    misshapen: Fields
    required: tuple[str, ...]
    faulty: str = ""
    reads: int = 0
    overhead: int = 0
    refusal: tuple[int, Any] = (400, None)
    login: str = ""
    email_key_type: str = ""
    email_field: str = ""
    create_by: str = ""
    created: Callable[[int], Fields] = lambda n: {}
    tells_created: bool = True
    extra: Mapping[str, Any] = field(default_factory=dict)


SAMPLES: dict[str, Sample] = {
    "sonoran": Sample(
        stand_in=Sonoran,
        key=lambda n: f"6f0c2a10-0000-4000-8000-{n:012d}",
        before=lambda n: {"unit": f"Unit{n}Before", "callsign": "Kept", "rank": "Cadet"},
        fields=lambda n: {"unit": f"Unit{n}After", "5d9b-steam": [f"steam-{n}", "second"]},
        text="unit",
        other="callsign",
        nobody="6f0c2a10-ffff-4000-8000-000000000000",
        invalid={},
        misshapen={"unit": b"\xff\xfe"},
        faulty="unit",
        required=("login", "password"),
        overhead=1,  # a catalogue that its page does not name may be asked for
        refusal=(400, "UNIT MarkerQuartz IS NOT ALLOWED"),
        login=Sonoran.login,
        extra={"batch_size": 1},
    ),
    "communifire": Sample(
        stand_in=Communifire,
        key=lambda n: str(200 + n),
        before=lambda n: {"Email": f"person{n}@example.com", "Username": f"person{n}", "Company": "Before"},
        fields=lambda n: {"Company": f"Company{n}After", "Phone": f"55500{n:03d}"},
        text="Company",
        other="Phone",
        nobody="99999",
        invalid={},
        misshapen={"Company": {"name": "MarkerQuartz"}},
        faulty="Company",
        required=("host", "password"),
        refusal=(200, {"IsError": True, "ResponseMessage": "MarkerQuartz is taken", "ResponseData": None}),
        email_key_type="Email",
        email_field="Email",
        create_by="Email",
        created=lambda n: {"Company": f"Company{n}After", "Phone": f"55500{n:03d}"},
        tells_created=False,
    ),
    "agilenow": Sample(
        stand_in=AgileNow,
        key=lambda n: f"3ad64ab3-0000-46c5-b1d7-{n:012d}",
        before=lambda n: {
            "Name": f"Account {n}",
            "FirstName": f"First{n}Before",
            "LastName": "Kept",
            "Phone": f"+3584000{n:03d}",
            "Email": f"person{n}@example.com",
            "Identifier": f"ID-{n}",
            "IdentifierVerified": True,
            "LanguageId": "fi-FI",
            "TimezoneId": "FLE Standard Time",
            "DateFormatId": "DD.MM.YYYY",
            "Username": f"person{n}@example.com",
            "ExternalId": f"ext/{n}",
            "NotifyByEmail": True,
            "NotifyBySMS": True,
            "Is_Active": True,
        },
        fields=lambda n: {"FirstName": f"First{n}After", "NotifyByEmail": False, "LanguageId": "en-US"},
        text="FirstName",
        other="LastName",
        nobody="3ad64ab3-ffff-46c5-b1d7-000000000000",
        invalid={"FirstName": "MarkerQuartz", "LanguageId": "Klingon-MarkerQuartz"},
        misshapen={"NotifyByEmail": "MarkerQuartz"},
        faulty="NotifyByEmail",
        required=("host", "login", "password"),
        reads=1,
        overhead=1,  # the token
        refusal=(
            400,
            {"Errors": ["MarkerQuartz is not unique"], "Type": "/Errors/Bad Input", "StatusCode": 400},
        ),
        login=AgileNow.login,
        email_key_type="Username",
        email_field="Username",
        create_by="Username",
        created=lambda n: {
            "FirstName": f"First{n}After",
            "LastName": "New",
            "Email": f"person{n}@example.com",
            "Is_Active": True,
        },
    ),
    "lightfield": Sample(
        stand_in=Lightfield,
        key=lambda n: f"acc_{n:04d}",
        before=lambda n: {"$name": f"Name{n}Before", "$linkedIn": "kept", "tier": "bronze"},
        fields=lambda n: {"$name": f"Name{n}After", "$website": [f"https://n{n}.example.com"], "score": n},
        text="$name",
        other="tier",
        nobody="acc_nobody",
        invalid={"$name": "MarkerQuartz", "$accountStatus": "MarkerQuartz"},
        misshapen={"$website": {"url": "MarkerQuartz"}},
        faulty="$website",
        required=("password",),
        overhead=1,  # definitions, whose path its page does not name, may be asked for
        refusal=(422, {"error": {"type": "unprocessable_content", "message": "MarkerQuartz is not unique"}}),
    ),
    "ocamba": Sample(
        stand_in=Ocamba,
        key=lambda n: str(17430755068736100000 + n),
        before=lambda n: {"full_name": f"Name{n}Before", "comment": "Kept", "organization_id": "1000"},
        fields=lambda n: {
            "full_name": f"Name{n}After",
            "email": f"person{n}@example.com",
            "lists": ["1000102"],
            "custom_properties": {"clicker": str(n)},
        },
        text="full_name",
        other="comment",
        nobody="17430755068736199999",
        invalid={"full_name": "MarkerQuartz", "birthday": "1815-12-10"},
        misshapen={"lists": {"id": "MarkerQuartz"}},
        faulty="lists",
        required=("password",),
        overhead=1,  # the account's own properties, which its page does not name, may be asked for
        refusal=(400, {"code": 400, "title": "Bad request.", "message": "MarkerQuartz is in use."}),
    ),
}
