"""Lists of paths, told from lists of records."""

from __future__ import annotations

from collections.abc import Sequence, Set
from pathlib import Path
from typing import Any

from airflow_profile_provider.adapters.files import address_of, is_path
from airflow_profile_provider.errors import ConfigurationError
from airflow_profile_provider.sources.files import FORMATS
from airflow_profile_provider.sources.reading import named


def paths_in(records: Any) -> list[str] | None:
    """Return the paths that a list consists of; None where it is one of records, or no list.

    Raises:
        ConfigurationError: it mixes both, holds text that is no path, or is a set, which has no order.
    """
    if isinstance(records, Set) and any(map(names_file, records)):
        raise ConfigurationError("records is a set of paths, which has no order: give a list")
    found = _items(records)
    if not (any(map(names_file, found)) or _are_words(found)):
        return None
    for number, item in enumerate(found, 1):
        if not is_path(item):
            raise ConfigurationError(
                f"records mixes paths with others: item {number} is {type(item).__name__}; give the paths "
                "alone, or the records alone"
            )
        if not _may_be_path(item):
            raise ConfigurationError(
                f"item {number} of records is text that is no path: give dicts, or paths with a known "
                "ending, or those of folders"
            )
    return [address_of(item) for item in found]


def _items(records: Any) -> Sequence[Any]:
    """Return the items of a list; none where it is another thing, or one of whose items each may cost."""
    if isinstance(records, list | tuple):
        return records
    if not isinstance(records, Sequence) or isinstance(records, str | bytes | bytearray):
        return ()
    first = next(iter(records), None)  # of Airflow's lazy lists, each item is a request
    return list(records) if is_path(first) else ()


def names_file(item: Any) -> bool:
    """Whether something is a path beyond doubt, and no value that looks like one."""
    if not isinstance(item, str):
        return is_path(item)
    named_so = "://" in item or item.lower().endswith(FORMATS) or item.startswith(("/", "./", "../"))
    return named(item) == item and named_so and (" " not in item or item.lower().endswith(FORMATS))


def _are_words(items: Sequence[Any]) -> bool:
    """Whether a list is one of texts without blanks, of which none can be a record."""
    return bool(items) and all(isinstance(item, str) and item and not _has_blank(item) for item in items)


def _has_blank(text: str) -> bool:
    return any(map(str.isspace, text))


def _may_be_path(item: Any) -> bool:
    """Whether an item may be a path, of a list in which others are."""
    if names_file(item):
        return True
    try:
        return named(item) == item and ("/" in item or Path(item).exists())
    except (OSError, ValueError):
        return False


def is_list_of_paths(value: Any) -> bool:
    """Whether a list consists of paths alone, or of templates of them, so that no values are in it."""
    return isinstance(value, list | tuple) and bool(value) and all(map(_is_path_or_template, value))


def _is_path_or_template(value: Any) -> bool:
    return names_file(value) or (isinstance(value, str) and value.startswith("{{"))
