"""The command line: what every command answers, and how it fails."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from spp_ops.cli import main
from spp_ops.cli._group import ModuleGroup


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def all_commands() -> list[list[str]]:
    """Every command by its words, those of groups included."""
    found: list[list[str]] = []
    for name in main.list_commands(None):
        command = main.get_command(None, name)
        found.append([name])
        if isinstance(command, ModuleGroup):
            found += [[name, below] for below in command.list_commands(None)]
    return found


@pytest.mark.parametrize("words", all_commands(), ids=" ".join)
def test_help_has_examples(words: list[str]) -> None:
    result = run(*words, "--help")
    assert result.exit_code == 0
    assert f"Usage: main {' '.join(words)}" in result.output
    assert "Examples:" in result.output or "Commands:" in result.output


def test_commands_are_found_by_their_modules() -> None:
    assert {"benchmark", "demo", "gradcheck", "info"} <= set(main.list_commands(None))
    assert "benchmark-rcnn" not in main.list_commands(None)
    assert not any(name.startswith("_") for name in main.list_commands(None))
    assert "rcnn" in main.get_command(None, "benchmark").list_commands(None)


def test_info() -> None:
    result = run("info", "--device", "cpu")
    assert result.exit_code == 0
    assert "processor" in result.output
    facts = json.loads(run("info", "--json").output)
    assert facts["torch"]
    assert facts["cpu_level"] in ("baseline", "avx2", "avx512")


def test_gradcheck_passes_and_says_so_a_line_a_case() -> None:
    result = run("gradcheck", "--device", "cpu", "--seed", "5")
    assert result.exit_code == 0
    lines = [line for line in result.output.splitlines() if line.startswith("ok")]
    assert len(lines) == 6
    assert "6 of 6 cases passed on cpu" in result.output


def test_gradcheck_fails_where_a_gradient_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    import spp_ops

    right = spp_ops.roi_spatial_pyramid_pool

    def without_gradient_of_a_half(features, *arguments, **options):  # type: ignore[no-untyped-def]
        return right([0.5 * m + 0.5 * m.detach() for m in features], *arguments, **options)

    monkeypatch.setattr(spp_ops, "roi_spatial_pyramid_pool", without_gradient_of_a_half)
    result = run("gradcheck", "--device", "cpu")
    assert result.exit_code == 1
    assert "failed" in result.output
    assert "0 of 6 cases passed" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing"], "No such command 'nothing'"),
        (["benchmark", "nothing"], "No such command 'nothing'"),
        (["demo", "--seed", "one"], "--seed"),
        (["demo", "--windows", "0"], "--windows"),
        (["demo", "--device", "abacus"], "device: 'abacus' is not available here"),
        (["demo", "--image", "absent.jpg"], "no image file at absent.jpg"),
        (["benchmark", "rcnn", "--image", "absent.jpg"], "no image file at absent.jpg"),
        (["benchmark", "rcnn", "--arch", "lenet"], "arch: expected one of zf5"),
        (["benchmark", "rcnn", "--unknown"], "No such option"),
        (["info", "--device", ""], "device: '' is not available here"),
        (["info", "--device", "cpu:99"], "device: 'cpu:99' is not available here"),
        (["info", "--device", "mkldnn"], "device: 'mkldnn' is not available here"),
        (["demo", "--image", "a" * 5000], "File name too long"),
        (["demo", "--image", "/dev/zero"], "no image file at /dev/zero"),
        (["demo", "--out", __file__], "out: cannot write to"),
        (["demo", "--out", f"{__file__}/below"], "out: cannot write to"),
        (["benchmark", "op", "--cases", "none"], "'none' is unknown"),
        (["benchmark", "op", "--threads", "5000000"], "--threads"),
        (["benchmark", "op", "--json", f"{__file__}/below.json"], "json: cannot write to"),
        (["benchmark", "op", "--json", "."], "json: cannot write to"),
        (["benchmark", "rcnn", "--plot", "image.abc"], "plot: expected a name ending in"),
        (["benchmark", "scaling", "--plot", "image"], "plot: expected a name ending in"),
        (["benchmark", "compare", __file__, __file__], "expected a JSON file"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments: list[str], message: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_damaged_image_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"\xff\xd8 not a photo")
    result = run("demo", "--image", tmp_path / "bad.jpg", "--out", tmp_path)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"error: cannot read image {tmp_path / 'bad.jpg'}")


def test_traceback_on_request() -> None:
    result = run("--traceback", "demo", "--image", "absent.jpg")
    assert isinstance(result.exception, FileNotFoundError)


@pytest.mark.parametrize(
    "error", [MemoryError("3 TB"), RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 3 TB")]
)
def test_too_little_memory_is_one_line(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    from spp_ops.cli import info

    def greedy(device: object) -> None:
        raise error

    monkeypatch.setattr(info, "describe_machine", greedy)
    result = run("info", "--device", "cpu")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: not enough memory: ")
    assert result.stderr.count("\n") == 1


def test_no_command_shows_the_help() -> None:
    result = run()
    assert result.exit_code == 2
    assert "Commands:" in result.output


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    from spp_ops.cli import info

    def broken(device: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(info, "describe_machine", broken)
    assert isinstance(run("info").exception, RuntimeError)
