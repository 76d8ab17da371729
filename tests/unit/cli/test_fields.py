"""``airflow profiles fields``: what a vendor tells of its fields, for people and for programs."""

from __future__ import annotations

import json

import pytest

from airflow_profile_provider.sandbox import Sandbox

from .running import run


def test_fields_are_listed_as_a_table(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    status, said = run(capsys, "fields", "--conn-id", "agilenow_default", "--output", "plain")
    assert status == 0
    heads, *lines = said.splitlines()
    assert heads.split() == ["id", "label", "type", "options", "read_only", "required"]
    (email,) = [line.split() for line in lines if line.startswith("Email ")]
    assert email == ["Email", "Email", "string", "yes"]


def test_fields_are_listed_as_json(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    status, said = run(capsys, "fields", "--conn-id", "lightfield_default", "-o", "json")
    assert status == 0
    found = {each["id"]: each for each in json.loads(said)}
    tier = found["tier"]
    assert (tier["label"], tier["read_only"], tier["required"]) == ("Tier", False, False)
    assert found["$headcount"]["options"]["opt_headcount_1150"] == "11-50"
    assert found["$accountStatus"]["read_only"] is True


def test_a_site_without_a_list_of_fields_has_those_of_the_page(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    status, said = run(capsys, "fields", "--conn-id", "communifire_default", "-o", "json")
    assert status == 0
    read_only = {each["id"]: each["read_only"] for each in json.loads(said)}
    assert [name for name, fixed in read_only.items() if fixed] == ["UserID", "Email", "Username"]
    assert "Share my profile" in read_only


def test_a_refused_credential_is_said_in_a_line(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    status, said = run(capsys, "fields", "--conn-id", "ocamba_refused")
    assert ("answered 401" in status, said) == (True, "")
