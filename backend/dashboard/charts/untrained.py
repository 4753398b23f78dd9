"""What is said where nothing has been trained: why, and how to begin. Pure."""


def no_versions_words(project_id: int, decision: str = "") -> str:
    """Return what to do where there is no version; `decision` says in a sentence why no run is due."""
    return f"No version has been trained.{_begin(project_id, decision)}"


def no_runs_words(project_id: int, decision: str = "") -> str:
    """Return what to do where there has been no run; `decision` as in `no_versions_words`."""
    return f"There has been no run.{_begin(project_id, decision)}"


def _begin(project_id: int, decision: str) -> str:
    why = f" Training: {decision}" if decision else ""
    return f"{why} To ask for a run: python -m backend train --project {project_id}"
