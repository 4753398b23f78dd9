"""Settings of masks from clicks and boxes."""

from pydantic import BaseModel, Field


class SamSettings(BaseModel):
    """What the SAM model is, and how much of its work is kept."""

    sam_model: str = Field(
        "mobile_sam.pt",
        description="SAM weights for smart tools: a file, or a name under MODEL_DIR. mobile_sam.pt suits a "
        "CPU; sam_vit_b_01ec64.pth, sam_vit_l_0b3195.pth and sam_vit_h_4b8939.pth are Meta's.",
    )
    sam_device: str = Field("auto", description="Device of SAM: auto (as DEVICE), cpu, cuda:0, mps.")
    sam_prefetch: int = Field(
        3, ge=0, description="Tasks after the one in work whose images are encoded ahead; 0: none."
    )
    sam_memory_mb: int = Field(
        512, ge=0, description="Memory in MB for image embeddings in one server process; 0: none."
    )
    sam_cache_mb: int = Field(
        10240, ge=0, description="Space in MB for image embeddings under ARTIFACT_URL; 0: none."
    )
    sam_session: float = Field(
        300.0,
        ge=0,
        description="Seconds for which the next click on a thing refines its mask; 0: each stands alone.",
    )
    mask_min_area: int = Field(
        16, ge=0, description="Pixels below which an island of a mask is dropped, and a hole is filled."
    )
