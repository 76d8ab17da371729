"""What the five vendors share: settings, quota, profiles to load and to show, and the life of a request.

A request goes through ``admit`` on arrival (credentials, quota, a key already used), ``answer`` (the rules)
and ``leave`` (once the answer is out). Time may pass between them: the setting ``latency``, or a fault's
delay.
"""

from __future__ import annotations

import math
import random
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from airflow_profile_provider.sandbox.clock import Clock
from airflow_profile_provider.sandbox.quota import Bucket, Limit, Standing, parse_limits
from airflow_profile_provider.sandbox.readings import readings
from airflow_profile_provider.sandbox.rewriting import rewritten
from airflow_profile_provider.sandbox.state import Log, Profile, Profiles
from airflow_profile_provider.sandbox.wire import Reply, Request, Route, Routes

Limits = Mapping[str, tuple[Limit, ...]]


class Vendor(ABC):
    """One vendor's API: its routes, its rules and what it holds."""

    name: ClassVar[str]
    identifiers: ClassVar[tuple[str, ...]]
    published: ClassVar[Limits] = {}
    defaults: ClassVar[Mapping[str, Any]] = {}
    forms: ClassVar[Mapping[str, str]] = {}
    """Fields that hold an "email" or a "phone"."""

    def __init__(
        self, clock: Clock, *, seed: int = 1, profiles: int = 100, quota: bool = True, harsh: bool = False
    ) -> None:
        self.clock = clock
        self.random = random.Random(f"{seed}:{self.name}")
        self.log = Log()
        self.in_flight = 0
        self.profiles = Profiles(self.identifiers[1:])
        self.gone: dict[str, tuple[float, Profile]] = {}
        self.settings: dict[str, Any] = {
            "latency": 0.0,
            "quota": quota,
            "window": "fixed",
            **self.defaults,
            **readings(self.name, harsh=harsh),
        }
        self.limits: dict[str, tuple[Limit, ...]] = dict(self.published)
        self._buckets: dict[str, Bucket] = {}
        self.routes = Routes(self.routing())
        self.seed_profiles(profiles)

    @abstractmethod
    def owns(self, segments: tuple[str, ...]) -> bool:
        """Whether a path is this vendor's."""

    @abstractmethod
    def routing(self) -> list[Route]:
        """The vendor's endpoints."""

    @abstractmethod
    def seed_profiles(self, count: int) -> None:
        """Make the profiles to start with, from ``self.random``."""

    @abstractmethod
    def admit(self, request: Request) -> Reply | None:
        """Check what the vendor checks on arrival; None lets the request in."""

    @abstractmethod
    def answer(self, request: Request) -> Reply:
        """Carry the request out."""

    @abstractmethod
    def credential_refused(self, request: Request) -> Reply:
        """The answer to a credential that is not valid."""

    @abstractmethod
    def addressed(self, request: Request) -> list[str]:
        """The identifiers that a request names, as it wrote them."""

    def leave(self, request: Request, reply: Reply) -> Reply:
        """Add what every answer carries; called once for each request that was admitted or refused."""
        return reply

    def expire_credentials(self) -> bool:
        """Void every token that the vendor issued; False where it issues none."""
        return False

    # -- quota ---------------------------------------------------------------------------------------------

    def take(self, bucket: str, limits: str) -> tuple[bool, list[Standing]]:
        """Count a request in a bucket under the named limits; (True, []) while quotas are off."""
        if not self.settings["quota"] or limits not in self.limits:
            return True, []
        if bucket not in self._buckets:
            self._buckets[bucket] = Bucket(self.limits[limits])
        return self._buckets[bucket].take(self.clock.now(), sliding=self.settings["window"] == "sliding")

    def forget_quota(self) -> None:
        """Start counting afresh."""
        self._buckets.clear()

    # -- settings ------------------------------------------------------------------------------------------

    def change_settings(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Change settings by name; ``harsh`` sets every open reading, ``quota`` takes limits by name."""
        wanted = dict(changes)
        if "harsh" in wanted:
            self.settings.update(readings(self.name, harsh=bool(wanted.pop("harsh"))))
        quota = wanted.pop("quota", None)
        for name, value in wanted.items():
            self.settings[name] = self._checked(name, value)
        if quota is not None:
            self._change_quota(quota)
        return self.settings_document()

    def settings_document(self) -> dict[str, Any]:
        """Settings and limits as JSON."""
        limits = {
            name: [[each.requests, each.seconds] for each in limits] for name, limits in self.limits.items()
        }
        return {**self.settings, "limits": limits}

    def _checked(self, name: str, value: Any) -> Any:
        if name not in self.settings:
            raise ValueError(
                f"{self.name} has no setting {name!r}; it has {', '.join(sorted(self.settings))}"
            )
        old = self.settings[name]
        if isinstance(old, float) and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if old is not None and type(value) is not type(old):
            raise ValueError(f"{name} is a {type(old).__name__}")
        return value

    def _change_quota(self, quota: Any) -> None:
        if isinstance(quota, Mapping):
            if unknown := set(quota) - set(self.published):
                raise ValueError(
                    f"{self.name} has no limits named {unknown}; it has {sorted(self.published)}"
                )
            self.limits.update({name: parse_limits(limits) for name, limits in quota.items()})
            quota = True
        if not isinstance(quota, bool):
            raise ValueError("quota is true, false, or limits by name")
        self.settings["quota"] = quota
        self.forget_quota()

    # -- inspection ----------------------------------------------------------------------------------------

    def show(self, profile: Profile) -> dict[str, Any]:
        """A profile's fields as the inspection shows them."""
        return dict(profile.fields)

    def identify(self, profile: Profile) -> dict[str, Any]:
        """A profile's identifiers, by their kind."""
        kinds = {kind: profile.named(kind) for kind in self.identifiers[1:]}
        return {self.identifiers[0]: profile.key, **kinds}

    def load(self, document: Mapping[str, Any]) -> int:
        """Take profiles in: ``profiles`` {key: fields}, and what else the vendor's ``take_in`` reads.

        With ``replace`` (the default) the old profiles go. With ``edit`` nothing goes: the fields are laid
        over those that are held, as somebody does who edits profiles at the vendor by hand.
        """
        if document.get("edit"):
            return self._edit_by_hand(document["profiles"])
        if document.get("replace", True):
            self.profiles.clear()
        self.declare(document.get("definitions") or {})
        identifiers = document.get("identifiers") or {}
        links = document.get("relationships") or {}
        for key, fields in document["profiles"].items():
            profile = Profile(
                str(key), dict(fields), dict(identifiers.get(key, {})), dict(links.get(key, {}))
            )
            profile.created = profile.updated = self.clock.now()
            self.take_in(profile)
        return len(document["profiles"])

    def _edit_by_hand(self, profiles: Mapping[str, Mapping[str, Any]]) -> int:
        for key, fields in profiles.items():
            if key not in self.profiles:
                raise ValueError(f"{self.name} has no profile {key!r}")
            self.profiles.change(self.profiles.held(key), fields, self.clock.now())
        return len(profiles)

    def trash(self, key: str) -> None:
        """Somebody deletes a profile by hand."""
        self.gone[key] = (self.clock.now(), self.profiles.held(key))
        self.profiles.drop(key)

    def merge(self, key: str, into: str) -> None:
        """Somebody merges a profile into another, whose empty fields it fills; it is gone then."""
        source, target = self.profiles.held(key), self.profiles.held(into)
        empty: tuple[Any, ...] = (None, "", [], {})
        given = {name: value for name, value in source.fields.items() if target.fields.get(name) in empty}
        self.trash(key)
        self.profiles.change(target, given, self.clock.now())

    def declare(self, definitions: Mapping[str, Any]) -> None:
        """Declare fields beside the vendor's own; a vendor without a catalogue refuses."""
        if definitions:
            raise ValueError(f"{self.name} has no field definitions")

    def take_in(self, profile: Profile) -> None:
        """Add a loaded profile."""
        self.profiles.put(profile)

    # -- lists --------------------------------------------------------------------------------------------

    def page_of(self, items: Iterable[Any], start: int, length: int) -> list[Any]:
        """A stretch of a list; it may have moved by one since its first page was read."""
        moved = {"twice": -1, "skip": 1}.get(self.settings["drift"], 0) if start else 0
        return window_page(items, start + moved, length)

    def total_of(self, count: int) -> int | str:
        """How many there are, as a number or as a text."""
        return str(count) if self.settings["totals"] == "text" else count

    def kept(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Written fields as the vendor keeps them."""
        return rewritten(fields, self.forms) if self.settings["rewrites"] == "tidy" else dict(fields)

    # -- small things --------------------------------------------------------------------------------------

    def commit(self, *, created: bool = False) -> None:
        """Count a write that was carried out."""
        self.log.writes += 1
        self.log.created += created

    def trace_id(self) -> str:
        """A fresh identifier in the shape of a UUID."""
        digits = f"{self.random.getrandbits(128):032x}"
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def seconds_up(seconds: float) -> str:
    """Whole seconds, rounded up, at least one: what Retry-After holds."""
    return str(max(1, math.ceil(seconds - 1e-6)))


def window_page(items: Iterable[Any], start: int, length: int) -> list[Any]:
    """A stretch of a list."""
    return list(items)[start : start + length]
