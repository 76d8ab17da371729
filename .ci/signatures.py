#!/usr/bin/env python3
"""Write the signatures of the vendors' hooks and operators, so that an editor shows every argument of each.

What all vendors share is read from `ProfileHook` and `PushProfilesOperator`, and what is one vendor's own
from its rules: the keyword arguments of their constructor. Between the markers in the file of a hook or an
operator nothing is written by hand, nor in its docstring from the first group of arguments on.

With --check, only say whether they are up to date.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import re
import subprocess
import sys
import sysconfig
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Literal, get_args, get_origin

from airflow_profile_provider import options
from airflow_profile_provider.get_provider_info import get_provider_info
from airflow_profile_provider.hooks import base as hooks_base
from airflow_profile_provider.operators import base as operators_base
from airflow_profile_provider.push.options import EXPLAINED
from airflow_profile_provider.vendors.base import Vendor

BEGIN = "    # -- written by .ci/signatures.py"
END = "    # -- end"
GROUPS = "    **Source**\n"
"""How the groups of arguments begin in an operator's docstring."""
IN_OPERATORS = {"OperatorArguments": "airflow_profile_provider.operators.arguments"}
RUFF = Path(sysconfig.get_path("scripts")) / "ruff"


@dataclass(frozen=True)
class Argument:
    """A keyword of a signature, as it is written."""

    name: str
    kind: str
    default: str

    def __str__(self) -> str:
        return f"{self.name}: {self.kind} = {self.default}"

    def or_later(self) -> Argument:
        """Return it as an operator takes it: also as a template, or as another task's output."""
        text = " | str" if self.kind in {"bool", "int", "float"} or "Mapping" in self.kind else ""
        kind, _, none = self.kind.partition(" | None")
        return replace(self, kind=f"{kind}{text} | XComArg" + (" | None" if _ else none))


class Written:
    """A class of a module as it is written."""

    def __init__(self, module: ModuleType, name: str) -> None:
        self.path = Path(str(module.__file__))
        self.source = self.path.read_text(encoding="utf-8")
        self.tree = ast.parse(self.source)
        self.body = next(
            node for node in self.tree.body if isinstance(node, ast.ClassDef) and node.name == name
        ).body

    def method(self, name: str) -> ast.FunctionDef:
        """Return a method."""
        return next(node for node in self.body if isinstance(node, ast.FunctionDef) and node.name == name)

    def keywords(self, name: str) -> list[Argument]:
        """Return a method's keyword arguments."""
        given = self.method(name).args
        return [
            Argument(each.arg, self._text(each.annotation), self._text(default))
            for each, default in zip(given.kwonlyargs, given.kw_defaults, strict=True)
        ]

    def docs(self, name: str) -> str:
        """Return a method's docstring, without its indentation."""
        return inspect.cleandoc(ast.get_docstring(self.method(name), clean=False) or "")

    @cached_property
    def imports(self) -> dict[str, str]:
        """Which name is imported from where."""
        return {
            each.asname or each.name: node.module
            for node in ast.walk(self.tree)
            if isinstance(node, ast.ImportFrom) and node.module
            for each in node.names
        } | {
            each.name: ""
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Import)
            for each in node.names
        }

    def _text(self, node: ast.expr | None) -> str:
        return " ".join(((node and ast.get_source_segment(self.source, node)) or "").split())


HOOK = Written(hooks_base, "ProfileHook")
OPERATOR = Written(operators_base, "PushProfilesOperator")


class Face:
    """One vendor's hook and operator."""

    def __init__(self, conn_type: str, hook: str) -> None:
        module, self.hook_name = hook.rsplit(".", 1)
        self.conn_type = conn_type
        hooks, operators = import_module(module), import_module(module.replace(".hooks.", ".operators."))
        self.vendor: type[Vendor] = getattr(hooks, self.hook_name).vendor_class
        self.operator_name = next(
            name
            for name, found in vars(operators).items()
            if isinstance(found, type) and found.__module__ == operators.__name__
        )
        self.hook = Written(hooks, self.hook_name)
        self.operator = Written(operators, self.operator_name)

    @cached_property
    def own(self) -> list[Argument]:
        """The arguments that only this vendor has."""
        parameters = inspect.signature(self.vendor.__init__).parameters.values()
        rules = import_module(self.vendor.__module__)
        return [
            Argument(each.name, spelt_out(str(each.annotation), rules), repr(each.default))
            for each in parameters
            if each.kind is each.KEYWORD_ONLY
        ]

    @cached_property
    def own_docs(self) -> dict[str, str]:
        """What the operator's docstring says of them."""
        docs = ast.get_docstring(ast.parse(self.operator.source).body[-1]) or ""  # type: ignore[arg-type]
        head = docs.partition(inspect.cleandoc(GROUPS))[0]
        found = re.findall(r":param (\w+): (.*?)(?=\n:param|\n\n|\Z)", head, re.DOTALL)
        return {name: " ".join(text.split()) for name, text in found}

    def shared(self, arguments: Iterable[Argument]) -> Iterator[Argument]:
        """Yield the shared arguments as they are for this vendor."""
        for each in arguments:
            if each.name == "key_type":
                kind = each.kind.replace("str", f"Literal{list(self.vendor.key_types)}", 1)
                yield replace(each, kind=kind)
            elif each.name != "relationships" or self.vendor.relationship_writes:
                yield replace(each, kind=spelt_out(each.kind))

    def for_vendor(self, docs: str) -> str:
        """Return the docs of shared arguments as they are for this vendor."""
        first, *others = (f'"{name}"' for name in self.vendor.key_types)
        key_types = ", ".join([f"{first} (the default)", *others])
        of_all = "which of the vendor's identifiers the key is"
        changes = {
            f"{of_all}; the first by default": f"what the key is: {key_types}",
            "the vendor's default otherwise": f'"{self.vendor.nulls}" by default',
        }
        for general, own in changes.items():
            assert general in docs, general
            docs = docs.replace(general, own)
        if not self.vendor.relationship_writes:
            docs = re.sub(r"^ *relationships: .*\n", "", docs, flags=re.MULTILINE)
        return docs

    # -- the hook ---------------------------------------------------------------------------------------

    def hook_text(self) -> str:
        """Return the hook's file as it should be."""
        methods = [self._push(), self._update_profile(), self._explain()]
        return renewed(self.hook, "\n\n".join(methods), HOOK.imports)

    def _push(self) -> str:
        arguments = [*self.own, *self.shared(HOOK.keywords("push"))]
        given = ast.get_source_segment(HOOK.source, HOOK.method("push").args.args[1].annotation)  # type: ignore[arg-type]
        head, _, rest = self.for_vendor(HOOK.docs("push")).partition("Args: The vendor's own\n")
        own = "".join(f"{wrapped(each.name, self.own_docs[each.name])}\n" for each in self.own)
        rest = rest.partition("\n\n")[2]
        docs = f"{head}Args: {self.vendor.name}'s own\n{own}\n{rest}" if own else head + rest
        return method(
            "push", [f"changes: {given} = None"], arguments, "Report", docs, "changes", override=True
        )

    def _update_profile(self) -> str:
        arguments = [*self.own, *self.shared(HOOK.keywords("update_profile"))]
        places = ["key: str | int", "fields: Mapping[str, Any]"]
        docs = HOOK.docs("update_profile")
        return method("update_profile", places, arguments, "Verdict", docs, "key, fields", override=True)

    def _explain(self) -> str:
        given = (each for each in HOOK.keywords("push") if each.name in EXPLAINED)
        arguments = [Argument("send", "bool", "False"), *self.own, *self.shared(given)]
        places = ["wanted: str | int", "/", "records: Any = None"]
        docs = HOOK.docs("explain")
        return method("explain", places, arguments, "Explanation", docs, "wanted, records", override=True)

    # -- the operator -----------------------------------------------------------------------------------

    def operator_text(self) -> str:
        """Return the operator's file as it should be."""
        conn_id = Argument(f"{self.conn_type}_conn_id", "str", f'"{self.conn_type}_default"')
        own = [conn_id, *(each.or_later() for each in self.own)]
        if self.vendor.relationship_writes:
            links = next(each for each in HOOK.keywords("push") if each.name == "relationships")
            own.append(replace(links, kind="ColumnsOf | str | XComArg | None"))
        shared = list(self.shared(OPERATOR.keywords("__init__")))
        made = method(
            "__init__",
            [],
            [*own, *shared],
            "None",
            "",
            "",
            passed=shared,
            more="**kwargs",
            before=[f"self.{each.name} = {each.name}" for each in own],
        )
        partial = method(
            "partial",
            [],
            [replace(each, default="...") for each in (*own, *shared)],
            "OperatorPartial",
            "Return what `expand` maps; the arguments are those of the operator.",
            None,
            more="**kwargs",
        )
        typed = "if TYPE_CHECKING:\n\n" + textwrap.indent(partial, "    ")
        known = {**HOOK.imports, **OPERATOR.imports, **IN_OPERATORS}
        documented = self._documented(self.operator.source)
        return renewed(self.operator, f"{made}\n\n{typed}", known, documented)

    def _documented(self, source: str) -> str:
        """Return an operator's source with the docs of the shared arguments in its docstring."""
        docs = self.for_vendor(GROUPS + OPERATOR.source.partition(GROUPS)[2].partition('    """')[0])
        head, quotes, rest = source.partition("\nclass ")[2].partition('"""')
        own, closing, code = rest.partition('"""')
        own = own.partition(GROUPS)[0].rstrip()
        begin = source.partition("\nclass ")[0]
        return f"{begin}\nclass {head}{quotes}{own}\n\n{docs}    {closing}{code}"


def spelt_out(kind: str, named: ModuleType = options) -> str:
    """Return a type with the choices themselves instead of their name."""

    def choices(found: re.Match[str]) -> str:
        value = getattr(named, found[0], None)
        return f"Literal{list(get_args(value))}" if get_origin(value) is Literal else found[0]

    return re.sub(r"\w+", choices, kind)


def wrapped(name: str, words: str) -> str:
    """Return the docs of an argument, as they stand in a method of a class."""
    return textwrap.fill(f"{name}: {words}", 96, initial_indent="    ", subsequent_indent="        ")


def method(
    name: str,
    places: list[str],
    arguments: list[Argument],
    returned: str,
    docs: str,
    handed: str | None,
    *,
    passed: list[Argument] | None = None,
    more: str = "",
    before: Iterable[str] = (),
    override: bool = False,
) -> str:
    """Return a method that hands its arguments to the base class; where none are ``handed``, it has none."""
    rest = [f"{more}: Unpack[OperatorArguments]"] if more else []
    first = "cls" if handed is None else "self"
    given = ", ".join([first, *places, "*", *map(str, arguments), *rest])
    ignored = "  # type: ignore[override]" if override or handed is None else ""
    lines = ["@classmethod"] if handed is None else []
    lines += [f"def {name}({ignored}", f"    {given},", f") -> {returned}:"]
    if docs:
        lines += textwrap.indent(f'"""{docs}\n"""' if "\n" in docs else f'"""{docs}"""', "    ").splitlines()
    lines += [f"    {line}" for line in before]
    if handed is None:
        lines.append("    ...")
    else:
        call = [handed, *(f"{each.name}={each.name}" for each in passed or arguments), more]
        back = "" if returned == "None" else "return "
        lines.append(f"    {back}super().{name}({', '.join(part for part in call if part)})")
    return "\n".join(line.rstrip() for line in lines)


def renewed(file: Written, code: str, known: dict[str, str], source: str = "") -> str:
    """Return a file with new code between the markers, and the imports that its types need."""
    source = source or file.source
    before, begin, rest = source.partition(BEGIN)
    after = rest.partition(END)[2]
    if not (begin and END in rest):
        raise SystemExit(f"{file.path} has no lines {BEGIN.strip()!r} and {END.strip()!r}")
    needed = sorted(
        {
            node.id
            for each in ast.walk(ast.parse(code))
            for part in (getattr(each, "annotation", None), getattr(each, "returns", None))
            if part is not None
            for node in ast.walk(part)
            if isinstance(node, ast.Name) and not hasattr(builtins, node.id)
        }
    )
    known = {"Literal": "typing", "Unpack": "typing", "Any": "typing", **known}
    imports = [
        f"    from {known[name]} import {name}" if known[name] else f"    import {name}"
        for name in needed
        if name not in file.imports
    ]
    before = before.replace("if TYPE_CHECKING:\n", "\n".join(["if TYPE_CHECKING:", *imports, ""]), 1)
    text = f"{before}{BEGIN}\n{textwrap.indent(code, '    ')}\n\n{END}{after}"
    for command in (["check", "--fix", "--quiet", "--select", "I,F401"], ["format", "--quiet"]):
        text = subprocess.run(
            [RUFF, *command, "--stdin-filename", file.path, "-"],
            input=text,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    return text


def main() -> int:
    """Write or check every file."""
    stale = []
    for entry in get_provider_info()["connection-types"]:
        face = Face(entry["connection-type"], entry["hook-class-name"])
        for file, text in ((face.hook, face.hook_text()), (face.operator, face.operator_text())):
            if text != file.source:
                stale.append(file.path.name)
                if "--check" not in sys.argv:
                    file.path.write_text(text, encoding="utf-8")
    if stale:
        print("Signatures out of date in" if "--check" in sys.argv else "Signatures renewed in", *stale)
    return int("--check" in sys.argv and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
