"""Loggers of ultralytics see a training, and what they write is kept."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from retrain.training.logs import keep_event_files
from retrain.training.session import _end_loaders
from tests.retrain.training.conftest import MakeTrainee


def test_callbacks_of_loggers_are_called_beside_ours(
    make_trainee: MakeTrainee, monkeypatch: pytest.MonkeyPatch, quiet_ultralytics: None
) -> None:
    from ultralytics.utils.callbacks import base

    seen: list[Any] = []

    def write_events(trainer: Any) -> None:
        (trainer.save_dir / "events.out.tfevents.1").write_bytes(b"curve")

    monkeypatch.setitem(base.default_callbacks, "on_train_start", [write_events])
    for event in ("on_fit_epoch_end", "on_train_end"):
        monkeypatch.setitem(
            base.default_callbacks, event, [lambda t, event=event: seen.append((event, t.args))]
        )
    trainee = make_trainee(train_epochs=1)
    trainee.train()
    assert [event for event, _ in seen] == ["on_fit_epoch_end", "on_fit_epoch_end", "on_train_end"]
    _, arguments = seen[-1]
    assert (arguments.project, arguments.name) == ("label-studio-7", f"run-{trainee.run_id}")
    kept = trainee.services.settings.data_dir / "tensorboard" / trainee.run_id / "events.out.tfevents.1"
    assert kept.read_bytes() == b"curve"


def test_events_that_cannot_be_kept_stop_nothing(tmp_path: Path) -> None:
    (tmp_path / "events.out.tfevents.1").touch()
    (tmp_path / "occupied").touch()
    keep_event_files(tmp_path, tmp_path / "occupied" / "run")
    assert (tmp_path / "occupied").is_file()


def test_processes_that_load_images_end_with_the_training() -> None:
    closed: list[str] = []
    loader = SimpleNamespace(close=lambda: closed.append("train"))
    _end_loaders(SimpleNamespace(train_loader=loader))
    assert closed == ["train"]
