"""``airflow profiles``: what a push would do with one key, and the ledger looked at and mended by hand."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from own_airflow import AIRFLOW
from standins import AgileNow, Communifire, Fault, Lightfield, Ocamba, Sonoran, StandIn

from airflow_profile_provider.adapters.databases import engine_of
from airflow_profile_provider.cli.console import formatted
from airflow_profile_provider.delivery.retries import RetryRule
from airflow_profile_provider.errors import ConfigurationError, ProfileError
from airflow_profile_provider.explain.explanation import Explanation
from airflow_profile_provider.fields import const, joined
from airflow_profile_provider.hooks.ocamba import OcambaHook
from airflow_profile_provider.ledger.admin import LedgerAdmin
from airflow_profile_provider.ledger.ledger import Ledger
from airflow_profile_provider.records import Verdict

from .running import run

N = 5
MAPPED: dict[str, Any] = {"key": "id", "fields": {"comment": "comment", "full_name": "name"}}


@pytest.fixture(scope="module")
def postgres_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A PostgreSQL of our own."""
    from postgres import private_postgres

    with private_postgres(tmp_path_factory.mktemp("ledger")) as store:
        yield store


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A database for the ledger."""
    found = {"conn_type": "sqlite", "host": str(tmp_path / "ledger.db")}
    if request.param == "postgres":
        found = request.getfixturevalue("postgres_store")
    monkeypatch.setenv("AIRFLOW_CONN_LEDGER", json.dumps(found))
    return found


@pytest.fixture
def ocamba(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Ocamba]:
    monkeypatch.setattr(OcambaHook, "retry_rule", RetryRule(attempts=2, first_wait=0.001))
    with Ocamba({str(n): {"comment": ""} for n in range(N)}) as vendor:
        vendor.conn_id = f"ocamba_{abs(hash(request.node.name))}"  # type: ignore[attr-defined]
        stored(monkeypatch, vendor.conn_id, "ocamba", vendor)  # type: ignore[attr-defined]
        yield vendor


def stored(monkeypatch: pytest.MonkeyPatch, conn_id: str, conn_type: str, vendor: StandIn) -> None:
    """Put a vendor's connection into the environment."""
    connection = {"conn_type": conn_type, "host": vendor.url, "password": vendor.secret}
    connection |= {"login": vendor.login or None, "extra": {"quota": "none", "concurrency": 1}}
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))


def rows(**comments: str) -> list[dict[str, Any]]:
    return [
        {"id": str(n), "comment": comments.get(f"n{n}", f"is {n}"), "name": f"Name {n}"} for n in range(N)
    ]


def hook_of(vendor: Ocamba) -> OcambaHook:
    return OcambaHook(vendor.conn_id)  # type: ignore[attr-defined]


def push(vendor: Ocamba, records: Any, **options: Any) -> Any:
    return hook_of(vendor).push(records, ledger_conn_id="ledger", **{**MAPPED, **options})


def explained(vendor: Ocamba, records: Any, key: str = "3", **options: Any) -> Explanation:
    return hook_of(vendor).explain(key, records, **{**MAPPED, "ledger_conn_id": "ledger", **options})


def opened(store: dict[str, Any]) -> Any:
    from airflow.sdk import Connection

    return engine_of(Connection(conn_id="ledger", **{**store, "extra": json.dumps(store.get("extra") or {})}))


def everything_in(store: dict[str, Any]) -> Any:
    """All that a ledger holds, but for what another test's target left."""
    from sqlalchemy import inspect, text

    with opened(store).connect() as connection:
        names = sorted(name for name in inspect(connection).get_table_names() if name.startswith("profile_"))
        return {name: connection.execute(text(f"select * from {name} order by 1, 2")).all() for name in names}


# -- explain, without sending ---------------------------------------------------------------------------


def test_it_says_row_change_and_request_and_sends_nothing(ocamba: Ocamba) -> None:
    found = explained(ocamba, rows(), ledger_conn_id=None).as_dict()
    (row,) = found["rows"]
    assert (row["position"], row["row"]["name"], row["verdict"]) == (4, "Name 3", "planned")
    assert row["change"]["fields"] == {"comment": "is 3", "full_name": "Name 3"}
    (request,) = found["requests"]
    assert (request["method"], request["url"]) == ("PATCH", f"{ocamba.url}/v1/hood/profiles/3")
    assert request["headers"]["Authorization"] == "Bearer ***"
    assert request["body"] == {"comment": "is 3", "full_name": "Name 3"}
    assert (found["ledger"], found["read"], ocamba.requests) == (None, N, [])


def test_an_invalid_record_is_told_with_its_reason(ocamba: Ocamba) -> None:
    (row,) = explained(ocamba, [{"id": "3", "comment": None, "name": "x"}], ledger_conn_id=None).rows
    assert (row.verdict, row.change) == (Verdict.INVALID, None)
    assert "field comment: is null" in row.why


def test_a_row_of_anything_at_all_is_told_in_jsons_types(ocamba: Ocamba) -> None:
    """As the rejects would hold it; what JSON has no name for is null."""
    shown = explained(
        ocamba, [{**rows()[3], "x": {(1, 2): float("nan")}, "y": object()}], ledger_conn_id=None
    )
    row = json.loads(json.dumps(shown.as_dict(), allow_nan=False))["rows"][0]["row"]
    assert row == {**rows()[3], "x": [[[1, 2], None]], "y": None}


def test_no_foreign_error_leaves_it_or_hangs_on_ours(ocamba: Ocamba, tmp_path: Path) -> None:
    """Case 5's kin: a driver's or a generator's text may hold values."""

    def broken() -> Iterator[dict[str, Any]]:
        yield rows()[0]
        raise ValueError("ada@example.com")

    class Odd:
        def __iter__(self) -> Iterator[Any]:
            raise LookupError("ada@example.com")

    for records in (broken(), Odd(), str(tmp_path / "gone.csv")):
        with pytest.raises(ProfileError) as caught:
            explained(ocamba, records, ledger_conn_id=None)
        assert "ada" not in str(caught.value)
        assert isinstance(caught.value.__context__, ProfileError | None)
        assert caught.value.__cause__ is None


def test_a_key_that_is_not_there_is_told(ocamba: Ocamba) -> None:
    found = explained(ocamba, rows(), "77", ledger_conn_id=None)
    assert (found.rows, found.requests, found.read) == ((), (), N)


def test_with_a_ledger_it_says_what_the_push_would_do(ocamba: Ocamba, store: dict[str, Any]) -> None:
    new = explained(ocamba, rows())
    assert new.ledger is not None and not new.ledger.known
    assert new.rows[0].why == "new"
    push(ocamba, rows())
    before, sent = everything_in(store), len(ocamba.requests)
    same = explained(ocamba, rows())
    assert (same.rows[0].verdict, same.requests) == (Verdict.UNCHANGED, ())
    assert same.ledger is not None and same.ledger.equal == ("comment", "full_name")
    other = explained(ocamba, rows(n3="new"))
    assert (other.rows[0].why, other.rows[0].fields) == ("changed", ("comment",))
    assert other.ledger is not None and other.ledger.differing == ("comment",)
    part = explained(ocamba, rows(n3="new"), changed_fields_only=True)
    assert part.requests[0].body == {"comment": "new"}
    assert (everything_in(store), len(ocamba.requests)) == (before, sent)


def test_doubt_refusals_and_versions_are_told(ocamba: Ocamba, store: dict[str, Any]) -> None:
    newest = [{**row, "v": "2026-05-01T00:00:00Z"} for row in rows()]
    push(ocamba, newest, version="v")
    older = [{**row, "v": "2026-04-01T00:00:00Z"} for row in rows(n3="older")]
    found = explained(ocamba, older, version="v")
    assert (found.rows[0].verdict, found.rows[0].why) == (Verdict.SUPERSEDED, "a newer version is known")
    assert found.ledger is not None and found.ledger.older
    assert found.ledger.version == "2026-05-01T00:00:00+00:00"
    other = explained(ocamba, [{**row, "v": 7} for row in rows()], version="v")
    assert "and the ledger has an instant" in other.rows[0].why
    ocamba.faults = [Fault(400, {"message": "no"}, key="2", times=None)]
    for number in range(5):
        push(ocamba, rows(n2="poison", n4=f"another {number}"), run=str(number))
    found = explained(ocamba, rows(n2="poison"), "2")
    assert found.rows[0].verdict is Verdict.QUARANTINED
    known = found.ledger
    assert known is not None and known.in_doubt and known.refused_this and known.refusals == 5
    assert known.set_aside_until is not None
    mended = explained(ocamba, rows(n2="mended"), "2")
    assert mended.rows[0].why == "in doubt"
    assert mended.ledger is not None and not mended.ledger.refused_this


def test_two_rows_of_one_key_are_one_request(ocamba: Ocamba) -> None:
    records = [*rows(), {"id": "3", "comment": "later", "name": "Name 3"}]
    found = explained(ocamba, records, ledger_conn_id=None)
    assert [row.position for row in found.rows] == [4, 6]
    assert [request.body for request in found.requests] == [{"comment": "later", "full_name": "Name 3"}]


def test_an_expression_is_told_beside_what_it_makes(
    ocamba: Ocamba, capsys: pytest.CaptureFixture[str]
) -> None:
    made = {"full_name": joined("{} ({})", "name", "id"), "comment": const("S3cr3t")}
    found = explained(ocamba, rows(), ledger_conn_id=None, fields=made).as_dict()
    assert found["made"] == {"full_name": "joined('{} ({})', 'name', 'id')", "comment": "const(…)"}
    assert found["requests"][0]["body"] == {"full_name": "Name 3 (3)", "comment": "S3cr3t"}


def test_the_command_takes_expressions_as_json(
    ocamba: Ocamba, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "people.jsonl").write_text(json.dumps(rows()[3]) + "\n")
    fields = json.dumps({"full_name": {"joined": ["{} ({})", "name", "id"]}})
    words = ("--records", str(tmp_path / "people.jsonl"), "--key", "id", "--fields", fields)
    status, said = run(capsys, "explain", "3", "--conn-id", str(ocamba.conn_id), *words)  # type: ignore[attr-defined]
    assert status == 0
    assert "full_name is made by joined('{} ({})', 'name', 'id')" in said
    assert '{"full_name": "Name 3 (3)"}' in said


def test_a_query_is_a_source_too(ocamba: Ocamba, store: dict[str, Any]) -> None:
    from sqlalchemy import text

    with opened(store).begin() as connection:
        connection.execute(text("drop table if exists people"))
        connection.execute(text("create table people (id integer, comment text)"))
        connection.execute(text("insert into people values (2, 'two'), (3, 'three')"))
    query = {"sql": "select id, comment from people order by id", "sql_conn_id": "ledger"}
    found = explained(ocamba, None, "3", **query, fields=["comment"])
    assert [(row.position, row.content["comment"]) for row in found.rows] == [(2, "three")]
    assert found.requests[0].body == {"comment": "three"}


# -- explain, sending -----------------------------------------------------------------------------------


def test_sent_it_tells_the_answer_and_the_ledger(ocamba: Ocamba, store: dict[str, Any]) -> None:
    push(ocamba, rows())
    found = explained(ocamba, rows(n3="new", n4="not asked for"), send=True)
    (request,), (done,) = found.requests, found.deliveries
    assert (request.status, done.verdict, done.positions) == (204, Verdict.PUSHED, (4,))
    assert ocamba.profiles["3"]["comment"] == "new"
    assert ocamba.profiles["4"]["comment"] == "is 4"
    assert explained(ocamba, rows(n3="new")).rows[0].verdict is Verdict.UNCHANGED
    assert explained(ocamba, rows()).rows[0].why == "changed"


def test_sent_without_an_answer_it_is_in_doubt(ocamba: Ocamba, store: dict[str, Any]) -> None:
    push(ocamba, rows())
    ocamba.faults = [Fault(drop=True, key="3", times=2)]
    found = explained(ocamba, rows(n3="b"), send=True)
    assert [done.verdict for done in found.deliveries] == [Verdict.FAILED]
    assert [bool(request.problem) for request in found.requests] == [True, True]
    assert found.undelivered
    assert explained(ocamba, rows()).rows[0].why == "in doubt"


def test_what_is_unchanged_is_not_sent_unless_asked(ocamba: Ocamba, store: dict[str, Any]) -> None:
    push(ocamba, rows())
    sent = len(ocamba.requests)
    assert explained(ocamba, rows(), send=True).deliveries == ()
    assert len(ocamba.requests) == sent
    assert explained(ocamba, rows(), send=True, ignore_ledger=True).deliveries[0].verdict is Verdict.PUSHED


def test_a_refusal_is_told_in_the_vendors_words(ocamba: Ocamba) -> None:
    ocamba.faults = [Fault(400, {"message": "the comment rhymes"}, headers={"Set-Cookie": "session=1"})]
    found = explained(ocamba, rows(), ledger_conn_id=None, send=True)
    (request,), (done,) = found.requests, found.deliveries
    assert (request.status, done.verdict) == (400, Verdict.REJECTED)
    assert "the comment rhymes" in done.full
    assert request.answer == {"message": "the comment rhymes"}
    assert "set-cookie" not in {name.lower() for name in request.answer_headers}


# -- no credential, and no value where none is wanted ----------------------------------------------------

VENDORS: dict[str, tuple[type[StandIn], str, dict[str, Any]]] = {
    "sonoran": (Sonoran, "acc-canary@example.com", {"f1": "canary5e1f"}),
    "communifire": (Communifire, "1", {"Title": "canary5e1f"}),
    "agilenow": (AgileNow, "a1", {"Name": "canary5e1f"}),
    "lightfield": (Lightfield, "acc_1", {"$name": "canary5e1f"}),
    "ocamba": (Ocamba, "1", {"comment": "canary5e1f"}),
}
SECRETS = ("S3cr3t", "5e55ion")


@pytest.mark.parametrize("name", VENDORS)
@pytest.mark.parametrize("send", [False, True], ids=["told", "sent"])
def test_no_credential_is_in_anything(monkeypatch: pytest.MonkeyPatch, name: str, send: bool) -> None:
    stand_in, key, fields = VENDORS[name]
    entry = next(
        entry
        for entry in import_module("airflow_profile_provider.get_provider_info").get_provider_info()[
            "connection-types"
        ]
        if entry["connection-type"] == name
    )
    module, _, class_name = entry["hook-class-name"].rpartition(".")
    with stand_in({key: dict.fromkeys(fields, "")}) as vendor:
        stored(monkeypatch, f"{name}_x", name, vendor)
        hook = getattr(import_module(module), class_name)(f"{name}_x")
        echo = {"message": f"{vendor.secret} and canary5e1f", "key": vendor.secret}
        for fault in (None, Fault(400, echo, headers={"Set-Cookie": "5e55ion", "X-Echo": vendor.secret})):
            vendor.faults = [fault] if fault else []
            found = hook.explain(key, [{"key": key, "fields": fields}], send=send)
            whole, redacted = json.dumps(found.as_dict()), json.dumps(found.as_dict(redact=True))
            assert "***" in whole
            assert "canary5e1f" in whole
            assert "canary" not in redacted + repr(found)
            for said in (whole, redacted, repr(found)):
                assert [secret for secret in SECRETS if secret in said] == []
                assert vendor.login == "" or f'"{vendor.login}"' not in said
            assert len(found.requests) >= 1
            if send and fault is None:
                assert found.deliveries[0].verdict is Verdict.PUSHED, found.deliveries
    tokens = [request.headers.get("authorization", "") for request in vendor.requests]
    for token in {token.removeprefix("Bearer ") for token in tokens} - {""}:
        assert token not in whole


def test_what_a_merge_would_send_is_shown_with_what_it_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow_profile_provider.hooks.agilenow import AgileNowHook

    with AgileNow({"a1": {"Name": "old"}}) as vendor:
        stored(monkeypatch, "agile_x", "agilenow", vendor)
        found = AgileNowHook("agile_x").explain("a1", [{"key": "a1", "fields": {"Name": "new"}}])
        assert [request.method for request in found.requests] == ["POST", "GET", "PUT"]
        assert found.requests[0].body["client_secret"] == found.requests[0].body["client_id"] == "***"
        assert found.requests[2].body == {"Name": "new"}
        assert "reads" in found.requests[2].note
        assert vendor.requests == []


# -- the ledger by hand ---------------------------------------------------------------------------------


def poisoned(vendor: Ocamba) -> str:
    """Have key 2 set aside; return the target."""
    vendor.faults = [Fault(400, {"message": "no"}, key="2", times=None)]
    for number in range(5):
        push(vendor, rows(n2="poison", n4=f"another {number}"), run=str(number))
    return f"ocamba:{vendor.conn_id}"  # type: ignore[attr-defined]


def test_status_counts_and_rejected_lists(ocamba: Ocamba, store: dict[str, Any]) -> None:
    name = poisoned(ocamba)
    ledger = LedgerAdmin(opened(store))
    target = ledger.target(name)
    counts = (target.entries, target.in_doubt, target.refused, target.quarantined, target.newest)
    assert counts == (N, 1, 1, 1, None)
    assert (target.key_type, target.busy) == ("id", False)
    (refused,) = ledger.refused([target])
    assert (refused.key, refused.times) == ("2", 5)
    assert refused.set_aside_until is not None
    later = LedgerAdmin(opened(store), clock=lambda: time.time() + 8 * 86400)
    assert (later.target(name).quarantined, later.target(name).refused) == (0, 1)
    assert next(later.refused([target])).set_aside_until is None


def test_what_is_released_is_tried_again(ocamba: Ocamba, store: dict[str, Any]) -> None:
    name = poisoned(ocamba)
    ledger = LedgerAdmin(opened(store))
    assert ledger.release(ledger.target(name), "3") == 0
    assert ledger.release(ledger.target(name), "2") == 1
    assert list(ledger.refused([ledger.target(name)])) == []
    assert push(ocamba, rows(n2="poison", n4="x"), run="6").rejected == 1
    assert next(ledger.refused([ledger.target(name)])).times == 1
    assert ledger.release(ledger.target(name), None) == 1
    ocamba.faults = []
    assert push(ocamba, rows(n2="poison", n4="x"), run="7").pushed == 1


def test_what_is_forgotten_is_sent_again(ocamba: Ocamba, store: dict[str, Any]) -> None:
    push(ocamba, rows())
    ledger = LedgerAdmin(opened(store))
    name = f"ocamba:{ocamba.conn_id}"  # type: ignore[attr-defined]
    assert ledger.forget(ledger.target(name), "3") == 1
    assert push(ocamba, rows()).pushed == 1
    assert ledger.forget(ledger.target(name), None) == N
    with pytest.raises(ConfigurationError, match="knows no target"):
        ledger.target(name)
    assert push(ocamba, rows()).pushed == N


def test_nothing_is_forgotten_under_a_push(store: dict[str, Any]) -> None:
    engine = opened(store)
    assert Ledger(engine, "x:busy", "id").take_lease("all", "one")
    ledger = LedgerAdmin(engine)
    assert ledger.target("busy").busy
    with pytest.raises(ConfigurationError, match="under way"):
        ledger.forget(ledger.target("busy"), None)


def test_a_database_without_a_ledger_is_told(store: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no ledger"):
        LedgerAdmin(opened({"conn_type": "sqlite", "host": str(tmp_path / "other.db")}))


def test_several_targets_must_be_named(tmp_path: Path) -> None:
    engine = opened({"conn_type": "sqlite", "host": str(tmp_path / "two.db")})
    for target in ("x:one", "y:one", "x:two"):
        Ledger(engine, target, "id")
    ledger = LedgerAdmin(engine)
    for name in (None, "one"):
        with pytest.raises(ConfigurationError, match="name one target"):
            ledger.target(name)
    assert ledger.target("two").target == "x:two"
    assert ledger.target("y:one").target == "y:one"


# -- the command line -----------------------------------------------------------------------------------


def test_loading_the_commands_imports_nothing_heavy() -> None:
    show = (
        "import sys; import airflow.cli.cli_config; before = set(sys.modules)\n"
        "from airflow_profile_provider.cli.definition import get_profiles_cli_commands as commands\n"
        "assert [command.name for command in commands()] == ['profiles']\n"
        "import json; print(json.dumps(sorted(set(sys.modules) - before - {'json'})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", show], env=AIRFLOW.environment(), capture_output=True, text=True, check=True
    )
    rooms = ("", ".cli", ".cli.definition")
    ours = {f"airflow_profile_provider{room}" for room in rooms}
    assert set(json.loads(done.stdout.splitlines()[-1])) <= ours


def test_the_commands_print_what_was_asked(
    ocamba: Ocamba, store: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    poisoned(ocamba)
    conn_id = str(ocamba.conn_id)  # type: ignore[attr-defined]
    one = ("--ledger-conn-id", "ledger", "--conn-id", conn_id)
    status, said = run(capsys, "ledger", "status", *one, "--output", "json")
    assert (status, json.loads(said)[0]["quarantined"]) == (0, 1)
    assert "quarantined" in run(capsys, "ledger", "status", *one)[1]
    assert json.loads(run(capsys, "ledger", "rejected", *one, "-o", "json")[1])[0]["key"] == "2"
    assert yaml.safe_load(run(capsys, "ledger", "status", *one, "-o", "yaml")[1])[0]["quarantined"] == 1
    head, line = run(capsys, "ledger", "rejected", *one, "-o", "plain")[1].splitlines()
    assert (head.split()[:3], line.split()[0]) == (["target", "key", "times"], f"ocamba:{conn_id}")
    assert run(capsys, "ledger", "release", "2", *one) == (0, f"ocamba:{conn_id}: 1 released\n")
    assert run(capsys, "ledger", "rejected", *one) == (0, "No key is refused.\n")
    assert "say --yes" in str(run(capsys, "ledger", "forget", "--all", *one)[0])
    assert "either one KEY or --all" in str(run(capsys, "ledger", "forget", *one)[0])
    source = tmp_path / "people.csv"
    source.write_text("id,comment,name\n2,poison,Name 2\n3,\x1b[31mred,Name 3\n")
    mapped = ("--records", str(source), "--key", "id", "--fields", '{"comment": "comment"}')
    status, said = run(capsys, "explain", "3", "--conn-id", conn_id, *mapped, "--ledger-conn-id", "ledger")
    assert status == 0
    assert "Row 3: would be sent: changed" in said
    assert "\x1b" not in said
    assert f"PATCH {ocamba.url}/v1/hood/profiles/3" in said
    assert "Nothing was sent." in said
    status, said = run(capsys, "explain", "3", "--conn-id", conn_id, *mapped, "--redact", "-o", "json")
    assert (status, "red" in said.replace("redact", "")) == (0, False)
    assert run(capsys, "ledger", "forget", "--all", "--yes", *one)[1] == f"ocamba:{conn_id}: {N} forgotten\n"
    assert "isn't defined" in str(run(capsys, "ledger", "status", "--ledger-conn-id", "nowhere")[0])


def test_a_table_shows_keys_as_they_are_and_steers_no_terminal() -> None:
    """Airflow's console takes [red] for a colour, and an escape for its own."""
    row = {"key": "[red]a[/red]", "version": None, "reason": "\x1b[31m", "runs": 3}
    for output in ("table", "plain"):
        said = formatted([row], output)
        assert "[red]a[/red]" in said
        assert "\\x1b[31m" in said
        assert "\x1b" not in said
    assert json.loads(formatted([row], "json")) == [row]
    assert yaml.safe_load(formatted([row], "yaml")) == [row]


def test_a_long_list_is_cut_nowhere() -> None:
    rows = [{"target": "ocamba:" + "c" * 90, "key": "k" * 250, "reason": "r" * 90}] * 3
    found = json.loads(formatted(rows, "json"))
    assert found == rows
    assert "k" * 250 in formatted(rows, "plain")


def test_options_are_read_as_a_push_takes_them(ocamba: Ocamba, capsys: pytest.CaptureFixture[str]) -> None:
    conn_id = str(ocamba.conn_id)  # type: ignore[attr-defined]
    for bad in ("send=true", "novalue", "key=x"):
        assert "--option takes" in str(run(capsys, "explain", "3", "--conn-id", conn_id, "--option", bad)[0])
    wrong = run(capsys, "explain", "3", "--conn-id", conn_id, "--records", "x.jsonl", "--option", "write=x")
    assert "has no option write" in str(wrong[0])
    for flag, name in (("--fields", "fields"), ("--null-values", "null_values")):
        for wrong in ("{", "[", "[1]", '["a", null]'):
            assert f"{name} must " in str(run(capsys, "explain", "3", "--conn-id", conn_id, flag, wrong)[0])


def test_a_row_that_no_terminal_can_show_is_printed(
    ocamba: Ocamba, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Half of a pair of UTF-16, as cut texts have it."""
    source = tmp_path / "people.jsonl"
    source.write_text('{"id": "3", "comment": "\\ud83d"}\n')
    conn_id = str(ocamba.conn_id)  # type: ignore[attr-defined]
    given = ("--records", str(source), "--key", "id", "--fields", "comment")
    for output in ("json", "text"):
        _, said = run(capsys, "explain", "3", "--conn-id", conn_id, *given, "-o", output)
        assert "d83d" in said
        assert output == "text" or json.loads(said)["rows"][0]["row"]["comment"] == "\ud83d"


def test_a_connection_of_another_type_needs_the_vendor_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_PLAIN", json.dumps({"conn_type": "http", "host": "x", "password": "y"}))
    assert "--conn-type names the vendor" in str(run(capsys, "explain", "3", "--conn-id", "plain")[0])
    assert issubclass(ConfigurationError, ProfileError)
