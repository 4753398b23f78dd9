"""Let the model in service look again at reviewed tasks, so that their labels can be judged by it."""

from collections.abc import Callable
from dataclasses import replace

from backend.errors import ModelError, NotFound
from backend.labelstudio.project_tasks import ProjectTasks
from backend.services import Services
from backend.stats.label_error_queries import unlearnt_tasks
from backend.stats.label_errors import Found
from backend.stats.label_marks import marks_of
from backend.store.database import chunks
from backend.store.projects import label_config_of

# What is too faint to be shown still speaks for a label that lies there.
FAINT = 0.05
_PAGE = 200


def predict_again(
    services: Services, project_id: int, *, tell: Callable[[int, int], None] = lambda done, total: None
) -> dict[int, Found]:
    """Return by task what the model in service finds in the reviewed tasks that it has not learnt from.

    Nothing is logged, nor sent to Label Studio: what nobody saw must not pass for what somebody started from.
    Tasks that are gone, and those whose image cannot be had, are left out.

    Args:
        services: Parts of this process.
        project_id: Label Studio's.
        tell: Called after each task with how many are through, of how many.

    Raises:
        NotFound: the project is not known here.
        LabelConfigError: its labeling config cannot work.
        ModelError: there is no model, or nobody knows what it has learnt from.
        LabelStudioError: refused, or out of reach.
    """
    xml = label_config_of(services.database, project_id)
    if xml is None:
        raise NotFound(
            f"Project {project_id} is not known here. Connect it: python -m backend connect --project ID"
        )
    plan = services.pipeline.planner.plan(xml, project_id)
    plan.check_is_trained()
    wanted = unlearnt_tasks(services.database, services.artifacts, project_id, plan.version)
    if wanted is None:
        raise ModelError(
            f"What {plan.version} has learnt from cannot be told: its snapshot's manifest is gone or out of "
            "reach. Leave out --predict, or train a new version."
        )
    faint = replace(plan, tags=tuple(replace(tag, threshold=min(tag.threshold, FAINT)) for tag in plan.tags))
    reader = ProjectTasks(services.label_studio, project_id)
    found: dict[int, Found] = {}
    done = 0
    for page in chunks(wanted, _PAGE):
        tasks = [listed.task for listed in reader.read(page)]
        for made in services.pipeline.stream(tasks, faint, project_id=project_id):
            done += 1
            tell(done, len(wanted))
            if made.failure is None and made.task_id is not None:
                found[made.task_id] = Found(made.version, made.size, marks_of(made.regions))
    return found
