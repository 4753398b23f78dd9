"""How commands write figures."""

import pytest

from backend.cli.console import write_figure, write_percent
from backend.stats.intervals import Estimate


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param(write_figure(Estimate(41.6, 36, 45)), "42 (36 to 45)", id="whole"),
        pytest.param(write_figure(None), "-", id="not known"),
        pytest.param(write_percent(Estimate(0.2, 0.15, 0.25)), "20 (15 to 25)", id="share"),
        pytest.param(
            write_percent(Estimate(0.021, -0.1, 0.14), digits=1, sign="+"),
            "+2.1 (-10.0 to +14.0)",
            id="difference",
        ),
        pytest.param(write_percent(None), "-", id="share that is not known"),
    ],
)
def test_figures_come_with_their_interval(written: str, expected: str) -> None:
    assert written == expected
