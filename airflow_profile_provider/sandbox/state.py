"""What a vendor holds (profiles, found by any identifier) and what was asked of it (the log)."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_profile_provider.sandbox.quota import Peak
from airflow_profile_provider.sandbox.wire import Request

LOGGED_BODY = 100_000
_TOKEN = re.compile(r"(?i)(\btoken=)[^&]*")
_MASKED = {"authorization", "rest-api-key", "proxy-authorization", "cookie"}


@dataclass
class Profile:
    """One profile: its key, its fields, its further identifiers and its links to other records."""

    key: str
    fields: dict[str, Any] = field(default_factory=dict)
    identifiers: dict[str, Any] = field(default_factory=dict)
    links: dict[str, list[str]] = field(default_factory=dict)
    created: float = 0.0
    updated: float = 0.0
    before: tuple[float, dict[str, Any]] | None = None

    def named(self, kind: str) -> Any:
        """The value of an identifier, whether it stands apart or among the fields."""
        return self.identifiers[kind] if kind in self.identifiers else self.fields.get(kind)


class Profiles:
    """Profiles by key, with an index of each further identifier."""

    def __init__(self, indexed: Iterable[str] = ()) -> None:
        self._profiles: dict[str, Profile] = {}
        self._index: dict[str, dict[str, list[str]]] = {kind: {} for kind in indexed}

    def __len__(self) -> int:
        return len(self._profiles)

    def __iter__(self) -> Iterator[Profile]:
        return iter(self._profiles.values())

    def __contains__(self, key: str) -> bool:
        return key in self._profiles

    def get(self, key: str) -> Profile | None:
        """The profile of a key."""
        return self._profiles.get(key)

    def held(self, key: str) -> Profile:
        """The profile of a key that is known to be there; raises ValueError."""
        if key not in self._profiles:
            raise ValueError(f"there is no profile {key!r}")
        return self._profiles[key]

    def find(self, kind: str, value: Any) -> list[Profile]:
        """All profiles with this value of an identifier; an empty value finds none."""
        if value is None or value == "":
            return []
        return [self._profiles[key] for key in self._index[kind].get(str(value), ())]

    def put(self, profile: Profile) -> Profile:
        """Add a profile, or replace the one with its key."""
        self.drop(profile.key)
        self._profiles[profile.key] = profile
        self._enter(profile)
        return profile

    def drop(self, key: str) -> Profile | None:
        """Remove a profile."""
        profile = self._profiles.pop(key, None)
        if profile:
            self._leave(profile)
        return profile

    def change(self, profile: Profile, fields: Mapping[str, Any], at: float) -> None:
        """Set fields of a profile, keeping the index right."""
        self._leave(profile)
        profile.before = (at, dict(profile.fields))
        profile.fields.update(fields)
        profile.updated = at
        self._enter(profile)

    def unset(self, profile: Profile, names: Iterable[str]) -> None:
        """Remove fields of a profile."""
        self._leave(profile)
        for name in names:
            profile.fields.pop(name, None)
        self._enter(profile)

    def clear(self) -> None:
        """Forget all profiles."""
        self._profiles.clear()
        for index in self._index.values():
            index.clear()

    def _enter(self, profile: Profile) -> None:
        for kind, index in self._index.items():
            value = profile.named(kind)
            if value is not None and value != "":
                index.setdefault(str(value), []).append(profile.key)

    def _leave(self, profile: Profile) -> None:
        for kind, index in self._index.items():
            value = profile.named(kind)
            keys = index.get(str(value))
            if keys and profile.key in keys:
                keys.remove(profile.key)


class Log:
    """The last requests, the totals, and the most requests seen within one second and one minute."""

    def __init__(self, length: int = 10_000) -> None:
        self.entries: deque[dict[str, Any]] = deque(maxlen=length)
        self.by_status: Counter[str] = Counter()
        self.total = 0
        self.writes = 0
        self.created = 0
        self._peaks = {"1s": Peak(1.0), "60s": Peak(60.0)}
        self._bucket_peaks: dict[tuple[str, str], Peak] = {}

    def arrive(self, at: float) -> None:
        """Count an arrival."""
        self.total += 1
        for peak in self._peaks.values():
            peak.see(at)

    def leave(self, request: Request, status: int | None, fault: str | None) -> None:
        """Note how a request ended: with a status, or with a fault instead of an answer."""
        self.by_status[str(status) if status is not None else str(fault)] += 1
        if request.bucket is not None:
            for name, seconds in (("1s", 1.0), ("60s", 60.0)):
                self._bucket_peaks.setdefault((request.bucket, name), Peak(seconds)).see(request.at)
        self.entries.append(_entry(request, status, fault))

    def document(self, last: int | None = None) -> dict[str, Any]:
        """All of it as JSON."""
        peaks: dict[str, dict[str, int]] = {}
        for (bucket, name), peak in self._bucket_peaks.items():
            peaks.setdefault(bucket, {})[name] = peak.most
        entries = list(self.entries)
        return {
            "total": self.total,
            "by_status": dict(self.by_status),
            "writes": self.writes,
            "created": self.created,
            "max": {name: peak.most for name, peak in self._peaks.items()},
            "max_by_bucket": peaks,
            "log": entries if last is None else entries[-last:] if last else [],
        }


def _entry(request: Request, status: int | None, fault: str | None) -> dict[str, Any]:
    body: Any = None
    if request.body:
        body = request.json_or_none if len(request.body) <= LOGGED_BODY else None
        if body is None:
            body = request.body[:LOGGED_BODY].decode(errors="replace")
    headers = {name: value for name, value in request.headers.items() if name not in _MASKED}
    return {
        "at": request.at,
        "method": request.method,
        "path": request.raw_path,
        "query": _TOKEN.sub(r"\1***", request.query_string),
        "status": status,
        "fault": fault,
        "key": request.key,
        "headers": headers,
        "body": _without_secrets(body),
    }


def _without_secrets(body: Any) -> Any:
    if isinstance(body, dict) and "type" in body and "key" in body:
        return {**body, "key": "***"}
    if isinstance(body, str) and "client_secret=" in body:
        return "***"
    return body
