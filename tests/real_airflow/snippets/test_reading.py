"""How a page's snippets are read."""

from __future__ import annotations

from pathlib import Path

from .reading import Snippet, snippets

PAGE = """# A page

```python
one = 1
```

<!-- continues -->
```python
two = one + 1
```

* In a list:

  ```console
  airflow version
  ```

<!-- not run: needs a cluster -->
```console
helm upgrade
```
"""


def read(tmp_path: Path) -> list[Snippet]:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    return list(snippets(page))


def test_a_snippet_stands_alone_unless_it_continues_the_one_above(tmp_path: Path) -> None:
    first, second, *_ = read(tmp_path)
    assert first == Snippet(3, "python", "one = 1\n")
    assert second == Snippet(8, "python", "one = 1\n\ntwo = one + 1\n")


def test_a_snippet_in_a_list_is_read_without_its_indent(tmp_path: Path) -> None:
    assert read(tmp_path)[2] == Snippet(14, "console", "airflow version\n")


def test_a_comment_says_why_a_snippet_is_not_run(tmp_path: Path) -> None:
    assert read(tmp_path)[3].not_run == "needs a cluster"
