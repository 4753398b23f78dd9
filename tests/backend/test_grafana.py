"""The Grafana dashboard and the metrics page name metrics that there are, and labels that they have."""

import json
import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from backend.services import Services
from backend.store.alerts import raise_alert
from backend.store.runs import create_run
from backend.store.stored_reports import store_report
from tests.backend.report.makers import NOW, make_report
from tests.backend.tallies import PROJECT, know_project

ROOT = Path(__file__).resolve().parent.parent.parent
DASHBOARD = json.loads((ROOT / "docs/grafana/dashboard.json").read_text(encoding="utf-8"))
EXPRESSIONS = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
_NAME = re.compile(r"yolo_sam_\w+")


@pytest.fixture
def families(client: FlaskClient, services: Services, redis_address: str) -> set[str]:
    """Names of metrics, as their help lines have them, with the endings that samples bear."""
    know_project(services.database)
    store_report(services.database, make_report(PROJECT), basis="", seconds=1)
    with services.database.write() as session:
        raise_alert(session, project_id=PROJECT, kind="drift", key="", message="", now=NOW)
        create_run(session, PROJECT, reason="", settings=services.settings, now=NOW)
    names = set()
    for family in text_string_to_metric_families(client.get("/metrics").text):
        endings = {"counter": ("_total",), "histogram": ("", "_bucket", "_count", "_sum")}.get(
            family.type, ("",)
        )
        names |= {family.name + ending for ending in endings}
    return names | {"yolo_sam_waiting_jobs", "yolo_sam_workers"}  # which need Redis; tested with it elsewhere


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_expression_of_the_dashboard_names_metrics_that_there_are(
    expression: str, families: set[str]
) -> None:
    names = set(_NAME.findall(expression))
    assert names and names <= families


def test_metrics_page_names_each_metric(families: set[str]) -> None:
    page = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
    documented = set(_NAME.findall(page)) - {"yolo_sam_backend"}
    bare = {name for name in families if not name.endswith(("_bucket", "_count", "_sum", "_created"))}
    assert documented == bare


def test_panels_do_not_overlap() -> None:
    cells = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for place in [panel["gridPos"]]
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
