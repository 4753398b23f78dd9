"""Which networks a SAM weights file is for, and how they are built: segment-anything's own classes, and
ultralytics' TinyViT where the encoder is MobileSAM's.

Files of Meta's and of MobileSAM hold the bare weights, by whose shapes they are told apart. Any other size is
written with `save_sam`, which puts the sizes beside the weights. Nothing is ever unpickled but tensors.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from segment_anything.modeling import (  # type: ignore[import-untyped]
    ImageEncoderViT,
    MaskDecoder,
    PromptEncoder,
    Sam,
    TwoWayTransformer,
)

# Of ImageNet's training images, red-green-blue, 0 to 255, as segment-anything's build_sam.py has them.
_PIXEL_MEAN, _PIXEL_STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


@dataclass(frozen=True, slots=True)
class SamArchitecture:
    """Sizes of a SAM. `image_size` is the side of the square input in pixels; a patch is `patch_size` wide.

    A TinyViT's own sizes are MobileSAM's; `width` to `window` are then of no meaning. Defaults are those
    that Meta's three models share (https://arxiv.org/abs/2304.02643, appendix A).
    """

    encoder: Literal["vit", "tiny_vit"] = "vit"
    image_size: int = 1024
    patch_size: int = 16
    width: int = 768
    depth: int = 12
    heads: int = 12
    global_layers: tuple[int, ...] = (2, 5, 8, 11)
    window: int = 14
    prompt_width: int = 256
    decoder_mlp: int = 2048
    decoder_heads: int = 8

    @property
    def grid(self) -> int:
        """Side of the embedding; masks have four times as much."""
        return self.image_size // self.patch_size


MOBILE = SamArchitecture(encoder="tiny_vit")
_META = {
    768: SamArchitecture(),
    1024: SamArchitecture(width=1024, depth=24, heads=16, global_layers=(5, 11, 17, 23)),
    1280: SamArchitecture(width=1280, depth=32, heads=16, global_layers=(7, 15, 23, 31)),
}


def build_sam(architecture: SamArchitecture) -> Sam:
    """Return a SAM with random weights, ready to predict."""
    grid, width = (architecture.grid, architecture.grid), architecture.prompt_width
    sam = Sam(
        image_encoder=_build_encoder(architecture),
        prompt_encoder=PromptEncoder(
            embed_dim=width,
            image_embedding_size=grid,
            input_image_size=(architecture.image_size, architecture.image_size),
            mask_in_chans=16,
        ),
        mask_decoder=MaskDecoder(
            num_multimask_outputs=3,
            transformer=TwoWayTransformer(
                depth=2,
                embedding_dim=width,
                mlp_dim=architecture.decoder_mlp,
                num_heads=architecture.decoder_heads,
            ),
            transformer_dim=width,
            iou_head_depth=3,
            iou_head_hidden_dim=width,
        ),
        pixel_mean=list(_PIXEL_MEAN),
        pixel_std=list(_PIXEL_STD),
    )
    return sam.eval()


def save_sam(sam: Sam, architecture: SamArchitecture, path: Path) -> None:
    """Write weights with their sizes, as half floats, which `load_sam` reads."""
    weights = {name: tensor.detach().cpu().half() for name, tensor in sam.state_dict().items()}
    torch.save({"architecture": asdict(architecture), "model": weights}, path)


def load_sam(path: Path) -> tuple[Sam, SamArchitecture]:
    """Return the SAM that a file holds, on the CPU, in single floats.

    Raises:
        OSError, RuntimeError, ValueError, pickle.UnpicklingError: it holds none; the words say why.
    """
    content = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(content, Mapping):
        raise ValueError(f"it holds a {type(content).__name__}, not weights by name")
    if "architecture" in content:
        architecture, weights = _read_architecture(content["architecture"]), content["model"]
    else:
        architecture, weights = _recognise(content), content
    sam = build_sam(architecture)
    sam.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
    # Again: in `eval` TinyViT gathers the attention biases that it computes with.
    return sam.eval(), architecture


def _build_encoder(architecture: SamArchitecture) -> Any:
    if architecture.encoder == "tiny_vit":
        # Takes seconds to import, and a SAM of another encoder does without.
        from ultralytics.models.sam.modules.tiny_encoder import TinyViT

        # Sizes as in https://github.com/ChaoningZhang/MobileSAM, build_sam.py.
        return TinyViT(
            img_size=architecture.image_size,
            embed_dims=(64, 128, 160, 320),
            depths=(2, 2, 6, 2),
            num_heads=(2, 4, 5, 10),
            window_sizes=(7, 7, 14, 7),
            drop_path_rate=0.0,
        )
    return ImageEncoderViT(
        img_size=architecture.image_size,
        patch_size=architecture.patch_size,
        embed_dim=architecture.width,
        depth=architecture.depth,
        num_heads=architecture.heads,
        out_chans=architecture.prompt_width,
        norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
        use_rel_pos=True,
        global_attn_indexes=architecture.global_layers,
        window_size=architecture.window,
    )


def _recognise(weights: Mapping[str, Any]) -> SamArchitecture:
    if "image_encoder.patch_embed.seq.0.c.weight" in weights:
        return MOBILE
    places = weights.get("image_encoder.pos_embed")
    width = places.shape[-1] if isinstance(places, torch.Tensor) else None
    if width not in _META:
        raise ValueError("its weights are not those of SAM ViT-B, ViT-L, ViT-H or MobileSAM")
    return _META[width]


def _read_architecture(written: Any) -> SamArchitecture:
    names = {field.name for field in fields(SamArchitecture)}
    if not isinstance(written, Mapping) or set(written) != names:
        raise ValueError(f"its sizes are not those of a SAM: expected {', '.join(sorted(names))}")
    return SamArchitecture(**{**written, "global_layers": tuple(written["global_layers"])})
