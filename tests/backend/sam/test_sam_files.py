"""What a weights file may hold: a SAM, and nothing that would run."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from backend.errors import ModelError
from backend.sam.engine import TorchSam
from tests.backend.sam.tiny_sam import save_tiny_sam

DIGEST = "0123456789abcdef" * 4


def _yolo(path: Path, tiny_weights: Path) -> None:
    path.write_bytes(tiny_weights.read_bytes())


def _random_bytes(path: Path, _: Path) -> None:
    path.write_bytes(np.random.default_rng(0).bytes(4096))


def _empty(path: Path, _: Path) -> None:
    path.write_bytes(b"")


def _truncated(path: Path, _: Path) -> None:
    content = save_tiny_sam(path).read_bytes()
    path.write_bytes(content[: len(content) // 2])


def _other_weights(path: Path, _: Path) -> None:
    torch.save({"layer.weight": torch.zeros(3)}, path)


def _list(path: Path, _: Path) -> None:
    torch.save([torch.zeros(3)], path)


def _sizes_alone(path: Path, _: Path) -> None:
    torch.save({"architecture": {"encoder": "vit"}, "model": {}}, path)


def _no_weights(path: Path, _: Path) -> None:
    content = torch.load(save_tiny_sam(path), weights_only=True)
    torch.save({"architecture": content["architecture"]}, path)


def _zero_patches(path: Path, _: Path) -> None:
    content = torch.load(save_tiny_sam(path), weights_only=True)
    content["architecture"]["patch_size"] = 0
    torch.save(content, path)


def _weights_of_other_sizes(path: Path, _: Path) -> None:
    content = torch.load(save_tiny_sam(path), weights_only=True)
    content["architecture"]["width"] = 32
    torch.save(content, path)


SPOILERS = [
    _yolo,
    _random_bytes,
    _empty,
    _truncated,
    _other_weights,
    _list,
    _sizes_alone,
    _no_weights,
    _zero_patches,
    _weights_of_other_sizes,
]


@pytest.mark.parametrize("spoil", [pytest.param(s, id=s.__name__.strip("_")) for s in SPOILERS])
def test_file_that_holds_no_sam_is_refused_with_what_was_expected(
    tmp_path: Path, tiny_weights: Path, spoil: Callable[[Path, Path], None]
) -> None:
    path = tmp_path / "sam.pt"
    spoil(path, tiny_weights)
    with pytest.raises(ModelError) as caught:
        TorchSam(path, DIGEST, device="cpu")
    message = caught.value.message
    assert all(part in message for part in ("sam.pt", "sam_vit_b_01ec64.pth", "mobile_sam.pt", "SAM_MODEL"))
    assert "weights_only" not in message and len(message) < 500


def test_file_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        TorchSam(tmp_path / "none.pt", DIGEST, device="cpu")
    assert "does not exist" in caught.value.message and str(tmp_path) in caught.value.message
