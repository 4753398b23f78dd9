"""What a rollback goes back to: ever further back, and never forth again by itself."""

import pytest

from backend.registry.history import champions_before

ALL = {"v1", "v2", "v3", "v4"}


@pytest.mark.parametrize(
    ("moves", "before"),
    [
        pytest.param([], [], id="nothing was ever promoted"),
        pytest.param(["v1"], [None], id="the first promotion goes back to the settings' weights"),
        pytest.param(["v1", "v2", "v3"], ["v2", "v1", None], id="one step at a time"),
        pytest.param(["v1", "v2", "v1"], [None], id="what was rolled back does not come again"),
        pytest.param(["v1", "v2", "v1", None], [], id="rolled back to the very start"),
        pytest.param(["v1", "v2", "v3", "v1"], ["v3", "v2", "v1", None], id="an older one promoted anew"),
        pytest.param(["v1", "v2", "v3", "v1", "v3"], ["v2", "v1", None], id="and that taken back"),
        pytest.param(["v1", "v2", "v1", "v3"], ["v1", None], id="promoted after a rollback"),
        pytest.param(["v1", "v2", None], ["v2", "v1", None], id="settings' weights promoted by name"),
    ],
)
def test_rollback_walks_back_the_promotions(moves: list[str | None], before: list[str | None]) -> None:
    assert champions_before(moves, servable=ALL) == before


@pytest.mark.parametrize(
    ("moves", "gone", "before"),
    [
        pytest.param(["v1", "v2", "v3"], {"v2"}, ["v1", None], id="is passed over"),
        pytest.param(["v1", "v2", "v3", "v4"], {"v1", "v2", "v3"}, [None], id="several are"),
        pytest.param(
            ["v1", "v2", "v1", "v3", "v2"], {"v1"}, ["v3", None], id="does not change what was taken back"
        ),
        pytest.param(
            ["v1", "v2", "v3", "v4", "v3", "v1"], {"v2"}, [None], id="was passed over by a rollback"
        ),
        pytest.param(
            ["v1", "v2", "v3", "v1"], {"v2"}, ["v3", "v1", None], id="was not, by an older one promoted anew"
        ),
        pytest.param(
            ["v2", "v1", "v3", "v2", "v4", "v2"], {"v1", "v3"}, [None], id="lies between twice the same"
        ),
        pytest.param(
            ["v2", "v1", "v3", "v2", "v4", "v2", None], {"v1", "v3"}, [], id="and the rollback from there"
        ),
    ],
)
def test_version_without_weights(moves: list[str | None], gone: set[str], before: list[str | None]) -> None:
    assert champions_before(moves, servable=ALL - gone) == before
