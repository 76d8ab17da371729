"""Acme People, invented: PUT a list of people, up to three a request; each is answered on its own line."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_profile_provider.vendor import (
    Acknowledgement,
    Answer,
    Change,
    Field,
    Probe,
    Rate,
    Request,
    Steps,
    Vendor,
    to_json,
)


class Acme(Vendor):
    """People of Acme, by number or by badge."""

    name = "Acme People"
    conn_type = "acme"
    page = "https://acme.example.com/docs/people"
    secret_label = "passphrase"
    key_types = ("number", "badge")
    vendor_keys = {"number": r"\d+"}  # noqa: RUF012 -- as short as can be
    fields = {"nick": Field("string"), "age": Field("number")}  # noqa: RUF012 -- as short as can be
    quota = (Rate(100, 1),)
    batch_limit = 3

    def steps(self, batch: Sequence[Change]) -> Steps:
        """PUT the people of the batch."""
        people = [{change.key_type: change.key} | dict(change.fields) for change in batch]
        yield Request("PUT", "/people", self._read, to_json(people))
        return Acknowledgement()

    def probe(self) -> Probe:
        """Ask for nothing."""
        yield Request("GET", "/people", self._read)
        return "Acme is there"

    def _read(self, answer: Answer) -> None:
        if answer.status >= 400:
            raise self.refusal(answer)
        if answer.members.get("ok") is not True:
            raise self.strange(answer)
