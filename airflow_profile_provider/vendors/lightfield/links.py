"""Lightfield's relationships: links in requests of 25 at the most, and what an answer makes of them.

Page: https://docs.lightfield.app (Update an account; Fields and relationships), read 2026-11-21.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from airflow_profile_provider.errors import InvalidRecord
from airflow_profile_provider.vendors.base import Taken

Link = tuple[str, str, str]
"""Relationship, operation, id."""


def check_operations(relationship: str, operations: Any) -> None:
    where = f"relationship {relationship}"
    if not isinstance(operations, Mapping) or not operations:
        raise InvalidRecord(f'{where}: give an operation, such as {{"add": ["con_1"]}}')
    for operation, targets in operations.items():
        if operation not in {"add", "remove", "replace"}:
            raise InvalidRecord(f"{where}: {operation!r} is not an operation; use add, remove or replace")
        if targets is None and operation == "replace":
            continue
        ids = targets if isinstance(targets, list) else [targets]
        if not all(isinstance(target, str) and target for target in ids):
            raise InvalidRecord(f"{where}: {operation} takes an id or an array of ids")
        if not ids and operation == "replace":
            raise InvalidRecord(f"{where}: an empty replace would remove all links; use null for that")
    if "replace" in operations and len(operations) > 1:
        raise InvalidRecord(f"{where}: use replace alone; the result of a combination is not documented")


def portions(
    relationships: Mapping[str, Mapping[str, Any]], most: int, *, single: bool
) -> Iterator[dict[str, dict[str, Any]]]:
    """Part the operations into requests, in order, each with at most so many links; the first may be empty.

    What is left of a long replace is added. With ``single``, a request has one operation of a relationship,
    and one id to replace by.
    """
    portion: dict[str, dict[str, Any]] = _cleared(relationships)
    replaced: set[str] = set()
    room = most
    for relationship, operation, target in _links(relationships, single=single):
        begun = portion.get(relationship)
        if room == 0 or (single and begun and operation not in begun):
            yield _bare(portion)
            replaced |= {name for name, done in portion.items() if "replace" in done}
            portion, room = {}, most
        if operation == "replace" and relationship in replaced:
            operation = "add"
        portion.setdefault(relationship, {}).setdefault(operation, []).append(target)
        room -= 1
    yield _bare(portion)


def _links(relationships: Mapping[str, Mapping[str, Any]], *, single: bool) -> Iterator[Link]:
    """List every link in the order in which it is sent: replace, remove, add of each relationship."""
    for relationship, operations in relationships.items():
        for operation in ("replace", "remove", "add"):
            for place, target in enumerate(_ids(operations.get(operation))):
                rest = single and operation == "replace" and place > 0
                yield relationship, "add" if rest else operation, target


def _cleared(relationships: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    return {
        name: {"replace": None}
        for name, operations in relationships.items()
        if "replace" in operations and operations["replace"] is None
    }


def _bare(portion: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Send a single replacement bare, as the newest page wants it."""
    for operations in portion.values():
        if isinstance(operations.get("replace"), list) and len(operations["replace"]) == 1:
            operations["replace"] = operations["replace"][0]
    return portion


def links_taken(operations: Mapping[str, Any], ids: list[Any]) -> Taken:
    """Say what the links that came back make of the operations that were sent."""
    if "replace" in operations:
        wanted = _ids(operations["replace"])
        if len(wanted) <= 1:
            return "" if ids == wanted else "ignored"
        return "" if set(wanted) <= set(map(str, ids)) else "other"
    missing = [one for one in _ids(operations.get("add")) if one not in ids]
    left = [one for one in _ids(operations.get("remove")) if one in ids]
    return "other" if missing or left else ""


def links_held(operations: Mapping[str, Any], ids: Collection[str]) -> bool:
    """Whether links are as operations leave them; in which order they are shown does not count."""
    held = set(ids)
    if "replace" in operations:
        return held == set(_ids(operations["replace"]))
    return held.issuperset(_ids(operations.get("add"))) and held.isdisjoint(_ids(operations.get("remove")))


def _ids(targets: Any) -> list[str]:
    return [targets] if isinstance(targets, str) else list(targets or [])
