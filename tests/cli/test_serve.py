"""`spp-ops serve`: a server as it is started, and what it says where it can't be."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from small_detectors import small_detector

from spp_ops.cli import main
from spp_ops.cli.serve import _is_loopback


def serve(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["serve", *map(str, arguments)])


def test_a_server_shows_a_run_until_it_is_interrupted(tmp_path: Path) -> None:
    small_detector().save(tmp_path / "own")
    command = [
        sys.executable,
        "-m",
        "spp_ops",
        "serve",
        "--weights",
        tmp_path / "own",
        "--port",
        "0",
        "--device",
        "cpu",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().split()[0]
            with urllib.request.urlopen(f"{address}/api/about", timeout=30) as answer:
                about = json.load(answer)
            assert about["name"] == "own"
            assert about["classes"] == ["cat", "dog", "owl"]
            with urllib.request.urlopen(
                urllib.request.Request(f"{address}/api/sample", method="POST"), timeout=60
            ) as answer:
                assert answer.status == 201
        finally:
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=30)
    assert process.returncode == 0
    assert errors == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["own"]


def test_a_port_that_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = serve("--port", port)
    assert result.exit_code == 2
    assert result.output == f"error: port: {port} is in use; give another, or 0 for a free one\n"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--host", "no such host"], "error: host: expected an address of this machine, got 'no such host' ("),
        (["--host", "192.0.2.1"], "error: host: expected an address of this machine, got '192.0.2.1' ("),
        (["--port", "70000"], "error: Invalid value for '--port'"),
        (["--port", "0", "--weights", "nothing"], "error: no detector at nothing: there is no nothing/detector.json"),
    ],
)
def test_what_cannot_be_served(arguments: list[str], line: str) -> None:
    result = serve(*arguments)
    assert result.exit_code == 2
    assert result.output.startswith(line)
    assert result.output.count("\n") == 1


@pytest.mark.parametrize(
    ("host", "loopback"), [("127.0.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("lab", False)]
)
def test_only_loopback_addresses_are_private(host: str, loopback: bool) -> None:
    assert _is_loopback(host) == loopback
