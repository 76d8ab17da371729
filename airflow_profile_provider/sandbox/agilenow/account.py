"""The Agile.Now Account: its members, their types and the three enumerations, as the published OpenAPI has
them.

https://docs.agilenow.io/apidocs/ and the vendor's published OpenAPI (Accounts 2.0.187).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LANGUAGES = (
    "ar-ae bn-IN zh-CN da-dk en-US fo-fo fi-FI fr-FR de-DE hi-IN ja-JP ko-KR ms-MY pt-PT ru-RU "
    "es-ES sv-se tr-TR ur-IN"
).split()
DATE_FORMATS = "DD-MM-YYYY DD/MM/YYYY DD.MM.YYYY MM-DD-YYYY MM/DD/YYYY YYYY-MM-DD YYYY/MM/DD".split()
TIMEZONES = (
    "Afghanistan Standard Time|Alaskan Standard Time|Arab Standard Time|Arabian Standard Time|"
    "Arabic Standard Time|Argentina Standard Time|Atlantic Standard Time|AUS Central Standard Time|"
    "AUS Eastern Standard Time|Azerbaijan Standard Time|Azores Standard Time|"
    "Canada Central Standard Time|Cape Verde Standard Time|Caucasus Standard Time|"
    "Cen. Australia Standard Time|Central America Standard Time|Central Asia Standard Time|"
    "Central Brazilian Standard Time|Central Europe Standard Time|Central European Standard Time|"
    "Central Pacific Standard Time|Central Standard Time|Central Standard Time (Mexico)|"
    "China Standard Time|Dateline Standard Time|E. Africa Standard Time|E. Australia Standard Time|"
    "E. Europe Standard Time|E. South America Standard Time|Eastern Standard Time|"
    "Egypt Standard Time|Ekaterinburg Standard Time|Fiji Standard Time|FLE Standard Time|"
    "Georgian Standard Time|GMT Standard Time|Greenland Standard Time|Greenwich Standard Time|"
    "GTB Standard Time|Hawaiian Standard Time|India Standard Time|Iran Standard Time|"
    "Israel Standard Time|Jordan Standard Time|Korea Standard Time|Mauritius Standard Time|"
    "Mid-Atlantic Standard Time|Middle East Standard Time|Montevideo Standard Time|"
    "Morocco Standard Time|Mountain Standard Time|Mountain Standard Time (Mexico)|"
    "Myanmar Standard Time|N. Central Asia Standard Time|Namibia Standard Time|Nepal Standard Time|"
    "New Zealand Standard Time|Newfoundland Standard Time|North Asia East Standard Time|"
    "North Asia Standard Time|Pacific SA Standard Time|Pacific Standard Time|"
    "Pacific Standard Time (Mexico)|Pakistan Standard Time|Romance Standard Time|"
    "Russian Standard Time|SA Eastern Standard Time|SA Pacific Standard Time|"
    "SA Western Standard Time|Samoa Standard Time|SE Asia Standard Time|Singapore Standard Time|"
    "South Africa Standard Time|Sri Lanka Standard Time|Taipei Standard Time|Tasmania Standard Time|"
    "Tokyo Standard Time|Tonga Standard Time|US Eastern Standard Time|US Mountain Standard Time|UTC|"
    "Venezuela Standard Time|Vladivostok Standard Time|W. Australia Standard Time|"
    "W. Central Africa Standard Time|W. Europe Standard Time|West Asia Standard Time|"
    "West Pacific Standard Time|Yakutsk Standard Time"
).split("|")

ENUMS: dict[str, list[str]] = {
    "LanguageId": LANGUAGES,
    "TimezoneId": TIMEZONES,
    "DateFormatId": DATE_FORMATS,
}
_ENUM_TYPES = {"LanguageId": "Language", "TimezoneId": "Timezone", "DateFormatId": "DateFormat"}
TEXTS = ("Name", "FirstName", "LastName", "Phone", "Email", "Identifier", "Username", "ExternalId")
FLAGS = ("IdentifierVerified", "NotifyByEmail", "NotifyBySMS", "Is_Active")
UPDATABLE = (
    "Name",
    "FirstName",
    "LastName",
    "Phone",
    "Email",
    "Identifier",
    "IdentifierVerified",
    "LanguageId",
    "TimezoneId",
    "DateFormatId",
    "Username",
    "ExternalId",
    "NotifyByEmail",
    "NotifyBySMS",
    "Is_Active",
)
INSERTABLE = ("Id", *UPDATABLE, "PhoneVerified")
UNIQUE = ("Username", "ExternalId", "Email", "Phone", "Identifier")
REQUIRED = ("FirstName", "LastName", "Email", "Username")


def empty(name: str) -> Any:
    """What a member holds that was never set."""
    return False if name in FLAGS or name == "PhoneVerified" else ""


def fits(name: str, value: Any) -> bool:
    """Whether a value is of the member's JSON type."""
    return isinstance(value, bool) if empty(name) is False else isinstance(value, str)


def in_enum(name: str, value: Any) -> bool:
    """Whether a value is one that the member's enumeration holds; other members take any."""
    return name not in ENUMS or value == "" or value in ENUMS[name]


def response(key: str, fields: Mapping[str, Any], created: str, modified: str) -> dict[str, Any]:
    """An account as it is returned: foreign keys are objects, and some members are read only."""
    shown: dict[str, Any] = {
        "Id": key,
        "TenantId": {"Id": 1, "ExternalId": "", "Name": "Sandbox", "Type": "Tenant"},
    }
    for name in UPDATABLE:
        value = fields.get(name, empty(name))
        shown[name] = reference(name, value) if name in ENUMS else value
        if name in {"Phone", "Email"}:
            shown[f"{name}Verified"] = fields.get(f"{name}Verified", False)
    return {**shown, "ModifiedOn": modified, "CreatedOn": created}


def reference(name: str, value: str) -> dict[str, str]:
    """A foreign key as an object."""
    return {"Id": value, "ExternalId": value, "Name": value, "Type": _ENUM_TYPES[name]}
