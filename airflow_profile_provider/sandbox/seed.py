"""The people and companies that the vendors hold to start with, made from a seeded random source."""

from __future__ import annotations

import random
import string
import unicodedata
from dataclasses import dataclass

_PLAIN = f"{string.ascii_lowercase}."
_FIRST = (
    "Ada Alan Amara Anders Aino Béatrice Bo Carla Chinedu Dalia Dmitri Elena Emeka Fatima Georg Grace "
    "Hana Hugo Imani Ines Ivo Jana Joaquín Kaito Katya Lars Leïla Luca Mai Mateo Mira Nadia Nils Olga Omar "
    "Paula Pekka Qin Rosa Sami Søren Tala Tomás Uma Viktor Wanda Xiu Yara Yusuf Zoë"
).split()
_LAST = (
    "Abe Adeyemi Almeida Andersson Bakker Bianchi Castillo Chen Dubois Eriksen Fischer Gallo García Haddad "
    "Horvat Ibrahim Ito Jansen Johansson Kaya Keller Khan Korhonen Kovács Lund Łukaszewicz Marino Mbeki "
    "Moreau Müller Nagy Nguyen Novák O'Brien Okafor Petrov Popescu Quispe Rossi Sato Silva Šimić Smith "
    "Tanaka Torres Usman Virtanen Weber Yılmaz Zhang"
).split()
_COMPANY = (
    "Aurora Boreal Cobalt Delta Ember Fjord Granite Harbor Indigo Juniper Kestrel Lumen Meridian Nimbus"
).split()
_TRADE = "Analytics Bakery Energy Foods Health Labs Logistics Media Optics Robotics Textiles Works".split()
_LEGAL = "AB AG GmbH Inc Ltd Oy SA SpA".split()


@dataclass(frozen=True, slots=True)
class Person:
    """A made-up person; ``number`` makes what must be unique unique."""

    number: int
    first: str
    last: str

    @property
    def full(self) -> str:
        """First and last name."""
        return f"{self.first} {self.last}"

    @property
    def username(self) -> str:
        """A user name in ASCII letters and digits."""
        plain = unicodedata.normalize("NFKD", f"{self.first}.{self.last}".lower())
        return "".join(letter for letter in plain if letter in _PLAIN) + str(self.number)

    @property
    def email(self) -> str:
        """An address in a reserved domain."""
        return f"{self.username}@example.com"

    @property
    def phone(self) -> str:
        """A number in E.164."""
        return f"+3585550{self.number:05d}"


def people(source: random.Random, count: int) -> list[Person]:
    """So many people."""
    return [Person(n, source.choice(_FIRST), source.choice(_LAST)) for n in range(1, count + 1)]


def company(source: random.Random) -> str:
    """A company's name."""
    return f"{source.choice(_COMPANY)} {source.choice(_TRADE)} {source.choice(_LEGAL)}"


def uuid(source: random.Random) -> str:
    """A version 4 UUID."""
    digits = list(f"{source.getrandbits(128):032x}")
    digits[12], digits[16] = "4", source.choice("89ab")
    text = "".join(digits)
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def digits(source: random.Random, length: int) -> str:
    """A decimal number of so many digits."""
    return source.choice("123456789") + "".join(source.choice("0123456789") for _ in range(length - 1))


def token(source: random.Random, length: int = 20) -> str:
    """Letters and digits, as in prefixed ids."""
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    return "".join(source.choice(letters) for _ in range(length))
