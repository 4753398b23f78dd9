"""Have SAM ready before anybody clicks, in a server process that starts."""

import structlog

from backend.errors import LabelConfigError, ModelError
from backend.labelstudio.label_config import parse_label_config, takes_masks_of_boxes
from backend.sam.holder import SamHolder
from backend.sam.output import has_smart_tools
from backend.store.database import Database
from backend.store.prediction_log import projects_served_last
from backend.store.projects import label_config_of

log = structlog.get_logger(__name__)


def warm_up_sam(holder: SamHolder, database: Database) -> None:
    """Load SAM where a project that was served lately needs it, and read its file in any case.

    What fails is logged: whoever clicks is told as well. Weights that can neither be found nor fetched are
    left alone, for most projects need none.

    Raises:
        DatabaseUnavailable: projects cannot be looked up.
    """
    if not holder.can_load():
        return
    is_needed = any(_needs_sam(label_config_of(database, one)) for one in projects_served_last(database))
    try:
        # Its name, which takes the digest of gigabytes: later it is asked for within `/setup`.
        holder.version()
        if is_needed:
            holder.engine()
    except ModelError as error:
        log.warning("sam_not_ready", detail=error.message)


def _needs_sam(xml: str | None) -> bool:
    try:
        controls = parse_label_config(xml or "")
        return has_smart_tools(controls) or any(takes_masks_of_boxes(control) for control in controls)
    except LabelConfigError:
        return False
