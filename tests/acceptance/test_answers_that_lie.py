"""An answer counts as an acknowledgement only if it is one, whatever its status says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from standins import Fault

from .bench import Bench, counts, lines
from .conftest import OpenBench

PAGE = "<!doctype html><html><body>Please sign in, MarkerQuartz</body></html>"
HTML = {"Content-Type": "text/html"}

# -- any vendor ---------------------------------------------------------------------------------------------


def test_an_html_page_with_200_acknowledges_nothing(bench: Bench) -> None:
    bench.hold(1)
    bench.hurry()
    bench.stand_in.faults = [Fault(200, PAGE, HTML, on="any", times=None)]
    outcome = bench.run(bench.changes(1), max_failed=5)
    held = counts(outcome.report)
    assert held.get("pushed", 0) == held.get("created", 0) == 0
    assert not outcome.for_good
    assert "MarkerQuartz" not in outcome.said
    assert len(bench.stand_in.requests) <= 12


def test_one_html_page_with_200_is_tried_again(bench: Bench) -> None:
    bench.hold(1, 2)
    bench.hurry()
    bench.stand_in.faults = [Fault(200, PAGE, HTML, key=bench.sample.key(2))]
    report = bench.push(bench.changes(1, 2))
    assert counts(report) == {"pushed": 2}
    assert bench.holds(2) == bench.expected(2)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_wrong_host_and_is_never_followed(bench: Bench, status: int) -> None:
    from airflow_profile_provider.errors import WrongHost

    bench.hold(*range(20))
    bench.stand_in.faults = [Fault(status, "", {"Location": "/login-page"}, on="any", times=None)]
    with pytest.raises(WrongHost) as stopped:
        bench.push(bench.changes(*range(20)), concurrency=4)
    assert stopped.value.report is not None
    assert stopped.value.report.acknowledged == 0
    assert stopped.value.report.unsent >= 10
    assert [request.path for request in bench.stand_in.requests if "login" in request.path] == []
    assert len(bench.stand_in.requests) <= 10


def test_a_redirect_in_mid_run_stops_and_keeps_what_was_delivered(bench: Bench, tmp_path: Path) -> None:
    bench.hold(*range(10))
    bench.stand_in.faults = [Fault(302, "", {"Location": "/login-page"}, key=bench.sample.key(5), times=None)]
    outcome = bench.run(
        bench.changes(*range(10)), concurrency=1, rejects_path=str(tmp_path / "rejects.jsonl")
    )
    assert not outcome.green
    assert counts(outcome.report)["pushed"] == 5
    assert len(lines(outcome.report["rejects"])) == 5


@pytest.mark.parametrize("body", ["", "null", "[]", "{}", '"ok"', "17", "{", "OK"])
def test_a_200_with_the_wrong_body_acknowledges_nothing(bench: Bench, body: str) -> None:
    bench.hold(1, 2)
    bench.hurry()
    kind = {"Content-Type": "application/json"}
    bench.stand_in.faults = [Fault(200, body, kind, key=bench.sample.key(2))]
    report = bench.push(bench.changes(1, 2), concurrency=1)
    assert bench.holds(1) == bench.expected(1)
    if report.pushed == 2:  # it was tried again
        assert bench.holds(2) == bench.expected(2)
    else:
        assert bench.holds(2) == bench.sample.before(2)


def test_the_environments_netrc_never_replaces_the_credential(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login MarkerQuartz password MarkerQuartz\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    bench.hold(1)
    assert counts(bench.push(bench.changes(1))) == {"pushed": 1}


def test_no_cookie_is_kept(bench: Bench) -> None:
    bench.hold(1, 2)
    bench.stand_in.faults = [Fault(503, "busy", {"Set-Cookie": "route=MarkerQuartz", "Retry-After": "0"})]
    bench.push(bench.changes(1, 2))
    assert [request for request in bench.stand_in.requests if "cookie" in request.headers] == []


# -- Communifire --------------------------------------------------------------------------------------------


def test_communifire_is_error_decides_not_the_status(open_bench: OpenBench) -> None:
    bench = open_bench("communifire")
    bench.hold(1, 2)
    lie = {"IsError": True, "ResponseMessage": "Phone is not valid", "ResponseData": None}
    bench.stand_in.faults = [Fault(200, lie, key=bench.sample.key(2))]
    assert counts(bench.push(bench.changes(1, 2))) == {"pushed": 1, "rejected": 1}


def test_communifire_no_error_without_a_user_is_no_acknowledgement(open_bench: OpenBench) -> None:
    bench = open_bench("communifire")
    bench.hold(1)
    bench.stand_in.unknown_is = "zero"
    assert counts(bench.push([bench.change(1), bench.nobody()])) == {"pushed": 1, "rejected": 1}


@pytest.mark.parametrize("status", [401, 403])
def test_communifire_an_error_envelope_does_not_hide_the_status(open_bench: OpenBench, status: int) -> None:
    from airflow_profile_provider.errors import PushStopped

    bench = open_bench("communifire")
    bench.hold(*range(60))
    body = {"IsError": True, "ResponseMessage": "Denied", "ResponseData": None}
    bench.stand_in.faults = [Fault(status, body, times=None)]
    with pytest.raises(PushStopped):
        bench.push(bench.changes(*range(60)))


# -- Sonoran ------------------------------------------------------------------------------------------------


def test_sonoran_backend_service_reached_is_a_wrong_host(open_bench: OpenBench) -> None:
    from airflow_profile_provider.errors import WrongHost

    bench = open_bench("sonoran")
    bench.hold(*range(20))
    for text in ("Backend Service Reached", "Sonoran CMS: Backend Service Reached"):
        bench.stand_in.faults = [Fault(200, text, times=None)]
        with pytest.raises(WrongHost) as stopped:
            bench.push(bench.changes(*range(20)))
        assert stopped.value.report is not None
        assert stopped.value.report.acknowledged == 0


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
@pytest.mark.parametrize("wrong", [{"password": "Wr0ng-S3cr3t"}, {"login": "nobodys-community"}])
def test_sonoran_a_bad_credential_comes_with_400(
    open_bench: OpenBench, wrong: dict[str, str], as_json: bool
) -> None:
    from airflow_profile_provider.errors import CredentialRefused

    bench = open_bench("sonoran")
    bench.stand_in.texts_as_json = as_json
    bench.hold(*range(20))
    bench.connect(**wrong)
    with pytest.raises(CredentialRefused):
        bench.push(bench.changes(*range(20)))
    assert len(bench.stand_in.requests) <= 10


@pytest.mark.parametrize("status", [400, 404])
@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_sonoran_an_unknown_account_has_two_statuses(
    open_bench: OpenBench, status: int, as_json: bool
) -> None:
    bench = open_bench("sonoran")
    bench.stand_in.unknown_status = status
    bench.stand_in.texts_as_json = as_json
    bench.hold(1)
    assert counts(bench.push([bench.change(1), bench.nobody()])) == {"pushed": 1, "rejected": 1}


def test_sonoran_an_answer_without_the_values_sent_acknowledges_nothing(open_bench: OpenBench) -> None:
    bench = open_bench("sonoran")
    bench.hold(1, 2)
    lie = [{"id": name, "value": value} for name, value in bench.sample.before(2).items()]
    bench.stand_in.faults = [Fault(200, lie, key=bench.sample.key(2), times=None)]
    report = bench.push(bench.changes(1, 2))
    assert report.pushed == 1
    assert report.rejected + report.failed == 1


# -- Ocamba -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 404])
def test_ocamba_an_unknown_id_has_two_statuses(open_bench: OpenBench, status: int) -> None:
    bench = open_bench("ocamba")
    bench.stand_in.unknown_status = status
    bench.hold(1)
    assert counts(bench.push([bench.change(1), bench.nobody()])) == {"pushed": 1, "rejected": 1}


# -- Lightfield ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrapped", [True, False], ids=["wrapped", "bare"])
def test_lightfield_both_envelopes_reject_a_record(
    open_bench: OpenBench, tmp_path: Path, wrapped: bool
) -> None:
    bench = open_bench("lightfield")
    bench.stand_in.wrapped = wrapped
    bench.hold(1, 2)
    changes = [bench.change(1), bench.change(2, no_such_attribute="MarkerQuartz"), bench.nobody()]
    outcome = bench.run(changes, rejects_path=str(tmp_path / "rejects.jsonl"))
    assert counts(outcome.report) == {"pushed": 1, "rejected": 2}
    reasons = {line["position"]: line["reason"] for line in lines(outcome.report["rejects"])}
    assert "unknown_field" in reasons[2]
    assert "no_such_attribute" in reasons[2]


@pytest.mark.parametrize("wrapped", [True, False], ids=["wrapped", "bare"])
def test_lightfield_both_envelopes_refuse_a_credential(open_bench: OpenBench, wrapped: bool) -> None:
    from airflow_profile_provider.errors import CredentialRefused

    bench = open_bench("lightfield")
    bench.stand_in.wrapped = wrapped
    bench.connect(password="Wr0ng-S3cr3t")
    with pytest.raises(CredentialRefused):
        bench.push(bench.changes(1))


@pytest.mark.parametrize("wrapped", [True, False], ids=["wrapped", "bare"])
def test_lightfield_a_409_for_a_request_under_way_is_retried(open_bench: OpenBench, wrapped: bool) -> None:
    bench = open_bench("lightfield")
    bench.hold(1)
    error: dict[str, Any] = {"type": "idempotency_conflict", "message": "The first request is still running."}
    bench.stand_in.faults = [Fault(409, {"error": error} if wrapped else error)]
    assert counts(bench.push(bench.changes(1))) == {"pushed": 1}
    first, second = bench.stand_in.writes
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]


# -- Agile.Now ----------------------------------------------------------------------------------------------


def test_agilenow_a_field_that_kept_its_old_value_was_ignored(open_bench: OpenBench, tmp_path: Path) -> None:
    bench = open_bench("agilenow")
    bench.stand_in.ignores = {"LanguageId"}
    bench.hold(1)
    outcome = bench.run(bench.changes(1), rejects_path=str(tmp_path / "rejects.jsonl"))
    assert counts(outcome.report) == {"rejected": 1}
    (line,) = lines(outcome.report["rejects"])
    assert "ignored by the vendor" in line["reason"]
    assert "LanguageId" in line["reason"]


def test_agilenow_a_field_written_differently_is_pushed(open_bench: OpenBench) -> None:
    bench = open_bench("agilenow")
    bench.stand_in.lowers = {"Email"}
    bench.hold(1)
    assert counts(bench.push([bench.change(1, Email="Ada.Lovelace@Example.com")])) == {"pushed": 1}
    assert bench.holds(1)["Email"] == "ada.lovelace@example.com"
