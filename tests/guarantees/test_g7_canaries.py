"""G7 canaries: no secret and no profile value in logs, exceptions, reports, reprs or rendered fields."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests
from metrics import metrics_to

from airflow_profile_provider.hooks.base import ProfileHook

from .everything_said import Ear, leaks
from .fixtures import QUICK
from .rig import ISSUES_TOKENS, Rig

CANARY = "canary5e1f"
E_MAIL = f"{CANARY}@example.com"
TOKEN = "eyJ0"
"""How every token begins that the sandbox issues at run time."""

ECHO = {
    "message": f"{CANARY} is taken",
    "detail": CANARY,
    "title": CANARY,
    "trace_id": CANARY,
    "RequestKey": CANARY,
    "error": {"type": CANARY, "code": CANARY, "param": f"fields.{CANARY}", "message": CANARY},
    "Errors": [CANARY],
    "IsError": True,
    "ResponseMessage": CANARY,
    "ResponseData": CANARY,
}
"""An answer that repeats a value in every place where some vendor writes its words."""

TROUBLES: dict[str, dict[str, Any]] = {
    **{
        f"{status} that repeats a value": {"kind": "status", "status": status, "body": ECHO}
        for status in (200, 400, 401, 403, 404, 409, 422, 429, 500, 503)
    },
    "text that repeats a value": {"kind": "status", "status": 400, "body": f"NO ACCOUNT {CANARY}"},
    "a page": {"kind": "html"},
    "a redirect": {"kind": "redirect", "headers": {"Location": f"/login?user={CANARY}"}},
    "no answer": {"kind": "lost"},
    "a reset": {"kind": "reset"},
    "half an answer": {"kind": "truncate"},
    "a void credential": {"kind": "expire_token"},
}


@pytest.fixture
def ear(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Ear]:
    monkeypatch.setattr(ProfileHook, "tell_seconds", 0.01)  # so that progress is said
    ear = Ear(caplog, capfd)
    with metrics_to(ear.metrics):
        yield ear


def secrets_of(rig: Rig) -> dict[str, str]:
    """What must be nowhere: the credential, tokens issued on the way, and a profile's value."""
    return {"the credential": str(rig.connection["password"]), "a token": TOKEN, "a value": CANARY}


def changes_of(rig: Rig) -> list[Any]:
    """Changes with canaries in every place where a user can put a value."""
    keys = rig.all_keys()
    return [
        *(rig.change(key, f"{CANARY} {n}") for n, key in enumerate(keys[:6])),
        rig.change(rig.nobody, CANARY),
        {"key": keys[7], "fields": {rig.field: {CANARY}}},
        {"key": keys[8], "fields": {rig.field: [{CANARY: CANARY}]}},
        {"key": {CANARY: 1}, "fields": {rig.field: CANARY}},
        f"{CANARY} is no record",
        {"key": keys[9], "fields": CANARY},
    ]


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("from_the_start", [True, False], ids=["at once", "in mid-run"])
def test_g7_nothing_leaks_from_a_troubled_push(
    rig: Rig,
    ear: Ear,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    trouble: str,
    from_the_start: bool,
) -> None:
    """Neither credential nor token nor value is said, though the vendor repeats them and the rejects do."""
    rig.fault(**TROUBLES[trouble], **({} if from_the_start else {"skip": 3, "every": 2}))
    rejects = tmp_path / "rejects.jsonl"
    monkeypatch.setattr(rig.hook_class, "retry_rule", replace(QUICK, attempts=2))
    with ear.listening():
        report = rig.hook.push(changes_of(rig), rejects_path=rejects, concurrency=2)
        ear.said["the report"] = f"{report} {report!r} {json.dumps(report.as_dict())}"
    for error in ear.errors:
        ear.said["its report"] = repr(getattr(error, "report", None))
    assert CANARY in rejects.read_text(), "the canary was on its way"
    assert "received" in str(ear.structured) + str(ear.caplog.records)
    assert "changes" in str(ear.metrics.heard)
    assert leaks(ear, secrets_of(rig)) == []


@pytest.mark.parametrize("trouble", ["none", "422 that repeats a value", "no answer", "a page"])
def test_g7_an_e_mail_key_is_a_value(rig: Rig, ear: Ear, trouble: str) -> None:
    """A key that the vendor did not make up is said nowhere, however an address writes it."""
    if trouble in TROUBLES:
        rig.fault(**TROUBLES[trouble], skip=1)
    for kind in rig.hook.vendor().usable_key_types:
        with ear.listening():
            rig.hook.push([rig.change(E_MAIL, "x"), rig.change(f"o.{E_MAIL}", "x")], key_type=kind)
    forms = {
        "the key": E_MAIL,
        "the key as base64": base64.b64encode(E_MAIL.encode()).decode().rstrip("="),
        "the key in an address": quote(E_MAIL, safe=""),
    }
    assert leaks(ear, secrets_of(rig) | forms) == []


@pytest.mark.parametrize("trouble", ["422 that repeats a value", "no answer", "a reset", "a page"])
def test_g7_nothing_leaks_from_one_update(rig: Rig, ear: Ear, trouble: str) -> None:
    """The error of a single update, its causes included, names the vendor and repeats nothing."""
    key = rig.all_keys()[0]
    rig.fault(**TROUBLES[trouble])
    with ear.listening():
        rig.hook.update_profile(key, {rig.field: CANARY})
    assert rig.hook_class.vendor_class.name in str(ear.errors)
    assert leaks(ear, secrets_of(rig)) == []


@pytest.mark.parametrize("after", [0, 3])
def test_g7_nothing_leaks_from_a_source_that_breaks(rig: Rig, ear: Ear, after: int) -> None:
    """What somebody else's code raises is named by its kind; its words are nowhere, nor behind the error."""

    def records() -> Iterator[Any]:
        yield from (rig.change(key, "x") for key in rig.all_keys()[:after])
        raise ValueError(f"cannot read {CANARY}")

    with ear.listening():
        rig.hook.push(records())
    assert "ValueError" in str(ear.errors)
    assert leaks(ear, secrets_of(rig)) == []


def test_g7_nothing_leaks_from_a_refused_credential(rig: Rig, ear: Ear) -> None:
    """A wrong password is not repeated by whoever refuses it, nor by the connection test."""
    wrong = rig.connection | {"password": f"{CANARY}-password", "extra": {"quota": "none"}}
    rig.setenv(f"AIRFLOW_CONN_{rig.hook_class.default_conn_name.upper()}", json.dumps(wrong))
    with ear.listening():
        rig.hook.push([rig.change(key, "x") for key in rig.all_keys()[:3]])
    works, ear.said["the connection test"] = rig.hook.test_connection()
    assert not works
    assert len(ear.errors) == 1
    assert leaks(ear, secrets_of(rig)) == []


@pytest.mark.parametrize("rig", ISSUES_TOKENS, indirect=True)
def test_g7_no_token_that_was_issued_on_the_way(rig: Rig, ear: Ear) -> None:
    """A token of the run is said nowhere, though it is refused and renewed."""
    form = {
        "grant_type": "client_credentials",
        "client_id": rig.connection["login"],
        "client_secret": rig.connection["password"],
    }
    issued = requests.post(f"{rig.sandbox.url}/oAuth/rest/v2/Token", data=form, timeout=10).json()
    assert issued["access_token"].startswith(TOKEN)
    rig.fault("expire_token", skip=4, times=1)
    with ear.listening():
        hook = rig.hook
        assert hook.push(changes_of(rig)).pushed >= 6
        ear.said["the hook"] = f"{hook} {hook!r} {vars(hook)!r}"
    assert leaks(ear, secrets_of(rig)) == []


def test_g7_nothing_leaks_from_hook_and_operator(rig: Rig, ear: Ear) -> None:
    """What Airflow shows of both, rendered fields included, holds neither credential nor value."""
    module = import_module(rig.hook_class.__module__.replace(".hooks.", ".operators."))
    name = rig.hook_class.__name__.replace("Hook", "PushProfilesOperator")
    operator = getattr(module, name)(task_id="push", records=changes_of(rig)[:6], max_failed=100)
    operator.render_template_fields({})
    with ear.listening():
        report = operator.execute({})
    assert report["pushed"] == 6
    ear.said["the returned report"] = json.dumps(report)
    ear.said["the operator"] = f"{operator} {operator!r} {vars(operator)!r}"
    ear.said["its hook"] = f"{operator.hook} {operator.hook!r} {vars(operator.hook)!r}"
    rendered = {field: getattr(operator, field) for field in type(operator).template_fields}
    ear.said["rendered fields"] = f"{rendered} {rendered!r}"
    assert leaks(ear, secrets_of(rig)) == []
