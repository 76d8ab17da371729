"""One profile as the vendor holds it, beside what the source asks for and what the ledger remembers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_profile_provider.adapters.ledgers import fingerprints_of
from airflow_profile_provider.delivery.matching import looked_up
from airflow_profile_provider.errors import ConfigurationError, InvalidRecord, Unmatched
from airflow_profile_provider.explain.exchanges import HIDDEN
from airflow_profile_provider.explain.known import Found, read_ledger
from airflow_profile_provider.ledger.reader import ReadLedger
from airflow_profile_provider.push.assembly import Assembly
from airflow_profile_provider.push.learning import learned
from airflow_profile_provider.records import Change, Sought
from airflow_profile_provider.sources.replaying import kept
from airflow_profile_provider.values import exact_key
from airflow_profile_provider.vendors.exchange import Held
from airflow_profile_provider.vendors.fields import Catalogue

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

ABSENT = object()
"""Stands where there is no value, which null would be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldShown:
    """One field: what the vendor holds, and what the source asks for; `ABSENT` where that is not known.

    ``agrees``: whether both are one value as the vendor keeps it; None where one of them is not known.
    ``acknowledged``: which value the ledger remembers as acknowledged last: "never" (none), "what is held",
    "what the source has", "both" or "another value"; empty without a ledger.
    """

    name: str
    label: str
    held: Any = field(repr=False)
    source: Any = field(repr=False)
    agrees: bool | None
    acknowledged: str = ""

    def as_dict(self, *, redact: bool) -> dict[str, Any]:
        """Return it in JSON's types; a value that is not known has no member."""
        shown: dict[str, Any] = {"field": self.name, "label": self.label}
        for name, value in (("held", self.held), ("source", self.source)):
            if value is not ABSENT:
                hidden = redact and value is not None
                shown[name] = HIDDEN if hidden else kept(value)[0]
        return shown | {"agrees": self.agrees, "acknowledged": self.acknowledged or None}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileShown:
    """One profile, field by field; ``found`` says whether the vendor has it. Its repr holds no value."""

    vendor: str
    target: str
    key: str = field(repr=False)
    key_type: str
    is_vendor_key: bool
    """Whether the vendor made the key up, so that it is no value."""
    profile: str = field(repr=False)
    """The vendor's key; another one than ``key`` where it is matched, and empty where nobody is found."""
    names_profile: bool
    """Whether the vendor made that one up."""
    found: bool
    in_source: bool | None
    in_doubt: bool | None
    fields: tuple[FieldShown, ...]
    notes: tuple[str, ...] = ()

    def as_dict(self, *, redact: bool = False) -> dict[str, Any]:
        """Return all of it in JSON's types; ``redact`` leaves out profile values."""
        return {
            "vendor": self.vendor,
            "target": self.target,
            "key": HIDDEN if redact and not self.is_vendor_key else self.key,
            "key_type": self.key_type,
            "profile": HIDDEN if redact and self.profile and not self.names_profile else self.profile or None,
            "found": self.found,
            "in_source": self.in_source,
            "in_doubt": self.in_doubt,
            "fields": [each.as_dict(redact=redact) for each in self.fields],
            "notes": list(self.notes),
        }


def show(
    assembly: Assembly,
    wanted: str | int,
    names: Iterable[str],
    find: Callable[[str], Connection],
    *,
    has_source: bool,
) -> ProfileShown:
    """Read a profile from the vendor, and hold it against the source and the ledger, where they are named.

    Nothing is written anywhere. ``names`` are fields to show where the source does not say; without either,
    they are all that the vendor tells. ``find`` looks a connection up.

    Raises:
        ConfigurationError: the connection or an argument is wrong, or profiles cannot be read by such a key.
        SourceError: the source cannot be read.
        VendorError: the vendor does not show the profile.
        PushStopped: the credential or the host is wrong, or the ledger's database failed.
    """
    try:
        key = exact_key(wanted)
    except InvalidRecord as error:
        raise ConfigurationError(f"the wanted key cannot be one: {error}") from None
    return _Look(assembly, key, find).taken(names, has_source)


class _Look:
    """One key, one vendor; a source and a ledger, or none."""

    def __init__(self, assembly: Assembly, key: str, find: Callable[[str], Connection]) -> None:
        self._assembly = assembly
        self._vendor = assembly.vendor
        self._mapper = assembly.mapper
        self._key = key
        conn_id = assembly.options.ledger_conn_id
        self._store = find(conn_id) if conn_id else None
        self._sought: Sought | None = None
        self._notes: list[str] = []

    def taken(self, names: Iterable[str], has_source: bool) -> ProfileShown:
        """Ask for everything, and return it side by side."""
        told = learned(self._vendor, self._assembly.asking)
        self._mapper.know(told.catalogue)
        if told.unanswered:
            self._notes.append(f"no field catalogue ({told.unanswered})")
        with read_ledger(self._assembly, self._store) as ledger:
            return self._beside(ledger, names, told.catalogue, has_source)

    def _beside(
        self, ledger: ReadLedger | None, names: Iterable[str], catalogue: Catalogue, has_source: bool
    ) -> ProfileShown:
        sent = self._sent() if has_source else {}
        labels = {info.id: info.label for info in self._vendor.field_infos(catalogue)}
        chosen = list(sent) or list(self._vendor.ids_of(names, catalogue).values()) or list(labels)
        if not chosen:
            raise ConfigurationError(f"{self._vendor.name} does not tell its fields: name some (--fields)")
        profile = self._profile(ledger)
        held = self._held(profile, chosen) if profile else None
        acknowledged, in_doubt = self._acknowledged(ledger, chosen, sent, held, catalogue)
        return ProfileShown(
            vendor=self._vendor.name,
            target=self._assembly.surroundings.target,
            key=self._key,
            key_type=self._mapper.key_type,
            is_vendor_key=self._vendor.is_vendor_key(Change(self._key, {}, self._mapper.key_type)),
            profile=profile,
            names_profile=self._vendor.is_vendor_key(Change(profile, {}, self._mapper.vendor_key_type)),
            found=held is not None,
            in_source=bool(sent) if has_source else None,
            in_doubt=in_doubt,
            fields=tuple(
                FieldShown(
                    name=name,
                    label=labels.get(name, name),
                    held=_value(held, name),
                    source=sent.get(name, ABSENT),
                    agrees=self._agrees(name, sent, held, catalogue),
                    acknowledged=acknowledged.get(name, ""),
                )
                for name in chosen
            ),
            notes=tuple(self._notes),
        )

    def _sent(self) -> dict[str, Any]:
        """Return what the rows of the key ask for in the end."""
        try:
            found = Found.of(self._assembly.source, self._mapper, self._key)
        finally:
            self._assembly.source.close()
        sent: dict[str, Any] = {}
        linked = False
        for row in found.rows:
            try:
                change = self._mapper.change(row)
            except InvalidRecord as error:
                self._notes.append(f"row {row.position} of the source is invalid: {error}")
            else:
                self._sought = change.sought or self._sought
                sent |= change.fields
                linked = linked or bool(change.relationships)
        if not found.rows:
            self._notes.append(f"none of the source's {found.read} rows has this key")
        if linked:
            self._notes.append("relationships are not read back")
        return sent

    def _profile(self, ledger: ReadLedger | None) -> str:
        """Return the vendor's key of the profile; where it is matched, as it is remembered, or found now."""
        if not self._assembly.options.match:
            return self._key
        key_type = self._mapper.vendor_key_type
        profile = self._mapper.profile_of(self._key)
        ids = ledger.read_ids(key_type) if ledger else None
        if known := ids.of([profile]).get(profile) if ids else None:
            return known
        if self._sought is None:
            self._notes.append("the ledger does not know which profile this key means: name the source, too")
            return ""
        try:
            return looked_up(self._sought, key_type, self._vendor, self._assembly.asking)
        except (Unmatched, InvalidRecord) as error:
            self._notes.append(str(error))
            return ""

    def _held(self, profile: str, names: list[str]) -> Held | None:
        """Read the profile: the fields that can be read back."""
        hidden = self._vendor.unreadable(names)
        if hidden:
            self._notes.append(f"{self._vendor.name} never gives back {', '.join(sorted(hidden))}")
        asked = [name for name in names if name not in hidden]
        steps = self._vendor.read([profile], self._mapper.vendor_key_type, asked)
        return self._assembly.asking.drive(steps).get(profile)

    def _agrees(
        self, name: str, sent: Mapping[str, Any], held: Held | None, catalogue: Mapping[str, Any]
    ) -> bool | None:
        value = _value(held, name)
        if value is ABSENT or name not in sent:
            return None
        return self._vendor.same(name, sent[name], value, catalogue)

    def _acknowledged(
        self,
        ledger: ReadLedger | None,
        names: Iterable[str],
        sent: Mapping[str, Any],
        held: Held | None,
        catalogue: Mapping[str, Any],
    ) -> tuple[dict[str, str], bool | None]:
        """Say which of the values the ledger remembers as acknowledged, and whether the key is in doubt."""
        if ledger is None:
            return (dict.fromkeys(names, "never") if self._store else {}), (False if self._store else None)
        prints = fingerprints_of(ledger, self._vendor, self._mapper, self._assembly.mapping)
        profile = self._mapper.profile_of(self._key)
        entry = ledger.known([profile]).get(profile)
        if entry is None:
            return dict.fromkeys(names, "never"), False
        ledger.add_fields([entry])

        def is_kept(name: str, value: Any) -> bool:
            if value is ABSENT:
                return False
            change = Change(self._key, {name: value}, self._mapper.key_type, profile=profile)
            return prints.of_change(change).fields[name] == entry.fields.get(name)

        words = {}
        for name in names:
            of_source = is_kept(name, sent.get(name, ABSENT))
            of_held = is_kept(name, _value(held, name))
            of_held = of_held or (of_source and bool(self._agrees(name, sent, held, catalogue)))
            words[name] = _WORDS[of_held, of_source] if name in entry.fields else "never"
        return words, bool(entry.doubt)


def _value(held: Held | None, name: str) -> Any:
    return ABSENT if held is None else held.fields.get(name, ABSENT)


_WORDS = {
    (True, True): "both",
    (True, False): "what is held",
    (False, True): "what the source has",
    (False, False): "another value",
}
