"""Pages of the reference: one a public module, made of the docstrings of its names."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).parent))
from public_names import public_modules

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig

FOLDER = "reference"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages into the navigation, before the last section."""
    pages = [{module: f"{FOLDER}/{module}.md"} for module in public_modules()]
    nav = list(config.nav or [])
    config.nav = [*nav[:-1], {"Reference": pages}, nav[-1]]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Write the pages."""
    modules = public_modules()
    for module, names in modules.items():
        above = modules.get(module.rpartition(".")[0], [])
        files.append(File.generated(config, f"{FOLDER}/{module}.md", content=_page(module, names, above)))
    return files


def _page(module: str, names: list[str], above: list[str]) -> str:
    """Directives of mkdocstrings: the module's own words, then each name that the package above it has not."""
    own = sorted((name for name in names if name not in above), key=_place)
    page = f"# {module}\n\n::: {module}\n    options:\n      members: false\n      show_root_heading: false\n"
    page += "".join(f"\n::: {module}.{name}\n    options:\n      heading_level: 2\n" for name in own)
    shared = [name for name in names if name in above]
    if shared:
        package = module.rpartition(".")[0]
        page += f"\n## Names that {package} has too\n\n"
        page += ", ".join(f"[`{name}`][{package}.{name}]" for name in sorted(shared, key=_place)) + "\n"
    return page


def _place(name: str) -> tuple[int, str]:
    """Functions before classes, classes before constants."""
    return (0 if name.islower() else 2 if name.isupper() else 1, name)
