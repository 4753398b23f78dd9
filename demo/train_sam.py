"""Train the demo's small SAM from scratch on drawn scenes.

Run `python -m demo.train_sam` where there is a GPU: six minutes. It needs no download, no pretrained file.
`--go-on FILE` trains what is there for longer, on other scenes. Then `python -m demo.measure_sam --write`
measures it.
"""

import argparse
import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from backend.sam.architectures import SamArchitecture, load_sam, save_sam
from demo.sam_training.pictures import draw_pictures
from demo.sam_training.training import Progress, Trainer, TrainingPlan
from demo.sam_training.views import Store

WEIGHTS = Path(__file__).parent / "weights" / "demo_sam.pt"
# Small enough for a click on a new picture to be answered at once by two CPU cores.
ARCHITECTURE = SamArchitecture(
    image_size=256,
    patch_size=8,
    width=256,
    depth=8,
    heads=4,
    global_layers=(3, 7),
    window=8,
    prompt_width=128,
    decoder_mlp=512,
    decoder_heads=8,
)
TRAIN_START, TRAIN_SCENES = 10_000_000, 14_000
VALIDATION_START, VALIDATION_SCENES = 9_000_000, 128
MINUTES = 4.5
SEED = 0


@dataclass(frozen=True)
class Run:
    """What a run trains on, and from which weights it begins: None for random ones."""

    scenes: range
    validation_scenes: range
    device: str
    go_on: Path | None


def train(plan: TrainingPlan, run: Run, out: Path) -> int:
    """Draw the scenes, train, write the weights to `out` now and then; return the number of steps."""
    processes = len(os.sched_getaffinity(0))
    begun = time.monotonic()
    # Drawn by forked processes, so before anything is done on the GPU.
    validation = draw_pictures(run.validation_scenes, processes=processes)
    training = draw_pictures(run.scenes, processes=processes)
    print(f"drew {len(run.scenes)} scenes in {time.monotonic() - begun:.0f} s", flush=True)
    torch.manual_seed(SEED)
    torch.set_float32_matmul_precision("high")
    earlier = load_sam(run.go_on)[0] if run.go_on else None
    trainer = Trainer(ARCHITECTURE, plan, run.device, earlier)
    stores = Store.of(training, run.device), Store.of(validation, run.device)
    print(f"ready after {time.monotonic() - begun:.0f} s", flush=True)
    return trainer.run(*stores, report=_print, save=lambda sam: _write(sam, out))


def describe(plan: TrainingPlan, run: Run, steps: int) -> dict[str, Any]:
    """Return what is written beside the weights: how they were made, run by run."""
    before = []
    if run.go_on:
        before = json.loads(run.go_on.with_suffix(".json").read_text(encoding="utf-8"))["runs"]
    made = {
        "train_scenes": len(run.scenes),
        "train_start_seed": run.scenes.start,
        "seed": SEED,
        "minutes": round(plan.seconds / 60, 2),
        "steps": steps,
        "batch": plan.batch,
        "objects_a_picture": plan.objects,
        "learning_rate": plan.learning_rate,
        "trained_on": torch.cuda.get_device_name() if run.device == "cuda" else "CPU",
        "torch": torch.__version__.split("+")[0],
    }
    return {"architecture": asdict(ARCHITECTURE), "runs": [*before, made]}


def _print(progress: Progress) -> None:
    line = f"{progress.seconds:6.0f} s  step {progress.step:6}  loss {progress.loss:.3f}"
    if progress.click is not None:
        line += f"  IoU of a click {progress.click:.3f}, of a box {progress.box:.3f}"
    print(line, flush=True)


def _write(sam: Any, out: Path) -> None:
    temporary = out.with_suffix(".tmp")
    save_sam(sam, ARCHITECTURE, temporary)
    temporary.replace(out)


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line, train, and write the weights and how they were made."""
    parser = argparse.ArgumentParser(prog="python -m demo.train_sam", description="Train the demo's SAM.")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="of training, after drawing")
    parser.add_argument("--scenes", type=int, default=TRAIN_SCENES)
    parser.add_argument("--start-seed", type=int, default=TRAIN_START, help="seed of the first scene")
    parser.add_argument("--validation-scenes", type=int, default=VALIDATION_SCENES)
    parser.add_argument("--batch", type=int, default=TrainingPlan.batch)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--go-on", type=Path, help="weights of an earlier run, to train on from")
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    options = parser.parse_args(arguments)
    plan = TrainingPlan(seconds=options.minutes * 60, batch=options.batch)
    run = Run(
        scenes=range(options.start_seed, options.start_seed + options.scenes),
        validation_scenes=range(VALIDATION_START, VALIDATION_START + options.validation_scenes),
        device=options.device,
        go_on=options.go_on,
    )
    options.out.parent.mkdir(parents=True, exist_ok=True)
    made = describe(plan, run, train(plan, run, options.out))
    options.out.with_suffix(".json").write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(made, indent=2))


if __name__ == "__main__":
    main()
