"""Read how each annotator works."""

from backend.stats.annotator_figures import AnnotatorFigures
from backend.store.database import Database


def read_annotators(
    database: Database, project_id: int, *, idle_minutes: float
) -> tuple[AnnotatorFigures, ...]:
    """Return the annotators of a project by id."""
    return ()
