"""What a rollback goes back to: ever further back, and never forth again by itself."""

import pytest

from backend.registry.history import champions_before

ALL = {"v1", "v2", "v3"}


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


def test_version_without_weights_is_passed_over() -> None:
    moves = ["v1", "v2", "v3"]
    assert champions_before(moves, servable={"v1", "v3"}) == ["v1", None]
    # And passing it over is a rollback like another: the next one goes on from there.
    assert champions_before([*moves, "v1"], servable={"v1", "v3"}) == [None]
