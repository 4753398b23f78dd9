"""The arguments of ultralytics' train for one run: its settings, the user's options, and what is ours."""

from pathlib import Path
from typing import Any

from backend.errors import SettingsError
from backend.training.entities import TrainingRun
from backend.training_settings import parse_options

# ultralytics refuses a last batch of one image where the network's last layers see a single pixel.
_LEAST_IMAGE = 64


def checked_options(text: str) -> dict[str, int | float | bool | str]:
    """Return TRAIN_OPTIONS as arguments of ultralytics.

    Raises:
        SettingsError: a name or value that ultralytics does not know, or one that is not the user's to set.
    """
    from ultralytics.cfg import get_cfg

    try:
        options = parse_options(text)
        get_cfg(overrides=dict(options))
    except (SyntaxError, TypeError, ValueError) as error:
        words = str(error).strip().splitlines()[0]
        raise SettingsError(
            f"TRAIN_OPTIONS cannot be used: {words.rstrip('.')}. Expected arguments of ultralytics' train, "
            "such as lr0=0.001,mosaic=0."
        ) from None
    return options


def training_arguments(
    run: TrainingRun, *, data: Path, device: str, image_size: int, teacher: Path | None
) -> dict[str, Any]:
    """Return the keyword arguments for a run's attempts, but for those of a single attempt.

    Args:
        run: The run.
        data: data.yaml, or a classifier's folder.
        device: torch device.
        image_size: Longer side of the network's input in pixels.
        teacher: Weights to distill from; None to go without.

    Raises:
        SettingsError: TRAIN_OPTIONS cannot be used.
    """
    settings, options = run.settings, checked_options(run.settings.train_options)
    on_gpu = device.startswith("cuda")
    return {
        "workers": 2 if on_gpu else 0,
        **options,
        "amp": mixed_precision(on_gpu, wanted=options.get("amp", True)),
        "data": str(data),
        "epochs": run.epochs,
        "patience": settings.train_patience,
        "imgsz": max(image_size, _LEAST_IMAGE),
        "freeze": settings.train_freeze or None,
        "cls_pw": settings.train_class_weights,
        "device": device,
        # Loggers call the experiment so; our folder is given by itself.
        "project": f"label-studio-{run.project_id}",
        "single_cls": False,
        "plots": False,
        "verbose": False,
        "exist_ok": True,
        **({"distill_model": str(teacher), "dis": settings.train_distill} if teacher else {}),
    }


def mixed_precision(on_gpu: bool, *, wanted: int | float | bool | str) -> bool | str:
    """Return ultralytics' argument `amp` for a device, so that nothing is downloaded.

    With half floats ultralytics first predicts with yolo26n.pt, which it fetches; with bfloat16 it does not.
    """
    if not on_gpu or wanted in (False, "fp32"):
        return False
    import torch
    from ultralytics.utils import WEIGHTS_DIR

    if torch.cuda.is_bf16_supported(including_emulation=False):
        return "bf16"
    return bool((WEIGHTS_DIR / "yolo26n.pt").is_file())
