"""The arguments of ultralytics' train: what a user may set, and what is refused before any training."""

from pathlib import Path

import pytest

from backend.errors import SettingsError
from retrain.training.options import checked_options, mixed_precision, training_arguments
from tests.retrain.training.conftest import MakeTrainee

pytestmark = pytest.mark.usefixtures("quiet_ultralytics")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("epochs=3", "epochs has a setting of its own; set TRAIN_EPOCHS instead"),
        ("lr0=0.1,dis=2", "dis has a setting of its own; set TRAIN_DISTILL instead"),
        ("device=cpu", "device has a setting of its own; set RETRAIN_DEVICE instead"),
        ("resume=true", "resume is set by the training itself"),
        ("save_dir=/etc", "save_dir is set by the training itself"),
        ("val=false", "val is set by the training itself"),
        ("mosaik=0", "'mosaik' is not a valid YOLO argument"),
        ("mosaic=2", "'mosaic=2' is an invalid value"),
        ("lr0=fast", "'lr0=fast' is of invalid type str"),
    ],
)
def test_option_that_cannot_be_used_is_refused_in_words(options: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        checked_options(options)


def test_bad_option_fails_before_training(make_trainee: MakeTrainee) -> None:
    with pytest.raises(SettingsError, match="TRAIN_OPTIONS"):
        make_trainee(train_options="mosaic=2").train()


def test_options_and_settings_become_arguments(make_trainee: MakeTrainee) -> None:
    run = make_trainee(train_options="lr0=0.001,workers=4", train_freeze=2, train_patience=0).run
    arguments = training_arguments(
        run, data=Path("data.yaml"), device="cpu", image_size=640, teacher=Path("champion.pt")
    )
    expected = {
        "lr0": 0.001,
        "workers": 4,
        "freeze": 2,
        "patience": 0,
        "amp": False,
        "imgsz": 640,
        "distill_model": "champion.pt",
        "plots": False,
    }
    assert expected.items() <= arguments.items()


@pytest.mark.parametrize(
    ("on_gpu", "wanted", "has_bfloat16", "has_weights", "precision"),
    [
        pytest.param(False, True, True, True, False, id="not on a processor"),
        pytest.param(True, True, True, False, "bf16", id="bfloat16 where there is"),
        pytest.param(True, True, False, True, True, id="half floats, checked with weights at hand"),
        pytest.param(True, True, False, False, False, id="not where the check would fetch weights"),
        pytest.param(True, False, True, True, False, id="not where an option says so"),
    ],
)
def test_precision_needs_no_download(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    on_gpu: bool,
    wanted: bool,
    has_bfloat16: bool,
    has_weights: bool,
    precision: bool | str,
) -> None:
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda including_emulation: has_bfloat16)
    monkeypatch.setattr("ultralytics.utils.WEIGHTS_DIR", tmp_path)
    if has_weights:
        (tmp_path / "yolo26n.pt").touch()
    assert mixed_precision(on_gpu, wanted=wanted) == precision
