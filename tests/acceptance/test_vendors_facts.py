"""What a vendor's sheet says of a field, an identifier or an answer holds for values of every kind."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest
from standins import Fault

from airflow_profile_provider.errors import ConfigurationError

from .conftest import LIGHTFIELD_FIELDS, OpenRig
from .rig import Rig, counts, lines


def verdict(rig: Rig, change: dict[str, Any], **options: Any) -> str:
    """What became of one change."""
    (name,) = counts(rig.push([change], **options))
    return name


def reason(rig: Rig, change: dict[str, Any], folder: Any, **options: Any) -> str:
    """Why one change was not delivered."""
    path = folder / "rejects.jsonl"
    rig.push([change], rejects_path=str(path), **options)
    (line,) = lines(path)
    return str(line["reason"])


# -- Agile.Now ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("resets", [False, True], ids=["partial", "resetting"])
def test_a_merge_does_not_call_a_new_identifier_verified(agilenow: Rig, resets: bool) -> None:
    """Case 13a."""
    agilenow.stand_in.resets = resets  # type: ignore[attr-defined]
    assert verdict(agilenow, agilenow.change(1, Identifier="SSN2")) == "pushed"
    assert agilenow.holds(1)["IdentifierVerified"] is False
    assert agilenow.holds(1)["Is_Active"] is True


@pytest.mark.parametrize(
    "fields",
    [
        {"FirstName": "Ada"},
        {"FirstName": "Ada", "Identifier": "ID-1"},
        {"Identifier": "X", "IdentifierVerified": True},
    ],
)
def test_a_verification_stays_where_it_is_still_true(agilenow: Rig, fields: dict[str, Any]) -> None:
    assert verdict(agilenow, agilenow.change(1, **fields)) == "pushed"
    assert agilenow.holds(1)["IdentifierVerified"] is True


@pytest.mark.parametrize("write", ["merge", "put"])
@pytest.mark.parametrize("key_type", ["Id", "Username", "ExternalId"])
def test_another_accounts_answer_is_no_success(
    agilenow: Rig, write: str, key_type: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case 13b."""
    own = agilenow.holds(1)
    key = agilenow.sample.key(1) if key_type == "Id" else own[key_type]
    answer = agilenow.stand_in._extended  # type: ignore[attr-defined]
    other = {"Id": "ffffffff-0000-46c5-b1d7-000000000000", "Username": "other", "ExternalId": "other"}
    monkeypatch.setattr(agilenow.stand_in, "_extended", lambda key: {**answer(key), **other})
    change = {"key": key, "key_type": key_type, "fields": {"FirstName": "Ada"}}
    assert verdict(agilenow, change, write=write) == "rejected"
    assert len(agilenow.stand_in.writes) == (1 if write == "put" else 0)


def test_an_account_that_changes_between_read_and_write_is_no_success(
    agilenow: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = agilenow.stand_in._put  # type: ignore[attr-defined]

    def put(key: str, body: Any) -> Any:
        reply = answer(key, body)
        reply.body["Id"] = "ffffffff-0000-46c5-b1d7-000000000000"
        return reply

    monkeypatch.setattr(agilenow.stand_in, "_put", put)
    change = {"key": "person1@example.com", "key_type": "Username", "fields": {"FirstName": "Ada"}}
    assert verdict(agilenow, change) == "rejected"


def test_a_change_of_the_user_name_is_answered_with_the_new_one(agilenow: Rig) -> None:
    change = {"key": "person1@example.com", "key_type": "Username", "fields": {"Username": "ada"}}
    assert verdict(agilenow, change) == "pushed"


def test_an_identifier_may_come_back_in_another_case(agilenow: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = agilenow.stand_in._extended  # type: ignore[attr-defined]
    monkeypatch.setattr(agilenow.stand_in, "_extended", lambda key: {**answer(key), "Id": key.upper()})
    assert verdict(agilenow, agilenow.change(1, FirstName="Ada")) == "pushed"


@pytest.mark.parametrize("status", [503, 429])
def test_a_retry_of_a_merge_reads_again(agilenow: Rig, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Case 23i: an administrator deactivates the account before the retry."""
    agilenow.hurry()
    agilenow.stand_in.faults = [Fault(status, "busy")]
    take = agilenow.stand_in.take

    def deactivating(request: Any) -> Any:
        reply = take(request)
        if request.method == "PUT" and reply[0].status == status:
            agilenow.holds(1)["Is_Active"] = False
        return reply

    monkeypatch.setattr(agilenow.stand_in, "take", deactivating)
    report = agilenow.push([agilenow.change(1, FirstName="Ada")])
    assert counts(report) == {"pushed": 1}
    assert (report.requests, report.retries) == (5, 1)
    assert agilenow.holds(1)["Is_Active"] is False
    assert agilenow.holds(1)["FirstName"] == "Ada"


def test_a_retry_of_a_write_that_was_carried_out_is_no_old_value(agilenow: Rig) -> None:
    agilenow.hurry()
    agilenow.stand_in.faults = [Fault(drop=True)]
    assert verdict(agilenow, agilenow.change(1, FirstName="Ada")) == "pushed"


def test_agilenow_clears_with_null_where_the_connection_says_so(agilenow: Rig) -> None:
    agilenow.connect(extra={"clear_with": "null"})
    agilenow.push([agilenow.change(1, Phone=None)], nulls="clear", write="put")
    assert agilenow.stand_in.writes[-1].json == {"Phone": None}


def test_agilenows_base64_may_be_of_the_urls_alphabet(agilenow: Rig) -> None:
    agilenow.connect(extra={"base64": "urlsafe"})
    agilenow.push([{"key": "???>>>", "key_type": "ExternalId", "fields": {"FirstName": "x"}}])
    assert "base64%7CPz8_Pj4-" in agilenow.stand_in.requests[-1].path


# -- Lightfield ---------------------------------------------------------------------------------------------


def record(rig: Rig, fields: dict[str, Any], **more: Any) -> Fault:
    """An answer of the vendor that does nothing."""
    wrapped = {
        name: {"value": value, "valueType": LIGHTFIELD_FIELDS.get(name, {"valueType": "TEXT"})["valueType"]}
        for name, value in fields.items()
    }
    body = {"id": rig.sample.key(1), "fields": wrapped, "relationships": {}, **more}
    return Fault(200, body, times=None)


@pytest.mark.parametrize(
    ("sent", "held"),
    [
        ({"$name": "Acme"}, {"$name": "Old name"}),
        ({"$name": "Acme"}, {"$name": None}),
        ({"$name": None}, {"$name": "Old name"}),
        ({"score": 5}, {"score": 6}),
        ({"vip": True}, {"vip": False}),
        ({"seen": "2026-03-16T12:00:00+00:00"}, {"seen": "2026-03-16T13:00:00.000Z"}),
        ({"seen": "2026-03-16T12:00:00.5+00:00"}, {"seen": "2026-03-16T12:00:01.5Z"}),
        ({"mails": ["a@example.com"]}, {"mails": ["old@example.com"]}),
        ({"tags": ["opt_1"]}, {"tags": ["opt_2"]}),
    ],
)
def test_an_old_value_of_lightfield_is_ignored_by_the_vendor(
    lightfield: Rig, sent: dict[str, Any], held: dict[str, Any], tmp_path: Any
) -> None:
    """Case 13c."""
    lightfield.stand_in.faults = [record(lightfield, held)]
    said = reason(lightfield, lightfield.change(1, **sent), tmp_path)
    assert "ignored by the vendor" in said
    assert next(iter(sent)) in said


@pytest.mark.parametrize(
    ("sent", "held"),
    [
        ({"score": 5}, {"score": 5.0}),
        ({"seen": "2026-03-16T14:00:00+02:00"}, {"seen": "2026-03-16T12:00:00.000Z"}),
        ({"seen": "2026-03-16T14:00:00+02:00"}, {"seen": "2026-03-16T12:00:00"}),  # times are kept in UTC
        ({"mail": "a@example.com"}, {"mail": ["a@example.com"]}),
        ({"tags": ["Fintech"]}, {"tags": ["opt_1"]}),
        ({"site": {"city": "Turku", "street": None}}, {"site": {"city": "Turku", "country": "FI"}}),
        ({"note": None}, {}),
        ({"note": "x"}, {}),
    ],
)
def test_a_documented_form_of_a_value_is_what_was_sent(
    lightfield: Rig, sent: dict[str, Any], held: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    lightfield.stand_in.faults = [record(lightfield, held)]
    assert verdict(lightfield, lightfield.change(1, **sent)) == "pushed"
    assert "another value" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("sent", "held"),
    [
        ({"phones": ["555 1234567"]}, {"phones": ["+15551234567"]}),
        ({"$name": "Acme"}, {"$name": " ACME "}),
        ({"seen": "2026-03-16T12:00:00.123456Z"}, {"seen": "2026-03-16T12:00:00.123Z"}),
        ({"seen": datetime(2026, 3, 16, 12, 0, 0, 987654, UTC)}, {"seen": "2026-03-16T12:00:00Z"}),
        ({"boss": {"firstName": "Ada"}}, {"boss": {"firstName": "Ada", "lastName": "L"}}),
    ],
)
def test_another_form_of_a_value_is_pushed_with_a_warning_that_names_the_field(
    lightfield: Rig, sent: dict[str, Any], held: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    lightfield.stand_in.faults = [record(lightfield, held)]
    assert verdict(lightfield, lightfield.change(1, **sent)) == "pushed"
    assert f"another value for {next(iter(sent))}" in capsys.readouterr().out


def test_another_accounts_record_is_no_success_at_lightfield(lightfield: Rig) -> None:
    """Case 13b at another vendor."""
    lightfield.stand_in.faults = [record(lightfield, {"$name": "Acme"}, id="acc_other")]
    assert verdict(lightfield, lightfield.change(1, **{"$name": "Acme"})) == "rejected"


def test_a_link_that_did_not_take_is_ignored_by_the_vendor(lightfield: Rig, tmp_path: Any) -> None:
    links = {"$owner": {"cardinality": "HAS_ONE", "objectType": "member", "values": ["mem_old"]}}
    lightfield.stand_in.faults = [record(lightfield, {}, relationships=links)]
    change = {"key": "acc_0001", "fields": {}, "relationships": {"$owner": {"replace": "mem_1"}}}
    assert "ignored by the vendor" in reason(lightfield, change, tmp_path)


NO_NUMBERS: list[Any] = [1.239, Decimal("1.234"), 2**53, -(2**53), 1e17, Decimal("0.001"), float("inf")]


@pytest.mark.parametrize("value", NO_NUMBERS, ids=repr)
@pytest.mark.parametrize("name", ["score", "revenue", "unknown"])
def test_a_number_beyond_what_lightfield_keeps_is_invalid(lightfield: Rig, name: str, value: Any) -> None:
    """Case 13d: two decimals, safe integers; whatever the type, and without definitions, too."""
    if name == "unknown":
        lightfield.stand_in.definitions = {}  # type: ignore[attr-defined]
    assert verdict(lightfield, lightfield.change(1, **{name: value})) == "invalid"


@pytest.mark.parametrize("value", [1.25, 7, -0.5, 2**53 - 1, Decimal("19.90"), 100.0, Decimal("1E+3")])
def test_a_number_that_lightfield_keeps_is_sent(lightfield: Rig, value: Any) -> None:
    assert verdict(lightfield, lightfield.change(1, score=value)) == "pushed"
    assert lightfield.stand_in.writes[-1].json["fields"]["score"] == float(value)


@pytest.mark.parametrize(
    "value",
    [
        "2026-03-16",
        "2026-03-16T12:00:00",
        "yesterday",
        "16.03.2026 12:00",
        date(2026, 3, 16),
        datetime(2026, 3, 16, 12),
        time(12),
        1_773_000_000,
        "",
    ],
    ids=repr,
)
def test_a_date_or_a_time_without_offset_is_no_datetime(lightfield: Rig, value: Any) -> None:
    """Case 13e, Python objects and text alike."""
    assert verdict(lightfield, lightfield.change(1, seen=value)) == "invalid"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("2026-03-16T12:00:00+00:00", "2026-03-16T12:00:00+00:00"),
        ("2026-03-16T12:00:00Z", "2026-03-16T12:00:00Z"),
        ("2026-03-16 12:00:00+00", "2026-03-16T12:00:00+00:00"),
        (datetime(2026, 3, 16, 12, tzinfo=UTC), "2026-03-16T12:00:00+00:00"),
    ],
    ids=repr,
)
def test_a_moment_with_its_offset_is_a_datetime(lightfield: Rig, value: Any, written: str) -> None:
    assert verdict(lightfield, lightfield.change(1, seen=value)) == "pushed"
    assert lightfield.stand_in.writes[-1].json["fields"]["seen"] == written


@pytest.mark.parametrize(
    "fields",
    [
        {"boss": {"name": "Ada"}},
        {"site": {"planet": "x"}},
        {"mail": ["a@example.com", "b@example.com"]},
        {"note": 5},
        {"vip": "yes"},
        {"tags": "opt_1"},
    ],
    ids=str,
)
def test_what_the_definitions_do_not_allow_is_invalid(lightfield: Rig, fields: dict[str, Any]) -> None:
    assert verdict(lightfield, lightfield.change(1, **fields)) == "invalid"


# -- Ocamba -------------------------------------------------------------------------------------------------

NULLS_INSIDE: list[tuple[Any, Any]] = [
    ({"tier": None}, None),
    ({"tier": None, "n": 1}, {"n": 1}),
    ({"a": {"b": None, "c": "x"}}, {"a": {"c": "x"}}),
    ({"tier": float("nan"), "n": 1}, {"n": 1}),
]


@pytest.mark.parametrize(("properties", "left"), NULLS_INSIDE, ids=repr)
def test_nulls_says_what_a_null_inside_an_object_means(ocamba: Rig, properties: Any, left: Any) -> None:
    """Case 13f."""
    change = ocamba.change(1, comment="x", custom_properties=properties)
    assert verdict(ocamba, change) == "invalid"
    assert verdict(ocamba, change, nulls="invalid") == "invalid"
    assert ocamba.stand_in.writes == []
    assert verdict(ocamba, change, nulls="skip") == "pushed"
    assert ocamba.stand_in.writes[-1].json == {"comment": "x"} | ({"custom_properties": left} if left else {})
    assert verdict(ocamba, change, nulls="clear") == "pushed"
    assert "null" in ocamba.stand_in.writes[-1].body.decode()


def test_an_address_may_hold_null_where_null_clears(lightfield: Rig) -> None:
    change = lightfield.change(1, **{"$primaryAddress": {"city": None}})
    assert verdict(lightfield, change) == "pushed"
    assert verdict(lightfield, change, nulls="invalid") == "invalid"


@pytest.mark.parametrize(
    "value",
    [
        {"1000103", "1000101", "1000102"},
        frozenset({1000103, 1000101, 1000102}),
        (Decimal(1000101), 1000102.0, "1000103"),
    ],
    ids=["set", "frozenset", "tuple"],
)
def test_lists_are_ids_in_an_order_that_is_the_same_in_every_run(ocamba: Rig, value: Any) -> None:
    assert verdict(ocamba, ocamba.change(1, lists=value)) == "pushed"
    assert ocamba.stand_in.writes[-1].json == {"lists": ["1000101", "1000102", "1000103"]}


def test_lists_may_be_an_array_of_numpys(ocamba: Rig) -> None:
    numpy = pytest.importorskip("numpy")
    assert verdict(ocamba, ocamba.change(1, lists=numpy.array([1000101, 1000102]))) == "pushed"
    assert ocamba.stand_in.writes[-1].json == {"lists": ["1000101", "1000102"]}


def test_custom_properties_may_be_a_text(ocamba: Rig) -> None:
    ocamba.connect(extra={"custom_properties": "text", "organization_id": "integer"})
    ocamba.push([ocamba.change(1, custom_properties={"clicker": "1"}, organization_id="1000")])
    body = ocamba.stand_in.writes[-1].json
    assert json.loads(body["custom_properties"]) == {"clicker": "1"}
    assert body["organization_id"] == 1000


# -- Communifire --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["upsert", "create"])
def test_a_user_id_makes_nobody(communifire: Rig, mode: str) -> None:
    """Case 13g: as a change, and mapped."""
    change = {"key": "99", "fields": {"Company": "x"}}
    assert verdict(communifire, change, mode=mode) == "invalid"
    with pytest.raises(ConfigurationError, match="UserID"):
        communifire.push([{"id": "99", "c": "x"}], key="id", fields={"Company": "c"}, mode=mode)
    assert communifire.stand_in.requests == []
    assert communifire.stand_in.made == []  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "label", ["UserName", "username", "USERID", "User ID", "e-mail", "E-Mail", "user_name"]
)
def test_an_identifiers_label_is_one_however_it_is_spelt(communifire: Rig, label: str) -> None:
    """Case 13h."""
    assert verdict(communifire, communifire.change(1, **{label: "boss"})) == "invalid"
    assert communifire.stand_in.writes == []


@pytest.mark.parametrize("label", ["USERID", "user id"])
def test_the_records_own_key_is_no_field_however_it_is_spelt(communifire: Rig, label: str) -> None:
    change = communifire.change(1, **{label: "12"})
    assert verdict(communifire, change, identifier_fields=True) == "invalid"


@pytest.mark.parametrize("label", ["Email signature", "Username of the manager", "Reports to"])
def test_other_labels_are_free(communifire: Rig, label: str) -> None:
    assert verdict(communifire, communifire.change(1, **{label: "x"})) == "pushed"


@pytest.mark.parametrize("answered", [201, "201", 201.0], ids=repr)
def test_a_users_id_is_one_in_whatever_type(communifire: Rig, answered: Any) -> None:
    body = {"IsError": False, "ResponseMessage": "", "ResponseData": answered}
    communifire.stand_in.faults = [Fault(200, body)]
    assert verdict(communifire, communifire.change(1, Company="x")) == "pushed"


@pytest.mark.parametrize("answered", [0, "0", 0.0, None, "", [], {}, 202, 2.0**70, "9" * 5000], ids=str)
def test_nobodys_or_anothers_id_is_no_success(communifire: Rig, answered: Any) -> None:
    body = {"IsError": False, "ResponseMessage": "", "ResponseData": answered}
    communifire.stand_in.faults = [Fault(200, body, times=None)]
    assert verdict(communifire, communifire.change(1, Company="x")) == "rejected"


@pytest.mark.parametrize(
    "answered", [True, -1, 12.5, "no such user", "Saved.", [12], {"UserID": 12}], ids=str
)
@pytest.mark.parametrize("key_type", ["Email", "Username"])
def test_an_answer_that_names_no_user_is_no_success(communifire: Rig, key_type: str, answered: Any) -> None:
    body = {"IsError": False, "ResponseMessage": "", "ResponseData": answered}
    communifire.stand_in.faults = [Fault(200, body, times=None)]
    change = {"key": "ada@example.com", "key_type": key_type, "fields": {"Company": "x"}}
    assert verdict(communifire, change) == "rejected"


def test_communifires_unknowns_are_options(communifire: Rig) -> None:
    communifire.connect(extra={"body": "text", "username_label": "UserName"})
    communifire.push([{"key": "ada", "key_type": "Username", "fields": {"Company": "x"}}])
    (write,) = communifire.stand_in.writes
    assert json.loads(json.loads(write.body)) == {"UserName": "ada", "Company": "x"}
    communifire.connect(extra={"values": "json"})
    communifire.push([communifire.change(1, Company=True, Phone=12)])
    assert communifire.stand_in.writes[-1].json == {"UserID": "201", "Company": True, "Phone": 12}


@pytest.mark.parametrize(
    ("value", "written"), [(time(12, 30), "12:30:00"), (datetime(2020, 2, 1, 12), "2020-02-01T12:00:00")]
)
def test_a_time_of_day_is_written_in_iso_8601(communifire: Rig, value: Any, written: str) -> None:
    assert verdict(communifire, communifire.change(1, Company=value)) == "pushed"
    assert communifire.holds(1)["Company"] == written


# -- Sonoran ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "held"), [("Unit 7", "unit 7"), (["b", "a"], ["a", "b"]), ("a", ["a"])], ids=repr
)
def test_another_form_at_sonoran_is_pushed_with_a_warning(
    sonoran: Rig, sent: Any, held: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    sonoran.stand_in.faults = [Fault(200, [{"id": "unit", "value": held}])]
    assert verdict(sonoran, sonoran.change(1, unit=sent)) == "pushed"
    assert "another value for unit" in capsys.readouterr().out


@pytest.mark.parametrize("held", ["Old", None, [], 7, {"deep": ["x"]}], ids=repr)
def test_an_old_value_at_sonoran_is_ignored_by_the_vendor(sonoran: Rig, held: Any, tmp_path: Any) -> None:
    sonoran.stand_in.faults = [Fault(200, [{"id": "unit", "value": held}])]
    assert "ignored by the vendor" in reason(sonoran, sonoran.change(1, unit="New"), tmp_path)


def test_v2_answers_about_the_account_that_was_asked_for(sonoran: Rig) -> None:
    """Case 13b at another vendor."""
    sonoran.connect(extra={"api": "v2"})
    path = f"/v2/community/accounts/{sonoran.sample.key(2)}/profile-fields"
    body = {"success": True, "data": [{"id": "unit", "value": "New"}], "meta": {"path": path}}
    sonoran.stand_in.faults = [Fault(200, body, on="any", times=None)]
    assert verdict(sonoran, sonoran.change(1, unit="New")) == "rejected"
    body["meta"] = {"path": path.replace(sonoran.sample.key(2), sonoran.sample.key(1).upper())}
    assert verdict(sonoran, sonoran.change(1, unit="New")) == "pushed"


def test_a_unique_id_may_be_a_text(sonoran: Rig) -> None:
    change = {"key": "17", "key_type": "uniqueId", "fields": {"unit": "x"}}
    for extra, written in (({}, 17), ({"unique_id": "text"}, "17")):
        sonoran.connect(extra=extra)
        sonoran.push([change])
        assert sonoran.stand_in.writes[-1].json["data"][0]["uniqueId"] == written


# -- readings -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("conn_type", "extra"),
    [
        ("communifire", "body"),
        ("ocamba", "custom_properties"),
        ("agilenow", "base64"),
        ("sonoran", "unique_id"),
    ],
)
def test_a_reading_that_does_not_exist_is_named(open_rig: OpenRig, conn_type: str, extra: str) -> None:
    rig = open_rig(conn_type)
    rig.connect(extra={extra: "sideways"})
    with pytest.raises(ConfigurationError, match=extra):
        rig.push(rig.changes(1))
    assert rig.stand_in.requests == []


def test_the_usual_readings_leave_what_a_ledger_compares_as_it_was() -> None:
    """A release alone must not send everything again."""
    from airflow_profile_provider.vendors.base import Access
    from airflow_profile_provider.vendors.communifire import Communifire
    from airflow_profile_provider.vendors.ocamba import Ocamba

    host = "https://x.example.com"
    assert Communifire(Access(host)).shape == "communifire ['update']"
    assert Ocamba(Access(host)).shape == "ocamba []"
    other = Communifire(Access(host, extra={"body": " Text "}))
    assert other.shape == "communifire ['update'] body=text"
