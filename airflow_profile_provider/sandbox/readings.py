"""Where a vendor's page leaves more than one reading: the question, the natural answer, the harsher one.

The natural reading is the default; each can be set by name (``POST /_sandbox/{vendor}/settings``), and
``--harsh`` sets them all. ``GET /_sandbox/readings`` returns this table.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Reading:
    """One open question of a vendor's pages and its two answers."""

    vendor: str
    setting: str
    question: str
    natural: Any
    harsh: Any


VENDORS = ("sonoran", "communifire", "agilenow", "lightfield", "ocamba")

_OF_READS: tuple[Reading, ...] = tuple(
    Reading(vendor, setting, question, natural, harsh)
    for vendor in VENDORS
    for setting, question, natural, harsh in (
        (
            "rewrites",
            "Are values kept as written, or tidied: phones, case of e-mail addresses, blanks around?",
            "as_written",
            "tidy",
        ),
        (
            "drift",
            "Does a list stand still while it is read, or show a row twice ('skip': pass one over)?",
            "still",
            "twice",
        ),
        ("totals", "Is a list's total a number, or a text?", "number", "text"),
    )
)

READINGS: tuple[Reading, ...] = (
    *_OF_READS,
    Reading("sonoran", "list_fields", "v1: does a list show profile fields?", "show", "hide"),
    Reading(
        "sonoran",
        "v2_search",
        "v2: does the search find equal user names alone, or also those that contain it?",
        "equal",
        "contains",
    ),
    Reading(
        "agilenow",
        "create_existing",
        "POST: is another account of a user name or an external id refused, or made?",
        "refuse",
        "make",
    ),
    Reading(
        "communifire",
        "read_labels",
        "Can fields be read by their labels, or named attributes alone?",
        "accept",
        "ignore",
    ),
    Reading(
        "communifire",
        "list_shows",
        "Does a list of users show all attributes, or the identifiers alone?",
        "attributes",
        "identifiers",
    ),
    Reading("agilenow", "first_page", "Is the first page of a list 0 or 1?", 0, 1),
    Reading("ocamba", "one_profile", "Is one profile in an envelope, or bare?", "envelope", "bare"),
    Reading(
        "ocamba",
        "default_view",
        "Does a list show all fields unless it is asked for some, or a few?",
        "full",
        "brief",
    ),
    Reading("ocamba", "longest_page", "How many profiles fit on a page?", 1000, 40),
    Reading(
        "ocamba", "deleted", "Is a deleted profile unknown, or still shown as deleted?", "unknown", "shown"
    ),
    Reading("ocamba", "import", "Does an account have the import of properties?", "there", "missing"),
    Reading("ocamba", "import_id", "Where is an import's report named?", "body", "address"),
    Reading("ocamba", "import_seconds", "How long does an import take?", 0.2, 2.0),
    Reading("ocamba", "ids", "Are ids in lists texts, or numbers?", "text", "number"),
    Reading("sonoran", "batch", "Are all objects of `data` carried out, or the first alone?", "all", "first"),
    Reading(
        "sonoran",
        "batch_unknown",
        "One unknown account among several: is nothing written, or all up to it?",
        "nothing",
        "up_to_it",
    ),
    Reading("sonoran", "unknown_field", "Is an unknown field id refused, or dropped?", "refuse", "drop"),
    Reading(
        "sonoran",
        "misfit",
        "Is a value that the field's type does not take refused, or ignored?",
        "refuse",
        "ignore",
    ),
    Reading("sonoran", "unknown_account", "v1: which of the two documented statuses has it?", 404, 400),
    Reading("sonoran", "error_body", "v1: is an error bare text, or JSON with a message?", "text", "json"),
    Reading("sonoran", "empty_value", "Do null, '' and [] clear a field, or do nothing?", "clear", "ignore"),
    Reading("sonoran", "verified_fields", "Are verified fields writable, or ignored?", "write", "ignore"),
    Reading(
        "sonoran", "v2_answer", "v2: does the answer hold the fields sent, or all fields?", "sent", "all"
    ),
    Reading("sonoran", "v2_bad_key", "v2: which status has a bad key?", 401, 400),
    Reading("sonoran", "retry_after", "Does a 429 say when to come back?", True, False),
    Reading(
        "sonoran",
        "sustained_seconds",
        "v1: how long is the extended period in which one call per second may not be exceeded?",
        60.0,
        10.0,
    ),
    Reading("communifire", "unknown_label", "Is an unknown label an error, or ignored?", "error", "ignore"),
    Reading(
        "communifire",
        "second_identifier",
        "Does Email or Username beside a better identifier change it, or is it ignored?",
        "write",
        "ignore",
    ),
    Reading(
        "communifire",
        "add_existing",
        "AddUser=true for a user who exists: an error, or a second user?",
        "error",
        "duplicate",
    ),
    Reading(
        "communifire",
        "identifier_spelling",
        "Is a label such as UserName or E-mail an identifier, too, or only as the page spells it?",
        "any",
        "exact",
    ),
    Reading(
        "communifire",
        "same_person",
        "Does case tell two e-mail addresses or user names apart?",
        "exact",
        "ignore_case",
    ),
    Reading(
        "communifire",
        "add_by_id",
        "AddUser=true or blank with a UserID that is unknown: an error, or a user under another id?",
        "error",
        "make",
    ),
    Reading("communifire", "text_body", "May the body be a text that holds JSON?", "accept", "refuse"),
    Reading("communifire", "native_values", "Are JSON numbers and booleans taken?", "accept", "error"),
    Reading("communifire", "empty_value", "Do '' and null clear a field, or do nothing?", "clear", "ignore"),
    Reading(
        "agilenow", "left_out", "PUT: are left-out fields kept, or reset to false and ''?", "keep", "reset"
    ),
    Reading("agilenow", "bad_enum", "Is a value outside the enum refused, or ignored?", "refuse", "ignore"),
    Reading("agilenow", "unknown_member", "Is an unknown member refused, or ignored?", "refuse", "ignore"),
    Reading("agilenow", "null_value", "Does null empty a field, or do nothing?", "clear", "ignore"),
    Reading("agilenow", "enforce_scopes", "Do the scopes asked for with the token matter?", False, True),
    Reading("agilenow", "wrong_secret", "Which status has a wrong secret?", 403, 400),
    Reading("lightfield", "envelope", "Do errors stand in an `error` member?", "wrapped", "unwrapped"),
    Reading("lightfield", "replace_array", "Does `replace` take an array?", "accept", "refuse"),
    Reading(
        "lightfield",
        "several_operations",
        "May a relationship be added to and removed from at once?",
        "accept",
        "refuse",
    ),
    Reading("lightfield", "labels", "Do selects take labels beside option ids?", "accept", "refuse"),
    Reading(
        "lightfield", "address", "Does a partial address replace the old one, or merge?", "replace", "merge"
    ),
    Reading("lightfield", "over_limit", "Is a list limit over 25 cut, or refused?", "cut", "refuse"),
    Reading(
        "lightfield", "idempotency_scope", "Is the record a part of a key's scope?", "record", "operation"
    ),
    Reading("lightfield", "index_lag", "How many seconds do lists lag behind writes?", 0.0, 2.0),
    Reading("ocamba", "lists", "Do `lists` replace the old ones, or add to them?", "replace", "add"),
    Reading(
        "ocamba",
        "custom_properties",
        "Do custom properties replace the old ones, or merge?",
        "replace",
        "merge",
    ),
    Reading("ocamba", "custom_properties_text", "May they be a text that holds JSON?", "accept", "refuse"),
    Reading(
        "ocamba",
        "null_property",
        "Is null inside custom properties kept as it is, or refused?",
        "keep",
        "refuse",
    ),
    Reading("ocamba", "unknown_id", "Which status has an unknown profile id?", 400, 404),
    Reading("ocamba", "unknown_field", "Is an eighth field refused, or ignored?", "refuse", "ignore"),
    Reading("ocamba", "null_value", "Does null unset a field, or is it refused?", "clear", "refuse"),
    Reading("ocamba", "same_email", "May two profiles have one e-mail address?", "accept", "refuse"),
    Reading("ocamba", "references", "Must list and organization ids exist?", "accept", "refuse"),
    Reading(
        "ocamba", "quota_scope", "Is the quota per endpoint, or for all together?", "endpoint", "account"
    ),
    Reading("ocamba", "headers_window", "Which window do X-RateLimit-* describe?", "second", "minute"),
    Reading("ocamba", "retry_after", "Does every 429 say when to come back?", True, False),
)


def readings(vendor: str, *, harsh: bool) -> dict[str, Any]:
    """The settings of a vendor that its pages leave open, all natural or all harsh."""
    return {each.setting: each.harsh if harsh else each.natural for each in READINGS if each.vendor == vendor}


def _as_text() -> str:
    lines = (
        f"{each.vendor:12}{each.setting:24}{each.natural!r:12}{each.harsh!r:12}{each.question}"
        for each in READINGS
    )
    return "\n".join([f"{'vendor':12}{'setting':24}{'natural':12}{'harsher':12}question", *lines])


def table() -> list[dict[str, Any]]:
    """The table as JSON."""
    return [asdict(each) for each in READINGS]


__doc__ = f"{__doc__}\n{_as_text()}\n"
