"""Inspection, loading, settings, reset, the clock, and that the sandbox stands on its own."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from typing import Any

import pytest

from airflow_profile_provider.sandbox import Refused, Sandbox, connections, serve

from .conftest import Door

VENDORS = ["sonoran", "communifire", "agilenow", "lightfield", "ocamba"]


def test_health_names_the_vendors(sandbox: Sandbox) -> None:
    assert sandbox.control("GET", "health") == {"status": "ok", "vendors": VENDORS}


@pytest.mark.parametrize("vendor", VENDORS)
def test_the_same_seed_makes_the_same_profiles_and_another_one_others(sandbox: Sandbox, vendor: str) -> None:
    with serve(profiles=30) as same, serve(profiles=30, seed=2) as other:
        assert same.profiles(vendor) == sandbox.profiles(vendor)
        assert other.profiles(vendor) != sandbox.profiles(vendor)
    assert len(sandbox.profiles(vendor)) == 30


@pytest.mark.parametrize("vendor", VENDORS)
def test_profiles_of_any_key_can_be_loaded_and_read_one_by_one(sandbox: Sandbox, vendor: str) -> None:
    field = {"agilenow": "Name", "ocamba": "full_name"}.get(vendor, "Any label")
    sandbox.load(vendor, {"a key/1": {field: "Ada"}})
    assert list(sandbox.profiles(vendor)) == ["a key/1"]
    assert sandbox.profile(vendor, "a key/1")[field] == "Ada"
    with pytest.raises(Refused, match="no profile"):
        sandbox.profile(vendor, "another")


def test_loading_can_add_to_what_is_there(sandbox: Sandbox) -> None:
    sandbox.load("ocamba", {"1": {}}, replace=False)
    assert len(sandbox.profiles("ocamba")) == 31


def test_a_plain_document_of_keys_and_fields_loads_too(sandbox: Sandbox) -> None:
    assert sandbox.control("PUT", "ocamba/profiles", {"1": {"full_name": "Ada"}}) == {"loaded": 1}
    assert sandbox.profiles("ocamba") == {"1": {"full_name": "Ada"}}


def test_loaded_identifiers_find_the_profile(sonoran: Door) -> None:
    sonoran.sandbox.load("sonoran", {"acc": {"motto": "x"}}, identifiers={"acc": {"username": "ada"}})
    found = sonoran.ask("GET", "/v2/community/accounts/search?username=ada").json()["data"]["items"]
    assert [each["accId"] for each in found] == ["acc"]
    assert sonoran.sandbox.keys("sonoran")["acc"]["username"] == "ada"


def test_keys_hold_the_identifiers_of_each_kind(sandbox: Sandbox) -> None:
    kinds = {vendor: set(next(iter(sandbox.keys(vendor).values()))) for vendor in VENDORS}
    assert kinds == {
        "sonoran": {"accId", "apiId", "username", "discord", "uniqueId"},
        "communifire": {"UserID", "Email", "Username"},
        "agilenow": {"Id", "Username", "ExternalId"},
        "lightfield": {"id"},
        "ocamba": {"id"},
    }


def test_the_log_shows_requests_without_credentials(ocamba: Door, sonoran: Door) -> None:
    ocamba.ask("PATCH", f"/v1/hood/profiles/{ocamba.key}?a=b", json={"full_name": "Ada"})
    seen = ocamba.sandbox.requests("ocamba")
    entry = seen["log"][0]
    assert (seen["total"], seen["by_status"], seen["writes"]) == (1, {"204": 1}, 1)
    assert (entry["method"], entry["status"], entry["key"]) == ("PATCH", 204, ocamba.key)
    assert (entry["query"], entry["body"]) == ("a=b", {"full_name": "Ada"})
    assert entry["headers"]["content-type"] == "application/json"
    assert "authorization" not in entry["headers"]
    sonoran.ask(
        "POST", "/general/x", json={"type": "X", "id": "CMS-1000", "key": sonoran.connection["password"]}
    )
    assert sonoran.connection["password"] not in json.dumps(sonoran.sandbox.requests("sonoran"))


def test_the_log_shows_the_busiest_second_and_minute(communifire: Door) -> None:
    communifire.sandbox.freeze()
    for wait in (0, 0, 2, 70):
        communifire.sandbox.advance(wait)
        communifire.ask("GET", "/api/users/me")
    assert communifire.sandbox.requests("communifire")["max"] == {"1s": 2, "60s": 3}


def test_the_log_can_be_cut_and_emptied(communifire: Door) -> None:
    for _ in range(3):
        communifire.ask("GET", "/api/users/me")
    assert len(communifire.sandbox.requests("communifire", last=2)["log"]) == 2
    communifire.sandbox.forget_requests("communifire")
    assert communifire.sandbox.requests("communifire")["total"] == 0


@pytest.mark.parametrize("body", ["{", '{"full_name": NaN}', "\xff", ""])
def test_a_body_that_is_not_json_is_refused(ocamba: Door, body: str) -> None:
    answer = ocamba.ask("PATCH", f"/v1/hood/profiles/{ocamba.key}", data=body.encode("latin-1"))
    assert answer.status_code == 400


def test_a_lone_surrogate_breaks_nothing(lightfield: Door) -> None:
    body = b'{"fields": {"$name": "\\ud83d"}}'
    headers = {"Content-Type": "application/json"}
    answer = lightfield.ask("POST", f"/v1/accounts/{lightfield.key}", data=body, headers=headers)
    assert answer.json()["fields"]["$name"]["value"] == "?"


def test_reset_brings_everything_back(ocamba: Door) -> None:
    before = ocamba.sandbox.profiles("ocamba")
    ocamba.sandbox.load("ocamba", {"1": {}})
    ocamba.set(unknown_id=404)
    ocamba.sandbox.faults("ocamba", "reset")
    ocamba.sandbox.reset()
    assert ocamba.sandbox.profiles("ocamba") == before
    assert ocamba.sandbox.settings("ocamba")["unknown_id"] == 400
    assert ocamba.sandbox.show_faults() == []


def test_every_open_reading_is_a_setting_with_the_natural_answer_first(sandbox: Sandbox) -> None:
    table = sandbox.control("GET", "readings")
    assert {each["vendor"] for each in table} == set(VENDORS)
    for each in table:
        assert sandbox.settings(each["vendor"])[each["setting"]] == each["natural"] != each["harsh"]
    sandbox.settings(harsh=True)
    for each in table:
        assert sandbox.settings(each["vendor"])[each["setting"]] == each["harsh"]


@pytest.mark.parametrize(
    "wrong", [{"left_ouf": "reset"}, {"left_out": 1}, {"quota": "many"}, {"quota": {"x": []}}]
)
def test_a_setting_that_does_not_exist_or_fit_is_refused(sandbox: Sandbox, wrong: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        sandbox.settings("agilenow", **wrong)


def test_an_unknown_vendor_or_path_is_404_with_a_reason(sandbox: Sandbox) -> None:
    for path in ("acme/profiles", "nothing", "ocamba/nothing"):
        with pytest.raises(Refused):
            sandbox.control("GET", path)


def test_harsh_and_without_quota_from_the_start() -> None:
    with serve(profiles=1, harsh=True, quota=False) as sandbox:
        assert sandbox.settings("agilenow")["left_out"] == "reset"
        assert sandbox.settings("ocamba")["quota"] is False


def test_the_connections_command_prints_lines_that_a_shell_reads() -> None:
    command = [sys.executable, "-m", "airflow_profile_provider.sandbox", "connections", "--port", "8765"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    show = (
        "import json, os\n"
        'print(json.dumps({k: v for k, v in os.environ.items() if k.startswith("AIRFLOW_CONN_")}))'
    )
    shell = ["/bin/sh", "-c", f"set -a; {lines}\n{sys.executable} -c '{show}'"]
    read = json.loads(subprocess.run(shell, capture_output=True, text=True, check=True, env={}).stdout)
    expected = {f"AIRFLOW_CONN_{name.upper()}": each for name, each in connections(8765).items()}
    assert {name: json.loads(value) for name, value in read.items()} == expected
    assert expected["AIRFLOW_CONN_OCAMBA_DEFAULT"]["host"] == "http://127.0.0.1"
    assert expected["AIRFLOW_CONN_OCAMBA_DEFAULT"]["port"] == 8765


def test_the_command_serves_until_it_is_ended() -> None:
    command = [sys.executable, "-m", "airflow_profile_provider.sandbox", "--port", "0", "--profiles", "3"]
    with subprocess.Popen(
        [*command, "--no-quota", "--seed", "7"], stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout is not None
            url = server.stdout.readline().split()[1]
            with urllib.request.urlopen(f"{url}/_sandbox/ocamba/profiles", timeout=10) as answer:
                assert len(json.load(answer)) == 3
        finally:
            server.terminate()
            server.wait(10)


def test_it_imports_neither_airflow_nor_the_rest_of_the_package() -> None:
    code = (
        "import sys, airflow_profile_provider.sandbox\n"
        "mine = 'airflow_profile_provider'\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('airflow', 'requests') or"
        " (name.startswith(mine + '.') and not name.startswith(mine + '.sandbox'))])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
