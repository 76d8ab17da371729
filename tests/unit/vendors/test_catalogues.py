"""What a vendor's catalogue tells is asked for once a push, and decides what is invalid."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from acceptance.conftest import OpenRig
from acceptance.rig import Rig, registered
from standins import Ocamba
from standins.server import Reply, Seen

from airflow_profile_provider.errors import InvalidRecord
from airflow_profile_provider.hooks.ocamba import OcambaHook
from airflow_profile_provider.sandbox import Sandbox
from airflow_profile_provider.vendor import Catalogue, Field, FieldInfo

from .conftest import OpenReader, hook_of

EVERY = pytest.mark.parametrize("vendor", registered())


class Declaring(Ocamba):
    """An account with a list of its own properties, ``length`` on a page."""

    length = 100
    total: bool = True

    def __init__(self, declared: Mapping[str, str], profiles: Mapping[str, Mapping[str, Any]]) -> None:
        super().__init__(profiles)
        self.items = [
            {"id": str(n), "label": name, "data_type": kind, "system": 0}
            for n, (name, kind) in enumerate(declared.items())
        ]

    def answer(self, request: Seen) -> Reply:
        """The list of properties, or what any account answers."""
        if request.path != "/v1/hood/profile-properties":
            return super().answer(request)
        number, _, length = request.query["page"].partition(",")
        size = min(int(length), self.length)
        items = self.items[(int(number) - 1) * size : int(number) * size]
        return Reply(200, {"items": items, **({"total": str(len(self.items))} if self.total else {})})


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Declaring]:
    kinds = {"clicker": "text", "visits": "number", "vip": "boolean", "born": "date", "odd": "geo"}
    with Declaring(kinds, {str(n): {} for n in range(5)}) as vendor:
        connect(monkeypatch, vendor)
        yield vendor


def connect(monkeypatch: pytest.MonkeyPatch, vendor: Ocamba, **extra: Any) -> None:
    connection = {"conn_type": "ocamba", "host": vendor.url, "password": vendor.secret}
    connection |= {"extra": {"quota": "none", "concurrency": 1, **extra}}
    monkeypatch.setenv("AIRFLOW_CONN_OCAMBA_DEFAULT", json.dumps(connection))


def pushed(properties: Any, number: int = 1) -> tuple[str, str]:
    """Push a profile's properties; return the verdict, and why."""
    hook = OcambaHook()
    changes = [{"key": str(n), "fields": {"custom_properties": properties}} for n in range(number)]
    report = hook.push(changes)
    (verdict,) = [name for name in ("pushed", "invalid") if report.as_dict()[name]]
    return verdict, hook.top_reason


def asked(vendor: Ocamba) -> int:
    return sum(request.path.endswith("profile-properties") for request in vendor.requests)


# -- Ocamba's properties ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "properties",
    [
        {"clicker": "1"},
        {"clicker": 1},
        {"visits": 7},
        {"visits": "7.5"},
        {"vip": True},
        {"vip": "0"},
        {"born": "2020-02-29"},
        {"born": "2020-02-29 12:00:00"},
        {"odd": [1, {}]},
    ],
    ids=str,
)
def test_a_property_takes_what_its_type_says(properties: Any, account: Declaring) -> None:
    assert pushed(properties) == ("pushed", "")
    assert account.profiles["0"]["custom_properties"] == properties


@pytest.mark.parametrize(
    ("properties", "why"),
    [
        ({"clicker": ["1"]}, "property clicker must be a text"),
        ({"clicker": True}, "property clicker must be a text"),
        ({"visits": "many"}, "property visits must be a number, not string"),
        ({"visits": True}, "property visits must be a number"),
        ({"vip": "perhaps"}, "property vip must be true or false"),
        ({"born": "yesterday"}, "property born must be a time"),
        ({"born": 20200229}, "property born must be a time"),
    ],
    ids=str,
)
def test_a_property_of_another_type_is_invalid(properties: Any, why: str, account: Declaring) -> None:
    verdict, reason = pushed(properties)
    assert verdict == "invalid"
    assert f"field custom_properties: {why}" in reason
    assert account.writes == []


def test_a_property_that_was_not_declared_is_invalid_and_the_nearest_is_named(account: Declaring) -> None:
    verdict, reason = pushed({"cliker": "1"})
    assert verdict == "invalid"
    assert "no such property (did you mean 'clicker', clicker?)" in reason
    assert "cliker" not in reason
    assert account.writes == []


def test_undeclared_properties_may_be_left_to_the_vendor(
    account: Declaring, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, account, undeclared="send")
    assert pushed({"anything": [1]})[0] == "pushed"


def test_properties_are_asked_for_once(account: Declaring) -> None:
    assert pushed({"clicker": "1"}, 5)[0] == "pushed"
    assert (asked(account), len(account.requests)) == (1, 6)


def test_properties_are_not_asked_for_where_none_is_sent(account: Declaring) -> None:
    assert OcambaHook().push([{"key": "1", "fields": {"comment": "x"}}]).pushed == 1
    assert OcambaHook().push([{"id": "1", "c": "x"}], key="id", fields={"comment": "c"}).pushed == 1
    assert asked(account) == 0


@pytest.mark.parametrize("total", [True, False])
def test_properties_on_several_pages_are_all_known(total: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    with Declaring({f"p{n}": "text" for n in range(25)}, {"0": {}}) as vendor:
        vendor.length, vendor.total = 10, total
        connect(monkeypatch, vendor)
        assert pushed({"p24": "1"})[0] == "pushed"


def test_an_account_that_does_not_list_its_properties_takes_any(monkeypatch: pytest.MonkeyPatch) -> None:
    with Ocamba({"0": {}}) as vendor:
        connect(monkeypatch, vendor)
        assert pushed({"anything": [1]})[0] == "pushed"


# -- every vendor -------------------------------------------------------------------------------------------


@EVERY
def test_the_hook_tells_the_fields(vendor: str, reader: OpenReader) -> None:
    reader(vendor)
    infos = hook_of(vendor).fields()
    assert infos or vendor == "communifire"
    assert all(isinstance(info, FieldInfo) and info.id and info.type for info in infos)


@EVERY
def test_the_hook_writes_nothing_to_tell_the_fields(
    vendor: str, sandbox: Sandbox, reader: OpenReader
) -> None:
    reader(vendor)
    hook_of(vendor).fields()
    assert sandbox.requests(vendor)["writes"] == 0


def test_what_the_definitions_call_read_only_is_invalid(rig: Rig) -> None:
    name = next(iter(rig.sample.fields(1)))
    told = Catalogue({name: Field("any", read_only=True)})
    with pytest.raises(InvalidRecord, match="is read-only"):
        rig.hook.vendor().check_field(name, "x", loose=False, catalogue=told)


def test_what_a_select_takes_is_named(open_rig: OpenRig) -> None:
    told = Catalogue({"zone": Field("string", choices=frozenset({"UTC", "CET"}), options=(("UTC", "UTC"),))})
    with pytest.raises(InvalidRecord, match="use UTC"):
        open_rig("sonoran").hook.vendor().check_field("zone", "Mars", loose=False, catalogue=told)


def test_a_label_of_two_options_is_invalid(open_rig: OpenRig) -> None:
    options = (("opt_1", "Large"), ("opt_2", "large"))
    told = Catalogue({"size": Field("string", type="SINGLE_SELECT", options=options)})
    with pytest.raises(InvalidRecord, match="the label of 2 options; name one by its id"):
        open_rig("lightfield").hook.vendor().check_field("size", "Large", loose=False, catalogue=told)
