"""Checks of model and labels: which version serves, and which tag it fills with which labels."""

from functools import partial

from backend.doctor.check import Entry, Outcome, counted, failed, ok
from backend.doctor.project import ProjectCase
from backend.entities import ControlTag
from backend.errors import ModelError
from backend.inference.plan import UNTRAINED, Plan, TagPlan
from backend.labelstudio.label_config import flag, model_tasks, takes_masks_of_boxes
from backend.labelstudio.label_config_advice import listing, paste_line
from backend.sam.output import prompt_outputs, tags_to_fill

_SHOWN = 5
# What a prediction is called whose image could not be had.
_FAILED_SUFFIX = ".failed"


def check_labels(project: ProjectCase) -> Outcome:
    """See that the labeling config works with the model."""
    try:
        plan = project.plan
    except ModelError as error:
        return failed(error.message, _weights_fix(project))
    if not plan.tags:
        return ok(f"nothing is pre-labelled: {_why_nothing(plan)}")
    return ok(
        f"filled by {plan.version}: {len(plan.tags)} of {counted(len(project.controls), 'tag')} on images"
    )


def tag_entries(project: ProjectCase) -> list[Entry[ProjectCase]]:
    """Return one check for each control tag on an image."""
    return [
        Entry(f"tag {control.name}", partial(check_tag, control=control), fix=_labeling_fix(project))
        for control in project.controls
    ]


def check_tag(project: ProjectCase, *, control: ControlTag) -> Outcome:
    """Tell which labels of the tag are predicted, or why none is."""
    tag = next((tag for tag in project.plan.tags if tag.control.name == control.name), None)
    if tag is None:
        try:
            return ok(f"<{control.type}> is left to people: {_why_left(project, control)}")
        except ModelError as error:
            return failed(error.message, _weights_fix(project))
    filled = {label for labels in tag.points.values() for label in labels.values()}
    filled |= set(tag.label_map.values())
    parts = [f"<{control.type}>: {len(filled)} of {len(control.labels)} labels"]
    if takes_masks_of_boxes(control):
        parts[0] += ", as SAM's masks of boxes"
    if missing := [label for label in control.labels if label not in filled]:
        parts.append(f"not predicted: {listing(missing, _SHOWN)}")
    if idle := _idle_classes(tag):
        parts.append(f"classes without a label: {listing(idle, _SHOWN)}")
    return ok("; ".join(parts))


def check_versions(project: ProjectCase) -> Outcome:
    """See that the model in service, the project and its newest predictions go by one version.

    Label Studio predicts a task again unless it holds a prediction of the version that /setup names.
    """
    if not project.plan.tags:
        return ok(f"no predictions: {_why_nothing(project.plan)}")
    ours, entry = project.plan.version, project.entry
    prelabel = f"python -m backend prelabel --project {project.project_id}"
    if entry is not None and entry.model_version and entry.model_version != ours:
        return failed(
            f"The running server predicts with {entry.model_version}, these settings and files mean {ours}.",
            "Restart the server: make run. If that changes nothing, see its log: it keeps an older model "
            "where it cannot load the new one",
        )
    held = {v: n for v, n in project.versions.items() if n and not v.endswith(_FAILED_SUFFIX)}
    if not held:
        return ok(f"{ours}; no predictions yet: {prelabel}")
    newest = next(iter(held))
    if ours not in held:
        return failed(f"{ours} is in service, but the newest predictions are of {newest}.", prelabel)
    shown = project.project.model_version
    if shown != ours:
        return failed(f'The project shows predictions of "{shown}", not of {ours}, which is in service.')
    newer = "" if newest == ours else f" (newer ones of {newest} are not shown)"
    is_hidden = project.project.show_collab_predictions is False
    hidden = ", hidden from annotators by the project's settings" if is_hidden else ""
    return ok(f"{ours}, {counted(held[ours], 'prediction')}{newer}{hidden}")


def _why_left(project: ProjectCase, control: ControlTag) -> str:
    """Say why nothing fills the tag.

    Raises:
        ModelError: the default weights, which might, cannot be used.
    """
    if flag(control, "model_skip"):
        return "it says model_skip"
    tasks = model_tasks(control)
    if not tasks:
        return "no YOLO model finds what it holds"
    if control not in tags_to_fill(project.controls):
        places = {output.name: output.type for output in prompt_outputs(control, project.controls).values()}
        drawn = " or ".join(f'<{kind} name="{name}">' for name, kind in places.items())
        return f"what is drawn with it becomes {drawn}"
    checkpoint = project.case.services.pipeline.default_checkpoint()
    if flag(control, "model_train"):
        return "it says model_train, and no model that knows its labels is trained yet"
    if checkpoint.task not in tasks:
        return (
            f"it takes a model for {' or '.join(tasks)}, and {checkpoint.path.name} is one for "
            f"{checkpoint.task} (name another in model_path)"
        )
    return (
        f"none of its labels is a class of {checkpoint.path.name} (name one, for example "
        f"{paste_line(control, checkpoint.class_names)})"
    )


def _why_nothing(plan: Plan) -> str:
    if plan.version == UNTRAINED:
        return "nothing is trained yet; annotate some images, and a model is trained on them"
    return f"the project has smart tools alone, which {plan.version} serves"


def _idle_classes(tag: TagPlan) -> list[str]:
    used = tag.points if tag.points else tag.label_map
    return [name for name in tag.checkpoint.class_names if name not in used]


def _weights_fix(project: ProjectCase) -> str:
    folder = project.case.settings.models_path
    return (
        f"Put a whole .pt file of ultralytics there; a model_path names one in {folder}. "
        "SAM's file is the one that SAM_MODEL names"
    )


def _labeling_fix(project: ProjectCase) -> str:
    return f"Change the labeling config on {project.settings_page}/labeling"
