"""A SAM of a hundred kilobytes with random weights: all parts of a real one, in milliseconds."""

from pathlib import Path
from typing import Any

import torch

from backend.sam.architectures import SamArchitecture, build_sam, save_sam

TINY = SamArchitecture(
    image_size=64,
    patch_size=8,
    width=16,
    depth=1,
    heads=2,
    global_layers=(0,),
    window=4,
    prompt_width=16,
    decoder_mlp=32,
    decoder_heads=2,
)
SEED = 7
# Weights as they are drawn give masks that hardly depend on the prompt.
_GAIN = 3.0


def save_tiny_sam(path: Path, *, seed: int = SEED) -> Path:
    """Write a tiny SAM to `path` and return the path; equal arguments give equal weights."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        sam = build_sam(TINY)
        _spread(sam.mask_decoder)
        save_sam(sam, TINY, path)
    return path


@torch.no_grad()
def _spread(decoder: Any) -> None:
    for part in (decoder.transformer, decoder.output_upscaling, decoder.output_hypernetworks_mlps):
        for weight in part.parameters():
            if weight.dim() > 1:
                weight.mul_(_GAIN)
