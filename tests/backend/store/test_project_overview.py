from backend.store.alerts import raise_alert
from backend.store.database import Database
from backend.store.project_overview import ProjectOverview, list_overviews
from backend.store.projects import store_project
from backend.store.report_tables import SqlStoredReport
from tests.backend.report.makers import NOW
from tests.backend.review_rows import NOON, open_task, store_rows, viewed_task


def add_project(database: Database, project_id: int, version: str | None) -> None:
    store_project(database, project_id, label_config="<View/>", model_version=version, now=NOW)


def test_project_has_what_is_stored_of_it_alone(database: Database) -> None:
    add_project(database, 2, "v2")
    add_project(database, 1, None)
    store_rows(
        database,
        open_task(1, project_id=2),
        open_task(2, project_id=2, deleted_at=NOON),
        viewed_task(3, project_id=2),
        open_task(4, project_id=3),
        SqlStoredReport(
            project_id=2, basis="a", made_at=NOW, seconds=1.0, body={"title": "Two", "quality": {}}
        ),
    )
    with database.write() as session:
        raise_alert(session, project_id=2, kind="run_failed", key="", message="It failed.", now=NOON)
    assert list_overviews(database) == [
        ProjectOverview(1, None, 0, 0, None, 0, None, None),
        ProjectOverview(2, "v2", 2, 1, NOON, 1, "Two", {}),
    ]


def test_nothing_is_listed_where_nobody_has_called(database: Database) -> None:
    assert list_overviews(database) == []
