"""Sonoran CMS: five identifiers, and batches whose every record gets a verdict of its own."""

from __future__ import annotations

from typing import Any

import pytest
from standins import Fault

from .bench import Bench, counts
from .conftest import OpenBench


@pytest.fixture
def bench(open_bench: OpenBench) -> Bench:
    return open_bench("sonoran")


def sizes(bench: Bench) -> list[int]:
    """How many accounts each request held."""
    return [len(request.json["data"]) for request in bench.stand_in.writes]


def assert_all_arrived(bench: Bench, numbers: range) -> None:
    assert [bench.holds(number) for number in numbers] == [bench.expected(number) for number in numbers]


def test_one_account_a_request_by_default(bench: Bench) -> None:
    bench.hold(*range(5))
    bench.push(bench.changes(*range(5)))
    assert sizes(bench) == [1] * 5


def test_a_request_is_as_the_page_shows_it(bench: Bench) -> None:
    bench.hold(1)
    bench.push(bench.changes(1))
    (write,) = bench.stand_in.writes
    assert write.json == {
        "id": bench.stand_in.login,
        "key": bench.stand_in.secret,
        "type": "EDIT_ACC_PROFLIE_FIELDS",
        "data": [
            {
                "accId": bench.sample.key(1),
                "profileFields": [{"id": k, "value": v} for k, v in bench.sample.fields(1).items()],
            }
        ],
    }


def test_batch_size_of_the_connection(bench: Bench) -> None:
    bench.connect(extra={"batch_size": 10})
    bench.hold(*range(50))
    report = bench.push(bench.changes(*range(50)))
    assert counts(report) == {"pushed": 50}
    assert sizes(bench) == [10] * 5
    assert_all_arrived(bench, range(50))


@pytest.mark.parametrize("concurrency", [1, 3])
def test_batches_are_whole_however_fast_the_answers_come(
    bench: Bench, concurrency: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers interrupt planning, but not before the next batch is whole."""
    monkeypatch.setattr("airflow_profile_provider.push.WINDOW", 20)
    bench.hold(*range(200))
    bench.push(bench.changes(*range(200)), batch_size=10, concurrency=concurrency)
    assert sizes(bench) == [10] * 20


def test_batch_size_of_the_operator_comes_before_the_connections(bench: Bench) -> None:
    bench.connect(extra={"batch_size": 3})
    bench.hold(*range(20))
    outcome = bench.run(bench.changes(*range(20)), batch_size=10)
    assert outcome.green
    assert sizes(bench) == [10, 10]


@pytest.mark.parametrize("status", [400, 404])
def test_a_refused_batch_is_split_until_each_record_has_its_verdict(bench: Bench, status: int) -> None:
    bench.stand_in.unknown_status = status
    bench.hold(*range(50))
    changes = bench.changes(*range(50))
    changes[13] = bench.nobody()
    report = bench.push(changes, batch_size=10)
    assert counts(report) == {"pushed": 49, "rejected": 1}
    assert_all_arrived(bench, range(13))
    assert_all_arrived(bench, range(14, 50))
    assert len(bench.stand_in.writes) <= 5 + 10


def test_accounts_that_a_batch_left_out_are_sent_singly(bench: Bench) -> None:
    bench.stand_in.carries_out_objects = 1
    bench.hold(*range(50))
    report = bench.push(bench.changes(*range(50)), batch_size=10)
    assert counts(report) == {"pushed": 50}
    assert_all_arrived(bench, range(50))


def test_equal_values_do_not_prove_that_every_account_was_taken(bench: Bench) -> None:
    bench.stand_in.carries_out_objects = 1
    bench.hold(*range(20))
    report = bench.push([bench.rename(number, "Same") for number in range(20)], batch_size=10)
    assert counts(report) == {"pushed": 20}
    assert {bench.holds(number)[bench.sample.text] for number in range(20)} == {"Same"}


def test_a_batch_that_took_every_account_but_one_is_not_believed(bench: Bench) -> None:
    bench.stand_in.carries_out_objects = 9
    bench.hold(*range(10))
    report = bench.push([bench.rename(number, "Same") for number in range(10)], batch_size=10)
    assert counts(report) == {"pushed": 10}
    assert bench.holds(9)[bench.sample.text] == "Same"


def test_values_that_were_there_before_prove_nothing(bench: Bench) -> None:
    bench.stand_in.carries_out_objects = 1
    bench.hold(*range(2))
    bench.holds(0).update({"unit": "A", "callsign": "B"})
    changes = [bench.change(0, unit="A"), bench.change(1, callsign="B")]
    report = bench.push(changes, batch_size=2)
    assert counts(report) == {"pushed": 2}
    assert bench.holds(1)["callsign"] == "B"


@pytest.mark.parametrize(
    "fault",
    [
        Fault(400, "INVALID API KEY", times=None),
        Fault(400, "INVALID COMMUNITY ID", times=None),
        Fault(400, "API IS NOT ENABLED FOR THIS COMMUNITY", times=None),
    ],
    ids=["key", "community", "disabled"],
)
def test_a_batch_is_not_split_for_the_credential(bench: Bench, fault: Fault) -> None:
    from airflow_profile_provider.errors import PushStopped

    bench.hold(*range(50))
    bench.stand_in.faults = [fault]
    with pytest.raises(PushStopped) as stopped:
        bench.push(bench.changes(*range(50)), batch_size=10, concurrency=1)
    assert sizes(bench) == [10]
    assert stopped.value.report is not None
    assert stopped.value.report.unsent >= 40


@pytest.mark.parametrize("status", [429, 503])
def test_a_batch_is_not_split_for_the_rate_or_the_server(bench: Bench, status: int) -> None:
    bench.hold(*range(20))
    bench.stand_in.faults = [Fault(status, "busy", {"Retry-After": "0"})]
    report = bench.push(bench.changes(*range(20)), batch_size=10)
    assert counts(report) == {"pushed": 20}
    assert sizes(bench) == [10, 10, 10]


def test_two_changes_of_an_account_never_share_a_batch_in_the_wrong_order(bench: Bench) -> None:
    bench.hold(*range(4))
    changes: list[dict[str, Any]] = []
    for value in ("First", "Second", "Third"):
        changes += [bench.rename(number, value) for number in range(4)]
    bench.push(changes, batch_size=10)
    assert {bench.holds(number)[bench.sample.text] for number in range(4)} == {"Third"}


def test_a_batch_may_mix_identifiers(bench: Bench) -> None:
    bench.hold(1, 2)
    bench.stand_in.also_known["apiId", "steam:2"] = bench.sample.key(2)
    changes = [
        bench.change(1),
        {"key": "steam:2", "key_type": "apiId", "fields": bench.sample.fields(2)},
    ]
    assert counts(bench.push(changes, batch_size=10)) == {"pushed": 2}
    assert bench.holds(2) == bench.expected(2)


def test_a_list_value_replaces_as_it_is(bench: Bench) -> None:
    bench.hold(1)
    bench.push([bench.change(1, steam=["one", "two"])])
    assert bench.holds(1)["steam"] == ["one", "two"]


def test_v2_knows_accounts_by_acc_id_alone(bench: Bench) -> None:
    bench.connect(extra={"api": "v2"})
    outcome = bench.run([{"key": "steam:2", "fields": {"unit": "x"}}], key_type="apiId")
    assert outcome.for_good
    assert bench.stand_in.writes == []


def test_an_unknown_api_version_is_an_error(bench: Bench) -> None:
    bench.connect(extra={"api": "v3"})
    outcome = bench.run(bench.changes(1))
    assert outcome.for_good
    assert "api" in str(outcome.error)
    assert bench.stand_in.requests == []
