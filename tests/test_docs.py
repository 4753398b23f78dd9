"""The docs name every setting, route and error code, and none that is not there."""

import re
from pathlib import Path

import pytest
from flask import Flask
from pydantic import SecretStr

from backend import errors
from backend.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
SETTINGS_ROW = re.compile(r"^\| `([A-Z0-9_]+)` \| (?:`(.*?)`)? *\|", re.MULTILINE)
ROUTE_ROW = re.compile(r"^\| `([A-Z]+ /\S*)` \|", re.MULTILINE)
ERROR_ROW = re.compile(r"^\| `([a-z_]+)` \| (\d{3}) \|", re.MULTILINE)


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def default_of(name: str) -> str:
    default = Settings.model_fields[name].default
    default = default.get_secret_value() if isinstance(default, SecretStr) else default
    return "" if default is None else str(default)


def test_settings_page_names_each_setting_with_its_default() -> None:
    documented = dict(SETTINGS_ROW.findall(read("docs/settings.md")))
    assert documented == {name.upper(): default_of(name) for name in Settings.model_fields}


def test_routes_page_names_each_route(app: Flask) -> None:
    routes = {
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert set(ROUTE_ROW.findall(read("docs/routes.md"))) == routes


def test_routes_page_names_each_error_code_with_its_status() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    expected = {(kind.code, str(kind.status)) for kind in kinds if issubclass(kind, errors.AppError)}
    # A task's image, which never fails a whole request.
    expected -= {(errors.MediaError.code, str(errors.MediaError.status))}
    assert set(ERROR_ROW.findall(read("docs/routes.md"))) == expected


def test_readme_shows_five_working_lines_within_its_first_25() -> None:
    lines = read("README.md").splitlines()[:25]
    start, end = (number for number, line in enumerate(lines) if line.startswith("```"))
    assert end - start - 1 == 5


@pytest.mark.parametrize(
    "page", sorted(str(p.relative_to(ROOT)) for p in [ROOT / "README.md", *ROOT.glob("docs/*.md")])
)
def test_links_lead_to_files_that_exist(page: str) -> None:
    folder = (ROOT / page).parent
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", read(page))
    assert not [target for target in targets if not (folder / target).exists()]


@pytest.mark.parametrize("target", re.findall(r"`make ([a-z-]+)`", read("README.md")))
def test_make_targets_of_the_readme_exist(target: str) -> None:
    assert re.search(rf"^{target}:", read("Makefile"), re.MULTILINE)
