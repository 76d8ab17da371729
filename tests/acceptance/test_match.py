"""Profiles are found by a field: the key is the user's own, and the vendor's ids are remembered."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_profile_provider.errors import ConfigurationError, PushStopped
from airflow_profile_provider.sandbox import Sandbox, serve

from .rig import counts, lines, registration

# By which field each vendor finds people, which text is pushed, and whether it may know one value twice.
BY = {
    "sonoran": ("discord", "unit", False),
    "communifire": ("Username", "Company", True),
    "agilenow": ("Email", "FirstName", True),
    "lightfield": ("$name", "$linkedIn", True),
    "ocamba": ("email", "full_name", True),
}
EVERY = pytest.mark.parametrize("vendor", BY)
UNKNOWN, AMBIGUOUS = 5, 3


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with serve(profiles=0, quota=False) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def postgres_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    from postgres import private_postgres

    with private_postgres(tmp_path_factory.mktemp("ledger")) as store:
        yield store


LONG = pytest.mark.long


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=LONG)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    if request.param == "sqlite":
        return {"conn_type": "sqlite", "host": str(tmp_path / "ledger.db")}
    return dict(request.getfixturevalue("postgres_store"))


def key_of(vendor: str, number: int) -> str:
    """The vendor's id of a person."""
    return str(17430755068736000000 + number) if vendor == "ocamba" else str(5000 + number)


class Scene:
    """One vendor that holds people, its hook, and a table of people by ids of our own."""

    def __init__(self, vendor: str, sandbox: Sandbox) -> None:
        self.vendor = vendor
        self.sandbox = sandbox
        self.by, self.text, self.may_be_twice = BY[vendor]

    def hold(self, values: dict[str, str]) -> None:
        """Let the vendor hold profiles, by its id, each with this value to be found by."""
        named = {} if self.vendor != "sonoran" else {key: {self.by: value} for key, value in values.items()}
        profiles: dict[str, dict[str, Any]] = {
            key: {self.text: "before"} | ({} if named else {self.by: value}) for key, value in values.items()
        }
        self.sandbox.load(self.vendor, profiles, **({"identifiers": named} if named else {}))

    @property
    def hook(self) -> Any:
        from importlib import import_module

        module, name = registration(self.vendor)["hook-class-name"].rsplit(".", 1)
        return getattr(import_module(module), name)()

    def push(self, rows: list[dict[str, Any]], **options: Any) -> Any:
        given: dict[str, Any] = {"key": "person", "fields": {self.text: "text"}, "match": {self.by: "mail"}}
        given |= {"ledger_conn_id": "ledger", "quota": "none"}
        return self.hook.push(rows, **{**given, **options})

    def texts(self) -> dict[str, Any]:
        """What the vendor holds, by its id."""
        return {key: fields.get(self.text) for key, fields in self.sandbox.profiles(self.vendor).items()}

    def asked(self) -> dict[str, Any]:
        """The requests since the last look, and how many were writes."""
        seen = self.sandbox.requests(self.vendor, last=0)
        self.sandbox.forget_requests(self.vendor)
        return {"total": seen["total"], "writes": seen["writes"]}


Open = Callable[[str], Scene]


@pytest.fixture
def scene(running: Sandbox, store: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Open:
    running.reset()
    monkeypatch.setenv("AIRFLOW_CONN_LEDGER", json.dumps(store))

    def opened(vendor: str) -> Scene:
        connection = running.connections()[f"{vendor}_default"]
        monkeypatch.setenv(f"AIRFLOW_CONN_{vendor.upper()}_DEFAULT", json.dumps(connection))
        from airflow.sdk import Connection

        from airflow_profile_provider.adapters.databases import engine_of

        engine = engine_of(Connection(conn_id="ledger", **store))
        with engine.begin() as database:
            if engine.dialect.name == "postgresql":  # which the tests share
                database.exec_driver_sql("drop schema public cascade")
                database.exec_driver_sql("create schema public")
        engine.dispose()
        return Scene(vendor, running)

    return opened


def person(number: int, **other: Any) -> dict[str, Any]:
    return {"person": f"p-{number}", "mail": f"mail{number}@example.com", "text": f"Text {number}", **other}


@EVERY
@pytest.mark.parametrize("people", [20, pytest.param(300, marks=LONG)])
def test_people_are_found_once_and_remembered(vendor: str, people: int, scene: Open, tmp_path: Path) -> None:
    at = scene(vendor)
    held = {key_of(vendor, n): f"mail{n}@example.com" for n in range(UNKNOWN, people)}
    twice = range(UNKNOWN, UNKNOWN + AMBIGUOUS) if at.may_be_twice else range(0)
    held |= {key_of(vendor, 1000 + n): f"mail{n}@example.com" for n in twice}
    at.hold(held)
    rows = [person(n) for n in range(people)]
    known = people - UNKNOWN - len(twice)

    delivered = tmp_path / "delivered.txt"
    report = at.push(rows, rejects_path=str(tmp_path / "rejects.jsonl"), delivered_path=str(delivered))
    assert counts(report) == {"pushed": known, "rejected": UNKNOWN + len(twice)}
    assert report.requests == at.asked()["total"]
    assert {key: text for key, text in at.texts().items() if text != "before"} == {
        key_of(vendor, n): f"Text {n}" for n in range(UNKNOWN + len(twice), people)
    }
    assert sorted(delivered.read_text().split()) == sorted(
        f"p-{n}" for n in range(UNKNOWN + len(twice), people)
    )
    why = {line["key"]: line["reason"] for line in lines(tmp_path / "rejects.jsonl")}
    assert {key: reason.partition(",")[0] for key, reason in why.items()} == {
        **{f"p-{n}": "no profile matches" for n in range(UNKNOWN)},
        **{f"p-{n}": "matches 2 profiles" for n in twice},
    }
    assert "example.com" not in "".join(why.values())

    good = rows[UNKNOWN + len(twice) :]
    assert counts(at.push(good)) == {"unchanged": known}
    assert at.asked() == {"total": 0, "writes": 0}
    assert counts(at.push([{**good[0], "text": "New"}, *good[1:]])) == {"pushed": 1, "unchanged": known - 1}
    assert at.asked()["writes"] == 1


# -- the vendor's side ------------------------------------------------------------------------------------


@EVERY
def test_a_profile_that_is_gone_is_looked_up_once_more(vendor: str, scene: Open) -> None:
    at = scene(vendor)
    at.hold({key_of(vendor, n): f"mail{n}@example.com" for n in (1, 2)})
    assert counts(at.push([person(1), person(2)])) == {"pushed": 2}
    at.sandbox.trash(vendor, key_of(vendor, 1))
    at.hold({key_of(vendor, 3): "mail1@example.com", key_of(vendor, 2): "mail2@example.com"})
    assert counts(at.push([person(1), person(2)])) == {"unchanged": 2}
    report = at.push([person(1, text="New"), person(2, text="New")])
    assert counts(report) == {"pushed": 2}
    assert at.texts() == {key_of(vendor, 2): "New", key_of(vendor, 3): "New"}
    at.asked()
    assert counts(at.push([person(1, text="Newer")])) == {"pushed": 1}
    assert at.asked()["writes"] == 1


@pytest.fixture
def ocamba(scene: Open, store: dict[str, Any]) -> Scene:
    return scene("ocamba")


EITHER = pytest.mark.parametrize("store", ["sqlite", pytest.param("postgres", marks=LONG)], indirect=True)
SQLITE = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
HEAD = {"person": "p-1", "mail": "mail1@example.com"}
ID = {n: key_of("ocamba", n) for n in range(100)}


@SQLITE
def test_a_merged_profile_is_found_again_by_itself(ocamba: Scene) -> None:
    ocamba.hold({ID[1]: "mail1@example.com", ID[2]: ""})
    assert counts(ocamba.push([person(1)])) == {"pushed": 1}
    ocamba.sandbox.merge("ocamba", ID[1], ID[2])
    assert counts(ocamba.push([person(1, text="New")])) == {"pushed": 1}
    assert ocamba.texts() == {ID[2]: "New"}


@SQLITE
def test_who_was_merged_into_somebody_elses_profile_is_rejected(ocamba: Scene) -> None:
    """Two people of ours are one to the vendor: nobody can say whose rows are right."""
    ocamba.hold({ID[1]: "mail1@example.com", ID[2]: "mail2@example.com"})
    assert counts(ocamba.push([person(1), person(2)])) == {"pushed": 2}
    ocamba.sandbox.merge("ocamba", ID[1], ID[2])
    report = ocamba.push([person(1, text="New", mail="mail2@example.com"), person(2)])
    assert counts(report) == {"rejected": 1, "unchanged": 1}
    assert ocamba.texts() == {ID[2]: "Text 2"}


@SQLITE
def test_who_is_gone_for_good_is_rejected_and_looked_up_again_next_time(ocamba: Scene) -> None:
    ocamba.hold({ID[1]: "mail1@example.com"})
    ocamba.push([person(1)])
    ocamba.sandbox.trash("ocamba", ID[1])
    assert counts(ocamba.push([person(1, text="New")])) == {"rejected": 1}
    ocamba.hold({ID[3]: "mail1@example.com"})
    assert counts(ocamba.push([person(1, text="New")])) == {"pushed": 1}


@SQLITE
def test_a_profile_that_was_found_again_gets_the_whole_row(ocamba: Scene) -> None:
    """Of what the old one was told, the new one knows nothing."""
    ocamba.hold({ID[1]: "mail1@example.com"})
    options = {"fields": {"full_name": "text", "comment": "note"}, "changed_fields_only": True}
    row = person(1, note="Kept")
    ocamba.push([row], **options)
    ocamba.sandbox.trash("ocamba", ID[1])
    ocamba.hold({ID[2]: "mail1@example.com"})
    assert counts(ocamba.push([{**row, "text": "New"}], **options)) == {"pushed": 1}
    assert ocamba.sandbox.profile("ocamba", ID[2])["comment"] == "Kept"
    assert counts(ocamba.push([{**row, "text": "New"}], **options)) == {"unchanged": 1}


@SQLITE
def test_a_profile_that_was_found_again_gets_what_another_push_told_the_old_one(ocamba: Scene) -> None:
    ocamba.hold({ID[1]: "mail1@example.com"})
    notes: dict[str, Any] = {"fields": {"comment": "text"}}
    ocamba.push([person(1)])
    ocamba.push([person(1, text="Note")], **notes)
    ocamba.sandbox.trash("ocamba", ID[1])
    ocamba.hold({ID[2]: "mail1@example.com"})
    ocamba.push([person(1, text="New")])
    assert counts(ocamba.push([person(1, text="Note")], **notes)) == {"pushed": 1}
    assert ocamba.sandbox.profile("ocamba", ID[2])["comment"] == "Note"


@SQLITE
def test_a_refusal_of_the_value_forgets_nobody(ocamba: Scene) -> None:
    ocamba.hold({ID[1]: "mail1@example.com", ID[2]: "new@example.com"})
    ocamba.push([person(1)])
    ocamba.sandbox.faults("ocamba", status=400, method="PATCH", times=1)
    changed = person(1, text="New", mail="new@example.com")
    assert counts(ocamba.push([changed])) == {"rejected": 1}
    assert counts(ocamba.push([changed])) == {"pushed": 1}
    assert ocamba.texts() == {ID[1]: "New", ID[2]: "before"}


@LONG
@SQLITE
def test_one_of_an_import_that_is_gone_is_looked_up_once_more(
    ocamba: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = ocamba.sandbox.connections()["ocamba_default"]
    monkeypatch.setenv("AIRFLOW_CONN_OCAMBA_DEFAULT", json.dumps({**connection, "extra": {"bulk": "import"}}))
    ocamba.hold({ID[n]: f"mail{n}@example.com" for n in (1, 2, 3)})
    options: dict[str, Any] = {"fields": {"custom_properties": "text"}}
    assert counts(ocamba.push([person(n, text={"tier": "gold"}) for n in (1, 2, 3)], **options)) == {
        "pushed": 3
    }
    ocamba.sandbox.trash("ocamba", ID[2])
    ocamba.hold({ID[1]: "mail1@example.com", ID[4]: "mail2@example.com", ID[3]: "mail3@example.com"})
    assert counts(ocamba.push([person(n, text={"tier": "red"}) for n in (1, 2, 3)], **options)) == {
        "pushed": 3
    }
    held = {key: each["custom_properties"] for key, each in ocamba.sandbox.profiles("ocamba").items()}
    assert held.keys() == {ID[1], ID[3], ID[4]}
    assert all("red" in str(value) for value in held.values())


# -- whose it is ------------------------------------------------------------------------------------------


@SQLITE
def test_another_value_of_somebody_who_is_known_is_no_other_profile(ocamba: Scene) -> None:
    ocamba.hold({ID[1]: "mail1@example.com", ID[2]: "mail2@example.com"})
    ocamba.push([person(1)])
    ocamba.asked()
    assert counts(ocamba.push([person(1, mail="mail2@example.com")])) == {"unchanged": 1}
    assert counts(ocamba.push([person(1, mail=None, text="New")])) == {"pushed": 1}
    assert ocamba.texts() == {ID[1]: "New", ID[2]: "before"}
    assert ocamba.asked() == {"total": 1, "writes": 1}


@EITHER
def test_two_keys_never_write_to_one_profile(ocamba: Scene, tmp_path: Path) -> None:
    ocamba.hold({ID[1]: "mail1@example.com"})
    rows = [person(1), {**person(1), "person": "q-1", "text": "Other"}]
    report = ocamba.push(rows, rejects_path=str(tmp_path / "rejects.jsonl"), concurrency=1)
    assert counts(report) == {"pushed": 1, "rejected": 1}
    assert ocamba.texts() == {ID[1]: "Text 1"}
    (line,) = lines(tmp_path / "rejects.jsonl")
    assert line["key"] == "q-1"
    assert "another key" in line["reason"]
    assert "p-1" in line["reason"]


@SQLITE
def test_keys_of_our_own_are_taken_as_they_are_spelled(ocamba: Scene) -> None:
    ocamba.hold({ID[1]: "mail1@example.com", ID[2]: "mail2@example.com"})
    rows = [{**person(1), "person": "aB"}, {**person(2), "person": "Ab"}]
    assert counts(ocamba.push(rows)) == {"pushed": 2}
    assert ocamba.texts() == {ID[1]: "Text 1", ID[2]: "Text 2"}


@SQLITE
def test_who_has_nothing_to_be_found_by_is_invalid(ocamba: Scene, tmp_path: Path) -> None:
    ocamba.hold({ID[1]: "mail1@example.com"})
    rows = [person(1, mail=None), person(2, mail="  "), person(3, mail=["x"]), person(4, mail="a:b")]
    report = ocamba.push(rows, rejects_path=str(tmp_path / "rejects.jsonl"))
    assert counts(report) == {"invalid": 4}
    assert ocamba.asked() == {"total": 0, "writes": 0}
    first, *_ = lines(tmp_path / "rejects.jsonl")
    assert {line["position"] for line in lines(tmp_path / "rejects.jsonl")} == {1, 2, 3, 4}
    assert "email" in first["reason"]


@SQLITE
def test_many_who_are_not_known_do_not_end_the_push(ocamba: Scene) -> None:
    """Every night begins with those who were not found the night before."""
    ocamba.hold({ID[99]: "mail99@example.com"})
    report = ocamba.push([person(n) for n in range(100)])
    assert counts(report) == {"pushed": 1, "rejected": 99}
    assert report.complete


@SQLITE
def test_who_was_not_found_is_never_quarantined(ocamba: Scene) -> None:
    ocamba.hold({ID[1]: "mail1@example.com"})
    for night in range(7):
        report = ocamba.push([person(1, text=f"Night {night}"), person(2)], run=f"night {night}")
        assert counts(report) == {"pushed": 1, "rejected": 1}


@SQLITE
def test_a_look_up_without_an_answer_fails_and_leaves_no_doubt(ocamba: Scene) -> None:
    ocamba.hold({ID[1]: "mail1@example.com"})
    ocamba.sandbox.faults("ocamba", status=503, method="GET")
    hook = ocamba.hook
    from dataclasses import replace

    hook.retry_rule = replace(hook.retry_rule, attempts=2, first_wait=0.001, longest_wait=0.002)
    given: dict[str, Any] = {"key": "person", "fields": {"full_name": "text"}, "match": {"email": "mail"}}
    given |= {"ledger_conn_id": "ledger", "quota": "none"}
    report = hook.push([person(1)], **given)
    assert counts(report) == {"failed": 1}
    ocamba.sandbox.clear_faults()
    assert counts(ocamba.push([person(1)])) == {"pushed": 1}
    assert counts(ocamba.push([person(1)])) == {"unchanged": 1}


@SQLITE
def test_no_permission_to_look_up_rejects(ocamba: Scene) -> None:
    ocamba.hold({ID[1]: "mail1@example.com"})
    ocamba.sandbox.faults("ocamba", status=403, method="GET")
    assert counts(ocamba.push([person(1)])) == {"rejected": 1}


@SQLITE
def test_batches_hold_those_who_are_found(scene: Open) -> None:
    at = scene("sonoran")
    at.hold({key_of("sonoran", n): f"mail{n}@example.com" for n in range(10)})
    report = at.push([person(n) for n in range(12)], batch_size=4)
    assert counts(report) == {"pushed": 10, "rejected": 2}
    assert at.texts() == {key_of("sonoran", n): f"Text {n}" for n in range(10)}
    assert at.asked()["writes"] == 10


# -- the other options ------------------------------------------------------------------------------------


@SQLITE
def test_rejects_are_replayed_by_what_they_are_found_by(ocamba: Scene, tmp_path: Path) -> None:
    ocamba.hold({ID[1]: "mail1@example.com"})
    rejects = str(tmp_path / "rejects.jsonl")
    assert counts(ocamba.push([person(1), person(2)], rejects_path=rejects)) == {"pushed": 1, "rejected": 1}
    ocamba.hold({ID[2]: "mail2@example.com"})
    assert counts(ocamba.push(rejects)) == {"pushed": 1}
    assert ocamba.texts() == {ID[2]: "Text 2"}
    (line,) = lines(rejects)
    assert line["match"] == {"email": "mail2@example.com"}
    options: dict[str, Any] = {"match": None, "mixed_key_types": True}
    assert counts(ocamba.push(rejects, **options)) == {"invalid": 1}


@SQLITE
def test_changes_say_themselves_by_what_they_are_found(ocamba: Scene) -> None:
    ocamba.hold({ID[n]: f"mail{n}@example.com" for n in (1, 2)})
    changes = [
        {"key": "p-1", "match": {"email": "mail1@example.com"}, "fields": {"full_name": "One"}},
        {"key": "p-2", "fields": {"email": "mail2@example.com", "full_name": "Two"}},
    ]
    options: dict[str, Any] = {"key": None, "fields": None}
    assert counts(ocamba.push(changes, **options)) == {"pushed": 2}
    assert ocamba.texts() == {ID[1]: "One", ID[2]: "Two"}


@SQLITE
def test_a_plan_looks_nobody_up_and_says_of_how_many_it_does_not_know(ocamba: Scene) -> None:
    ocamba.hold({ID[n]: f"mail{n}@example.com" for n in (1, 2)})
    ocamba.push([person(1)])
    ocamba.asked()
    hook = ocamba.hook
    options: dict[str, Any] = {"key": "person", "fields": {"full_name": "text"}, "match": {"email": "mail"}}
    options |= {"ledger_conn_id": "ledger", "quota": "none"}
    rows = [person(1, text="New"), person(2)]
    report = hook.push(rows, action="plan", **options)
    assert counts(report) == {"planned": 2}
    assert ocamba.asked() == {"total": 0, "writes": 0}
    assert "Of 1 records, the vendor's profile is not known yet" in hook.last_plan.summary(report)
    approved = hook.last_plan.plan_id
    assert counts(hook.push(rows, approved_plan=approved, **options)) == {"pushed": 2}


@SQLITE
def test_a_baseline_looks_nobody_up(ocamba: Scene) -> None:
    ocamba.hold({ID[1]: "mail1@example.com"})
    ocamba.push([person(1)], action="baseline")
    assert ocamba.asked() == {"total": 0, "writes": 0}
    assert counts(ocamba.push([person(1, text="New")])) == {"pushed": 1}
    assert ocamba.texts() == {ID[1]: "New"}


@SQLITE
def test_the_next_push_takes_those_whom_this_one_delivered(ocamba: Scene, tmp_path: Path) -> None:
    ocamba.hold({ID[1]: "mail1@example.com", ID[2]: "mail2@example.com"})
    delivered = str(tmp_path / "delivered.txt")
    ocamba.push([person(1), person(3)], delivered_path=delivered)
    assert counts(ocamba.push([person(1), person(2)], only=delivered)) == {"unchanged": 1}


@SQLITE
def test_shares_of_a_partition_are_told_by_our_own_keys(ocamba: Scene) -> None:
    ocamba.hold({ID[n]: f"mail{n}@example.com" for n in range(20)})
    rows = [person(n) for n in range(20)]
    shares = [counts(ocamba.push(rows, partition=(share, 2)))["pushed"] for share in (0, 1)]
    assert sum(shares) == 20
    assert min(shares) > 0


@SQLITE
def test_the_ledger_forgets_whom_a_key_means(ocamba: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    from unit.cli.running import run

    ocamba.hold({ID[1]: "mail1@example.com"})
    ocamba.push([person(1)])
    run(capsys, "ledger", "forget", "p-1", "--yes", "--ledger-conn-id", "ledger")
    ocamba.hold({ID[1]: "other@example.com", ID[2]: "mail1@example.com"})
    assert counts(ocamba.push([person(1)])) == {"pushed": 1}
    assert ocamba.texts() == {ID[1]: "before", ID[2]: "Text 1"}


@SQLITE
def test_vendor_ids_and_our_own_keys_are_not_mixed_unseen(ocamba: Scene) -> None:
    """A ledger of the vendor's ids says nothing of keys of ours that look alike."""
    ocamba.hold({ID[1]: "mail1@example.com"})
    ocamba.push([{"person": ID[1], "text": "By id"}], match=None)
    with pytest.raises(ConfigurationError, match="knows ocamba:ocamba_default by id, not by own"):
        ocamba.push([person(1)])


# -- what is refused before anything is sent ----------------------------------------------------------------


@SQLITE
def test_match_needs_a_ledger(ocamba: Scene) -> None:
    with pytest.raises(ConfigurationError, match="ledger_conn_id"):
        ocamba.push([person(1)], ledger_conn_id=None)


@SQLITE
@pytest.mark.parametrize(
    ("match", "words"),
    [
        ({"comment": "mail"}, "by email, mobile_phone_number, full_name"),
        ({}, "one field"),
        ({"email": "mail", "full_name": "text"}, "one field"),
        (["email"], "one field"),
        ("email", "one field"),
    ],
)
def test_a_field_by_which_nobody_is_found_is_refused(ocamba: Scene, match: Any, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        ocamba.push([person(1)], match=match)
    assert ocamba.asked() == {"total": 0, "writes": 0}


# -- its other faces ----------------------------------------------------------------------------------------


@SQLITE
def test_a_task_takes_it_as_an_argument_and_as_a_template(ocamba: Scene) -> None:
    from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator

    ocamba.hold({ID[1]: "mail1@example.com"})
    options: dict[str, Any] = {"key": "person", "fields": {"full_name": "text"}, "quota": "none"}
    options |= {"ledger_conn_id": "ledger", "max_failed": 1}
    for match in ({"email": "mail"}, '{"email": "{{ column }}"}'):
        operator = OcambaPushProfilesOperator(task_id="push", records=[], match=match, **options)
        operator.render_template_fields({"column": "mail"})
        operator.records = [person(1), person(2)]
        report = operator.execute({})
        assert (report["received"], report["rejected"]) == (2, 1)
    assert ocamba.texts() == {ID[1]: "Text 1"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"match": {"email": "mail"}}, "ledger_conn_id"),
        ({"match": {"comment": "mail"}, "ledger_conn_id": "ledger"}, "email, mobile_phone_number"),
        ({"match": "email", "ledger_conn_id": "ledger"}, "one field"),
    ],
)
def test_a_dag_that_cannot_match_is_refused_when_it_is_parsed(options: dict[str, Any], words: str) -> None:
    from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator

    given: dict[str, Any] = {"key": "person", "fields": {"full_name": "text"}, **options}
    with pytest.raises(ConfigurationError, match=rf"{words}.*task push"):
        OcambaPushProfilesOperator(task_id="push", records=[], **given)


@SQLITE
def test_a_key_is_explained_with_how_its_profile_is_found(ocamba: Scene) -> None:
    ocamba.hold({ID[1]: "mail1@example.com"})
    options: dict[str, Any] = {"key": "person", "fields": {"full_name": "text"}, "match": {"email": "mail"}}
    options |= {"ledger_conn_id": "ledger"}
    before = ocamba.hook.explain("p-1", [person(1), person(2)], **options)
    assert [one.method for one in before.requests] == ["GET"]
    assert "mail1%40example.com" in before.requests[0].url
    assert "not known yet" in before.notes[0]
    assert ocamba.asked() == {"total": 0, "writes": 0}
    sent = ocamba.hook.explain("p-1", [person(1), person(2)], send=True, **options)
    assert [one.method for one in sent.requests] == ["GET", "PATCH"]
    assert ocamba.texts() == {ID[1]: "Text 1"}
    after = ocamba.hook.explain("p-1", [person(1, text="New")], **options)
    assert [one.url.rsplit("/", 1)[1] for one in after.requests] == [ID[1]]


@SQLITE
def test_a_key_is_explained_by_the_command_line(ocamba: Scene, tmp_path: Path, capsys: Any) -> None:
    from unit.cli.running import run

    rows = tmp_path / "rows.jsonl"
    rows.write_text(json.dumps(person(1)))
    words = ["explain", "p-1", "--conn-id", "ocamba_default", "--records", str(rows), "--key", "person"]
    words += ["--fields", '{"full_name": "text"}', "--match", '{"email": "mail"}']
    status, said = run(capsys, *words, "--ledger-conn-id", "ledger", "--redact")
    assert status == 0
    assert "example.com" not in said


@SQLITE
def test_no_value_that_is_looked_for_is_told(
    ocamba: Scene, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    ocamba.hold({ID[1]: "mail1@example.com", ID[2]: "mail2@example.com", ID[3]: "mail2@example.com"})
    report = ocamba.push([person(n) for n in (1, 2, 3)] + [person(4, mail="x@example.com:y")])
    assert counts(report) == {"pushed": 1, "rejected": 2, "invalid": 1}
    said = caplog.text + "".join(capsys.readouterr())
    assert "no profile matches, by email" in said
    assert "example.com" not in said
    assert "p-1" not in said


# -- what the vendor holds ----------------------------------------------------------------------------------


@EVERY
def test_an_audit_finds_whose_profiles_it_reads(vendor: str, scene: Open) -> None:
    at = scene(vendor)
    at.hold({key_of(vendor, n): f"mail{n}@example.com" for n in (1, 2)})
    at.sandbox.edit(vendor, {key_of(vendor, 1): {at.text: "Text 1"}})
    at.asked()
    report = at.push([person(n) for n in (1, 2, 3)], action="audit")
    assert counts(report) == {"verified": 1, "drifted": 1, "missing": 1}
    assert at.asked()["writes"] == 0
    again = at.push([person(1)], action="audit")
    assert counts(again) == {"verified": 1}
    assert again.requests <= report.requests - 2


@SQLITE
def test_an_audit_rejects_whom_several_profiles_match(ocamba: Scene) -> None:
    ocamba.hold({ID[1]: "mail1@example.com", ID[2]: "mail1@example.com"})
    assert counts(ocamba.push([person(1)], action="audit")) == {"rejected": 1}


@SQLITE
def test_an_audit_looks_once_more_for_who_is_gone(ocamba: Scene) -> None:
    ocamba.hold({ID[1]: "mail1@example.com", ID[2]: "mail2@example.com", ID[3]: ""})
    ocamba.push([person(1), person(2)])
    ocamba.sandbox.merge("ocamba", ID[1], ID[3])
    ocamba.sandbox.trash("ocamba", ID[2])
    assert counts(ocamba.push([person(1), person(2)], action="audit")) == {"drifted": 1, "missing": 1}
    assert counts(ocamba.push([person(1)])) == {"pushed": 1}
    assert ocamba.texts() == {ID[3]: "Text 1"}


@SQLITE
def test_a_repair_sends_to_who_is_there_now(ocamba: Scene) -> None:
    ocamba.hold({ID[1]: "mail1@example.com", ID[2]: "mail2@example.com", ID[3]: ""})
    ocamba.push([person(1), person(2)])
    ocamba.sandbox.merge("ocamba", ID[1], ID[3])
    ocamba.sandbox.edit("ocamba", {ID[2]: {"full_name": "By hand"}})
    rows = [person(1), person(2), person(4)]
    assert counts(ocamba.push(rows, action="repair")) == {"pushed": 2, "missing": 1}
    assert ocamba.texts() == {ID[3]: "Text 1", ID[2]: "Text 2"}
    assert counts(ocamba.push(rows[:2], action="audit")) == {"verified": 2}


# -- other sources, and other ways to make a task -----------------------------------------------------------


@SQLITE
def test_an_outbox_may_have_keys_of_our_own(
    ocamba: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sqlalchemy import create_engine

    from airflow_profile_provider.sources.announced import Announced, Outbox

    from .events.table import Table

    app = {"conn_type": "sqlite", "host": str(tmp_path / "app.db")}
    monkeypatch.setenv("AIRFLOW_CONN_APP", json.dumps(app))
    outbox = Table(create_engine(f"sqlite:///{app['host']}"))
    outbox.make()
    ocamba.hold({ID[1]: "mail1@example.com"})
    for n in (1, 2):
        outbox.write(f"p-{n}", {"email": f"mail{n}@example.com", "full_name": "Told"}, n)
    options: dict[str, Any] = {"key": None, "fields": None, "sql_conn_id": "app"}
    report = ocamba.push(Announced(Outbox()), **options)
    assert counts(report) == {"pushed": 1, "rejected": 1}
    assert outbox.marks() == {1: "pushed", 2: "rejected"}
    assert ocamba.texts() == {ID[1]: "Told"}


@SQLITE
def test_a_decorated_function_gives_keys_of_our_own(ocamba: Scene) -> None:
    from airflow.sdk import DAG

    from airflow_profile_provider.decorators import push_profiles

    ocamba.hold({ID[1]: "mail1@example.com"})
    given: dict[str, Any] = {"key": "person", "fields": {"full_name": "text"}, "match": {"email": "mail"}}
    with DAG("d", schedule=None):

        @push_profiles("ocamba", **given, ledger_conn_id="ledger", quota="none")
        def people() -> list[dict[str, Any]]:
            return [person(1)]

        operator = people().operator
    assert operator.execute({})["pushed"] == 1
    assert ocamba.texts() == {ID[1]: "Text 1"}


def test_a_mapped_task_that_cannot_match_is_refused_when_it_is_parsed() -> None:
    from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator

    given: dict[str, Any] = {"key": "person", "fields": {"full_name": "text"}, "ledger_conn_id": "ledger"}
    with pytest.raises(ConfigurationError, match="email, mobile_phone_number"):
        OcambaPushProfilesOperator.partial(task_id="push", match={"comment": "mail"}, **given)
    partial = OcambaPushProfilesOperator.partial(task_id="push", records=[], **given)
    with pytest.raises(ConfigurationError, match="email, mobile_phone_number"):
        partial.expand(match=[{"email": "mail"}, {"comment": "mail"}])


def test_a_vendor_that_finds_nobody_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from sixth_vendor.hook import AcmeHook

    acme = {"conn_type": "acme", "host": "http://127.0.0.1", "password": "x"}
    monkeypatch.setenv("AIRFLOW_CONN_ACME_DEFAULT", json.dumps(acme))
    ledger = {"conn_type": "sqlite", "host": str(tmp_path / "ledger.db")}
    monkeypatch.setenv("AIRFLOW_CONN_LEDGER", json.dumps(ledger))
    options: dict[str, Any] = {"key": "person", "fields": ["nick"], "match": {"nick": "nick"}}
    with pytest.raises(ConfigurationError, match="found there by no field"):
        AcmeHook().push([{"person": "1", "nick": "n"}], ledger_conn_id="ledger", **options)


@SQLITE
def test_whoever_left_is_told_to_the_profile_that_is_remembered(ocamba: Scene) -> None:
    ocamba.hold({ID[n]: f"mail{n}@example.com" for n in range(12)})
    rows = [person(n) for n in range(12)]
    options: dict[str, Any] = {"on_absent": {"full_name": "Gone", "email": "mail3@example.com"}}
    assert counts(ocamba.push(rows, **options)) == {"pushed": 12}
    assert counts(ocamba.push(rows[1:], **options)) == {"pushed": 1, "unchanged": 11}
    assert ocamba.texts() == {ID[n]: "Gone" if n == 0 else f"Text {n}" for n in range(12)}


@SQLITE
@pytest.mark.parametrize(("status", "found_again"), [(404, True), (422, False)])
def test_where_profiles_cannot_be_read_a_refusal_says_that_one_is_gone(
    ocamba: Scene, status: int, found_again: bool
) -> None:
    ocamba.hold({ID[1]: "mail1@example.com"})
    ocamba.push([person(1)])
    ocamba.hold({ID[2]: "mail1@example.com"})
    path = f"/v1/hood/profiles/{ID[1]}$"
    ocamba.sandbox.faults("ocamba", status=status, method="PATCH", path=path, body={"message": "Gone."})
    ocamba.sandbox.faults("ocamba", status=403, method="GET", path=path, body={"message": "No."})
    report = ocamba.push([person(1, text="New")])
    assert counts(report) == ({"pushed": 1} if found_again else {"rejected": 1})
    assert ocamba.texts() == {ID[2]: "New" if found_again else "before"}


@SQLITE
def test_where_accounts_can_be_listed_alone_the_404_of_a_write_says_that_one_is_gone(scene: Open) -> None:
    agilenow, first, second = scene("agilenow"), key_of("agilenow", 1), key_of("agilenow", 2)
    agilenow.hold({first: "mail1@example.com"})
    agilenow.push([person(1)], write="put")
    agilenow.hold({second: "mail1@example.com"})
    path = f"/Endpoint/rest/api/v1/Account/{first}$"
    agilenow.sandbox.faults("agilenow", status=403, method="GET", path=path)
    report = agilenow.push([person(1, text="New")], write="put")
    assert counts(report) == {"pushed": 1}
    assert agilenow.texts() == {second: "New"}


@SQLITE
def test_a_refused_credential_stops_after_one_request_also_where_all_ids_are_known(
    ocamba: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    ocamba.hold({ID[n]: f"mail{n}@example.com" for n in range(20)})
    ocamba.push([person(n) for n in range(20)])
    ocamba.asked()
    connection = ocamba.sandbox.connections()["ocamba_default"] | {"password": "wrong"}
    monkeypatch.setenv("AIRFLOW_CONN_OCAMBA_DEFAULT", json.dumps(connection))
    with pytest.raises(PushStopped) as stopped:
        ocamba.push([person(n, text="New") for n in range(20)], concurrency=8)
    assert stopped.value.report is not None
    assert stopped.value.report.requests == 1
