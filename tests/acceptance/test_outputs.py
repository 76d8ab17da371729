"""What a push leaves behind: rejects that can be replayed, and keys for the next push of a chain."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from standins import Fault

from .conftest import OpenRig
from .rig import Outcome, Rig, TaskInstanceStub, counts, lines

# -- rejects ------------------------------------------------------------------------------------------------


def test_a_rejects_line_holds_the_change_and_why(rig: Rig, tmp_path: Path) -> None:
    rig.hold(1, 2)
    refused = {**rig.nobody(), "version": 17}
    changes = [{**rig.change(1), "version": 16}, refused, {**rig.change(2), "version": 18}]
    outcome = rig.run(changes, rejects_path=str(tmp_path / "rejects.jsonl"))
    (line,) = lines(outcome.report["rejects"])
    assert (line["key"], line["fields"]) == (refused["key"], refused["fields"])
    assert (line["verdict"], line["position"], line["version"]) == ("rejected", 2, 17)
    assert line["reason"]


def test_a_rejects_line_repeats_the_vendors_words(rig: Rig, tmp_path: Path) -> None:
    rig.hold(1, 2)
    status, body = rig.sample.refusal
    rig.stand_in.faults = [Fault(status, body, key=rig.sample.key(2))]
    outcome = rig.run(rig.changes(1, 2), rejects_path=str(tmp_path / "rejects.jsonl"))
    (line,) = lines(outcome.report["rejects"])
    assert "MarkerQuartz" in line["reason"]


def test_no_rejects_no_file(rig: Rig, tmp_path: Path) -> None:
    rig.hold(1)
    outcome = rig.run(rig.changes(1), rejects_path=str(tmp_path / "rejects.jsonl"))
    assert outcome.report["rejects"] is None
    assert list(tmp_path.iterdir()) == []


def test_the_rejects_files_name_tells_run_task_map_index_and_try(rig: Rig, tmp_path: Path) -> None:
    outcome = rig.run([rig.nobody()], rejects_path=str(tmp_path / "rejects.jsonl"))
    name = Path(outcome.report["rejects"]).name
    stub = TaskInstanceStub()
    assert "2026-11-21" in name
    assert stub.task_id in name
    assert str(stub.try_number) in name
    assert name.startswith("rejects")
    assert name.endswith(".jsonl")


def test_two_tasks_do_not_share_a_rejects_file(open_rig: OpenRig, tmp_path: Path) -> None:
    rig = open_rig("ocamba")
    path = str(tmp_path / "rejects.jsonl")
    names = set()
    for try_number, map_index in ((1, -1), (2, -1), (1, 0), (1, 1)):
        stub = TaskInstanceStub(try_number=try_number, map_index=map_index)
        operator = rig.operator_class(
            task_id="push", records=[rig.nobody()], rejects_path=path, max_failed=1, quota="none"
        )
        names.add(operator.execute({"ti": stub, "run_id": stub.run_id})["rejects"])
    assert len(names) == 4


def test_rejects_are_replayable_once_the_vendor_is_mended(rig: Rig, tmp_path: Path) -> None:
    rig.hold(1, 2)
    status, body = rig.sample.refusal
    rig.stand_in.faults = [
        Fault(status, body, key=rig.sample.key(2), times=None),
        Fault(404, "none", key=rig.sample.key(3), times=None),
    ]
    path = str(tmp_path / "rejects.jsonl")
    first = rig.run(rig.changes(1, 2, 3), rejects_path=path)
    assert counts(first.report) == {"pushed": 1, "rejected": 2}
    rig.stand_in.faults = []
    rig.hold(3)
    second = rig.run(first.report["rejects"], rejects_path=path)
    assert second.green
    assert counts(second.report) == {"pushed": 2}
    assert [rig.holds(n) for n in (1, 2, 3)] == [rig.expected(n) for n in (1, 2, 3)]


def test_unsent_changes_are_replayable(rig: Rig, tmp_path: Path) -> None:
    rig.hold(*range(20))
    rig.connect(password="Wr0ng-S3cr3t")
    first = rig.run(rig.changes(*range(20)), rejects_path=str(tmp_path / "rejects.jsonl"))
    assert first.report["pushed"] == 0
    assert len(lines(first.report["rejects"])) == 20
    rig.connect()
    second = rig.run(first.report["rejects"])
    assert counts(second.report) == {"pushed": 20}
    assert [rig.holds(n) for n in range(20)] == [rig.expected(n) for n in range(20)]


def test_rejects_of_rows_are_replayable_with_the_same_columns(rig: Rig, tmp_path: Path) -> None:
    rig.hold(1, 2)
    rows = [{"id": rig.sample.key(n), "a": f"A{n}", "city": "Espoo"} for n in (1, 2, 3)]
    source = rig.write_file(tmp_path / "rows.jsonl", rows)
    columns = {"key": "id", "fields": {rig.sample.text: "a"}}
    first = rig.run(source, rejects_path=str(tmp_path / "rejects.jsonl"), **columns)
    assert counts(first.report) == {"pushed": 2, "rejected": 1}
    rig.hold(3)
    second = rig.run(first.report["rejects"], **columns)
    assert counts(second.report) == {"pushed": 1}
    assert rig.holds(3)[rig.sample.text] == "A3"


def test_invalid_rows_are_replayable_after_they_were_mended(rig: Rig, tmp_path: Path) -> None:
    rig.hold(1, 2)
    changes = [rig.change(1), {"key": rig.sample.key(2), "fields": rig.sample.invalid}]
    first = rig.run(changes, rejects_path=str(tmp_path / "rejects.jsonl"))
    path = Path(first.report["rejects"])
    (line,) = lines(path)
    line.get("row", line)["fields"] = rig.sample.fields(2)  # what was refused unread is kept as a row
    path.write_text(json.dumps(line) + "\n")
    second = rig.run(str(path))
    assert counts(second.report) == {"pushed": 1}
    assert rig.holds(2) == rig.expected(2)


def test_a_replay_sends_no_bookkeeping_to_the_vendor(rig: Rig, tmp_path: Path) -> None:
    first = rig.run([rig.nobody()], rejects_path=str(tmp_path / "rejects.jsonl"))
    rig.stand_in.requests.clear()
    rig.run(first.report["rejects"])
    sent = b" ".join(request.body for request in rig.stand_in.requests)
    assert b"verdict" not in sent
    assert b"reason" not in sent


def test_a_rejects_file_is_private(rig: Rig, tmp_path: Path) -> None:
    outcome = rig.run([rig.nobody()], rejects_path=str(tmp_path / "rejects.jsonl"))
    assert Path(outcome.report["rejects"]).stat().st_mode & 0o077 == 0


# -- chains -------------------------------------------------------------------------------------------------


def people(first: Rig, second: Rig, *numbers: int) -> list[dict[str, Any]]:
    """Rows that hold the keys of two vendors."""
    return [{"one": first.sample.key(n), "two": second.sample.key(n), "name": f"Name{n}"} for n in numbers]


def pair(open_rig: OpenRig, rig: Rig) -> tuple[Rig, Rig]:
    """A first vendor and, as the second, another one."""
    return rig, open_rig("ocamba" if rig.conn_type != "ocamba" else "lightfield")


def run_second(second: Rig, source: Any, only: Any, **options: Any) -> Outcome:
    columns = {"key": "two", "fields": {second.sample.text: "name"}}
    return second.run(source, only=only, only_key="one", **columns, **options)


def test_who_failed_in_the_first_system_is_not_pushed_to_the_next(
    rig: Rig, open_rig: OpenRig, tmp_path: Path
) -> None:
    first, second = pair(open_rig, rig)
    first.hold(1, 2, 4)
    second.hold(1, 2, 3, 4)
    source = first.write_file(tmp_path / "rows.jsonl", people(first, second, 1, 2, 3, 4))
    delivered = str(tmp_path / "delivered.txt")
    outcome = first.run(
        source, key="one", fields={first.sample.text: "name"}, delivered_path=delivered, max_failed=1
    )
    assert counts(outcome.report) == {"pushed": 3, "rejected": 1}
    chained = run_second(second, source, delivered)
    assert chained.green
    assert chained.report["pushed"] == 3
    assert second.holds(3) == second.sample.before(3)
    assert [second.holds(n)[second.sample.text] for n in (1, 2, 4)] == ["Name1", "Name2", "Name4"]


def test_nobody_is_pushed_to_the_next_when_nobody_was_delivered(open_rig: OpenRig, tmp_path: Path) -> None:
    first, second = open_rig("lightfield"), open_rig("ocamba")
    second.hold(1)
    source = first.write_file(tmp_path / "rows.jsonl", people(first, second, 1))
    delivered = str(tmp_path / "delivered.txt")
    first.run(source, key="one", fields={first.sample.text: "name"}, delivered_path=delivered, max_failed=1)
    run_second(second, source, delivered)
    assert second.holds(1) == second.sample.before(1)
    assert second.stand_in.writes == []


def test_a_missing_file_of_delivered_keys_pushes_nobody(open_rig: OpenRig, tmp_path: Path) -> None:
    first, second = open_rig("lightfield"), open_rig("ocamba")
    second.hold(1)
    source = first.write_file(tmp_path / "rows.jsonl", people(first, second, 1))
    outcome = run_second(second, source, str(tmp_path / "nowhere.txt"))
    assert not outcome.green
    assert "nowhere.txt" in str(outcome.error)
    assert second.stand_in.writes == []


def test_only_without_only_key_means_the_key_itself(rig: Rig, tmp_path: Path) -> None:
    rig.hold(1, 2)
    delivered = str(tmp_path / "delivered.txt")
    rig.run(rig.changes(1), delivered_path=delivered)
    rig.hold(1)
    outcome = rig.run(rig.changes(1, 2), only=delivered)
    assert outcome.report["pushed"] == 1
    assert (rig.holds(1), rig.holds(2)) == (rig.expected(1), rig.sample.before(2))


def test_keys_that_are_numbers_in_the_next_source_are_found(open_rig: OpenRig, tmp_path: Path) -> None:
    first, second = open_rig("communifire"), open_rig("ocamba")
    first.hold(1)
    second.hold(1, 2)
    delivered = str(tmp_path / "delivered.txt")
    first.run(first.changes(1), delivered_path=delivered)
    rows = [{**row, "one": int(row["one"])} for row in people(first, second, 1, 2)]
    for name in ("rows.jsonl", "rows.parquet"):
        second.stand_in.requests.clear()
        outcome = run_second(second, second.write_file(tmp_path / name, rows), delivered)
        assert outcome.report["pushed"] == 1
        assert len(second.stand_in.writes) == 1
    assert second.holds(2) == second.sample.before(2)


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv", "rows.csv.gz", "rows.parquet"])
def test_only_key_is_read_from_every_format(open_rig: OpenRig, tmp_path: Path, name: str) -> None:
    first, second = open_rig("lightfield"), open_rig("ocamba")
    first.hold(1)
    second.hold(1, 2)
    delivered = str(tmp_path / "delivered.txt")
    first.run(first.changes(1), delivered_path=delivered)
    source = second.write_file(tmp_path / name, people(first, second, 1, 2))
    outcome = run_second(second, source, delivered)
    assert outcome.report["pushed"] == 1
    assert (second.holds(1)["full_name"], second.holds(2)["full_name"]) == ("Name1", "Name2Before")


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv", "rows.parquet"])
def test_an_only_key_that_is_no_column_is_an_error(open_rig: OpenRig, tmp_path: Path, name: str) -> None:
    first, second = open_rig("lightfield"), open_rig("ocamba")
    first.hold(1)
    second.hold(1)
    delivered = str(tmp_path / "delivered.txt")
    first.run(first.changes(1), delivered_path=delivered)
    source = second.write_file(tmp_path / name, people(first, second, 1))
    columns = {"key": "two", "fields": {second.sample.text: "name"}}
    outcome = second.run(source, only=delivered, only_key="oen", **columns)
    assert not outcome.green
    assert "oen" in str(outcome.error)


def test_another_run_does_not_inherit_what_an_earlier_one_delivered(rig: Rig, tmp_path: Path) -> None:
    rig.hold(1, 2)
    delivered = tmp_path / "delivered.txt"
    rig.run(rig.changes(1), delivered_path=str(delivered))
    rig.run(rig.changes(2), delivered_path=str(delivered))
    assert rig.sample.key(1) not in delivered.read_text()
    assert rig.sample.key(2) in delivered.read_text()


def test_a_push_that_stopped_tells_what_it_delivered(rig: Rig, tmp_path: Path) -> None:
    rig.hold(*range(6))
    delivered = tmp_path / "delivered.txt"
    rig.stand_in.faults = [Fault(302, "", {"Location": "/login"}, key=rig.sample.key(3), times=None)]
    outcome = rig.run(rig.changes(*range(6)), delivered_path=str(delivered), concurrency=1)
    assert not outcome.green
    assert [rig.sample.key(number) in delivered.read_text() for number in range(4)] == [True] * 3 + [False]


def test_a_file_of_delivered_keys_is_private(rig: Rig, tmp_path: Path) -> None:
    rig.hold(1)
    delivered = tmp_path / "delivered.txt"
    rig.run(rig.changes(1), delivered_path=str(delivered))
    assert delivered.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("keys.txt", "keys.7.txt"),
        ("keys", "keys.7"),
        ("v1.5/keys-2026.11.jsonl.gz", "v1.5/keys-2026.11.7.jsonl.gz"),
    ],
)
def test_mapped_tasks_do_not_share_a_file_of_delivered_keys(
    given: str, written: str, open_rig: OpenRig, tmp_path: Path
) -> None:
    rig = open_rig("ocamba")
    rig.hold(1)
    (tmp_path / given).parent.mkdir(exist_ok=True)
    operator = rig.operator_class(
        task_id="push", records=rig.changes(1), delivered_path=str(tmp_path / given), quota="none"
    )
    operator.execute({"ti": TaskInstanceStub(map_index=7)})
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / written]


def test_mapped_plans_do_not_share_a_file(open_rig: OpenRig, tmp_path: Path) -> None:
    rig = open_rig("ocamba")
    operator = rig.operator_class(
        task_id="plan", records=rig.changes(1), action="plan", plan_path=str(tmp_path / "plan.jsonl")
    )
    operator.execute({"ti": TaskInstanceStub(map_index=0)})
    assert [path.name for path in tmp_path.iterdir()] == ["plan.0.jsonl"]


def test_superseded_changes_of_a_delivered_key_are_delivered_once(rig: Rig, tmp_path: Path) -> None:
    rig.hold(1)
    delivered = tmp_path / "delivered.txt"
    rig.run([rig.rename(1, f"V{n}") for n in range(4)], delivered_path=str(delivered))
    assert delivered.read_text().count(rig.sample.key(1)) == 1


# -- nulls and key types ------------------------------------------------------------------------------------


def with_null(rig: Rig) -> list[dict[str, Any]]:
    """A change that sets one field and holds null for another."""
    fields = {rig.sample.text: "Marker", rig.sample.other: None}
    return [{"key": rig.sample.key(1), "fields": fields}]


def test_null_clears_by_default_only_where_the_vendor_documents_it(rig: Rig) -> None:
    rig.hold(1)
    rig.holds(1)[rig.sample.other] = "held"
    report = rig.push(with_null(rig))
    documented = rig.conn_type == "lightfield"
    assert counts(report) == ({"pushed": 1} if documented else {"invalid": 1})
    assert rig.holds(1).get(rig.sample.other) == (None if documented else "held")


def test_nulls_may_be_skipped(rig: Rig) -> None:
    rig.hold(1)
    kept = rig.holds(1).get(rig.sample.other)
    report = rig.push(with_null(rig), nulls="skip")
    assert counts(report) == {"pushed": 1}
    assert rig.holds(1)[rig.sample.text] == "Marker"
    assert rig.holds(1).get(rig.sample.other) == kept


def test_nulls_may_be_invalid(rig: Rig) -> None:
    rig.hold(1)
    report = rig.push(with_null(rig), nulls="invalid")
    assert counts(report) == {"invalid": 1}
    assert rig.holds(1) == rig.sample.before(1)


def test_nulls_may_clear(rig: Rig) -> None:
    rig.hold(1)
    rig.push(with_null(rig), nulls="clear")
    (write,) = rig.stand_in.writes
    assert rig.sample.other in write.body.decode()


def test_a_change_of_skipped_nulls_alone_is_not_sent(rig: Rig) -> None:
    rig.hold(1)
    report = rig.push([{"key": rig.sample.key(1), "fields": {rig.sample.text: None}}], nulls="skip")
    assert report.received == 1
    assert rig.stand_in.writes == []


@pytest.mark.parametrize("nulls", ["drop", True])
def test_an_unknown_nulls_is_an_error(rig: Rig, nulls: Any) -> None:
    from airflow_profile_provider.errors import ConfigurationError

    with pytest.raises(ConfigurationError, match="nulls"):
        rig.push(with_null(rig), nulls=nulls)


KEY_TYPES = [
    ("sonoran", "accId"),
    ("sonoran", "apiId"),
    ("sonoran", "username"),
    ("sonoran", "discord"),
    ("sonoran", "uniqueId"),
    ("communifire", "UserID"),
    ("communifire", "Email"),
    ("communifire", "Username"),
    ("agilenow", "Id"),
    ("agilenow", "Username"),
    ("agilenow", "ExternalId"),
    ("lightfield", "id"),
    ("ocamba", "id"),
]


def under_another_name(rig: Rig, key_type: str) -> str:
    """Let the vendor know profile 1 by this identifier, and return its value."""
    rig.hold(1)
    if rig.conn_type == "sonoran" and key_type != "accId":
        rig.stand_in.identifiers = ["accId", "apiId", "username", "discord", "uniqueId"]
        value = "4711" if key_type == "uniqueId" else f"{key_type}-17"
        rig.stand_in.also_known[key_type, value] = rig.sample.key(1)
        return value
    return str(rig.holds(1).get(key_type, rig.sample.key(1)))


@pytest.mark.parametrize(("conn_type", "key_type"), KEY_TYPES)
@pytest.mark.parametrize("where", ["change", "operator"])
def test_every_key_type_finds_its_profile(
    open_rig: OpenRig, conn_type: str, key_type: str, where: str
) -> None:
    rig = open_rig(conn_type)
    change = {"key": under_another_name(rig, key_type), "fields": rig.sample.fields(1)}
    if where == "change":
        outcome = rig.run([{**change, "key_type": key_type}])
    else:
        outcome = rig.run([change], key_type=key_type)
    assert counts(outcome.report) == {"pushed": 1}
    assert rig.holds(1) == rig.expected(1)


@pytest.mark.parametrize("conn_type", ["sonoran", "communifire", "ocamba"])
def test_an_exact_integer_is_a_key(open_rig: OpenRig, conn_type: str) -> None:
    rig = open_rig(conn_type)
    key_type = "uniqueId" if conn_type == "sonoran" else None
    key = int(under_another_name(rig, key_type or "UserID"))
    assert counts(rig.push([{"key": key, "fields": rig.sample.fields(1)}], key_type=key_type)) == {
        "pushed": 1
    }
    assert rig.holds(1) == rig.expected(1)


def test_every_registered_vendor_has_its_key_types_tried() -> None:
    from .rig import registered

    assert {conn_type for conn_type, _ in KEY_TYPES} == set(registered())
