"""Sonoran CMS: five identifiers, and batches whose every record gets a verdict of its own."""

from __future__ import annotations

from typing import Any

import pytest
from standins import Fault

from .conftest import OpenRig
from .rig import Rig, counts


@pytest.fixture
def rig(open_rig: OpenRig) -> Rig:
    return open_rig("sonoran")


def sizes(rig: Rig) -> list[int]:
    """How many accounts each request held."""
    return [len(request.json["data"]) for request in rig.stand_in.writes]


def assert_all_arrived(rig: Rig, numbers: range) -> None:
    assert [rig.holds(number) for number in numbers] == [rig.expected(number) for number in numbers]


def test_one_account_a_request_by_default(rig: Rig) -> None:
    rig.hold(*range(5))
    rig.push(rig.changes(*range(5)))
    assert sizes(rig) == [1] * 5


def test_a_request_is_as_the_page_shows_it(rig: Rig) -> None:
    rig.hold(1)
    rig.push(rig.changes(1))
    (write,) = rig.stand_in.writes
    assert write.json == {
        "id": rig.stand_in.login,
        "key": rig.stand_in.secret,
        "type": "EDIT_ACC_PROFLIE_FIELDS",
        "data": [
            {
                "accId": rig.sample.key(1),
                "profileFields": [{"id": k, "value": v} for k, v in rig.sample.fields(1).items()],
            }
        ],
    }


def test_batch_size_of_the_connection(rig: Rig) -> None:
    rig.connect(extra={"batch_size": 10})
    rig.hold(*range(50))
    report = rig.push(rig.changes(*range(50)))
    assert counts(report) == {"pushed": 50}
    assert sizes(rig) == [10] * 5
    assert_all_arrived(rig, range(50))


@pytest.mark.parametrize("concurrency", [1, 3])
def test_batches_are_whole_however_fast_the_answers_come(
    rig: Rig, concurrency: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers interrupt planning, but not before the next batch is whole."""
    monkeypatch.setattr("airflow_profile_provider.push.push.WINDOW", 20)
    rig.hold(*range(200))
    rig.push(rig.changes(*range(200)), batch_size=10, concurrency=concurrency)
    assert sizes(rig) == [10] * 20


def test_batch_size_of_the_operator_comes_before_the_connections(rig: Rig) -> None:
    rig.connect(extra={"batch_size": 3})
    rig.hold(*range(20))
    outcome = rig.run(rig.changes(*range(20)), batch_size=10)
    assert outcome.green
    assert sizes(rig) == [10, 10]


@pytest.mark.parametrize("status", [400, 404])
def test_a_refused_batch_is_split_until_each_record_has_its_verdict(rig: Rig, status: int) -> None:
    rig.stand_in.unknown_status = status
    rig.hold(*range(50))
    changes = rig.changes(*range(50))
    changes[13] = rig.nobody()
    report = rig.push(changes, batch_size=10)
    assert counts(report) == {"pushed": 49, "rejected": 1}
    assert_all_arrived(rig, range(13))
    assert_all_arrived(rig, range(14, 50))
    assert len(rig.stand_in.writes) <= 5 + 10


def test_accounts_that_a_batch_left_out_are_sent_singly(rig: Rig) -> None:
    rig.stand_in.carries_out_objects = 1
    rig.hold(*range(50))
    report = rig.push(rig.changes(*range(50)), batch_size=10)
    assert counts(report) == {"pushed": 50}
    assert_all_arrived(rig, range(50))


def test_equal_values_do_not_prove_that_every_account_was_taken(rig: Rig) -> None:
    rig.stand_in.carries_out_objects = 1
    rig.hold(*range(20))
    report = rig.push([rig.rename(number, "Same") for number in range(20)], batch_size=10)
    assert counts(report) == {"pushed": 20}
    assert {rig.holds(number)[rig.sample.text] for number in range(20)} == {"Same"}


def test_a_batch_that_took_every_account_but_one_is_not_believed(rig: Rig) -> None:
    rig.stand_in.carries_out_objects = 9
    rig.hold(*range(10))
    report = rig.push([rig.rename(number, "Same") for number in range(10)], batch_size=10)
    assert counts(report) == {"pushed": 10}
    assert rig.holds(9)[rig.sample.text] == "Same"


def test_values_that_were_there_before_prove_nothing(rig: Rig) -> None:
    rig.stand_in.carries_out_objects = 1
    rig.hold(*range(2))
    rig.holds(0).update({"unit": "A", "callsign": "B"})
    changes = [rig.change(0, unit="A"), rig.change(1, callsign="B")]
    report = rig.push(changes, batch_size=2)
    assert counts(report) == {"pushed": 2}
    assert rig.holds(1)["callsign"] == "B"


@pytest.mark.parametrize(
    "fault",
    [
        Fault(400, "INVALID API KEY", times=None),
        Fault(400, "INVALID COMMUNITY ID", times=None),
        Fault(400, "API IS NOT ENABLED FOR THIS COMMUNITY", times=None),
    ],
    ids=["key", "community", "disabled"],
)
def test_a_batch_is_not_split_for_the_credential(rig: Rig, fault: Fault) -> None:
    from airflow_profile_provider.errors import PushStopped

    rig.hold(*range(50))
    rig.stand_in.faults = [fault]
    with pytest.raises(PushStopped) as stopped:
        rig.push(rig.changes(*range(50)), batch_size=10, concurrency=1)
    assert sizes(rig) == [10]
    assert stopped.value.report is not None
    assert stopped.value.report.unsent >= 40


@pytest.mark.parametrize("status", [429, 503])
def test_a_batch_is_not_split_for_the_rate_or_the_server(rig: Rig, status: int) -> None:
    rig.hold(*range(20))
    rig.stand_in.faults = [Fault(status, "busy", {"Retry-After": "0"})]
    report = rig.push(rig.changes(*range(20)), batch_size=10)
    assert counts(report) == {"pushed": 20}
    assert sizes(rig) == [10, 10, 10]


def test_two_changes_of_an_account_never_share_a_batch_in_the_wrong_order(rig: Rig) -> None:
    rig.hold(*range(4))
    changes: list[dict[str, Any]] = []
    for value in ("First", "Second", "Third"):
        changes += [rig.rename(number, value) for number in range(4)]
    rig.push(changes, batch_size=10)
    assert {rig.holds(number)[rig.sample.text] for number in range(4)} == {"Third"}


def test_a_batch_may_mix_identifiers(rig: Rig) -> None:
    rig.hold(1, 2)
    rig.stand_in.also_known["apiId", "steam:2"] = rig.sample.key(2)
    changes = [
        rig.change(1),
        {"key": "steam:2", "key_type": "apiId", "fields": rig.sample.fields(2)},
    ]
    assert counts(rig.push(changes, batch_size=10)) == {"pushed": 2}
    assert rig.holds(2) == rig.expected(2)


def test_a_list_value_replaces_as_it_is(rig: Rig) -> None:
    rig.hold(1)
    rig.push([rig.change(1, steam=["one", "two"])])
    assert rig.holds(1)["steam"] == ["one", "two"]


def test_v2_knows_accounts_by_acc_id_alone(rig: Rig) -> None:
    rig.connect(extra={"api": "v2"})
    outcome = rig.run([{"key": "steam:2", "fields": {"unit": "x"}}], key_type="apiId")
    assert outcome.for_good
    assert rig.stand_in.writes == []


def test_an_unknown_api_version_is_an_error(rig: Rig) -> None:
    rig.connect(extra={"api": "v3"})
    outcome = rig.run(rig.changes(1))
    assert outcome.for_good
    assert "api" in str(outcome.error)
    assert rig.stand_in.requests == []
