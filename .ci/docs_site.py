"""Hooks of MkDocs: the site's navigation, and the pages that no file of docs/ is."""

from __future__ import annotations

import ast
import json
import posixpath
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from airflow_profile_provider.get_provider_info import get_provider_info

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "airflow_profile_provider"
LINK = re.compile(r"(?<=\]\()([^)#\s]+)")
LISTED = re.compile(r"^\* \[([^\]]+)\]\(([^)#\s]+\.md)\)", re.MULTILINE)
ELSEWHERE = {
    "README.md": "start.md",
    "CHANGELOG.md": "changelog.md",
    "dags": "examples/index.md",
    "dags/README.md": "examples/index.md",
    "compose.yaml": "examples/compose.md",
}
"""Where the site has what lies outside docs/, beside the example DAGs."""

API: dict[str, tuple[str, Iterable[str]]] = {
    "operators": (
        "Operators",
        [
            "operators.base.PushProfilesOperator",
            "{operators}",
            "operators.events.from_events",
            "operators.reports.SumReportsOperator",
            "operators.crosswalk.TranslateKeysOperator",
        ],
    ),
    "taskflow": ("TaskFlow", ["decorators.taskflow.push_profiles"]),
    "hooks": ("Hooks", ["hooks.base.ProfileHook", "{hooks}"]),
    "triggers": ("Triggers", ["triggers.profile_changes.ProfileChangesTrigger"]),
    "sources": ("Sources of changes", ["sources.announced.Announced", "sources.announced.Outbox"]),
    "reports": ("Changes, verdicts, reports", ["reports.Report", "records.Verdict", "records.Change"]),
    "explanations": ("Explanations", ["explain.explanation.Explanation"]),
    "errors": ("Errors", ["errors"]),
    "retries": ("Retries", ["delivery.retries.RetryRule"]),
    "sandbox": ("The sandbox", ["sandbox.server.serve", "sandbox.server.Sandbox"]),
    "vendors": ("Vendors", ["vendors.base.Vendor", "vendors.exchange.Request", "vendors.exchange.Answer"]),
}
"""Pages of the reference: title, and names below the package; braces stand for all vendors' own."""


OPTIONS = {
    "operators.": {"members": ["planned", "report", "defer_seconds"]},
    "hooks.base.": {
        "inherited_members": True,
        "members": [
            "push",
            "update_profile",
            "explain",
            "show",
            "first_look",
            "request",
            "test_connection",
            "stop",
            "top_reason",
            "red_reason",
            "retry_rule",
            "tell_seconds",
        ],
    },
    "errors": {"filters": ["!^_", "!^(unchained|sorted_error|where_raised)$"]},
}
"""What the reference shows of names that begin so, where that is not everything public."""


def of_vendors(kind: str) -> list[str]:
    """Return the hooks or operators of the registered vendors, below the package."""
    hooks = [entry["hook-class-name"].partition(".")[2] for entry in get_provider_info()["connection-types"]]
    if kind == "hooks":
        return hooks
    found = []
    for hook in hooks:
        module = hook.split(".")[1]
        tree = ast.parse((ROOT / PACKAGE / "operators" / f"{module}.py").read_text(encoding="utf-8"))
        names = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
        found += [f"operators.{module}.{name}" for name in names if name.endswith("PushProfilesOperator")]
    return found


def directive(name: str) -> str:
    """Return what mkdocstrings replaces by what a name's docstrings say."""
    shown = next((options for start, options in OPTIONS.items() if name.startswith(start)), {})
    return "\n".join([f"::: {PACKAGE}.{name}", f"    options: {json.dumps(shown)}"])


def reference(title: str, names: Iterable[str]) -> str:
    """Return a page of the reference."""
    every = [each for name in names for each in (of_vendors(name[1:-1]) if name.startswith("{") else [name])]
    return "\n\n".join([f"# {title}", *map(directive, every)])


def example(file: Path) -> str:
    """Return the page of an example DAG: what it says of itself, and its code."""
    text = file.read_text(encoding="utf-8")
    about = ast.get_docstring(ast.parse(text)) or ""
    queries = [file.parent / name for name in re.findall(r'"(sql/\w+\.sql)"', text)]
    shown = [f"`{query.name}`:\n\n```sql\n{query.read_text(encoding='utf-8')}```\n" for query in queries]
    return "\n".join([f"# {file.stem}\n\n{about}\n\n```python\n{text}```\n", *shown])


def example_pages() -> dict[str, tuple[str, Path]]:
    """Return what the site shows of the folder of DAGs: path to content, and where links in it start."""
    dags = ROOT / "dags"
    compose = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    return {
        "examples/index.md": ((dags / "README.md").read_text(encoding="utf-8"), dags),
        **{f"examples/{file.stem}.md": (example(file), dags) for file in sorted(dags.glob("*.py"))},
        "examples/compose.md": (f"# compose.yaml\n\n```yaml\n{compose}```\n", ROOT),
    }


def made_pages() -> dict[str, tuple[str, Path]]:
    """Return all pages that no file of docs/ is: path to content, and where links in it start."""
    return {
        "start.md": ((ROOT / "README.md").read_text(encoding="utf-8"), ROOT),
        "changelog.md": ((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), ROOT),
        **example_pages(),
        **{f"api/{name}.md": (reference(*page), ROOT) for name, page in API.items()},
    }


def site_path(link: str, folder: Path) -> str | None:
    """Return where the site has the file that a link in a folder of the project leads to; None: nowhere."""
    target = posixpath.normpath(posixpath.join(folder.relative_to(ROOT).as_posix(), link))
    if target.startswith("docs/"):
        return target.removeprefix("docs/")
    if target.startswith("dags/") and target.endswith(".py"):
        return f"examples/{Path(target).stem}.md"
    return ELSEWHERE.get(target)


def relinked(markdown: str, folder: Path, page: str) -> str:
    """Return a text of the project with the links that it has on the site, as that page."""

    def replaced(found: re.Match[str]) -> str:
        link = found[1]
        target = None if "://" in link else site_path(link, folder)
        return posixpath.relpath(target, posixpath.dirname(page) or ".") if target else link

    # A folder that the site does not show stays a word.
    text = re.sub(r"\[([^\]]+)\]\(include\)", r"`\1`", markdown)
    return LINK.sub(replaced, text)


def navigation() -> list[Any]:
    """Return the navigation: the headings of docs/index.md and the pages listed below each, then the rest."""
    sections: list[Any] = [{"Documentation": "index.md"}, {"Start": "start.md"}]
    for block in re.split(r"^## ", (ROOT / "docs" / "index.md").read_text(encoding="utf-8"), flags=re.M)[1:]:
        heading, _, rest = block.partition("\n")
        listed = [(title.strip("`"), link) for title, link in LISTED.findall(rest)]
        sections.append({heading.strip(): [{title: link} for title, link in listed]})
    sections.append({"Reference": [{title: f"api/{name}.md"} for name, (title, _) in API.items()]})
    sections.append({"Examples": list(example_pages())})
    sections.append({"Changelog": "changelog.md"})
    return sections


def on_config(config: Any) -> Any:
    """Give the site its navigation."""
    config.nav = navigation()
    return config


def on_files(files: Files, *, config: Any) -> Files:
    """Add the pages that are made."""
    for path, (content, folder) in made_pages().items():
        files.append(File.generated(config, path, content=relinked(content, folder, path)))
    return files


def on_post_build(*, config: Any) -> None:
    """Make sure that no page loads anything from elsewhere."""
    loads = re.compile(r"""<(?:script|img|iframe|link)\b[^>]*?(?:src|href)=["']?(?:https?:)?//[^>]*>""")
    for page in Path(config.site_dir).rglob("*.html"):
        found = loads.search(page.read_text(encoding="utf-8"))
        if found:
            raise PluginError(f"{page.name} loads something from elsewhere: {found[0]}")


def on_page_markdown(markdown: str, *, page: Page, **_: Any) -> str:
    """Let links out of docs/ lead to where the site has their target."""
    if page.file.generated_by:
        return markdown
    return relinked(markdown, (ROOT / "docs" / page.file.src_uri).parent, page.file.src_uri)
