"""Find a weights file by path or name, inside the folder where it may lie; fetch well-known ones."""

from http.client import HTTPException
from pathlib import Path

import structlog
from filelock import FileLock

from backend.errors import ModelError

log = structlog.get_logger(__name__)

_RELEASE = "https://github.com/ultralytics/assets/releases/download/v8.3.0"
# SHA-256 of the release files; each is quoted alike by several public projects that pin them.
KNOWN_WEIGHTS = {
    "yolo11n.pt": "0ebbc80d4a7680d14987a577cd21342b65ecfd94632bd9a8da63ae6417644ee1",
    "yolo11s.pt": "85a76fe86dd8afe384648546b56a7a78580c7cb7b404fc595f97969322d502d5",
    "yolo11m.pt": "d5ffc1a674953a08e11a8d21e022781b1b23a19b730afc309290bd9fb5305b95",
}


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


def fetch_weights(path: Path) -> None:
    """Download a well-known weights file to `path`, with progress, if it is not there.

    The file appears under its name only when it is whole and its SHA-256 is right.

    Raises:
        ModelError: the name is not a known one, or the download failed; says where to put the file.
    """
    if path.exists():
        return
    url = f"{_RELEASE}/{path.name}"
    hint = f"Put the file at {path}, or name another one in YOLO_WEIGHTS."
    if path.name not in KNOWN_WEIGHTS:
        raise ModelError(f"The weights file {path.name} does not exist in {path.parent}. {hint}")
    # Imported here: torch takes seconds, and naming or checking a file needs none of it.
    from torch.hub import download_url_to_file

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # All server processes start at once; one fetches, the others find the file.
        with FileLock(f"{path}.lock"):
            if not path.exists():
                log.info("weights_download", url=url, to=str(path))
                download_url_to_file(url, str(path), hash_prefix=KNOWN_WEIGHTS[path.name], progress=True)
    except (
        OSError,
        RuntimeError,
        HTTPException,
    ) as error:  # no network; RuntimeError is torch's word for a wrong hash
        raise ModelError(
            f"The weights file {path.name} does not exist in {path.parent} and could not be fetched from "
            f"{url} ({error}). {hint}"
        ) from None
