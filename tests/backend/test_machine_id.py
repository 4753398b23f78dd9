"""The name of the machine."""

import socket
from pathlib import Path

import pytest

from backend.machine import machine_id


def test_processes_with_other_host_names_are_on_one_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    named = machine_id()
    if named == socket.gethostname():
        pytest.skip("this system gives no boot id")
    monkeypatch.setattr(socket, "gethostname", lambda: "container")
    assert machine_id() == named


def test_host_name_serves_where_there_is_no_boot_id(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("backend.machine._BOOT_ID", tmp_path / "none")
    assert machine_id() == socket.gethostname()
