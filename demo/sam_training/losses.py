"""What is wrong with masks, as numbers to make smaller. Masks are shares of cells in [0, 1]."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from demo.sam_training.decoding import Answers

FOCAL_WEIGHT = 2.0
ALL_OF_THREE = 0.1  # so that a mask which is never the best of its three still learns


def mask_losses(logits: Tensor, shares: Tensor) -> Tensor:
    """Return (M, n): focal plus dice loss of logits (M, n, s, s) against shares (M, s, s)."""
    wanted = shares[:, None].expand_as(logits)
    given = logits.sigmoid()
    # With squares in the denominator dice is least where a half-covered cell is given as one half.
    overlap = (given * wanted).sum((-2, -1))
    size = (given.square() + wanted.square()).sum((-2, -1))
    dice = 1 - (2 * overlap + 1) / (size + 1)
    error = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    focal = (error * (given - wanted).square()).sum((-2, -1))
    # Between the mean over the picture, in which a small object vanishes, and that over the object.
    scale = (shares.sum((-2, -1)).clamp(min=4.0) * shares[0].numel()).sqrt()
    return dice + FOCAL_WEIGHT * focal / scale[:, None]


def overlaps(logits: Tensor, shares: Tensor) -> Tensor:
    """Return (M, n): IoU of logits (M, n, s, s) above 0 with shares (M, s, s) above one half."""
    found, wanted = logits > 0, (shares > 0.5)[:, None]
    both = (found & wanted).sum((-2, -1))
    return both / (found | wanted).sum((-2, -1)).clamp(min=1)


def answer_loss(answers: Answers, shares: Tensor, is_thing: Tensor) -> Tensor:
    """Return the loss of a batch of answers: the first mask, the best of the others, and the predicted IoU.

    As SAM is trained (https://arxiv.org/abs/2304.02643, appendix A), but the first mask learns at every
    prompt: in these scenes a click leaves no doubt.
    """
    losses = mask_losses(answers.logits, shares)
    several = losses[:, 1:]
    masks = losses[:, 0] + several.amin(1) + ALL_OF_THREE * several.mean(1)
    with torch.no_grad():
        reached = overlaps(answers.logits, shares)
    quality = (answers.quality - reached).square().mean(1)
    return ((masks + quality) * is_thing).sum() / is_thing.sum().clamp(min=1)


class DenseTask(nn.Module):
    """A second task for the encoder's features alone: where objects are, and where each one's box ends.

    It tells every cell apart from its neighbours on other objects at once, which prompts do one at a time;
    it is thrown away after training.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.outputs = nn.Conv2d(width, 5 * 4, kernel_size=1)

    def forward(self, features: Tensor, things: Tensor, shares: Tensor, boxes: Tensor) -> Tensor:
        """Return the loss of features (B, C, h, w).

        `things` is (B, s, s) and `shares` (B, P, s, s), both in [0, 1]; `boxes` is (B, P, 4) as shares of
        the picture's side.
        """
        given = functional.pixel_shuffle(self.outputs(features), 2).float()
        side = given.shape[-1]
        things = functional.adaptive_avg_pool2d(things[:, None], side)
        shares = functional.adaptive_avg_pool2d(shares, side)
        where = functional.binary_cross_entropy_with_logits(given[:, :1], things)
        covered = shares.sum(1, keepdim=True)
        ends = torch.einsum("bpij,bpk->bkij", shares, boxes) / covered.clamp(min=1e-3)
        centres = (torch.arange(side, device=given.device) + 0.5) / side
        across, down = centres[None, :].expand(side, side), centres[:, None].expand(side, side)
        wanted = (ends - torch.stack([across, down, across, down])) * 4
        is_sure = (covered > 0.5).float()
        extent = ((given[:, 1:] - wanted).abs() * is_sure).sum() / (4 * is_sure.sum()).clamp(min=1)
        return where + extent
