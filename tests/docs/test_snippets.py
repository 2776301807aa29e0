"""Every snippet of README and docs runs as it is pasted, or says in the page why not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import torch
from command_lines import check_command_line
from running import run_page
from snippets import ROOT, SHELL, pages, snippets
from worlds import WORLDS

from spp_ops.cli import main
from spp_ops.detection.proposals import many

# Pages that train several detectors, or export some: what they call has quicker tests of its own.
LONG = {
    "docs/export.md",
    *(f"docs/tutorials/{name}.md" for name in ("exporting", "first_detector", "rcnn_to_spp", "your_photos")),
}
PAGES = {str(page.relative_to(ROOT)): page for page in pages()}
LOOKS_LIKE_CODE = re.compile(r"^(spp-ops|make|pip|python|import|from) ", re.MULTILINE)


def runs(page: Path) -> bool:
    return any(each.language in {"python", *SHELL} and not each.reason for each in snippets(page))


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow) if name in LONG else name for name in PAGES if runs(PAGES[name])],
)
def test_the_snippets_of_a_page_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(many, "_processors", lambda: 1)  # to start others takes longer than all of these windows
    torch.manual_seed(0)
    for write in WORLDS.get(name, ()):
        write(tmp_path)
    run_page(snippets(PAGES[name]), name)


@pytest.mark.parametrize("name", PAGES)
def test_command_lines_name_what_there_is(name: str) -> None:
    for snippet in snippets(PAGES[name]):
        if snippet.language in SHELL:
            for line in snippet.commands(changed=False):
                check_command_line(line)


@pytest.mark.parametrize("name", PAGES)
def test_code_says_that_it_is_code(name: str) -> None:
    unmarked = [each.text for each in snippets(PAGES[name]) if not each.language]
    assert not [text for text in unmarked if LOOKS_LIKE_CODE.search(text)]


def commands(group: click.Group, context: click.Context) -> Iterator[tuple[str, click.Command]]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, click.Context(command, parent=context, info_name=name))
        elif command is not None:
            yield name, command


def test_examples_of_the_help_name_what_there_is() -> None:
    epilogs = {name: command.epilog or "" for name, command in commands(main, click.Context(main))}
    assert len(epilogs) > 15
    for name, epilog in epilogs.items():
        examples = [line.strip() for line in epilog.splitlines() if line.startswith("  ")]
        assert examples or not epilog, name
        for line in examples:
            check_command_line(line)
            assert re.split(r"[ |]", line)[0] in {"spp-ops", "torchrun", "find"}, line


def test_pages_that_are_named_are_there() -> None:
    assert set(WORLDS) | LONG <= set(PAGES)


PAGE = """
<!-- test: "2" becomes "3" -->
```python
a = 2
```

text

```sh
spp-ops detect x.jpg \\
  --weights RUN  # found
# a comment
```
<!-- test: not run, as it waits for ever -->
```sh
spp-ops serve
```
"""


def test_fences_are_found_with_their_comments(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    python, shell, waiting = snippets(page)
    assert (python.line, python.text, python.run, python.reason) == (4, "a = 2\n", "a = 3\n", "")
    assert shell.commands(changed=True) == ["spp-ops detect x.jpg    --weights RUN  # found"]
    assert waiting.reason == "it waits for ever"


@pytest.mark.parametrize("comment", ["later", '"7" becomes "8"', "not run, as "])
def test_a_comment_that_says_nothing_is_refused(comment: str, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE.replace('"2" becomes "3"', comment))
    with pytest.raises(ValueError, match="expected a reason, or a change"):
        snippets(page)


def test_a_failing_snippet_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "page.md"
    page.write_text("```python\nassert 1 == 2\n```\n")
    with pytest.raises(AssertionError):
        run_page(snippets(page), "page.md")
    page.write_text("```python\ncomplex(1, 2)\n# complex(3)\nfrozenset({1})\n# frozenset({2})\n```\n")
    with pytest.raises(AssertionError, match=r"the value is frozenset\(\{1\}\)"):
        run_page(snippets(page), "page.md")
    page.write_text("```sh\nspp-ops detect nothing.jpg --weights RUN\n```\n")
    with pytest.raises(AssertionError, match="nothing"):
        run_page(snippets(page), "page.md")


@pytest.mark.parametrize(
    "line",
    [
        "spp-ops detekt a.jpg",
        "spp-ops detect a.jpg --weighs RUN",
        "make everything",
        "python -m benchmarks.nothing",
        "pip install '.[everything]'",
        "find . -name '*.jpg' | spp-ops detect - --no-such-option",
    ],
)
def test_a_line_that_names_what_is_not_there_is_found(line: str) -> None:
    with pytest.raises(Exception, match=r"no |No |assert|everything"):
        check_command_line(line)
