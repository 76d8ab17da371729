"""G1 conservation, G2 no lost update, G4 at most one create, G7 nothing leaks, G8 a polite client."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_profile_provider.errors import PushStopped
from airflow_profile_provider.records import Report, Verdict

from .conftest import Bench

slow = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

BROKEN: list[Any] = [
    {"key": 1.5, "fields": {"x": "y"}},
    {"key": None, "fields": {"x": "y"}},
    {"fields": {"x": "y"}},
    {"key": "nobody-has-this-key", "fields": {}},
    "no record",
    {"key": "k", "fields": {"x": b"bytes"}},
]

faults = st.lists(
    st.fixed_dictionaries(
        {
            "kind": st.sampled_from(["status", "lost", "reset", "html", "empty", "truncate"]),
            "status": st.sampled_from([429, 500, 502, 503, 504, 404, 422]),
            "headers": st.sampled_from(
                [{}, {"Retry-After": "0"}, {"Retry-After": "-1"}, {"Retry-After": "soon"}]
            ),
            "probability": st.floats(0.05, 0.4),
            "seed": st.integers(0, 99),
        }
    ),
    max_size=2,
)


def push(bench: Bench, changes: list[Any], **options: Any) -> Report:
    """Push, and return the report of a push that stopped as well."""
    try:
        return bench.hook.push(changes, **options)
    except PushStopped as stopped:
        assert stopped.report is not None
        return stopped.report


@slow
@given(
    picks=st.lists(st.one_of(st.integers(0, 39), st.sampled_from(["nobody", "broken"])), max_size=50),
    troubles=faults,
    concurrency=st.sampled_from([1, 4]),
)
def test_g1_conservation(
    bench: Bench, tmp_path: Path, picks: list[Any], troubles: list[dict[str, Any]], concurrency: int
) -> None:
    """The verdicts add up to what was received, and whatever was not delivered is in the rejects."""
    bench.sandbox.clear_faults()
    keys, field = bench.all_keys(), bench.field
    special = {
        "nobody": {"key": "nobody", "fields": {field: "v"}},
        "broken": BROKEN[len(picks) % len(BROKEN)],
    }
    changes = [
        special[pick] if pick in special else {"key": keys[pick], "fields": {field: f"v{n}"}}
        for n, pick in enumerate(picks)
    ]
    for trouble in troubles:
        bench.sandbox.faults(bench.vendor, **trouble)
    path = tmp_path / "rejects.jsonl"
    path.unlink(missing_ok=True)
    report = push(bench, changes, rejects_path=path, concurrency=concurrency)
    counts = {verdict: getattr(report, verdict) for verdict in Verdict}
    assert report.received == len(changes) == sum(counts.values())
    rejects = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    assert len(rejects) == report.undelivered
    assert sorted({line["position"] for line in rejects}) == sorted(line["position"] for line in rejects)


@slow
@given(
    updates=st.lists(st.tuples(st.integers(0, 9), st.text(min_size=1, max_size=5)), max_size=40),
    troubles=faults,
)
def test_g2_no_lost_update(
    bench: Bench, tmp_path: Path, updates: list[tuple[int, str]], troubles: list[dict[str, Any]]
) -> None:
    """Once faults stop and the rejects are replayed, each profile holds its last change."""
    bench.sandbox.clear_faults()
    keys, field = bench.all_keys(), bench.field
    before = bench.held(field)
    for trouble in troubles:
        bench.sandbox.faults(bench.vendor, **trouble)
    changes = [
        {"key": keys[pick], "fields": {field: f"v{n} {text.strip()}!"}}
        for n, (pick, text) in enumerate(updates)
    ]
    rejects = tmp_path / "rejects.jsonl"
    rejects.unlink(missing_ok=True)
    report = push(bench, changes, rejects_path=rejects, concurrency=3)
    bench.sandbox.clear_faults()
    if report.undelivered:
        again = bench.hook.push(rejects)
        assert again.undelivered == 0
    latest = before | {change["key"]: change["fields"][field] for change in changes}
    assert bench.held(field) == latest


def test_g4_at_most_one_create(bench: Bench) -> None:
    """An answer that is lost never makes a second profile."""
    if bench.vendor != "communifire":
        before = len(bench.all_keys())
        bench.sandbox.faults(bench.vendor, "lost", every=2)
        push(bench, [{"key": key, "fields": {bench.field: "x"}} for key in bench.all_keys()])
        assert len(bench.all_keys()) == before
        return
    bench.sandbox.settings("communifire", add_existing="duplicate")
    emails = [f"new{n}@example.com" for n in range(12)]
    for kind in ("lost", "reset", "truncate"):
        bench.sandbox.faults("communifire", kind, every=3)
    changes = [{"key": email, "fields": {"First name": "N", "Last name": "M"}} for email in emails]
    report = push(bench, changes, key_type="Email", mode="create")
    held = [fields.get("Email") for fields in bench.sandbox.profiles("communifire").values()]
    assert max(held.count(email) for email in emails) == 1
    assert len(emails) // 2 <= report.created <= sum(held.count(email) for email in emails)


CANARY = "canary-5e1f"


@pytest.mark.parametrize("kind", ["status", "html", "lost", "redirect"])
def test_g7_no_secret_and_no_profile_value(
    bench: Bench, kind: str, caplog: pytest.LogCaptureFixture, capfd: Any
) -> None:
    """Neither shows in a log line, an exception or the report, even where the vendor repeats them."""
    secret = bench.sandbox.connections()[bench.hook.default_conn_name]["password"]
    echo = {
        "message": CANARY,
        "error": {"code": CANARY, "param": CANARY},
        "Errors": [CANARY],
        "ResponseMessage": CANARY,
    }
    bench.sandbox.faults(bench.vendor, kind, status=422, body=echo, every=2)
    changes = [{"key": key, "fields": {bench.field: CANARY}} for key in bench.all_keys()[:6]]
    changes += [
        {"key": f"{CANARY}@example.com", "fields": {bench.field: CANARY}},
        {"key": "k", "fields": {"x": {CANARY}}},
    ]
    said: list[str] = []
    with caplog.at_level(logging.INFO):
        try:
            said.append(str(bench.hook.push(changes).as_dict()))
        except PushStopped as stopped:
            said += [str(stopped), repr(stopped.__context__), str(stopped.report)]
    said += [record.getMessage() for record in caplog.records] + list(capfd.readouterr())
    assert "received" in "".join(said)
    assert [found for found in (CANARY, secret) if found in "".join(said)] == []


def test_g8_a_polite_client(bench: Bench) -> None:
    """No refusal for rate in steady state, and no request that was not needed."""
    bench.sandbox.forget_requests(bench.vendor)
    published = bench.hook.vendor_class.quota
    keys, field = bench.all_keys()[: 12 if published[0].limit > 1 else 3], bench.field
    bench.sandbox.settings(bench.vendor, quota=True)
    report = bench.hook.push(
        [{"key": key, "fields": {field: "polite"}} for key in keys],
        quota=", ".join(f"{rate.limit}/{rate.seconds}s" for rate in published),
    )
    reads = len(keys) if bench.vendor == "agilenow" else 0
    assert report.pushed == len(keys)
    assert report.requests <= 1.02 * (len(keys) + reads + 1 + 1)
    assert bench.sandbox.requests(bench.vendor)["by_status"].get("429", 0) == 0
