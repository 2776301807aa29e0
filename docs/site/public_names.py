"""Which modules the reference has, and which names of each.

Public is what the rooms for users offer: modules of the package and the packages inside them, none whose name begins
with an underscore. The command line, the demonstration and the benchmarks are programs, not modules to import.
"""

from __future__ import annotations

import ast
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "spp_ops"
PROGRAMS = frozenset({"cli", "demo", "benchmarks", "serve"})
SEEN_FROM_THE_ROOT = frozenset({"spp_ops.functional"})  # `spp_ops` has all of its names


def public_modules(package: Path = PACKAGE) -> dict[str, list[str]]:
    """Dotted names of public modules, the root first, and what each offers."""
    found = {}
    for path in package.rglob("*.py"):
        is_package = path.name == "__init__.py"
        parts = path.relative_to(package.parent).with_suffix("").parts[: -1 if is_package else None]
        module = ".".join(parts)
        private = any(part.startswith("_") for part in parts) or module in SEEN_FROM_THE_ROOT
        program = len(parts) > 1 and parts[1] in PROGRAMS
        if not private and not program and (is_package or len(parts) == 2):
            found[module] = _offered(ast.parse(path.read_text(encoding="utf-8")))
    names_of = {module: [name for name in names if f"{module}.{name}" not in found] for module, names in found.items()}
    return {module: names for module, names in sorted(names_of.items()) if names}


def _offered(tree: ast.Module) -> list[str]:
    """The names in `__all__`; of a module without it the functions and classes that it defines."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["__all__"]:
            return [str(name) for name in ast.literal_eval(node.value)]
    defined = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    return [name for name in defined if not name.startswith("_")]
