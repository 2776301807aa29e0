"""README as the site's first page, and files outside docs/ that pages link to or show: both keep their links.

A link is written as GitHub resolves it, relative to the page's own file. What it leads to outside docs/ is copied to
`repository/` in the site.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File, Files

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.pages import Page

_ROOT = Path(__file__).parents[2]
_DOCS = _ROOT / "docs"
_HOME = "index.md"
_COPIES = "repository"
# [text](target#anchor), ![text](target), and src="target", href="target" of HTML.
_LINK = re.compile(r"(\]\(|(?:src|srcset|href)=\")([^)\"\s#:]+)(?=[)\"#\s])")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add README and all that pages need from outside docs/."""
    files.append(File.generated(config, _HOME, abs_src_path=str(_ROOT / "README.md")))
    wanted = {target for file in files.documentation_pages() for target in _outside(file)}
    for target in sorted(wanted):
        files.append(File.generated(config, _in_site(target), abs_src_path=str(target)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links relative to the page's file into links relative to its place in the site."""
    source = _source(page.file)

    def moved(match: re.Match[str]) -> str:
        target = _resolved(source, match[2])
        if target is None or (source.is_relative_to(_DOCS) and target.is_relative_to(_DOCS)):
            return match[0]
        return match[1] + os.path.relpath(_in_site(target), Path(page.file.src_uri).parent)

    return _LINK.sub(moved, markdown)


def _outside(file: File) -> set[Path]:
    source = _source(file)
    targets = {_resolved(source, target) for _, target in _LINK.findall(file.content_string)}
    return {each for each in targets if each is not None and each.is_file() and not each.is_relative_to(_DOCS)} - {
        _ROOT / "README.md"
    }


def _source(file: File) -> Path:
    return Path(file.abs_src_path) if file.abs_src_path else _DOCS / file.src_uri


def _resolved(source: Path, target: str) -> Path | None:
    """The file or folder in this repository that a link leads to; None: it leads elsewhere, or nowhere."""
    path = Path(os.path.normpath(source.parent / target))
    return path if path.is_relative_to(_ROOT) and path.exists() else None


def _in_site(target: Path) -> str:
    """Where a file of the repository is in the site, as the path of a source."""
    if target == _ROOT / "README.md":
        return _HOME
    if target.is_relative_to(_DOCS):
        return target.relative_to(_DOCS).as_posix()
    return f"{_COPIES}/{target.relative_to(_ROOT).as_posix()}"
