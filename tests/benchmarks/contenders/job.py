"""What a contender is told: where to send, how, and which sample records."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

Change = dict[str, Any]
Run = Callable[[], int]
"""Sends everything, and returns how many records were acknowledged."""
Prepare = Callable[[int], Run]
"""Makes so many records ready, outside the measured time."""

TOKEN = "bench-token"
COMMUNITY = "bench-community"


@dataclass(frozen=True)
class Job:
    """``batch_size`` 1 means Ocamba's endpoint, more means Sonoran's; None means the vendor's own setting.

    ``file``: the Parquet file to read. ``ledger``: whether the push has one; ``ledger.py`` says where.
    ``history``: whether it writes one beside that.
    """

    url: str
    folder: str
    in_flight: int | None = 1
    batch_size: int = 1
    quota: str | None = "none"
    from_file: bool = False
    file: str = ""
    ledger: bool = True
    history: bool = True

    def as_json(self) -> str:
        """Write it for another process."""
        return json.dumps(asdict(self))


def changes(number: int) -> Iterator[Change]:
    """Make sample changes, each with an e-mail address and a name."""
    for at in range(number):
        fields = {"email": f"person-{at}@example.com", "full_name": f"Person Number {at}"}
        yield {"key": str(17430755068736000000 + at), "fields": fields}


def people(number: int, turn: int = 0, every: int = 100) -> Iterator[tuple[str, str, str, int]]:
    """Make id, e-mail address, name and time of change; in a later turn every so many-th is new."""
    for at in range(number):
        new = turn if at % every == 0 else 0
        name = f"Person Number {at}" + (f", turn {new}" if new else "")
        yield str(17430755068736000000 + at), f"person-{at}@example.com", name, new


def sonoran_body(batch: list[Change]) -> dict[str, Any]:
    """Write the body that Sonoran's batch endpoint takes."""
    accounts = [
        {
            "accId": change["key"],
            "profileFields": [{"id": name, "value": value} for name, value in change["fields"].items()],
        }
        for change in batch
    ]
    return {"id": COMMUNITY, "key": TOKEN, "type": "EDIT_ACC_PROFLIE_FIELDS", "data": accounts}


def requests_of(job: Job, number: int) -> list[tuple[str, str, dict[str, Any], int]]:
    """Return method, address, body and number of records of each request that a plain loop sends."""
    if job.batch_size == 1:
        address = f"{job.url}/v1/hood/profiles"
        return [("PATCH", f"{address}/{one['key']}", one["fields"], 1) for one in changes(number)]
    listed = list(changes(number))
    batches = [listed[at : at + job.batch_size] for at in range(0, number, job.batch_size)]
    address = f"{job.url}/general/edit_acc_profile_fields"
    return [("POST", address, sonoran_body(batch), len(batch)) for batch in batches]
