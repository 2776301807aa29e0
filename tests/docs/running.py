"""Snippets run: Python in one namespace a page, commands one after the other in one folder."""

from __future__ import annotations

import ast
import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from snippets import ROOT, SHELL, Snippet

from spp_ops.cli import main

_NEEDS_A_SHELL = re.compile(r"[|;&<>$`(]")
_SECONDS = 300


def run_page(snippets: list[Snippet], page: str) -> None:
    """Run all that a page does not exclude, in the current folder.

    Raises:
        AssertionError: a command ended with an error; the message has its output.
        Exception: what Python code raised, with the page's own line in the traceback.
    """
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for snippet in snippets:
        if snippet.reason:
            continue
        if snippet.language == "python":
            run_python(snippet, page, namespace)
        elif snippet.language in SHELL:
            for command in snippet.commands(changed=True):
                run_command(command)


def run_python(snippet: Snippet, page: str, namespace: dict[str, Any]) -> None:
    """Run a fence of Python, and hold what it says below expressions to their values: `# ReceptiveField(size=3, ...)`.

    Raises:
        AssertionError: an expression has another value than the page says.
    """
    lines = snippet.run.splitlines()
    for statement in ast.parse(snippet.run).body:
        ast.increment_lineno(statement, snippet.line - 1)
        with contextlib.redirect_stdout(io.StringIO()):
            if not isinstance(statement, ast.Expr):
                exec(compile(ast.Module([statement], []), page, "exec"), namespace)
                continue
            value = repr(eval(compile(ast.Expression(statement.value), page, "eval"), namespace))
        below = lines[(statement.end_lineno or 0) - snippet.line + 1 :][:1]
        said = below[0].removeprefix("# ") if below else ""
        if "(" in said and said.partition("(")[0] == value.partition("(")[0]:
            assert said == value, f"{page}: the value is {value}, and the page says {said}"


def run_command(command: str) -> None:
    """Run a line: `spp-ops` in this process, which has loaded all it needs, what needs a shell in one."""
    words = shlex.split(command, comments=True)
    if words[0] == "spp-ops" and not _NEEDS_A_SHELL.search(_without_quotes(command)):
        result = CliRunner().invoke(main, words[1:])
        assert result.exit_code == 0, f"{command}\n{result.output}\n{result.exception!r}"
        return
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def _without_quotes(command: str) -> str:
    return re.sub(r"'[^']*'|\"[^\"]*\"|#.*", "", command)


def _environment() -> dict[str, str]:
    """What `python` and `spp-ops` are in a shell: those of this process, and this package."""
    programs = Path("programs").absolute()
    programs.mkdir(exist_ok=True)
    for name, arguments in (("python", ""), ("spp-ops", "-m spp_ops")):
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments} "$@"\n')
        program.chmod(0o755)
    path = os.pathsep.join([str(programs), os.environ["PATH"]])
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
