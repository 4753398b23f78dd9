"""Where weights lie: what a labeling config may name, and what is said where a file is missing."""

from pathlib import Path
from urllib.error import URLError

import pytest

from backend.errors import ModelError
from backend.inference.weights import (
    KNOWN_WEIGHTS,
    fetch_weights,
    mark_of,
    resolve_weights,
    version_name,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "models"
    (made / "team").mkdir(parents=True)
    return made


@pytest.mark.parametrize("name", ["a.pt", "team/a.pt", "./a.pt", "team/../a.pt"])
def test_named_file_inside_the_folder_is_taken(folder: Path, name: str) -> None:
    path = resolve_weights(name, folder, confined=True)
    assert path.is_relative_to(folder) and path.name == "a.pt"


def test_absolute_path_inside_the_folder_is_taken(folder: Path) -> None:
    assert resolve_weights(str(folder / "a.pt"), folder, confined=True) == folder / "a.pt"


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("../a.pt", id="parent"),
        pytest.param("team/../../a.pt", id="parent, later"),
        pytest.param("/etc/passwd", id="absolute"),
        pytest.param("../models-of-others/a.pt", id="folder that begins alike"),
    ],
)
def test_labeling_config_may_not_name_a_file_outside_the_folder(folder: Path, name: str) -> None:
    with pytest.raises(ModelError) as caught:
        resolve_weights(name, folder, confined=True)
    assert name in caught.value.message and "MODEL_DIR" in caught.value.message


def test_link_that_leads_out_of_the_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.pt"
    outside.write_bytes(b"")
    (folder / "link.pt").symlink_to(outside)
    (folder / "way").symlink_to(tmp_path)
    for name in ("link.pt", "way/outside.pt"):
        with pytest.raises(ModelError):
            resolve_weights(name, folder, confined=True)


def test_folder_may_itself_be_a_link(folder: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(folder)
    assert resolve_weights("a.pt", link, confined=True) == folder / "a.pt"


def test_link_that_leads_to_itself_is_a_model_error(folder: Path) -> None:
    (folder / "loop.pt").symlink_to(folder / "loop.pt")
    with pytest.raises(ModelError):
        resolve_weights("loop.pt", folder, confined=True)


def test_setting_may_name_a_file_anywhere(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.pt").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    assert resolve_weights("mine.pt", folder, confined=False) == tmp_path / "mine.pt"
    (folder / "mine.pt").write_bytes(b"")
    assert resolve_weights("mine.pt", folder, confined=False) == folder / "mine.pt"
    assert resolve_weights("none.pt", folder, confined=False) == folder / "none.pt"


def no_download(*_: object, **__: object) -> None:
    raise AssertionError("a download was tried")


def test_file_that_is_there_is_not_fetched(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.hub.download_url_to_file", no_download)
    (folder / "yolo11n.pt").write_bytes(b"mine")
    fetch_weights(folder / "yolo11n.pt")
    assert (folder / "yolo11n.pt").read_bytes() == b"mine"


def test_unknown_name_is_not_fetched_and_the_place_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.hub.download_url_to_file", no_download)
    with pytest.raises(ModelError) as caught:
        fetch_weights(folder / "ours.pt")
    assert str(folder / "ours.pt") in caught.value.message and "YOLO_WEIGHTS" in caught.value.message


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(URLError("no network"), id="no network"),
        pytest.param(TimeoutError("timed out"), id="time out"),
        pytest.param(RuntimeError('invalid hash value (expected "0ebb", got "ffff")'), id="wrong hash"),
        pytest.param(OSError(28, "No space left on device"), id="disk full"),
    ],
)
def test_download_that_fails_says_which_file_from_where_to_where_and_why(
    folder: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise failure

    monkeypatch.setattr("torch.hub.download_url_to_file", fail)
    path = folder / "new" / "yolo11n.pt"
    with pytest.raises(ModelError) as caught:
        fetch_weights(path)
    message = caught.value.message
    assert all(part in message for part in (str(path), "https://github.com", str(failure), "YOLO_WEIGHTS"))
    assert not path.exists()


def test_known_file_is_fetched_under_its_full_hash(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {}

    def download(url: str, to: str, *, hash_prefix: str, progress: bool) -> None:
        asked.update(url=url, hash_prefix=hash_prefix, progress=progress)
        Path(to).write_bytes(b"weights")

    monkeypatch.setattr("torch.hub.download_url_to_file", download)
    fetch_weights(folder / "new" / "yolo11n.pt")
    assert asked["url"].endswith("/yolo11n.pt") and asked["progress"]
    assert asked["hash_prefix"] == KNOWN_WEIGHTS["yolo11n.pt"].digest


@pytest.mark.parametrize("name", KNOWN_WEIGHTS)
def test_known_file_has_a_whole_digest_and_a_safe_address(name: str) -> None:
    known = KNOWN_WEIGHTS[name]
    assert len(known.digest) == 64 and int(known.digest, 16)
    assert known.folder.startswith("https://") and not known.folder.endswith("/")


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("sam_vit_b_01ec64.pth", "https://dl.fbaipublicfiles.com/segment_anything/sam_vit_b_01ec64.pth"),
        ("mobile_sam.pt", "https://raw.githubusercontent.com/ChaoningZhang/MobileSAM/"),
        ("sam_hq.pth", None),
    ],
)
def test_missing_sam_is_said_with_its_own_setting(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, address: str | None
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise URLError("no network")

    monkeypatch.setattr("torch.hub.download_url_to_file", fail)
    with pytest.raises(ModelError) as caught:
        fetch_weights(folder / name, setting="SAM_MODEL")
    message = caught.value.message
    assert str(folder / name) in message and "SAM_MODEL" in message and "YOLO_WEIGHTS" not in message
    assert (address or "") in message


def test_version_is_named_by_stem_and_digest_without_unusual_characters() -> None:
    assert version_name(Path("/models/our cars, v2.pt"), "0123456789abcdef") == "our-cars-v2-01234567"


def test_mark_changes_with_the_file(folder: Path) -> None:
    path = folder / "a.pt"
    assert mark_of(path) is None
    path.write_bytes(b"one")
    before = mark_of(path)
    path.write_bytes(b"other")
    assert before is not None and mark_of(path) != before
