"""One clear line for each environment in which the package cannot work, the cause first."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import spp_ops
from spp_ops._core import extension

ROOT = Path(__file__).parents[1]
NOT_BUILT = ImportError("No module named 'spp_ops._C'")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package folder without compiled operators, in the place of the real one."""
    folder = tmp_path / "here" / "spp_ops"
    folder.mkdir(parents=True)
    monkeypatch.setattr(extension, "_PACKAGE", folder)
    return folder


def test_an_old_torch_is_the_first_cause(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "__version__", "2.9.1+cpu")
    assert extension._why(NOT_BUILT) == "spp_ops: torch 2.9.1+cpu is too old: expected 2.11 or later"


def test_the_command_line_prints_the_line_alone(tmp_path: Path) -> None:
    unbuilt = tmp_path / "checkout"
    shutil.copytree(ROOT / "spp_ops", unbuilt / "spp_ops", ignore=shutil.ignore_patterns("*.so", "pretrained"))
    (unbuilt / "setup.py").touch()
    # As `spp-ops info`, past the hook by which an editable installation finds its files from everywhere.
    code = (
        "import runpy, sys; sys.meta_path[:] = [each for each in sys.meta_path if 'ditable' not in repr(each)];"
        " sys.argv = ['spp-ops', 'info']; runpy.run_module('spp_ops', run_name='__main__')"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=unbuilt)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: spp_ops: the sources in {unbuilt}")
    assert done.stderr.count("\n") == 1


def test_operators_of_another_torch(package: Path) -> None:
    (package / "_C.abi3.so").touch()
    line = extension._why(ImportError("undefined symbol:\n aoti_torch_new"))
    assert line.startswith(f"spp_ops: the compiled operators do not load with torch {torch.__version__}")
    assert "undefined symbol: aoti_torch_new" in line
    assert "\n" not in line


def test_a_checkout_that_was_not_built(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(package.parent)])
    (package.parent / "setup.py").touch()
    line = extension._why(NOT_BUILT)
    assert line.startswith(f"spp_ops: the sources in {package.parent} have no compiled operators: build them with")


def test_a_checkout_that_hides_an_installed_package(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (package.parent / "setup.py").touch()
    installed = tmp_path / "site-packages"
    (installed / "spp_ops").mkdir(parents=True)
    (installed / "spp_ops" / "_C.abi3.so").touch()
    monkeypatch.setattr(sys, "path", [str(package.parent), str(installed)])
    line = extension._why(NOT_BUILT)
    assert f"hide the package installed in {installed}: start Python in another folder" in line


def test_a_broken_install(package: Path) -> None:
    assert extension._why(NOT_BUILT) == f"spp_ops: {package} has no compiled operators: install spp_ops again"


def test_cuda_kernels_that_do_not_load_are_said_and_missed_only_there(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (package / "_C_cuda.abi3.so").write_bytes(b"no library")
    with pytest.warns(UserWarning, match="the CUDA kernels do not load with torch"):
        extension._load_cuda()


@pytest.mark.skipif(torch.version.cuda is None, reason="needs a torch with CUDA")
def test_cuda_kernels_load_without_a_gpu() -> None:
    built = list(Path(spp_ops.__file__).parent.glob("_C_cuda.*"))
    if not built:
        pytest.skip("built without CUDA")
    info = spp_ops.build_info()
    assert info["cuda"]
    assert info["cuda_archs"]


def _without(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line where a module is not installed."""
    program = (
        f"import sys; sys.modules[{module!r}] = None; sys.argv = ['spp-ops', *sys.argv[1:]]\n"
        "from spp_ops.cli import main\nmain()"
    )
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def test_the_command_line_says_that_it_needs_click() -> None:
    done = _without("click", "--help")
    assert done.returncode == 2
    assert done.stderr == "error: click is needed for this, and not installed: pip install 'spp_ops[cli]'\n"


def test_a_command_says_what_it_needs(tmp_path: Path) -> None:
    done = _without("sklearn", "demo", "--out", str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        "error: sklearn is needed for this, and not installed: pip install 'spp_ops[system]'"
    )


def _setup(tmp_path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    folders = ["--build-lib", str(tmp_path), "--build-temp", str(tmp_path)]
    command = [sys.executable, "setup.py", "-q", "build_ext", *folders]
    environment = {**os.environ, "SPP_OPS_CUDA": "0", **variables}
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=environment)


@pytest.mark.parametrize(
    ("says", "message"),
    [
        (None, "no C++ compiler: no {!r}; install GCC 12 or Clang 14, or later, or set CXX"),
        ("g++ (Debian 10.2.1-6) 10.2.1 20210110", "{} is GCC 10: expected 12 or later (set CXX)"),
        ("Ubuntu clang version 11.0.1-2", "{} is Clang 11: expected 14 or later (set CXX)"),
    ],
)
def test_a_compiler_that_cannot_build_is_refused_in_one_line(says: str | None, message: str, tmp_path: Path) -> None:
    compiler = tmp_path / "g++"
    if says is not None:
        compiler.write_text(f"#!/bin/sh\necho '{says}'\n")
        compiler.chmod(0o755)
    done = _setup(tmp_path, CXX=str(compiler))
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1] == f"spp_ops: {message.format(str(compiler))}"
    assert "Traceback" not in done.stderr


def test_a_build_without_torch_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise ImportError(\"No module named 'torch'\")")
    done = _setup(tmp_path, PYTHONPATH=str(tmp_path))
    assert done.returncode != 0
    assert done.stderr.startswith("spp_ops: building needs PyTorch (No module named 'torch'): pip install torch")
