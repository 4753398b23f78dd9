"""Many prompts on many images in one pass of segment-anything's decoder, which itself takes one image."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Asked:
    """M prompts: k points each, (M, k, 2) xy and (M, k) bool, and a box each, (M, 4), or none."""

    points: Tensor
    is_positive: Tensor
    boxes: Tensor | None

    def and_points(self, points: Tensor, is_positive: Tensor) -> "Asked":
        """Return the same prompts with one more point each, (M, 2) and (M,)."""
        return Asked(
            torch.cat([self.points, points[:, None]], 1),
            torch.cat([self.is_positive, is_positive[:, None]], 1),
            self.boxes,
        )


@dataclass(frozen=True, eq=False)
class Answers:
    """Four masks for each of M prompts: `logits` (M, 4, s, s) and predicted IoU `quality` (M, 4).

    The first is the one that segment-anything gives for a prompt that leaves no doubt.
    """

    logits: Tensor
    quality: Tensor


def embed_prompts(prompt_encoder: Any, asked: Asked, logits: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return sparse (M, t, C) and dense (M, C, h, w) embeddings; `logits` (M, s, s) are an answer's."""
    has_points = asked.points.shape[1] > 0
    # Positions are told apart by small differences of phase, which half-width floats would lose.
    with torch.autocast(asked.points.device.type, enabled=False):
        sparse, dense = prompt_encoder(
            points=(asked.points, asked.is_positive.long()) if has_points else None,
            boxes=asked.boxes,
            masks=None if logits is None else logits.float()[:, None],
        )
    return sparse, dense


def decode(sam: Any, features: Tensor, sparse: Tensor, dense: Tensor) -> Answers:
    """Return the answers to M prompts, each on image features of its own (M, C, h, w)."""
    # The decoder adds the dense prompt to the features of its one image: given that sum as dense prompt, and
    # zeros as image, it works on as many images as there are prompts.
    with torch.autocast(features.device.type, enabled=False):
        positions = sam.prompt_encoder.get_dense_pe()
    logits, quality = sam.mask_decoder.predict_masks(
        image_embeddings=torch.zeros_like(features[:1]),
        image_pe=positions,
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=features + dense,
    )
    return Answers(logits.float(), quality.float())
