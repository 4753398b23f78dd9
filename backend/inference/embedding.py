"""What a network's backbone makes of an image: one short vector, to tell images alike from images unlike."""

from typing import Any

import numpy as np
import torch


class Embedder:
    """Listens to one ultralytics network, and keeps an embedding of each image of its last forward pass.

    It takes the deepest feature map that the network's head is given, that is its last one, and means it
    over height and width. What was padded around an image counts too.
    """

    def __init__(self, network: Any) -> None:
        self._pooled: list[torch.Tensor] = []
        pooled = self._pooled

        # A function and no method: ultralytics runs a copy of the network, and a copied method would fill
        # the list of a copied embedder.
        def pool(_: torch.nn.Module, inputs: tuple[Any, ...]) -> None:
            features = inputs[0]
            deepest = features[-1] if isinstance(features, list | tuple) else features
            # Full precision: a sum of halves could pass their largest number.
            pooled[:] = [deepest.mean((2, 3), dtype=torch.float32)]

        network.model[-1].register_forward_pre_hook(pool)

    def take(self, count: int) -> list[bytes | None]:
        """Return the embeddings of the last forward pass, which had `count` images, and let go of them.

        Each is a unit vector as little-endian float16; None where there was no such pass, or where the
        features are all zero or not finite.
        """
        pooled = self._pooled.pop() if self._pooled else None
        if pooled is None or len(pooled) != count:
            return [None] * count
        return [_unit_vector(features) for features in pooled.cpu().numpy()]


def _unit_vector(features: "np.ndarray[Any, np.dtype[np.float32]]") -> bytes | None:
    length = np.linalg.norm(features)
    if not np.isfinite(length) or length == 0:
        return None
    return (features / length).astype("<f2").tobytes()
