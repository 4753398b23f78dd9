"""ultralytics finds a font beside its settings."""

from pathlib import Path

import pytest

from retrain.dataset.fonts import provide_fonts


@pytest.fixture
def config_folder(quiet_ultralytics: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("ultralytics.utils.USER_CONFIG_DIR", tmp_path)
    monkeypatch.setattr("ultralytics.utils.checks.USER_CONFIG_DIR", tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["Arial.ttf", "Arial.Unicode.ttf"])
def test_font_is_found_where_ultralytics_looks_first(config_folder: Path, name: str) -> None:
    from PIL import ImageFont
    from ultralytics.utils.checks import check_font

    provide_fonts()
    assert check_font(name) == config_folder / name
    assert ImageFont.truetype(config_folder / name, 12).getname()[0] == "DejaVu Sans"


def test_font_of_the_user_is_left_alone(config_folder: Path) -> None:
    (config_folder / "Arial.ttf").write_bytes(b"the real one")
    provide_fonts()
    assert (config_folder / "Arial.ttf").read_bytes() == b"the real one"
    assert sorted(path.name for path in config_folder.iterdir()) == ["Arial.Unicode.ttf", "Arial.ttf"]
