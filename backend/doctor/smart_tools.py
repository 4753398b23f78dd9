"""Checks of smart tools: what becomes of what is drawn, does Label Studio ask, and can SAM answer."""

from backend.doctor.check import Entry, Outcome, failed, ok
from backend.doctor.project import ProjectCase
from backend.entities import ControlTag
from backend.errors import LabelConfigError
from backend.inference.weights import KNOWN_WEIGHTS, resolve_weights
from backend.labelstudio.label_config import takes_masks_of_boxes
from backend.sam.output import choose_output, is_prompt_tag

# torch takes seconds to import, and so does a large model to load.
_LOADING_SECONDS = 120.0


def check_smart_tools(project: ProjectCase) -> Outcome:
    """See that each label of a smart tool has a tag that takes its masks."""
    tools = _tools(project)
    if not tools:
        return ok('none: no tag on an image says smart="true"')
    lines = []
    for tool in tools:
        names: dict[str, list[str]] = {}
        for label in tool.labels:
            try:
                output = choose_output(project.controls, to_name=tool.to_name, label=label)
            except LabelConfigError as error:
                return failed(f'What is drawn with <{tool.type} name="{tool.name}"> has no place. {error}')
            names.setdefault(f'<{output.type} name="{output.name}">', []).append(label)
        lines += [f"{tool.name} draws {place}" for place in names]
    return ok("; ".join(lines))


def smart_entries(project: ProjectCase) -> list[Entry[ProjectCase]]:
    """Return the checks of what the project needs of SAM; none where it needs nothing."""
    entries = []
    if _tools(project):
        entries.append(Entry("clicks", check_clicks, ("connection",), project.connect_command, 20.0))
    if entries or any(map(takes_masks_of_boxes, project.controls)):
        fix = "SAM_MODEL=mobile_sam.pt, or another SAM file, whole; then restart the server"
        entries.append(Entry("sam", check_sam, fix=fix, seconds=_LOADING_SECONDS))
    return entries


def check_clicks(project: ProjectCase) -> Outcome:
    """See that Label Studio passes on what is drawn with a smart tool."""
    entry = project.entry
    assert entry is not None  # a check before this one saw to that
    if not entry.is_interactive:
        return failed(
            '"Use for interactive preannotations" is off for our backend, so Label Studio asks for no masks.'
        )
    return ok(
        "Label Studio passes them on: on the labelling page switch Auto-Annotation on, choose a label of a "
        "smart tool, then click or draw"
    )


def check_sam(project: ProjectCase) -> Outcome:
    """Load SAM's weights, but do not fetch them."""
    settings, sam = project.case.settings, project.case.services.sam
    path = resolve_weights(settings.sam_model, settings.models_path, confined=False)
    if not path.exists() and path.name in KNOWN_WEIGHTS:
        return failed(
            f"{path.name} is not in {path.parent} yet; the first click fetches it, and waits for that.",
            f"python -m backend embed --project {project.project_id}",
        )
    sam.version()  # says so where there is no file
    engine = sam.engine()
    return ok(f"{engine.version} loads, {engine.memory_bytes / 2**20:.0f} MB")


def _tools(project: ProjectCase) -> list[ControlTag]:
    return [control for control in project.controls if is_prompt_tag(control)]
