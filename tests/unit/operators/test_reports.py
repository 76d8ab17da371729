"""The sum of several pushes' reports, and what is no report."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import Asset, AssetAlias
from standins import Ocamba

from airflow_profile_provider.hooks.ocamba import OcambaHook
from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator
from airflow_profile_provider.operators.reports import SumReportsOperator
from airflow_profile_provider.records import Verdict
from airflow_profile_provider.reports import Report


class Events(dict[Any, Any]):
    """Outlet events as Airflow makes them: one for whatever is asked for."""

    def __getitem__(self, outlet: Any) -> Any:
        from airflow.sdk.definitions.asset import AssetAliasUniqueKey, AssetUniqueKey
        from airflow.sdk.execution_time.context import OutletEventAccessor

        alias = isinstance(outlet, AssetAlias)
        key = AssetAliasUniqueKey.from_asset_alias(outlet) if alias else AssetUniqueKey.from_asset(outlet)
        return self.setdefault(key, OutletEventAccessor(key=key))


def report(**counts: Any) -> dict[str, Any]:
    received = sum(count for name, count in counts.items() if name in set(Verdict))
    return Report(received=received, **counts).as_dict()


def total(reports: Any, **options: Any) -> dict[str, Any]:
    return SumReportsOperator(task_id="close", reports=reports, **options).execute({})


def test_counts_are_summed_and_files_listed() -> None:
    first = report(pushed=3, rejected=1, seconds=1.25, requests=4, rejects="/r/1.jsonl")
    second = report(created=2, unchanged=5, seconds=0.5, requests=2)
    third = report(rejected=1, requests=1, rejects="/r/3.jsonl")
    found = total([first, [second, third]], max_failed=2)
    assert (found["received"], found["pushed"], found["created"], found["rejected"]) == (12, 3, 2, 2)
    assert (found["requests"], found["seconds"], found["complete"]) == (7, 1.75, True)
    assert (found["rejects"], found["rejects_files"]) == (None, ["/r/1.jsonl", "/r/3.jsonl"])
    assert total([first, second])["rejects"] == "/r/1.jsonl"
    assert total([total([first]), second])["received"] == 11


def test_the_sum_is_judged_as_a_push_is() -> None:
    shares = [report(pushed=99, rejected=1), report(pushed=99, rejected=1)]
    assert total(shares, max_failed="1%")["rejected"] == 2
    with pytest.raises(
        AirflowFailException, match="2 of 200 changes were not delivered; max_failed allows 1"
    ):
        total(shares, max_failed=1)


def test_a_push_that_stopped_makes_the_sum_red_whatever_is_allowed() -> None:
    with pytest.raises(AirflowFailException, match="a push stopped before its end"):
        total([report(pushed=1, complete=False), report(pushed=9)], max_failed="100%")


@pytest.mark.parametrize("wrong", ["x", [3], [{"received": 1}], [["x"]]])
def test_what_is_no_report_is_named(wrong: Any) -> None:
    with pytest.raises(AirflowFailException, match=r"a push's report was expected, .*: give push\.output"):
        total(wrong)


def test_an_alias_needs_the_asset_whose_event_it_gets() -> None:
    with pytest.raises(ValueError, match="needs asset="):
        SumReportsOperator(task_id="close", reports=[], outlets=[AssetAlias("changed")])


@pytest.mark.parametrize(("tries", "told"), [(1, 0), (2, 1)])
def test_a_retry_that_finds_all_unchanged_may_follow_a_try_that_changed_it(
    tries: int, told: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = {"conn_type": "sqlite", "host": str(tmp_path / "ledger.db")}
    monkeypatch.setenv("AIRFLOW_CONN_LEDGER", json.dumps(ledger))
    with Ocamba({"1": {}}) as vendor:
        connection = {"conn_type": "ocamba", "host": vendor.url, "password": vendor.secret}
        monkeypatch.setenv("AIRFLOW_CONN_OCAMBA_DEFAULT", json.dumps(connection))
        changes = [{"key": "1", "fields": {"comment": "new"}}]
        OcambaHook().push(changes, ledger_conn_id="ledger")
        push = OcambaPushProfilesOperator(
            task_id="push",
            records=changes,
            ledger_conn_id="ledger",
            outlets=[AssetAlias("changed"), Asset("all")],
        )
        events = Events()
        push.execute({"outlet_events": events, "ti": SimpleNamespace(try_number=tries)})  # type: ignore[typeddict-item]
    assert len(events[AssetAlias("changed")].asset_alias_events) == told
    assert (events[Asset("all")].extra["unchanged"], events[Asset("all")].extra["pushed"]) == (1, 0)
