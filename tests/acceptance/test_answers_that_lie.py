"""An answer counts as an acknowledgement only if it is one, whatever its status says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from standins import Fault

from .conftest import OpenRig
from .rig import Rig, counts, lines

PAGE = "<!doctype html><html><body>Please sign in, MarkerQuartz</body></html>"
HTML = {"Content-Type": "text/html"}

# -- any vendor ---------------------------------------------------------------------------------------------


def test_an_html_page_with_200_acknowledges_nothing(rig: Rig) -> None:
    rig.hold(1)
    rig.hurry()
    rig.stand_in.faults = [Fault(200, PAGE, HTML, on="any", times=None)]
    outcome = rig.run(rig.changes(1), max_failed=5)
    held = counts(outcome.report)
    assert held.get("pushed", 0) == held.get("created", 0) == 0
    assert not outcome.for_good
    assert "MarkerQuartz" not in outcome.said
    assert len(rig.stand_in.requests) <= 12


def test_one_html_page_with_200_is_tried_again(rig: Rig) -> None:
    rig.hold(1, 2)
    rig.hurry()
    rig.stand_in.faults = [Fault(200, PAGE, HTML, key=rig.sample.key(2))]
    report = rig.push(rig.changes(1, 2))
    assert counts(report) == {"pushed": 2}
    assert rig.holds(2) == rig.expected(2)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_wrong_host_and_is_never_followed(rig: Rig, status: int) -> None:
    from airflow_profile_provider.errors import WrongHost

    rig.hold(*range(20))
    rig.stand_in.faults = [Fault(status, "", {"Location": "/login-page"}, on="any", times=None)]
    with pytest.raises(WrongHost) as stopped:
        rig.push(rig.changes(*range(20)), concurrency=4)
    assert stopped.value.report is not None
    assert stopped.value.report.acknowledged == 0
    assert stopped.value.report.unsent >= 10
    assert [request.path for request in rig.stand_in.requests if "login" in request.path] == []
    assert len(rig.stand_in.requests) <= 10


def test_a_redirect_in_mid_run_stops_and_keeps_what_was_delivered(rig: Rig, tmp_path: Path) -> None:
    rig.hold(*range(10))
    rig.stand_in.faults = [Fault(302, "", {"Location": "/login-page"}, key=rig.sample.key(5), times=None)]
    outcome = rig.run(rig.changes(*range(10)), concurrency=1, rejects_path=str(tmp_path / "rejects.jsonl"))
    assert not outcome.green
    assert counts(outcome.report)["pushed"] == 5
    assert len(lines(outcome.report["rejects"])) == 5


@pytest.mark.parametrize("body", ["", "null", "[]", "{}", '"ok"', "17", "{", "OK"])
def test_a_200_with_the_wrong_body_acknowledges_nothing(rig: Rig, body: str) -> None:
    rig.hold(1, 2)
    rig.hurry()
    kind = {"Content-Type": "application/json"}
    rig.stand_in.faults = [Fault(200, body, kind, key=rig.sample.key(2))]
    report = rig.push(rig.changes(1, 2), concurrency=1)
    assert rig.holds(1) == rig.expected(1)
    if report.pushed == 2:  # it was tried again
        assert rig.holds(2) == rig.expected(2)
    else:
        assert rig.holds(2) == rig.sample.before(2)


def test_the_environments_netrc_never_replaces_the_credential(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login MarkerQuartz password MarkerQuartz\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    rig.hold(1)
    assert counts(rig.push(rig.changes(1))) == {"pushed": 1}


def test_no_cookie_is_kept(rig: Rig) -> None:
    rig.hold(1, 2)
    rig.stand_in.faults = [Fault(503, "busy", {"Set-Cookie": "route=MarkerQuartz", "Retry-After": "0"})]
    rig.push(rig.changes(1, 2))
    assert [request for request in rig.stand_in.requests if "cookie" in request.headers] == []


# -- Communifire --------------------------------------------------------------------------------------------


def test_communifire_is_error_decides_not_the_status(open_rig: OpenRig) -> None:
    rig = open_rig("communifire")
    rig.hold(1, 2)
    lie = {"IsError": True, "ResponseMessage": "Phone is not valid", "ResponseData": None}
    rig.stand_in.faults = [Fault(200, lie, key=rig.sample.key(2))]
    assert counts(rig.push(rig.changes(1, 2))) == {"pushed": 1, "rejected": 1}


def test_communifire_no_error_without_a_user_is_no_acknowledgement(open_rig: OpenRig) -> None:
    rig = open_rig("communifire")
    rig.hold(1)
    rig.stand_in.unknown_is = "zero"
    assert counts(rig.push([rig.change(1), rig.nobody()])) == {"pushed": 1, "rejected": 1}


@pytest.mark.parametrize("status", [401, 403])
def test_communifire_an_error_envelope_does_not_hide_the_status(open_rig: OpenRig, status: int) -> None:
    from airflow_profile_provider.errors import PushStopped

    rig = open_rig("communifire")
    rig.hold(*range(60))
    body = {"IsError": True, "ResponseMessage": "Denied", "ResponseData": None}
    rig.stand_in.faults = [Fault(status, body, times=None)]
    with pytest.raises(PushStopped):
        rig.push(rig.changes(*range(60)))


# -- Sonoran ------------------------------------------------------------------------------------------------


def test_sonoran_backend_service_reached_is_a_wrong_host(open_rig: OpenRig) -> None:
    from airflow_profile_provider.errors import WrongHost

    rig = open_rig("sonoran")
    rig.hold(*range(20))
    for text in ("Backend Service Reached", "Sonoran CMS: Backend Service Reached"):
        rig.stand_in.faults = [Fault(200, text, times=None)]
        with pytest.raises(WrongHost) as stopped:
            rig.push(rig.changes(*range(20)))
        assert stopped.value.report is not None
        assert stopped.value.report.acknowledged == 0


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
@pytest.mark.parametrize("wrong", [{"password": "Wr0ng-S3cr3t"}, {"login": "nobodys-community"}])
def test_sonoran_a_bad_credential_comes_with_400(
    open_rig: OpenRig, wrong: dict[str, str], as_json: bool
) -> None:
    from airflow_profile_provider.errors import CredentialRefused

    rig = open_rig("sonoran")
    rig.stand_in.texts_as_json = as_json
    rig.hold(*range(20))
    rig.connect(**wrong)
    with pytest.raises(CredentialRefused):
        rig.push(rig.changes(*range(20)))
    assert len(rig.stand_in.requests) <= 10


@pytest.mark.parametrize("status", [400, 404])
@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_sonoran_an_unknown_account_has_two_statuses(open_rig: OpenRig, status: int, as_json: bool) -> None:
    rig = open_rig("sonoran")
    rig.stand_in.unknown_status = status
    rig.stand_in.texts_as_json = as_json
    rig.hold(1)
    assert counts(rig.push([rig.change(1), rig.nobody()])) == {"pushed": 1, "rejected": 1}


def test_sonoran_an_answer_without_the_values_sent_acknowledges_nothing(open_rig: OpenRig) -> None:
    rig = open_rig("sonoran")
    rig.hold(1, 2)
    lie = [{"id": name, "value": value} for name, value in rig.sample.before(2).items()]
    rig.stand_in.faults = [Fault(200, lie, key=rig.sample.key(2), times=None)]
    report = rig.push(rig.changes(1, 2))
    assert report.pushed == 1
    assert report.rejected + report.failed == 1


# -- Ocamba -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 404])
def test_ocamba_an_unknown_id_has_two_statuses(open_rig: OpenRig, status: int) -> None:
    rig = open_rig("ocamba")
    rig.stand_in.unknown_status = status
    rig.hold(1)
    assert counts(rig.push([rig.change(1), rig.nobody()])) == {"pushed": 1, "rejected": 1}


# -- Lightfield ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrapped", [True, False], ids=["wrapped", "bare"])
def test_lightfield_both_envelopes_reject_a_record(open_rig: OpenRig, tmp_path: Path, wrapped: bool) -> None:
    rig = open_rig("lightfield")
    rig.stand_in.wrapped = wrapped
    rig.hold(1, 2)
    changes = [rig.change(1), rig.change(2, no_such_attribute="MarkerQuartz"), rig.nobody()]
    outcome = rig.run(changes, rejects_path=str(tmp_path / "rejects.jsonl"))
    assert counts(outcome.report) == {"pushed": 1, "rejected": 2}
    reasons = {line["position"]: line["reason"] for line in lines(outcome.report["rejects"])}
    assert "unknown_field" in reasons[2]
    assert "no_such_attribute" in reasons[2]


@pytest.mark.parametrize("wrapped", [True, False], ids=["wrapped", "bare"])
def test_lightfield_both_envelopes_refuse_a_credential(open_rig: OpenRig, wrapped: bool) -> None:
    from airflow_profile_provider.errors import CredentialRefused

    rig = open_rig("lightfield")
    rig.stand_in.wrapped = wrapped
    rig.connect(password="Wr0ng-S3cr3t")
    with pytest.raises(CredentialRefused):
        rig.push(rig.changes(1))


@pytest.mark.parametrize("wrapped", [True, False], ids=["wrapped", "bare"])
def test_lightfield_a_409_for_a_request_under_way_is_retried(open_rig: OpenRig, wrapped: bool) -> None:
    rig = open_rig("lightfield")
    rig.hold(1)
    error: dict[str, Any] = {"type": "idempotency_conflict", "message": "The first request is still running."}
    rig.stand_in.faults = [Fault(409, {"error": error} if wrapped else error)]
    assert counts(rig.push(rig.changes(1))) == {"pushed": 1}
    first, second = rig.stand_in.writes
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]


# -- Agile.Now ----------------------------------------------------------------------------------------------


def test_agilenow_a_field_that_kept_its_old_value_was_ignored(open_rig: OpenRig, tmp_path: Path) -> None:
    rig = open_rig("agilenow")
    rig.stand_in.ignores = {"LanguageId"}
    rig.hold(1)
    outcome = rig.run(rig.changes(1), rejects_path=str(tmp_path / "rejects.jsonl"))
    assert counts(outcome.report) == {"rejected": 1}
    (line,) = lines(outcome.report["rejects"])
    assert "ignored by the vendor" in line["reason"]
    assert "LanguageId" in line["reason"]


def test_agilenow_a_field_written_differently_is_pushed(open_rig: OpenRig) -> None:
    rig = open_rig("agilenow")
    rig.stand_in.lowers = {"Email"}
    rig.hold(1)
    assert counts(rig.push([rig.change(1, Email="Ada.Lovelace@Example.com")])) == {"pushed": 1}
    assert rig.holds(1)["Email"] == "ada.lovelace@example.com"
