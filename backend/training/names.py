"""Names and words that server and worker must agree on: of jobs, of artifacts, of a warning."""

TRAIN_JOB = "retrain.jobs.train"
CONSIDER_JOB = "retrain.jobs.consider_training"
ALERTS_JOB = "retrain.jobs.check_alerts"
# How a run's warning begins that tells of images which are missing.
MISSING_IMAGES = "The images of "


def image_artifact(digest: str, suffix: str) -> str:
    """Return where a training image is kept; `digest` is its SHA-256, `suffix` has the dot."""
    return f"images/{digest[:2]}/{digest}{suffix}"


def manifest_artifact(digest: str) -> str:
    """Return where a snapshot's manifest is kept."""
    return f"snapshots/{digest}.json"


def run_folder(run_id: str) -> str:
    """Return the folder of a run's checkpoints, which is deleted after its end."""
    return f"runs/{run_id}"


def version_artifact(project_id: int, number: int) -> str:
    """Return where a version's weights are kept. The file's stem begins the version's name."""
    return f"versions/{project_id}/project-{project_id}-v{number}.pt"
