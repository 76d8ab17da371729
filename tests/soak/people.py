"""Whom a soak changes: profiles of made-up keys, the source that changes them, and what must come of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_profile_provider.sandbox import Sandbox

AT_ONCE = 20_000


@dataclass(frozen=True)
class People:
    """So many profiles, whose keys look like ``key``, and the ``field`` that is changed.

    Change number n is of profile n modulo their number, so that a profile's changes lie far apart.
    """

    field: str
    key: str
    number: int

    def key_of(self, n: int) -> str:
        """The key of the profile that change n is of."""
        return f"{self.key[:-8]}{10_000_000 + n % self.number}"

    def move_in(self, sandbox: Sandbox, vendor: str) -> dict[str, Any]:
        """Let the vendor hold these profiles and no others; return how it shows each of them."""
        for start in range(0, self.number, AT_ONCE):
            some = range(start, min(start + AT_ONCE, self.number))
            profiles = {self.key_of(n): {self.field: "before"} for n in some}
            sandbox.load(vendor, profiles, replace=start == 0)
        return sandbox.profile(vendor, self.key_of(0))

    def write_source(self, folder: Path, records: int) -> Path:
        """Write the changes to a file."""
        path = folder / "source.jsonl"
        with path.open("w", encoding="utf-8") as lines:
            for n in range(records):
                change = {"key": self.key_of(n), "fields": {self.field: f"soak {n}"}}
                lines.write(json.dumps(change) + "\n")
        return path

    def compare(self, held: Mapping[str, Mapping[str, Any]], before: Mapping[str, Any], records: int) -> bool:
        """Hold the vendor's whole state against the source: the last change of each profile, nobody else."""
        news = range(records - self.number, records)
        last = {self.key_of(n): {**before, self.field: f"soak {n}"} for n in news}
        different = [key for key, fields in last.items() if held.get(key) != fields]
        strangers = held.keys() - last.keys()
        print(
            f"  vendor: {len(held):,} profiles, {len(different):,} differ, {len(strangers):,} are strangers"
        )
        for key in different[:3]:
            print(f"    {key}: the source says {last[key]}, the vendor holds {held.get(key)}")
        return not different and not strangers
