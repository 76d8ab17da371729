"""How the profiles that a vendor holds are read: by key, page by page, or found by a field.

As with `Vendor.steps`, a vendor's module does no I/O: each of these is a generator of requests, and what it
returns is what was read. A vendor that leaves one of them out cannot be read that way, and says so.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar, Literal

from airflow_profile_provider.errors import ConfigurationError, InvalidRecord, RecordRefused
from airflow_profile_provider.values import is_number, number_text
from airflow_profile_provider.vendors.comparing import same_form
from airflow_profile_provider.vendors.exchange import (
    Finding,
    Held,
    Learning,
    Paging,
    Reading,
    Request,
    Telling,
)
from airflow_profile_provider.vendors.fields import Catalogue, Field, FieldInfo, field_info

Search = Literal["exact", "contains"]
"""How the vendor's API searches by a field; what merely contains the value is left out here."""
_NONE: Mapping[str, Field] = {}
_ID = re.compile(r"\$\S+|[a-z0-9][\w.-]*")
"""Ids of fields: what people read begins with a capital, or has blanks."""
_SIMPLE = frozenset((str, bool, int))


class Reads:
    """What a vendor's module says of reading; left out as it is, nothing can be read."""

    name: ClassVar[str]
    key_types: ClassVar[tuple[str, ...]]
    fields: ClassVar[Mapping[str, Field]]

    read_batch: int = 0
    """How many keys one `read` takes; 0 where profiles cannot be read by key."""
    requests_per_read: int = 1
    """Requests of one `read`, usually; for the estimate before the start."""
    page_size: int = 0
    """Profiles on one page of the list; 0 where they cannot be listed."""
    requests_per_page: int = 1
    """Requests of one page, usually."""
    lists_lag: bool = False
    """Whether a page may show what was before the last writes; `read` never does."""
    shows_relationships: bool = False
    """Whether a `Held` tells what relationships link, so that an audit compares them."""
    matchable: Mapping[str, Search] = {}
    """Documented fields by whose value `find` finds profiles."""
    requests_per_find: int = 1
    """Requests of one `find`, usually."""

    @property
    def readable_key_types(self) -> tuple[str, ...]:
        """Return the identifiers by which `read` finds a profile."""
        return self.key_types if self.read_batch else ()

    def read(self, keys: Sequence[str], key_type: str, fields: Collection[str]) -> Reading:
        """Yield the requests that read at most `read_batch` profiles, and return what each key's holds.

        A key whose profile is None has none: it is unknown, or its profile was deleted or merged away. A
        field of ``fields`` that a `Held` lacks was not shown; what was shown empty is None.

        Raises:
            RecordRefused: the vendor refuses to show it, or answers with another profile.
            Retriable, PushStopped: as in `Vendor.steps`.
            ConfigurationError: this vendor's profiles cannot be read by such a key.
        """
        raise self._cannot("read by their keys")

    def read_all(self, cursor: str | None, key_type: str, fields: Collection[str]) -> Paging:
        """Yield the requests that read one page of all profiles, from None for the first, and return it.

        The list may change while it is read: a profile may come twice or be passed over, on a page or on
        two. So one that no page has is missing only if `read` finds none, either.

        Raises:
            RecordRefused, Retriable, PushStopped, ConfigurationError: as for `read`.
        """
        raise self._cannot("listed")

    def is_matchable(self, field: str, catalogue: Mapping[str, Field] = _NONE) -> bool:
        """Whether `find` finds profiles by this field; the vendor's own catalogue may tell of others."""
        return field in self.matchable

    def require_matchable(self, field: str, key_type: str, catalogue: Mapping[str, Field] = _NONE) -> None:
        """Refuse a field by which `find` finds nobody for sure.

        Raises:
            ConfigurationError: naming those by which it does.
        """
        if not self.is_matchable(field, catalogue):
            names = [*self.matchable, *(name for name in catalogue if self.is_matchable(name, catalogue))]
            known = f"by {', '.join(dict.fromkeys(names))}" if names else "by no field"
            raise ConfigurationError(
                f"match: {self.name} finds nobody for sure by {field}; profiles are found there {known}"
            )
        self._require_readable(key_type)

    def find(self, field: str, value: Any, key_type: str) -> Finding:
        """Yield the requests that find who has exactly this value, and return them: none, one, or several.

        Several are not all of them: two suffice to know that there is more than one.

        Raises:
            InvalidRecord: this value cannot be searched for.
            RecordRefused, Retriable, PushStopped, ConfigurationError: as for `read`.
        """
        raise self._cannot(f"found by {field}; they are found by no field")

    def unreadable(self, fields: Collection[str]) -> frozenset[str]:
        """Return those of the fields that the vendor never gives back."""
        return frozenset() if self.read_batch or self.page_size else frozenset(fields)

    def same(self, field: str, sent: Any, held: Any, catalogue: Mapping[str, Field] = _NONE) -> bool:
        """Whether the vendor holds what was sent, as it keeps such a field.

        Numbers are equal as numbers; blanks around a text, and the way in which Unicode writes it, count for
        nothing, nor does case in an e-mail address. What is empty is as good as missing.
        """
        if sent == held and type(sent) is type(held) and type(sent) in _SIMPLE:  # as most are, of many
            return True
        known = self.fields.get(field) or catalogue.get(field)
        return same_form(known.form if known else "", sent, held)

    def same_links(self, operations: Mapping[str, Any], held: Sequence[str]) -> bool:
        """Whether a relationship that links ``held`` is as the operations of a change leave it."""
        return False

    def catalogue_request(self) -> Request | None:
        """Return the request whose answer is read as the field `Catalogue`, where the vendor offers one."""
        return None

    def is_catalogued(self, fields: Collection[str] | None) -> bool:
        """Whether the vendor's own catalogue may tell something of these fields; None: of any."""
        return self.catalogue_request() is not None

    def is_field_id(self, name: str) -> bool:
        """Whether a mapping's name surely is a field's id, and no label, so that nobody need be asked."""
        return name in self.fields or bool(_ID.fullmatch(name))

    def learn(self) -> Learning:
        """Yield the requests that ask for the vendor's own catalogue, and return it; empty if there is none.

        Raises:
            Retriable, PushStopped: as for `read`; a catalogue that may not be read is empty.
        """
        request = self.catalogue_request()
        if request is None:
            return Catalogue()
        catalogue: Catalogue = yield request
        return catalogue

    def tell_fields(self) -> Telling:
        """Yield the requests that ask for the vendor's own catalogue, and return all that is known of fields.

        Raises:
            Retriable, PushStopped: as for `learn`.
        """
        return self.field_infos((yield from self.learn()))

    def field_infos(self, catalogue: Mapping[str, Field] = _NONE) -> tuple[FieldInfo, ...]:
        """Return all that is known of each field, by the vendor's documentation and its own catalogue."""
        # What the vendor says of itself goes before what its page says, which is the same for everybody.
        return tuple(field_info(name, known) for name, known in {**self.fields, **catalogue}.items())

    def _cannot(self, act: str) -> ConfigurationError:
        return ConfigurationError(f"profiles of {self.name} cannot be {act}")

    def _searched(self, field: str, value: Any) -> str:
        """Return the text that `find` looks for, or raise for a field or a value that finds nobody."""
        if not self.is_matchable(field):
            known = f"by {', '.join(self.matchable)}" if self.matchable else "by no field"
            raise self._cannot(f"found by {field}; they are found {known}")
        text = number_text(value) if is_number(value) else value
        if not isinstance(text, str) or not text.strip():
            raise InvalidRecord(f"{field}: nobody can be found without a text to look for")
        return text.strip()

    def _require_keys(self, found: Sequence[Held], matches: Sequence[Any], key_type: str) -> None:
        """Refuse a search that finds somebody without such a key: the others are not all of them."""
        if len(found) < len(matches):
            raise RecordRefused(f"{self.name} finds a profile that has no {key_type}")

    def _require_readable(self, key_type: str) -> None:
        if key_type not in self.readable_key_types:
            known = ", ".join(self.readable_key_types) or "no identifier"
            raise self._cannot(f"read by {key_type}; they are read by {known}")
