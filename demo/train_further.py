"""Fine-tune weights on sample scenes, as a project does whose images are reviewed.

The demo's own weights are weak on purpose, and trained from scratch. A project begins with pretrained ones,
so a measurement that wants such a project's model makes it here.
"""

from pathlib import Path

from demo.make_scenes import write_data_yaml, write_scenes
from demo.train_weights import SEED, THREADS

SCENES = range(6_000_000, 6_000_400)
EPOCHS = 4
BATCH = 8
LEARNING_RATE = 0.001
IMAGE_SIZE = 384  # pixels of the network input's longer side


def train_further(weights: Path, work: Path) -> Path:
    """Train `weights` on `SCENES` in the folder `work`; return the last checkpoint. It takes minutes."""
    import torch
    from ultralytics import YOLO

    torch.set_num_threads(THREADS)
    write_scenes(work / "train", SCENES)
    # ultralytics wants a val split, though nothing is chosen by it.
    write_scenes(work / "val", SCENES[:BATCH])
    YOLO(str(weights)).train(
        data=str(write_data_yaml(work)),
        epochs=EPOCHS,
        batch=BATCH,
        nbs=BATCH,  # else ultralytics gathers gradients up to 64 images before each step
        mosaic=0.0,  # what it shrinks takes longer to learn than there is time
        warmup_epochs=0.5,
        imgsz=IMAGE_SIZE,
        optimizer="AdamW",
        lr0=LEARNING_RATE,
        seed=SEED,
        deterministic=True,
        device="cpu",
        workers=0,
        amp=False,
        val=False,
        plots=False,
        project=str(work),
        name="run",
        verbose=False,
    )
    return work / "run" / "weights" / "last.pt"
