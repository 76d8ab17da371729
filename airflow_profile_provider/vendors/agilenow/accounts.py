"""Agile.Now's accounts: their fields, and the values that the OpenAPI description lists for some."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_profile_provider.vendors.fields import Field

_LANGUAGES = frozenset(
    (
        "ar-ae bn-IN zh-CN da-dk en-US fo-fo fi-FI fr-FR de-DE hi-IN ja-JP ko-KR ms-MY pt-PT ru-RU es-ES "
        "sv-se tr-TR ur-IN"
    ).split()
)
_DATE_FORMATS = frozenset(
    ("DD-MM-YYYY DD/MM/YYYY DD.MM.YYYY MM-DD-YYYY MM/DD/YYYY YYYY-MM-DD YYYY/MM/DD").split()
)
_TIMEZONES = frozenset(
    (
        "Afghanistan Standard Time; Alaskan Standard Time; Arab Standard Time; Arabian Standard Time; "
        "Arabic Standard Time; Argentina Standard Time; Atlantic Standard Time; AUS Central Standard "
        "Time; AUS Eastern Standard Time; Azerbaijan Standard Time; Azores Standard Time; Canada "
        "Central Standard Time; Cape Verde Standard Time; Caucasus Standard Time; Cen. Australia "
        "Standard Time; Central America Standard Time; Central Asia Standard Time; Central Brazilian "
        "Standard Time; Central Europe Standard Time; Central European Standard Time; Central Pacific "
        "Standard Time; Central Standard Time; Central Standard Time (Mexico); China Standard Time; "
        "Dateline Standard Time; E. Africa Standard Time; E. Australia Standard Time; E. Europe "
        "Standard Time; E. South America Standard Time; Eastern Standard Time; Egypt Standard Time; "
        "Ekaterinburg Standard Time; Fiji Standard Time; FLE Standard Time; Georgian Standard Time; "
        "GMT Standard Time; Greenland Standard Time; Greenwich Standard Time; GTB Standard Time; "
        "Hawaiian Standard Time; India Standard Time; Iran Standard Time; Israel Standard Time; "
        "Jordan Standard Time; Korea Standard Time; Mauritius Standard Time; Mid-Atlantic Standard "
        "Time; Middle East Standard Time; Montevideo Standard Time; Morocco Standard Time; Mountain "
        "Standard Time; Mountain Standard Time (Mexico); Myanmar Standard Time; N. Central Asia "
        "Standard Time; Namibia Standard Time; Nepal Standard Time; New Zealand Standard Time; "
        "Newfoundland Standard Time; North Asia East Standard Time; North Asia Standard Time; Pacific "
        "SA Standard Time; Pacific Standard Time; Pacific Standard Time (Mexico); Pakistan Standard "
        "Time; Romance Standard Time; Russian Standard Time; SA Eastern Standard Time; SA Pacific "
        "Standard Time; SA Western Standard Time; Samoa Standard Time; SE Asia Standard Time; "
        "Singapore Standard Time; South Africa Standard Time; Sri Lanka Standard Time; Taipei "
        "Standard Time; Tasmania Standard Time; Tokyo Standard Time; Tonga Standard Time; US Eastern "
        "Standard Time; US Mountain Standard Time; UTC; Venezuela Standard Time; Vladivostok Standard "
        "Time; W. Australia Standard Time; W. Central Africa Standard Time; W. Europe Standard Time; "
        "West Asia Standard Time; West Pacific Standard Time; Yakutsk Standard Time"
    ).split("; ")
)

FIELDS: Mapping[str, Field] = {
    "Name": Field("string"),
    "FirstName": Field("string", required=True),
    "LastName": Field("string", required=True),
    "Phone": Field("string", form="phone"),
    "Email": Field("string", form="email", required=True),
    "Identifier": Field("string"),
    "IdentifierVerified": Field("boolean"),
    "LanguageId": Field("string", choices=_LANGUAGES),
    "TimezoneId": Field("string", choices=_TIMEZONES),
    "DateFormatId": Field("string", choices=_DATE_FORMATS),
    "Username": Field("string", required=True),
    "ExternalId": Field("string"),
    "NotifyByEmail": Field("boolean"),
    "NotifyBySMS": Field("boolean"),
    "Is_Active": Field("boolean"),
}
