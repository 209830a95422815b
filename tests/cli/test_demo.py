from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from cli.conftest import Cli, refused
from closebell.cli.demo import DemoFailed, play
from closebell.cli.demo_stage import Receiver, StageFailed, running_server

ENDS_WITHIN_S = 60


def test_every_step_is_as_it_should_be_whatever_the_settings_around_it(tmp_path: Path) -> None:
    (tmp_path / "closebell.toml").write_text("lease_s = 100\n", encoding="utf-8")
    environment = {**os.environ, "CLOSEBELL_PORT": "1", "CLOSEBELL_ERRORS_AS_200": "true"}
    command = [sys.executable, "-m", "closebell", "demo"]
    ran = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=ENDS_WITHIN_S
    )

    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    for fact in (
        "HTTP 409  code 419: Full Payment of invoice is not made.",
        "0.00 of 488.00 USD is paid; 488.00 is missing.",
        '"amount":488',
        "webhook-signature:   v1,",
        "closebell-sequence:  2",
        "Invoice.Closed: invoice 7448, receipt R1, guest test membership",
        "  45 minutes cardio vascular test        0.00\n",
        "  17product'                            88.00\n",
        "  PD-134509                            400.00\n",
        "  total in USD                         488.00\n",
        "  paid by Custom payment               488.00\n",
        " ms after the invoice closed, its commit included",
        "as it came: verified; with 488 changed to 489: refused",
        "1 Invoice.Closed event, as before",
        "1 close, 1 event; 1 delivered, 0 pending, 0 held, 0 exhausted: balanced",
        "the receiver was called once in all",
        "All 12 steps were as they should be",
        "\nNext: `make serve`",
    ):
        assert fact in ran.stdout, fact
    assert ran.stdout.count("7e4e1a62-5982-4b3c-b9ac-da0f122e7ae5") == 1, "the id is shown whole once"
    assert "\x1b" not in ran.stdout, "plain text where there is no terminal"
    assert [path.name for path in tmp_path.iterdir()] == ["closebell.toml"]


def test_a_receiver_that_never_takes_it_fails_the_demo() -> None:
    said = io.StringIO()
    with (
        Receiver(status=500) as receiver,
        pytest.raises(DemoFailed, match=r"demo step 11 \(Prove it.* 0 delivered, 1 pending"),
    ):
        play(receiver, Console(file=said), patience_s=0.5)
    assert "steps were as they should be" not in said.getvalue()


def test_a_server_that_does_not_start_fails_the_demo(tmp_path: Path) -> None:
    (tmp_path / "demo.db").write_text("no database" * 100, encoding="utf-8")
    with pytest.raises(StageFailed, match=r"the server did not start: closebell: .* not a database"):
        running_server(tmp_path).__enter__()


def test_nobody_calling_is_a_failure() -> None:
    with Receiver() as receiver, pytest.raises(StageFailed, match=r"nobody called the receiver within 0\.01 s"):
        receiver.next_call(within_s=0.01)


def test_the_independent_package_must_be_there(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "standardwebhooks", None)
    refused(cli("demo"), 2, "pip install standardwebhooks")


def test_a_demo_that_is_ended_leaves_no_server_behind(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "closebell", "demo"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "receiver  http" in line:
                break
        process.send_signal(signal.SIGTERM)
        process.stdout.read()
        assert process.wait(ENDS_WITHIN_S) == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == []
