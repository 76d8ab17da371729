"""Ocamba's import of custom properties: many in one request, and a verdict for each out of the report."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from airflow_profile_provider.errors import PushStopped
from airflow_profile_provider.hooks.ocamba import OcambaHook
from airflow_profile_provider.reports import Report
from airflow_profile_provider.sandbox import Sandbox, serve
from airflow_profile_provider.vendors.ocamba import importing

IMPORT = "/v1/hood/profiles/import"


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with serve(profiles=250, quota=False) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    running.reset()
    connect(running, monkeypatch)
    monkeypatch.setattr(importing, "PAUSES", (0.01, 0.1, 0.4, 1.0))
    return running


def connect(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, **extra: Any) -> None:
    import json

    connection = dict(sandbox.connections()["ocamba_default"])
    connection["extra"] = {"quota": "none", "bulk": "import", "undeclared": "send", **extra}
    monkeypatch.setenv("AIRFLOW_CONN_OCAMBA_DEFAULT", json.dumps(connection))


def changes(keys: Any, **more: Any) -> list[dict[str, Any]]:
    return [{"key": key, "fields": {"custom_properties": {"tier": f"t{key}"}, **more}} for key in keys]


def push(changes: list[dict[str, Any]], **options: Any) -> Report:
    return OcambaHook().push(changes, **options)


def asked(sandbox: Sandbox) -> list[tuple[str, str]]:
    return [(each["method"], each["path"]) for each in sandbox.requests("ocamba")["log"]]


def imports(sandbox: Sandbox) -> int:
    return asked(sandbox).count(("POST", IMPORT))


def patches(sandbox: Sandbox) -> int:
    return sum(method == "PATCH" for method, _ in asked(sandbox))


def tiers(sandbox: Sandbox) -> dict[str, Any]:
    return {
        key: (one["custom_properties"] or {}).get("tier") for key, one in sandbox.profiles("ocamba").items()
    }


def test_custom_properties_go_by_the_hundred(sandbox: Sandbox) -> None:
    keys = sandbox.keys("ocamba")
    report = push(changes(keys))
    assert (report.received, report.pushed) == (250, 250)
    assert (imports(sandbox), patches(sandbox)) == (3, 0)
    assert tiers(sandbox) == {key: f"t{key}" for key in keys}


def test_it_is_off_by_default(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(sandbox, monkeypatch, bulk="off")
    assert push(changes(list(sandbox.keys("ocamba"))[:5])).pushed == 5
    assert (imports(sandbox), patches(sandbox)) == (0, 5)


def test_a_profile_that_the_report_refuses_is_rejected_alone_and_by_its_code(sandbox: Sandbox) -> None:
    keys = [*list(sandbox.keys("ocamba"))[:5], "1234567890123456789"]
    report = push(changes(keys))
    assert (report.pushed, report.rejected) == (5, 1)
    assert [one.reason for one in report.reasons] == ["the report of the import has UNKNOWN_PROFILE"]
    assert imports(sandbox) == 1


@pytest.mark.parametrize(
    "more",
    [
        {"comment": "x"},
        {"custom_properties": {"n": 5}},
        {"custom_properties": {str(n): "x" for n in range(101)}},
    ],
    ids=["another field", "no text", "too many"],
)
def test_what_an_import_cannot_hold_goes_one_by_one(sandbox: Sandbox, more: dict[str, Any]) -> None:
    keys = list(sandbox.keys("ocamba"))[:4]
    report = push([*changes(keys[:3]), *changes(keys[3:], **more)])
    assert report.pushed == 4
    assert (imports(sandbox), patches(sandbox)) == (0, 4)


def test_an_account_without_the_import_is_pushed_one_by_one(sandbox: Sandbox) -> None:
    sandbox.settings("ocamba", **{"import": "missing"})
    report = push(changes(sandbox.keys("ocamba")), concurrency=1)
    assert report.pushed == 250
    assert (imports(sandbox), patches(sandbox)) == (1, 250)


def test_the_report_may_be_named_by_an_address(sandbox: Sandbox) -> None:
    sandbox.settings("ocamba", import_id="address")
    assert push(changes(list(sandbox.keys("ocamba"))[:5])).pushed == 5


def test_a_report_is_looked_at_until_each_profile_is_in_it(sandbox: Sandbox) -> None:
    sandbox.settings("ocamba", import_seconds=0.3)
    assert push(changes(list(sandbox.keys("ocamba"))[:5])).pushed == 5


def test_a_profile_that_no_report_names_is_failed_and_in_doubt(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """Its import may be carried out later, so it is sent once more after that."""
    import json

    ledger = {"conn_type": "sqlite", "host": str(tmp_path / "ledger.db")}
    monkeypatch.setenv("AIRFLOW_CONN_LEDGER", json.dumps(ledger))
    sandbox.settings("ocamba", import_seconds=3600.0)
    keys = list(sandbox.keys("ocamba"))[:5]
    report = push(changes(keys), ledger_conn_id="ledger")
    assert (report.pushed, report.failed) == (0, 5)
    assert [one.reason for one in report.reasons] == [
        "the report of the import did not name this profile in time"
    ]
    sandbox.settings("ocamba", import_seconds=0.0)
    assert push(changes(keys), ledger_conn_id="ledger").pushed == 5
    assert push(changes(keys), ledger_conn_id="ledger").unchanged == 5  # it may still come: not yet


def test_an_import_without_a_report_ends_the_push(sandbox: Sandbox) -> None:
    sandbox.faults("ocamba", kind="status", method="POST", path=IMPORT, status=202, body="{}")
    with pytest.raises(PushStopped, match='set the connection\'s extra bulk to "off"') as stopped:
        push(changes(list(sandbox.keys("ocamba"))[:5]))
    assert stopped.value.report.failed == 5


def test_an_import_without_a_report_may_still_be_carried_out(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    import json

    ledger = {"conn_type": "sqlite", "host": str(tmp_path / "ledger.db")}
    monkeypatch.setenv("AIRFLOW_CONN_LEDGER", json.dumps(ledger))
    sandbox.faults("ocamba", kind="status", method="POST", path=IMPORT, status=202, body="{}")
    rows = changes(list(sandbox.keys("ocamba"))[:5])
    with pytest.raises(PushStopped):
        push(rows, ledger_conn_id="ledger")
    connect(sandbox, monkeypatch, bulk="off")
    assert push(rows, ledger_conn_id="ledger").pushed == 5
    explained = OcambaHook().explain(rows[0]["key"], rows, ledger_conn_id="ledger").ledger
    assert explained is not None
    assert explained.in_doubt


def test_the_ledger_knows_what_was_imported_when_it_is_sent_one_by_one(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    import json

    ledger = {"conn_type": "sqlite", "host": str(tmp_path / "ledger.db")}
    monkeypatch.setenv("AIRFLOW_CONN_LEDGER", json.dumps(ledger))
    keys = list(sandbox.keys("ocamba"))[:5]
    assert push(changes(keys), ledger_conn_id="ledger").pushed == 5
    connect(sandbox, monkeypatch, bulk="off")
    assert push(changes(keys), ledger_conn_id="ledger").unchanged == 5
