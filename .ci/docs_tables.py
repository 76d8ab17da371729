#!/usr/bin/env python3
"""Write the tables of the docs from the code; with --check, only say whether they are up to date."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from airflow_profile_provider.delivery.retries import RetryRule
from airflow_profile_provider.get_provider_info import get_provider_info
from airflow_profile_provider.operators.base import PushProfilesOperator
from airflow_profile_provider.sandbox.readings import READINGS
from airflow_profile_provider.vendors.base import Vendor
from airflow_profile_provider.vendors.exchange import Rate

ROOT = Path(__file__).resolve().parents[1]
ENTRIES = {entry["connection-type"]: entry for entry in get_provider_info()["connection-types"]}


def vendor_of(conn_type: str) -> type[Vendor]:
    """Find a vendor's rules through its hook."""
    module, name = ENTRIES[conn_type]["hook-class-name"].rsplit(".", 1)
    found: type[Vendor] = getattr(import_module(module), name).vendor_class
    return found


def table(head: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """Return a Markdown table."""
    lines = [list(head), ["---"] * len(list(head)), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def quota(rates: Iterable[Rate]) -> str:
    """Write rates as a user would."""
    return ", ".join(f"{rate.limit}/{rate.seconds:g}s" for rate in rates)


def code(names: Iterable[str]) -> str:
    """Return names as code, comma-separated."""
    return ", ".join(f"`{name}`" for name in names)


def vendors() -> str:
    """All vendors, a line each."""
    rows = []
    for conn_type, entry in ENTRIES.items():
        vendor = vendor_of(conn_type)
        published = "" if vendor.quota_published else " (our choice: none published)"
        rows.append(
            [
                f"[{entry['hook-name']}](docs/vendors/{conn_type}.md)",
                f"`{conn_type}`",
                code(vendor.key_types),
                quota(vendor.quota) + published,
                vendor.concurrency,
            ]
        )
    return table(["vendor", "connection type", "a key is", "quota", "requests in flight"], rows)


def facts(conn_type: str) -> str:
    """What is known of a vendor."""
    vendor = vendor_of(conn_type)
    rows = [
        ["connection type, default connection", f"`{conn_type}`, `{conn_type}_default`"],
        ["host", f"`{vendor.default_host}`" if vendor.default_host else "your own; required"],
        ["login", vendor.login_label or "–"],
        ["password", vendor.secret_label],
        ["`key_type` (the first is the default)", code(vendor.key_types)],
        ["named in logs", code(vendor.vendor_keys) + ", where the key has the vendor's own shape"],
        ["`quota`", quota(vendor.quota) + ("" if vendor.quota_published else " (none is published)")],
        ["`concurrency`", vendor.concurrency],
        ["records a request", f"{vendor.batch_size}, at most {vendor.batch_limit}"],
        ["`nulls`", f'`"{vendor.nulls}"`'],
        ["idempotency header", f"`{vendor.idempotency_header}`" if vendor.idempotency_header else "–"],
        ["page", vendor.page],
    ]
    return table(["fact", "value"], rows)


def fields(conn_type: str) -> str:
    """A vendor's documented fields."""
    vendor = vendor_of(conn_type)
    if not vendor.fields:
        return "None is fixed: fields differ from customer to customer."
    rows = [
        [
            f"`{name}`",
            "read-only" if field.read_only else field.kind,
            f"one of {len(field.choices)}" if field.choices else "",
        ]
        for name, field in vendor.fields.items()
    ]
    return table(["field", "type", "values"], rows)


def form(conn_type: str) -> str:
    """The extras of a connection form."""
    return table(
        ["extra", "label", "meaning"],
        [
            [f"`{name}`", field["label"], field["description"]]
            for name, field in ENTRIES[conn_type]["conn-fields"].items()
        ],
    )


def addresses() -> str:
    """What each vendor's profiles are called as an asset; the host is the connection's."""
    rows = []
    for conn_type, entry in ENTRIES.items():
        vendor = vendor_of(conn_type)
        host = urlsplit(vendor.default_host or "https://your.site").netloc
        rows.append([entry["hook-name"], f"`{conn_type}://{host}/{vendor.resource}`"])
    return table(["vendor", "address"], rows)


def readings(conn_type: str) -> str:
    """The sandbox's open questions for a vendor."""
    own = [each for each in READINGS if each.vendor == conn_type]
    return table(
        ["setting", "question", "natural", "harsher"],
        [[f"`{each.setting}`", each.question, f"`{each.natural}`", f"`{each.harsh}`"] for each in own],
    )


def retries() -> str:
    """The numbers of the retry rule."""
    return table(
        ["name", "value"], [[f"`{name}`", f"{value:g}"] for name, value in vars(RetryRule()).items()]
    )


def options(conn_type: str) -> str:
    """The arguments that only one vendor's operator has."""
    shared = inspect.signature(PushProfilesOperator.__init__).parameters
    module = import_module(f"airflow_profile_provider.operators.{conn_type}")
    operator = next(
        found
        for name, found in vars(module).items()
        if name.endswith("PushProfilesOperator") and name != "PushProfilesOperator"
    )
    own = [
        f"`{name}={parameter.default!r}`"
        for name, parameter in inspect.signature(operator.__init__).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and name not in shared
    ]
    return f"`{operator.__name__}` takes " + ", ".join(own) + " beside the shared arguments."


def settings() -> str:
    """The options of our section in Airflow's configuration."""
    (section,) = get_provider_info()["config"].values()
    return table(
        ["option", "default", "meaning"],
        [[f"`{name}`", one["default"], one["description"]] for name, one in section["options"].items()],
    )


TABLES: dict[str, Callable[..., str]] = {
    "vendors": vendors,
    "facts": facts,
    "fields": fields,
    "form": form,
    "addresses": addresses,
    "readings": readings,
    "retries": retries,
    "options": options,
    "settings": settings,
}
MARKED = re.compile(r"(<!-- table: (\w+)(?: (\w+))? -->\n).*?(<!-- end -->)", re.DOTALL)


def fill(path: Path) -> str:
    """Return a page with its tables as they should be."""

    def replaced(found: re.Match[str]) -> str:
        written = TABLES[found[2]](*([found[3]] if found[3] else []))
        if path.parent == ROOT / "docs":
            written = written.replace("](docs/", "](")
        return f"{found[1]}{written}\n{found[4]}"

    return MARKED.sub(replaced, path.read_text(encoding="utf-8"))


def main() -> int:
    """Fill or check every page."""
    stale = []
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        content = fill(path)
        if content != path.read_text(encoding="utf-8"):
            stale.append(str(path.relative_to(ROOT)))
            if "--check" not in sys.argv:
                path.write_text(content, encoding="utf-8")
    if stale:
        print("Tables renewed in" if "--check" not in sys.argv else "Tables out of date in", ", ".join(stale))
    return int("--check" in sys.argv and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
