"""Ocamba Hood's reads: one profile, lists of them, the reference data beside them, and errors.

https://docs.ocamba.com/api/hood/v1.0/ (lists). The reference has no page for reading profiles: what
an answer looks like is that of its siblings, and what else it may be is a setting.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_profile_provider.sandbox.state import Profile
from airflow_profile_provider.sandbox.vendor import Vendor
from airflow_profile_provider.sandbox.wire import Reply, Request, json_reply

NOT_VALID = "The request is not valid."


class Reads(Vendor):
    """What is read of an account."""

    def _error(self, status: int, title: str, message: str) -> Reply:
        document = {"code": status, "title": title, "message": message, "trace_id": self.trace_id()}
        return json_reply(status, document)

    def _bad(self, message: str = NOT_VALID) -> Reply:
        return self._error(400, "Bad request.", message)

    def _unknown(self) -> Reply:
        status = self.settings["unknown_id"]
        return self._error(status, "Not found." if status == 404 else "Bad request.", "Unknown profile id.")

    def _retrieve(self, request: Request) -> Reply:
        key = request.segments[3]
        profile = self.profiles.get(key)
        item = self._full(profile) if profile else self._deleted().get(key)
        if item is None:
            return self._unknown()
        shown = self._selected([item], request.query)
        if self.settings["one_profile"] == "bare":
            return json_reply(200, shown[0])
        return json_reply(200, {"total": self.total_of(1), "items": shown})

    def _list(self, request: Request) -> Reply:
        """``page=N,M``, ``fields=``, ``q=`` with ``q_fields=``, and filters by field."""
        items = self._shown_items()
        asked = dict(request.query)
        page = asked.pop("page", "1")
        text, inside = asked.pop("q", ""), asked.pop("q_fields", "full_name,email").split(",")
        if asked.pop("sort", "") == "id":
            items.sort(key=lambda item: int(item["id"]) if item["id"].isdecimal() else 0)
        for name in ("fields", "view"):
            asked.pop(name, None)
        items = [item for item in items if all(str(item.get(name)) == value for name, value in asked.items())]
        if text:
            items = [item for item in items if any(text in str(item.get(name)) for name in inside)]
        return self._page(items, page, request.query)

    def _page(self, items: list[dict[str, Any]], page: str, asked: Mapping[str, str]) -> Reply:
        number, _, length = page.partition(",")
        try:
            first, count = max(1, int(number)), min(self.settings["longest_page"], int(length or 50))
        except ValueError:
            return self._bad()
        shown = self._selected(self.page_of(items, (first - 1) * count, count), asked)
        return json_reply(200, {"total": self.total_of(len(items)), "items": shown})

    def _shown_items(self) -> list[dict[str, Any]]:
        """All profiles, with the deleted ones where they are still shown."""
        return [*(self._full(profile) for profile in self.profiles), *self._deleted().values()]

    def _deleted(self) -> dict[str, dict[str, Any]]:
        """The deleted profiles, by their id, where they are still shown."""
        if self.settings["deleted"] != "shown":
            return {}
        return {key: {**self._full(profile), "status": "deleted"} for key, (_, profile) in self.gone.items()}

    def _selected(self, items: list[dict[str, Any]], asked: Mapping[str, str]) -> list[dict[str, Any]]:
        """The members that are asked for by ``fields``, which goes before ``view``."""
        names = asked.get("fields", "").split(",") if asked.get("fields") else None
        if names is None and asked.get("view") != "full" and self.settings["default_view"] == "brief":
            names = ["id", "email", "full_name", "status"]
        number = self.settings["ids"] == "number"
        return [
            {
                name: int(value) if number and name == "id" and value.isdecimal() else value
                for name, value in item.items()
                if names is None or name in names
            }
            for item in items
        ]

    def _full(self, profile: Profile) -> dict[str, Any]:
        stamp = self.clock.iso
        times = {"create_time": profile.created, "update_time": profile.updated}
        return {
            "id": profile.key,
            "company_id": "100",
            "status": "1",
            **profile.fields,
            **{name: stamp(at)[:19].replace("T", " ") for name, at in times.items()},
        }

    def _reference(self, items: Mapping[str, str]) -> Reply:
        return json_reply(
            200, {"total": len(items), "items": [{"id": key, "name": items[key]} for key in items]}
        )

    def _properties(self, _: Request) -> Reply:
        names = sorted(
            {name for profile in self.profiles for name in profile.fields.get("custom_properties") or {}}
        )
        items = [
            {"id": str(n), "property": name, "data_type": "text", "system": 0}
            for n, name in enumerate(names, 1)
        ]
        return json_reply(200, {"total": len(items), "items": items})
