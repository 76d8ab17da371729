"""An explanation written for people: values as JSON, so that none of them steers the terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def text_of(shown: Mapping[str, Any]) -> str:
    """Write what `Explanation.as_dict` returns."""
    lines = [f"{shown['vendor']} ({shown['target']}), {shown['key_type']} {_short(shown['key'])}", ""]
    if not shown["rows"]:
        lines.append(f"Not in the source: none of its {shown['read']} rows has this key.")
    if shown["unreadable"]:
        lines.append(f"{shown['unreadable']} of its {shown['read']} rows cannot be read.")
    lines += [f"{plain(name)} is made by {plain(made)}" for name, made in shown.get("made", {}).items()]
    lines += [""] if shown.get("made") else []
    for row in shown["rows"]:
        lines += _row_lines(row)
    lines += _ledger_lines(shown["ledger"])
    for number, request in enumerate(shown["requests"], 1):
        lines += _request_lines(f"Request {number}", request)
    for done in shown["deliveries"]:
        lines.append(f"What the push makes of it: {done['verdict']}" + _after(": ", done["reason"]))
    lines += [f"Note: {note}" for note in shown["notes"]]
    lines.append(_ending(shown))
    return "\n".join(lines)


def profile_text(shown: Mapping[str, Any]) -> str:
    """Write what `ProfileShown.as_dict` returns."""
    lines = [f"{shown['vendor']} ({shown['target']}), {shown['key_type']} {_short(shown['key'])}", ""]
    if shown["profile"] not in {None, shown["key"]}:
        lines = [lines[0], f"The vendor's profile {_short(shown['profile'])}", ""]
    if not shown["found"]:
        lines.append("The vendor has no such profile.")
    for each in shown["fields"]:
        lines += _field_lines(each)
    if shown["in_doubt"]:
        lines.append("In doubt: no acknowledgement came, or an attempt may still arrive: sent again.")
    lines += [f"Note: {plain(note)}" for note in shown["notes"]]
    return "\n".join(lines).rstrip()


def _field_lines(each: Mapping[str, Any]) -> list[str]:
    words = {True: "as the source has it", False: "differs from the source", None: ""}[each["agrees"]]
    label = f" ({plain(each['label'])})" if each["label"] not in {"", each["field"]} else ""
    lines = [f"{plain(each['field'])}{label}" + _after(": ", words)]
    lines.append(f"  held    {_short(each['held']) if 'held' in each else 'not shown'}")
    lines += [f"  source  {_short(each['source'])}"] if "source" in each else []
    lines += [f"  ledger  acknowledged: {each['acknowledged']}"] if each["acknowledged"] else []
    return [*lines, ""]


def _ending(shown: Mapping[str, Any]) -> str:
    to_send = any(row["verdict"] == "planned" for row in shown["rows"])
    if not shown["sent"]:
        return "Nothing was sent." + (" --send pushes this key." if to_send else "")
    if to_send:
        return "The ledger was told." if shown["ledger"] else "No ledger was told."
    return "There was nothing to send." + (
        " --ignore-ledger sends it all the same." if shown["ledger"] else ""
    )


def _row_lines(row: Mapping[str, Any]) -> list[str]:
    verdict = "would be sent" if row["verdict"] == "planned" else row["verdict"]
    place = f" ({row['place']})" if row.get("place") else ""
    lines = [f"Row {row['position']}{place}: {verdict}" + _after(": ", row["why"])]
    lines += [f"  row      {_short(row['row'])}"]
    if change := row["change"]:
        lines += [
            f"  {name:8} {_short(change[name])}" for name in ("fields", "relationships") if name in change
        ]
        if "version" in change:
            lines.append(f"  version  {change['version']}")
    if row["fields"] and row["verdict"] == "planned":
        lines.append(f"  differs  {', '.join(row['fields'])}")
    return [*lines, ""]


def _ledger_lines(known: Mapping[str, Any] | None) -> list[str]:
    if known is None:
        return ["Ledger: none was named.", ""]
    if not known["known"]:
        return ["Ledger: does not know this key.", ""]
    lines = ["Ledger: knows this key."]
    lines.append(f"  acknowledged  {', '.join(known['acknowledged']) or 'nothing so far'}")
    for name, label in (("differing", "differ now"), ("equal", "as acknowledged")):
        lines += [f"  {label:13} {', '.join(known[name])}"] if known[name] else []
    if known["in_doubt"]:
        lines.append("  in doubt      no acknowledgement came, or an attempt may still arrive: sent again")
    if known["version"] is not None:
        older = " (the row is older)" if known["older"] else ""
        lines.append(f"  version       {known['version']}{older}")
    if known["refusals"]:
        what = "with these very values" if known["refused_this"] else "with other values"
        lines.append(f"  refused       {what} in {known['refusals']} runs, last {known['refused_at']}")
    if known["set_aside_until"]:
        lines.append(f"  quarantined   with those values until {known['set_aside_until']}")
    return [*lines, ""]


def _request_lines(title: str, request: Mapping[str, Any]) -> list[str]:
    lines = [f"{title}: {request['method']} {request['url']}" + _after(" — ", request.get("note"))]
    lines += [f"  {name}: {plain(value)}" for name, value in request["headers"].items()]
    if request["body"] is not None:
        lines.append(f"  {_short(request['body'])}")
    if "status" in request:
        lines.append(f"  Answer: {request['status'] or 'none'}" + _after(", ", request["problem"]))
        lines += [f"    {name}: {plain(value)}" for name, value in request["answer_headers"].items()]
        lines += [f"    {_short(request['answer'])}"] if request["answer"] is not None else []
    return [*lines, ""]


def _after(mark: str, text: str | None) -> str:
    return f"{mark}{plain(text)}" if text else ""


def _short(value: Any) -> str:
    return value if value == "***" else plain(json.dumps(value, ensure_ascii=False))


def plain(text: str) -> str:
    """Return text without what steers a terminal."""
    return "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in text)
