"""Which way of reading costs less: all pages of the vendor's list, or one profile after the other."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Generator
from contextlib import closing
from typing import Any

from airflow_profile_provider.delivery.quota import Quota
from airflow_profile_provider.delivery.rates import fastest
from airflow_profile_provider.errors import ConfigurationError
from airflow_profile_provider.push.progress import duration
from airflow_profile_provider.vendors.base import Vendor
from airflow_profile_provider.vendors.exchange import Page, Request


def can_read(vendor: Vendor, key_type: str) -> bool:
    """Whether a vendor's profiles are read by such a key."""
    return vendor.read_batch > 0 and _begins(lambda: vendor.read(["0"], key_type, ()))


def can_list(vendor: Vendor, key_type: str, fields: Collection[str] = ()) -> bool:
    """Whether a vendor's profiles can be listed, with these fields and such a key."""
    return vendor.page_size > 0 and _begins(lambda: vendor.read_all(None, key_type, fields))


def _begins(reading: Callable[[], Generator[Request, Any, Any]]) -> bool:
    """Whether a generator of requests has a first one; nothing is sent."""
    try:
        with closing(reading()) as steps:
            next(steps)
    except (ConfigurationError, StopIteration):
        return False
    return True


def require_readable(vendor: Vendor, key_type: str, fields: Collection[str]) -> None:
    """Refuse to audit what this vendor does not give back.

    Raises:
        ConfigurationError: saying what, and which identifiers a profile is read by.
    """
    if not (vendor.read_batch or vendor.page_size):
        raise ConfigurationError(
            f'profiles of {vendor.name} cannot be read: there is no action "audit" or "repair" for it'
        )
    if not (can_read(vendor, key_type) or can_list(vendor, key_type)):
        known = ", ".join(vendor.readable_key_types) or "none"
        raise ConfigurationError(
            f"profiles of {vendor.name} cannot be read by {key_type}: an audit's key_type is one of {known}"
        )
    never = vendor.unreadable(fields)
    if fields and never.issuperset(fields):
        raise ConfigurationError(
            f"{vendor.name} gives back none of {', '.join(sorted(never))}: there is nothing to audit"
        )


def each_read(vendor: Vendor) -> float:
    """Return how many requests a profile takes, the cheaper way, where all of them are read."""
    listed = vendor.requests_per_page / vendor.page_size if vendor.page_size else math.inf
    keyed = vendor.requests_per_read / vendor.read_batch if vendor.read_batch else math.inf
    return min(listed, keyed)


class Ways:
    """What reading costs either way, as far as it is known by now; all in requests.

    ``pages`` were read before, by an earlier try.
    """

    def __init__(self, vendor: Vendor, quota: Quota, *, listed: bool, keyed: bool, pages: int) -> None:
        self.listed = listed
        """Whether there is a list, and it has more pages."""
        self.keyed = keyed
        """Whether profiles can be read by their keys."""
        self.pages = pages
        self._vendor = vendor
        self._quota = quota
        self._page_size = max(1, vendor.page_size)
        self._fullest = 0
        self._total: int | None = None

    def learn(self, page: Page) -> None:
        """Learn from a page how many there are."""
        self.pages += 1
        self._total = page.total if page.total is not None else self._total
        self._fullest = max(self._fullest, len(page.held))
        if page.cursor is not None and 0 < self._fullest < self._page_size:
            self._page_size = self._fullest  # the vendor's pages are shorter than was asked for

    def by_key(self, profiles: int) -> float:
        """Return what reading so many by their keys costs."""
        if not self.keyed:
            return math.inf
        return math.ceil(profiles / max(1, self._vendor.read_batch)) * self._vendor.requests_per_read

    def by_pages(self, profiles: int) -> float:
        """Return what the rest of the pages costs, at least, where ``profiles`` are still to be found."""
        if not self.listed:
            return math.inf
        if self._total is None:
            rest = math.ceil(profiles / self._page_size)
        else:
            rest = math.ceil(self._total / self._page_size) - self.pages
        return max(1, rest) * self._vendor.requests_per_page

    def list_pays(self, profiles: int) -> bool:
        """Whether to read another page, where so many profiles are still to be found.

        A list that does not tell its length is read until it has cost what the other way would have.
        """
        keys = self.by_key(profiles)
        if self._total is None and self.pages * self._vendor.requests_per_page >= keys:
            return False
        return self.by_pages(profiles) < keys

    def words(self, profiles: int) -> str:
        """Say what either way costs."""
        known = self._total is not None
        pages = self._cost(self.by_pages(profiles), "about" if known else "at least")
        keys = self._cost(self.by_key(profiles), "about")
        return f"all pages: {pages}; key by key: {keys}"

    def _cost(self, requests: float, about: str) -> str:
        if requests == math.inf:
            return "not possible"
        number = int(requests)
        seconds = fastest(self._quota.rates, number)
        time = f", at least {duration(seconds)} at the quota" if seconds >= 1 else ""
        return f"{about} {number:,} request{'' if number == 1 else 's'}{time}"
