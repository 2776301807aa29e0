"""What the site is made of: its pages, their links, and the names of the reference."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from snippets import ROOT, pages

DOCS = ROOT / "docs"
LINK = re.compile(r"\]\(([^)\s#:]+)(?:#[^)\s]*)?\)")


def listed(entry: object) -> list[str]:
    """Paths in a part of `nav`."""
    if isinstance(entry, str):
        return [entry]
    parts = entry.values() if isinstance(entry, dict) else entry
    return [path for part in parts for path in listed(part)]  # type: ignore[union-attr]


def nav() -> list[str]:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    return listed(yaml.safe_load(text)["nav"])


def test_the_navigation_has_every_page_once() -> None:
    written = [page.relative_to(DOCS).as_posix() for page in pages() if page.is_relative_to(DOCS)]
    assert sorted(nav()) == sorted(["index.md", *written])


def test_readme_leads_to_every_page_or_to_the_one_above_it() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    linked = {DOCS.parent / target for target in LINK.findall(readme)}
    for page in pages():
        if page.parent == DOCS:
            assert page in linked, page.name


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    missing = [target for target in LINK.findall(text) if not (page.parent / target).exists()]
    assert missing == []


def reference() -> ModuleType:
    """The module that writes the reference; what it needs of mkdocs is not needed here."""
    spec = importlib.util.spec_from_file_location("public_names", DOCS / "site" / "public_names.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PUBLIC = reference().public_modules()


def test_the_reference_has_the_modules_for_users() -> None:
    assert {"spp_ops", "spp_ops.nn", "spp_ops.models", "spp_ops.detection", "spp_ops.detection.staged"} <= set(PUBLIC)
    assert "roi_spatial_pyramid_pool" in PUBLIC["spp_ops"]
    assert not [module for module in PUBLIC if "_core" in module or ".cli" in module]


@pytest.mark.parametrize("module", PUBLIC)
def test_names_of_the_reference_are_there_and_documented(module: str) -> None:
    found = importlib.import_module(module)
    assert inspect.getdoc(found)
    for name in PUBLIC[module]:
        value = getattr(found, name)
        if inspect.isclass(value) or inspect.isroutine(value):
            assert inspect.getdoc(value), f"{module}.{name}"
