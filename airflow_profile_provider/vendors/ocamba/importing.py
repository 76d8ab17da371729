"""Ocamba Hood: custom properties of many profiles in one request, an option that is off by default.

Pages: https://dev-docs.ocamba.com/api/hood/v1.0/reference (import of profiles), and
https://docs.ocamba.com/api/hood/v1.0/reference/view-reports-profiles-import-by_id-full, read 2026-11-21.
Limits: as for the update; at most 100 custom properties a profile.
Documented on the vendor's development pages alone: whether an account has it is unknown. Unknown, too: where
the answer, 202, names its report (its body or its address is looked at), how many profiles a request may
hold (100 are sent), how long an import takes, other codes than SUCCESS, and other types than string.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlsplit

from airflow_profile_provider.errors import (
    BatchUnproven,
    NoAnswer,
    PushStopped,
    RecordRefused,
    Unanswered,
    VendorError,
)
from airflow_profile_provider.records import Acknowledgement, Change
from airflow_profile_provider.values import folded
from airflow_profile_provider.vendors.exchange import Answer, Pause, Request, Steps, to_json
from airflow_profile_provider.vendors.listing import identifier

PATH = "/v1/hood/profiles/import"
REPORT = "/v1/hood/reports/profiles/import/{}/full"
MOST_PROFILES = 100
MOST_PROPERTIES = 100
PAUSES = (1.0, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds before each look at a report; after the last, what is not in it is of unknown fate."""
_CODE = re.compile(r"[A-Z][A-Z0-9_]{0,39}")
_OFF = 'set the connection\'s extra bulk to "off"'


def can_be_imported(batch: Sequence[Change]) -> bool:
    """Whether an import can hold all of these: their custom properties alone, as texts; each profile once."""
    return len({_bare(change.key) for change in batch}) == len(batch) and all(map(_fits, batch))


def _fits(change: Change) -> bool:
    properties = change.fields.get("custom_properties")
    return (
        change.fields.keys() == {"custom_properties"}
        and isinstance(properties, dict)
        and 0 < len(properties) <= MOST_PROPERTIES
        and all(isinstance(value, str) for value in properties.values())
    )


def import_steps(batch: Sequence[Change], refused: Callable[[Answer], RecordRefused]) -> Steps:
    """Hand a batch in, and look at its report until each profile is in it.

    Raises:
        BatchUnproven: these, or all, must go one by one.
        PushStopped: what becomes of an import cannot be seen.
    """
    if not can_be_imported(batch):
        raise BatchUnproven("an import takes custom properties alone, and as texts", lasting=False)
    profiles = [
        {"id": change.key, "custom_properties": _typed(change.fields["custom_properties"])}
        for change in batch
    ]
    number = yield Request(
        "POST", PATH, lambda answer: _read_accepted(answer, refused), to_json({"profiles": profiles})
    )
    if not number:
        yield Pause(0.0)  # it was taken: it is under way
        raise PushStopped(
            f"Ocamba Hood took an import and named no report, so nobody can see what became of it: {_OFF}"
        )
    outcomes: Mapping[str, str] = {}
    for seconds in PAUSES:
        yield Pause(seconds)
        report = REPORT.format(quote(number, safe=""))
        outcomes = yield Request("GET", report, _read_report)
        if all(_bare(change.key) in outcomes for change in batch):
            break
    codes = [outcomes.get(_bare(change.key)) for change in batch]
    failed = {at: error for at, code in enumerate(codes) if (error := _error(code))}
    return Acknowledgement(failed=failed)


def _typed(properties: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    return {name: {"type": "string", "value": value} for name, value in properties.items()}


def _read_accepted(answer: Answer, refused: Callable[[Answer], RecordRefused]) -> str:
    """Read which report tells of the import; empty where none is named."""
    if answer.status == 404:
        raise BatchUnproven("Ocamba Hood has no import here: records go one by one", lasting=True)
    if answer.status >= 400:
        raise refused(answer)
    if answer.status != 202:
        raise Unanswered(f"Ocamba Hood answered {answer.status} to an import, and 202 is documented")
    found = answer.members
    items = found.get("items")
    if isinstance(items, list) and len(items) == 1 and isinstance(items[0], dict):
        found = items[0]
    address = urlsplit(answer.headers.get("location", "")).path.removesuffix("/full").rstrip("/")
    return identifier(found.get("id")) or address.rpartition("/")[2]


def _read_report(answer: Answer) -> Mapping[str, str]:
    """Read what became of each profile so far; a report that is not there yet has none."""
    if answer.status == 404:
        return {}
    if answer.status >= 400:
        raise PushStopped(f"Ocamba Hood answered {answer.status} when asked for an import's report: {_OFF}")
    lines = answer.parsed
    if answer.status != 200 or not isinstance(lines, list):
        raise Unanswered("Ocamba Hood answered with something else than the report of an import")
    return {
        _bare(key): str(line.get("code"))
        for line in lines
        if isinstance(line, dict) and (key := identifier(line.get("profile_id")))
    }


def _bare(key: str) -> str:
    return folded(key, number=True)


def _error(code: str | None) -> VendorError | None:
    """Say what a profile's code in the report means, or that it has none."""
    if code is None:
        return NoAnswer("the report of the import did not name this profile in time")
    if code == "SUCCESS":
        return None
    shown = code if _CODE.fullmatch(code) else "another code than SUCCESS"
    return RecordRefused(f"the report of the import has {shown}", code[:500])
