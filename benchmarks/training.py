"""A training run that keeps all processors busy, as a job of the queue `train`."""

import os
import tempfile
from pathlib import Path

from backend.services import Services
from backend.settings import read_settings
from benchmarks.material import DEMO_WEIGHTS
from demo.make_scenes import write_data_yaml, write_scenes

JOB = "benchmarks.training.train"
SCENES = {"train": 400, "val": 8}  # many, since it writes a checkpoint after each round of them
EPOCHS = 1000  # more than anybody waits for: the run is ended from outside


def train() -> None:
    """Fine-tune the demo's weights on the demo's scenes with ultralytics' own trainer."""
    # Keeps ultralytics off the network and the home folder; it reads that when it is imported.
    Services.build(read_settings()).close()
    import torch
    from ultralytics import YOLO

    model = YOLO(DEMO_WEIGHTS)
    # ultralytics leaves one processor free.
    model.add_callback("on_train_start", lambda _: torch.set_num_threads(os.cpu_count() or 1))
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        for split, count in SCENES.items():
            write_scenes(data / split, range(count))
        model.train(
            data=write_data_yaml(data),
            epochs=EPOCHS,
            batch=8,
            workers=2,
            device="cpu",
            plots=False,
            val=False,
            project=str(data),
        )


if __name__ == "__main__":
    train()
