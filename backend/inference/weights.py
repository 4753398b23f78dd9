"""Weights files: what each version is called, where it lies, and the well-known ones that are fetched."""

import re
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

import structlog
from filelock import FileLock

from backend.errors import ModelError

log = structlog.get_logger(__name__)

# What changes with a file's content: inode, size, modified, changed.
FileMark = tuple[int, int, int, int]

_UNUSUAL = re.compile(r"[^\w.-]+")
_YOLO = "https://github.com/ultralytics/assets/releases/download/v8.3.0"
_META = "https://dl.fbaipublicfiles.com/segment_anything"
# The commit, not the branch: what an address holds must not change.
_MOBILE_SAM = "https://raw.githubusercontent.com/ChaoningZhang/MobileSAM/f706ad9c4eb7f219c00d9050e46328518ffb65d2/weights"


@dataclass(frozen=True, slots=True)
class KnownWeights:
    """Where a well-known file is published, and its SHA-256, hexadecimal."""

    folder: str
    digest: str


# Each digest is quoted alike by several public projects that pin the file.
KNOWN_WEIGHTS = {
    "yolo11n.pt": KnownWeights(_YOLO, "0ebbc80d4a7680d14987a577cd21342b65ecfd94632bd9a8da63ae6417644ee1"),
    "yolo11s.pt": KnownWeights(_YOLO, "85a76fe86dd8afe384648546b56a7a78580c7cb7b404fc595f97969322d502d5"),
    "yolo11m.pt": KnownWeights(_YOLO, "d5ffc1a674953a08e11a8d21e022781b1b23a19b730afc309290bd9fb5305b95"),
    "sam_vit_b_01ec64.pth": KnownWeights(
        _META, "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912"
    ),
    "sam_vit_l_0b3195.pth": KnownWeights(
        _META, "3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622"
    ),
    "sam_vit_h_4b8939.pth": KnownWeights(
        _META, "a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e"
    ),
    "mobile_sam.pt": KnownWeights(
        _MOBILE_SAM, "6dbb90523a35330fedd7f1d3dfc66f995213d81b29a5ca8108dbcdd4e37d6c2f"
    ),
}


def version_name(path: Path, digest: str) -> str:
    """Return what the model version of a weights file is called: its stem and the start of its digest.

    Label Studio lists versions separated by commas and without quotes, so unusual characters become "-".
    """
    return f"{_UNUSUAL.sub('-', path.stem)}-{digest[:8]}"


def mark_of(path: Path) -> FileMark | None:
    """Return the file's mark; None where there is no file."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def resolve_weights(name: str, folder: Path, *, confined: bool) -> Path:
    """Return the path that `name` means; the file need not exist.

    Args:
        name: A file name or path, relative to `folder` or absolute.
        folder: Folder of model weights.
        confined: True for names from a labeling config, which anybody who may edit a project can write:
            then the path must lie in `folder`.

    Raises:
        ModelError: confined, and the path leads out of the folder.
    """
    try:
        path = (folder / name).resolve()
    except (OSError, RuntimeError, ValueError) as error:  # a link that leads to itself; NUL
        raise ModelError(f"The weights file {name!r} cannot be found: {error}.") from None
    if confined and not path.is_relative_to(folder.resolve()):
        raise ModelError(
            f'model_path="{name}" leads out of the folder of model weights. Put the file into {folder} '
            "(MODEL_DIR) and name it relative to that folder."
        )
    if not confined and not path.exists() and Path(name).exists():
        return Path(name).resolve()
    return path


def fetch_weights(path: Path, *, setting: str = "YOLO_WEIGHTS") -> None:
    """Download a well-known weights file to `path`, with progress, if it is not there.

    The file appears under its name only when it is whole and its SHA-256 is right. `setting` names what
    another file would be chosen with.

    Raises:
        ModelError: the name is not a known one, or the download failed; says where to put the file.
    """
    if path.exists():
        return
    hint = f"Put the file at {path}, or name another one in {setting}."
    known = KNOWN_WEIGHTS.get(path.name)
    if known is None:
        raise ModelError(f"The weights file {path.name} does not exist in {path.parent}. {hint}")
    # Imported here: torch takes seconds, and naming or checking a file needs none of it.
    from torch.hub import download_url_to_file

    url = f"{known.folder}/{path.name}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # All server processes start at once; one fetches, the others find the file.
        with FileLock(f"{path}.lock"):
            if not path.exists():
                log.info("weights_download", url=url, to=str(path))
                download_url_to_file(url, str(path), hash_prefix=known.digest, progress=True)
    except (
        OSError,
        RuntimeError,
        HTTPException,
    ) as error:  # no network; RuntimeError is torch's word for a wrong hash
        raise ModelError(
            f"The weights file {path.name} does not exist in {path.parent} and could not be fetched from "
            f"{url} ({error}). {hint}"
        ) from None
