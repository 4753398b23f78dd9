"""Which network a weights file is for, and that what is loaded computes what was saved."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from backend.sam.architectures import MOBILE, SamArchitecture, build_sam, load_sam, save_sam
from tests.backend.sam.tiny_sam import TINY, save_tiny_sam

# MobileSAM's encoder with a small input; its own sizes do not depend on that.
SMALL_MOBILE = replace(MOBILE, image_size=128)


def embedding(sam: Any, side: int) -> torch.Tensor:
    pixels = torch.linspace(-2, 2, 3 * side * side).reshape(1, 3, side, side)
    with torch.inference_mode():
        return sam.image_encoder(pixels)


def test_saved_sizes_and_weights_come_back(tmp_path: Path) -> None:
    path = save_tiny_sam(tmp_path / "tiny.pt")
    sam, architecture = load_sam(path)
    assert architecture == TINY and architecture.grid == 8
    again, _ = load_sam(path)
    assert torch.equal(embedding(sam, 64), embedding(again, 64))
    other, _ = load_sam(save_tiny_sam(tmp_path / "other.pt", seed=8))
    assert not torch.equal(embedding(sam, 64), embedding(other, 64))


def test_tiny_vit_computes_with_the_attention_biases_of_the_file(tmp_path: Path) -> None:
    torch.manual_seed(0)
    sam = build_sam(SMALL_MOBILE)
    with torch.no_grad():
        for name, weights in sam.named_parameters():
            if name.endswith("attention_biases"):
                weights.normal_(std=2.0)
    save_sam(sam, SMALL_MOBILE, tmp_path / "mobile.pt")
    loaded, _ = load_sam(tmp_path / "mobile.pt")
    # `eval` gathers the biases.
    expected = embedding(sam.half().float().eval(), 128)
    assert torch.allclose(embedding(loaded, 128), expected, atol=1e-4)


def _bare(width: int) -> dict[str, torch.Tensor]:
    return {"image_encoder.pos_embed": torch.zeros(1, 64, 64, width)}


@pytest.mark.parametrize(
    ("width", "depth", "heads"),
    [
        pytest.param(768, 12, 12, id="ViT-B"),
        pytest.param(1024, 24, 16, id="ViT-L"),
        pytest.param(1280, 32, 16, id="ViT-H"),
    ],
)
def test_bare_weights_are_told_apart_by_their_shapes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, width: int, depth: int, heads: int
) -> None:
    asked: list[SamArchitecture] = []

    def build(architecture: SamArchitecture) -> None:
        asked.append(architecture)
        raise RuntimeError("built enough")

    monkeypatch.setattr("backend.sam.architectures.build_sam", build)
    torch.save(_bare(width), tmp_path / "sam.pth")
    with pytest.raises(RuntimeError, match="built enough"):
        load_sam(tmp_path / "sam.pth")
    assert [(a.width, a.depth, a.heads, a.encoder) for a in asked] == [(width, depth, heads, "vit")]


def test_bare_weights_of_mobile_sam_are_recognised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = build_sam(SMALL_MOBILE)
    monkeypatch.setattr("backend.sam.architectures.MOBILE", SMALL_MOBILE)
    torch.save(small.state_dict(), tmp_path / "mobile_sam.pt")
    sam, architecture = load_sam(tmp_path / "mobile_sam.pt")
    assert architecture.encoder == "tiny_vit"
    assert torch.equal(embedding(sam, 128), embedding(small, 128))


def test_weights_of_another_width_are_refused(tmp_path: Path) -> None:
    torch.save(_bare(384), tmp_path / "sam.pth")
    with pytest.raises(ValueError, match="MobileSAM"):
        load_sam(tmp_path / "sam.pth")
