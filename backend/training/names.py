"""Names and words that server and worker must agree on: of jobs, of artifacts, of a warning; and a limit."""

TRAIN_JOB = "retrain.jobs.train"
CONSIDER_JOB = "retrain.jobs.consider_training"
ALERTS_JOB = "retrain.jobs.check_alerts"
TIDY_JOB = "retrain.jobs.tidy"
REPORTS_JOB = "retrain.jobs.look_for_old_reports"
REPORT_JOB = "retrain.jobs.renew_project_report"
MONTHLY_JOB = "retrain.jobs.report_months"
# How a run's warning begins that tells of images which are missing.
MISSING_IMAGES = "The images of "
# Images that val and test each get at most (the design); all that come later are trained on.
MOST_HELD_OUT = 100


def image_artifact(digest: str, suffix: str) -> str:
    """Return where a training image is kept; `digest` is its SHA-256, `suffix` has the dot."""
    return f"images/{digest[:2]}/{digest}{suffix}"


def manifest_artifact(digest: str) -> str:
    """Return where a snapshot's manifest is kept."""
    return f"snapshots/{digest}.json"


def run_folder(run_id: str) -> str:
    """Return the folder of a run's checkpoints, which is deleted after its end."""
    return f"runs/{run_id}"


def versions_folder(project_id: int) -> str:
    """Return the folder of the weights of a project's versions."""
    return f"versions/{project_id}"


def version_artifact(project_id: int, number: int, run_id: str) -> str:
    """Return where the weights of a run's version are kept. The file's stem begins the version's name.

    In a folder of the run's own: one that was thought dead may write for the same number as the next run.
    """
    return f"{versions_folder(project_id)}/{run_id}/project-{project_id}-v{number}.pt"


def run_of_artifact(name: str) -> str:
    """Return the id of the run whose version's weights are kept under that name."""
    return name.split("/")[-2]
