"""The provider's metadata, judged by Airflow itself."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import airflow
import jsonschema
import pytest
import yaml
from own_airflow import AIRFLOW, ROOT

from airflow_profile_provider.get_provider_info import get_provider_info

VENDORS = ["agilenow", "communifire", "lightfield", "ocamba", "sonoran"]
ENTRIES = {entry["connection-type"]: entry for entry in get_provider_info()["connection-types"]}


def schema(name: str) -> dict[str, Any]:
    """A schema that Airflow ships."""
    return dict(json.loads((Path(airflow.__path__[0]) / name).read_text()))


def ours(text: str) -> list[str]:
    """The lines that are about us and are a complaint."""
    complaints = ("warn", "error", "deprecat")
    return [
        line
        for line in text.splitlines()
        if "airflow_profile_provider" in line and any(word in line.lower() for word in complaints)
    ]


def test_the_metadata_fits_the_schema_that_airflow_checks_at_run_time() -> None:
    jsonschema.validate(get_provider_info(), schema("provider_info.schema.json"))


def test_the_connection_types_fit_the_stricter_schema_of_official_providers() -> None:
    strict = schema("provider.yaml.schema.json")
    part = {**strict["properties"]["connection-types"], "definitions": strict.get("definitions", {})}
    jsonschema.validate(get_provider_info()["connection-types"], part)


def test_every_module_that_the_metadata_names_can_be_imported() -> None:
    info = get_provider_info()
    for group in (*info["hooks"], *info["operators"], *info["triggers"]):
        for module in group["python-modules"]:
            import_module(module)


def test_no_module_with_an_operator_or_a_trigger_is_left_out() -> None:
    """Airflow's own listings, and registries, read the metadata."""
    info = get_provider_info()
    for kind in ("operators", "triggers"):
        named = {module for group in info[kind] for module in group["python-modules"]}
        package = Path(str(import_module(f"airflow_profile_provider.{kind}").__file__)).parent
        public = {
            f"airflow_profile_provider.{kind}.{path.stem}"
            for path in package.glob("*.py")
            if re.search(
                r"^class (?!Push|_)\w+(Operator|Trigger)\(|^def from_\w+", path.read_text(), re.MULTILINE
            )
        }
        assert public == named
    integrations = {each["integration-name"] for each in info["integrations"]}
    groups = (*info["hooks"], *info["operators"], *info["triggers"])
    assert {group["integration-name"] for group in groups} <= integrations


def test_airflow_finds_our_decorator_and_our_options() -> None:
    from airflow.providers_manager import ProvidersManager
    from airflow.sdk import task

    from airflow_profile_provider.decorators import push_profiles

    assert task.push_profiles is push_profiles
    options = dict(ProvidersManager().provider_configs)["airflow-profile-provider"]["profiles"]["options"]
    assert {name: option["default"] for name, option in options.items()} == {
        "defer_seconds": "30",
        "tell_seconds": "5",
        "ledger_conn_ids": "",
    }


def test_the_file_for_the_registry_says_what_the_metadata_says() -> None:
    registry = yaml.safe_load((ROOT / ".airflow-registry.yaml").read_text())
    info = get_provider_info()
    assert (registry["package-name"], registry["description"]) == (info["package-name"], info["description"])
    for kind in ("operators", "hooks", "triggers", "decorators"):
        modules = {each["module"].rpartition(".")[0] for each in registry[kind]}
        for each in registry[kind]:
            module, _, name = each["module"].rpartition(".")
            assert getattr(import_module(module), name)
            assert each["description"]
        named = [module for group in info.get(kind, ()) for module in group["python-modules"]]
        assert set(named) <= modules


def test_the_links_of_the_operators_are_those_that_airflow_is_told_of() -> None:
    from airflow_profile_provider.operators.communifire import CommunifirePushProfilesOperator

    push = CommunifirePushProfilesOperator(task_id="push", records=[], rejects_path="/rejects/")
    links = push.operator_extra_links
    named = [f"{type(link).__module__}.{type(link).__name__}" for link in links]
    assert named == get_provider_info()["extra-links"]


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_vendors_assets_have_addresses_that_airflow_and_openlineage_understand(vendor: str) -> None:
    from airflow.sdk import Asset

    from airflow_profile_provider.lineage.assets import convert_asset_to_openlineage

    (entry,) = [entry for entry in get_provider_info()["asset-uris"] if vendor in entry["schemes"]]
    for path in (entry["handler"], entry["to_openlineage_converter"]):
        module, _, name = path.rpartition(".")
        assert callable(getattr(import_module(module), name))
    asset = Asset(f"{vendor}://API.example.com:8443/Base/profiles/")
    assert asset.uri == f"{vendor}://api.example.com:8443/Base/profiles"
    dataset = convert_asset_to_openlineage(asset, None)
    assert (dataset.namespace, dataset.name) == (f"{vendor}://api.example.com:8443", "Base/profiles")


def test_airflow_hands_our_addresses_to_openlineage() -> None:
    from airflow.providers.openlineage.utils.utils import translate_airflow_asset
    from airflow.sdk import Asset

    found = translate_airflow_asset(Asset("ocamba://api.ocamba.com/profiles"), None)
    assert found is not None
    assert (found.namespace, found.name) == ("ocamba://api.ocamba.com", "profiles")


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_hook_says_of_itself_what_the_metadata_says(vendor: str) -> None:
    entry = ENTRIES[vendor]
    module, _, name = entry["hook-class-name"].rpartition(".")
    hook = getattr(import_module(module), name)
    assert (hook.conn_type, hook.hook_name) == (vendor, entry["hook-name"])
    assert (hook.conn_name_attr, hook.default_conn_name) == (f"{vendor}_conn_id", f"{vendor}_default")
    assert hook(**{f"{vendor}_conn_id": "another"}).http_conn_id == "another"


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_form_offers_the_vendors_own_extras_with_their_readings(vendor: str) -> None:
    """A vendor's module and its form are written apart, and must not drift apart."""
    module, _, name = ENTRIES[vendor]["hook-class-name"].rpartition(".")
    known = getattr(import_module(module), name).vendor_class
    shared = set.intersection(*(set(entry["conn-fields"]) for entry in ENTRIES.values()))
    fields = ENTRIES[vendor]["conn-fields"]
    assert set(fields) - shared == known.extras
    for name, options in known.readings.items():
        schema = fields[name]["schema"]
        assert (tuple(schema["enum"]), schema["default"]) == ((*options, None), options[0])


def test_secrets_are_masked_fields_and_the_port_is_never_hidden() -> None:
    for entry in ENTRIES.values():
        behaviour = entry["ui-field-behaviour"]
        assert "password" not in behaviour["hidden-fields"]
        assert "port" not in behaviour["hidden-fields"]
        for name, field in entry["conn-fields"].items():
            secret = any(word in name for word in ("secret", "token", "password", "api_key"))
            is_address = name.endswith("_url")
            assert (field["schema"].get("format") == "password") == (secret and not is_address)


@pytest.fixture(scope="module")
def forms() -> subprocess.CompletedProcess[str]:
    """The forms that Airflow's API server hands to its UI."""
    show = (
        "import json, warnings; warnings.simplefilter('always')\n"
        "from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService\n"
        "forms = HookMetaService.hook_meta_data()\n"
        "print(json.dumps({form.connection_type: form.model_dump(mode='json') for form in forms}))"
    )
    return subprocess.run(
        [sys.executable, "-c", show], env=AIRFLOW.environment(), capture_output=True, text=True, check=True
    )


@pytest.mark.parametrize("vendor", VENDORS)
def test_airflow_shows_the_form_of_the_metadata(forms: subprocess.CompletedProcess[str], vendor: str) -> None:
    form = json.loads(forms.stdout.splitlines()[-1])[vendor]
    behaviour = ENTRIES[vendor]["ui-field-behaviour"]
    standard = {name.replace("url_", ""): field for name, field in form["standard_fields"].items() if field}
    assert {name for name, field in standard.items() if field["hidden"]} | {"extra"} == set(
        behaviour["hidden-fields"]
    )
    for kind, declared in (("title", "relabeling"), ("placeholder", "placeholders")):
        assert {name: field[kind] for name, field in standard.items() if field[kind]} == behaviour[declared]
    declared = ENTRIES[vendor]["conn-fields"]
    assert {
        name: (field["schema"]["title"], field["description"], field["value"], field["schema"].get("enum"))
        for name, field in form["extra_fields"].items()
    } == {
        name: (
            field["label"],
            field["description"],
            field["schema"].get("default"),
            field["schema"].get("enum"),
        )
        for name, field in declared.items()
    }


def test_airflow_reads_the_forms_without_a_warning_of_ours(forms: subprocess.CompletedProcess[str]) -> None:
    assert ours(forms.stdout + forms.stderr) == []


@pytest.mark.parametrize("listing", ["list", "hooks"])
def test_the_command_line_lists_us_without_a_warning_of_ours(listing: str) -> None:
    done = subprocess.run(
        AIRFLOW.command("providers", listing, "--output", "json"),
        env=AIRFLOW.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    rows = json.loads(done.stdout[done.stdout.index("[{") :])
    if listing == "list":
        (row,) = [row for row in rows if row["package_name"] == "airflow-profile-provider"]
        assert row["description"].startswith("Push profile changes")
    else:
        found = {row["connection_type"]: row for row in rows if row["connection_type"] in VENDORS}
        assert sorted(found) == VENDORS
        assert all(row["conn_id_attribute_name"] == f"{vendor}_conn_id" for vendor, row in found.items())
    assert ours(done.stdout + done.stderr) == []
