"""Ocamba Hood's import of custom properties, and its report by profile.

https://dev-docs.ocamba.com/api/hood/v1.0/ (import of profiles), and the page of its report
https://docs.ocamba.com/api/hood/v1.0/reference/view-reports-profiles-import-by_id-full
"""

from __future__ import annotations

from typing import Any

from airflow_profile_provider.sandbox.ocamba.reads import Reads
from airflow_profile_provider.sandbox.wire import Reply, Request, json_reply

MOST_PROPERTIES = 100


class Imports(Reads):
    """Imports, by their number: when each was handed in, and what became of its profiles."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._imports: dict[str, tuple[float, list[dict[str, Any]]]] = {}
        super().__init__(*arguments, **options)

    def _import(self, request: Request) -> Reply:
        body = request.json_or_none
        if self.settings["import"] == "missing":
            return self._error(404, "Not found.", "Not found.")
        profiles = body.get("profiles") if isinstance(body, dict) else None
        if not isinstance(profiles, list) or not profiles or not all(map(self._is_importable, profiles)):
            return self._bad()
        if len({each["id"] for each in profiles}) < len(profiles):
            return self._bad()
        number = str(len(self._imports) + 1)
        self._imports[number] = self.clock.now(), [self._imported(each) for each in profiles]
        if self.settings["import_id"] == "address":
            return Reply(202).adding({"location": f"/v1/hood/reports/profiles/import/{number}"})
        return json_reply(202, {"id": number, "status": "queued"})

    def _report(self, request: Request) -> Reply:
        begun, lines = self._imports.get(request.segments[5], (0.0, None))
        if lines is None:
            return self._error(404, "Not found.", "Not found.")
        share = 1.0
        if self.settings["import_seconds"]:
            share = min(1.0, (self.clock.now() - begun) / self.settings["import_seconds"])
        return json_reply(200, lines[: int(share * len(lines))])

    def _is_importable(self, each: Any) -> bool:
        properties = each.get("custom_properties") if isinstance(each, dict) else None
        return (
            isinstance(properties, dict)
            and each.keys() == {"id", "custom_properties"}
            and isinstance(each["id"], str)
            and 0 < len(properties) <= MOST_PROPERTIES
            and all(
                isinstance(one, dict) and one.keys() == {"type", "value"} and one["type"] == "string"
                for one in properties.values()
            )
        )

    def _imported(self, each: dict[str, Any]) -> dict[str, Any]:
        """Carry it out now, and say so when the import's time is over."""
        profile = self.profiles.get(each["id"])
        code = "UNKNOWN_PROFILE"
        if profile is not None:
            given = {name: one["value"] for name, one in each["custom_properties"].items()}
            changed = self._laid_over(profile, {"custom_properties": given})
            self.profiles.change(profile, changed, self.clock.now())
            self.commit()
            code = "SUCCESS"
        day, time = self.clock.iso(self.clock.now())[:19].split("T")
        stamps = {"event_date": day, "event_time": time, "update_time": f"{day} {time}"}
        return {**stamps, "profile_id": each["id"], "code": code}

    def _laid_over(self, profile: Any, changes: dict[str, Any]) -> dict[str, Any]:
        raise NotImplementedError
