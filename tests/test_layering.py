"""The layers: a module imports its own layer or one below, and the server never imports the worker."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# From below to above. An entry names a module, or with a closing dot a package and all in it.
LAYERS = {
    "words": [
        "backend",
        "backend.entities",
        "backend.errors",
        "backend.review.entities",
        "backend.settings",
        "backend.training",
        "backend.training.entities",
        "backend.report_settings",
        "backend.training_settings",
        "backend.alerts.entities",
        "backend.registry.entities",
        "backend.sam",
        "backend.sam.entities",
        "backend.sam_settings",
        "retrain",
        "retrain.snapshot.errors",
    ],
    "pure": [
        "backend.contours",
        "backend.geometry",
        "backend.rle",
        "backend.logs",
        "backend.inference",
        "backend.inference.blind",
        "backend.inference.certainty",
        "backend.inference.heads",
        "backend.inference.hygiene",
        "backend.inference.regions",
        "backend.inference.seen",
        "backend.labelstudio",
        "backend.labelstudio.annotated_regions",
        "backend.labelstudio.annotations",
        "backend.labelstudio.changes",
        "backend.labelstudio.events",
        "backend.labelstudio.label_config",
        "backend.labelstudio.label_config_advice",
        "backend.labelstudio.result_geometry",
        "backend.labelstudio.results",
        "backend.labelstudio.smart_request",
        "backend.labelstudio.task_filter",
        "backend.labelstudio.task_image",
        "backend.labelstudio.tasks",
        "backend.media",
        "backend.media.brightness",
        "backend.media.data_uri",
        "backend.sam.smart_images",
        "backend.sam.cleaning",
        "backend.sam.input_frame",
        "backend.sam.names",
        "backend.sam.output",
        "backend.media.source",
        "backend.prelabel",
        "backend.prelabel.progress",
        "backend.sam.interaction",
        "backend.sam.interaction_bytes",
        "backend.sam.request_frame",
        "backend.sam.strokes",
        "backend.review",
        "backend.review.corrections",
        "backend.review.matching",
        "backend.review.overlap",
        "backend.review.picture",
        "backend.review.scanlines",
        "backend.review.shown",
        "backend.review.table",
        "backend.review.states",
        "backend.stats",
        "backend.stats.agreement",
        "backend.stats.agreement_figures",
        "backend.stats.bootstrap",
        "backend.stats.kappa_alpha",
        "backend.stats.task_agreement",
        "backend.stats.curve_fit",
        "backend.stats.intervals",
        "backend.stats.learning_curve",
        "backend.stats.power_law",
        "backend.stats.bins",
        "backend.stats.change",
        "backend.stats.drift",
        "backend.stats.prediction_bias",
        "backend.stats.psi",
        "backend.stats.quality",
        "backend.stats.annotator_figures",
        "backend.stats.median",
        "backend.stats.drift_report",
        "backend.stats.label_errors",
        "backend.stats.label_marks",
        "backend.stats.label_pairs",
        "backend.stats.label_rates",
        "backend.stats.label_scores",
        "backend.stats.label_unseen",
        "backend.stats.next_tasks",
        "backend.stats.novelty",
        "backend.stats.task_choice",
        "backend.stats.outlook",
        "backend.report",
        "backend.report.advice",
        "backend.report.advice_words",
        "backend.report.advise",
        "backend.report.advise_images",
        "backend.report.advise_people",
        "backend.report.advise_quality",
        "backend.report.entities",
        "backend.report.month",
        "backend.dashboard",
        "backend.dashboard.charts.",
        "backend.dashboard.csv",
        "backend.dashboard.entities",
        "backend.dashboard.detail_tables",
        "backend.dashboard.verdicts",
        "backend.registry",
        "backend.alerts",
        "backend.training.names",
        "backend.alerts.drift_rules",
        "backend.alerts.messages",
        "backend.alerts.rules",
        "backend.registry.history",
        "backend.training.policy",
        "backend.training.progress",
        "retrain.dataset",
        "retrain.dataset.columns",
        "retrain.dataset.keypoints",
        "retrain.dataset.labels",
        "retrain.dataset.outlines",
        "retrain.dataset.read",
        "retrain.evaluation",
        "retrain.evaluation.bootstrap",
        "retrain.evaluation.findings",
        "retrain.evaluation.held_out",
        "retrain.evaluation.keypoint_similarity",
        "retrain.evaluation.outcomes",
        "retrain.evaluation.overfitting",
        "retrain.evaluation.quality",
        "retrain.evaluation.scoring",
        "retrain.evaluation.shown",
        "retrain.gate",
        "retrain.snapshot",
        "retrain.snapshot.consensus",
        "retrain.snapshot.counts",
        "retrain.snapshot.examples",
        "retrain.snapshot.splits",
        "retrain.snapshot.target",
        "retrain.snapshot.warnings",
        "retrain.training",
        "retrain.training.errors",
    ],
    "edge": [
        "backend.inference.batcher",
        "backend.inference.embedding",
        "backend.inference.checkpoint",
        "backend.inference.manager",
        "backend.inference.weights",
        "backend.inference.yolo",
        "backend.machine",
        "backend.labelstudio.client",
        "backend.labelstudio.connect",
        "backend.labelstudio.overlap",
        "backend.labelstudio.project_tasks",
        "backend.labelstudio.push",
        "backend.labelstudio.project_annotations",
        "backend.labelstudio.tabs",
        "backend.labelstudio.task_lists",
        "backend.labelstudio.views",
        "backend.media.addresses",
        "backend.media.cache",
        "backend.media.deadline",
        "backend.media.decode",
        "backend.media.fetch",
        "backend.media.loader",
        "backend.metrics",
        "backend.project_metrics",
        "backend.report.basis",
        "backend.queue",
        "backend.serving_mark",
        "backend.stats.agreement_queries",
        "backend.stats.queries",
        "backend.stats.tally_columns",
        "backend.dashboard.assets",
        "backend.dashboard.project_list",
        "backend.dashboard.render",
        "backend.stats.annotator_queries",
        "backend.stats.drift_queries",
        "backend.stats.label_error_queries",
        "backend.stats.next_task_queries",
        "backend.stats.outlook_queries",
        "backend.labelstudio.people",
        "backend.store.",
        "backend.alerts.addresses",
        "backend.alerts.attachments",
        "backend.alerts.delivery",
        "backend.alerts.facts",
        "backend.registry.weights",
        "backend.sam.architectures",
        "backend.sam.interactions",
        "backend.sam.embed_progress",
        "backend.sam.next_tasks",
        "backend.sam.task_embeddings",
        "backend.sam.embedding_files",
        "backend.sam.embedding_memory",
        "backend.sam.embeddings",
        "backend.sam.encoding_locks",
        "backend.sam.engine",
        "backend.sam.holder",
        "backend.sam.digest_notes",
        "backend.sam.network",
        "backend.training.facts",
        "backend.training.learnt_tasks",
        "retrain.dataset.fonts",
        "retrain.dataset.write",
        "retrain.evaluation.latency",
        "retrain.evaluation.predictor",
        "retrain.snapshot.images",
        "retrain.snapshot.manifest",
        "retrain.snapshot.selection",
        "retrain.training.courtesy",
        "retrain.training.device",
        "retrain.training.logs",
        "retrain.training.options",
        "retrain.training.weights",
    ],
    "flow": [
        "backend.dashboard.pages",
        "backend.dashboard.actions",
        "backend.dashboard.list_actions",
        "backend.dashboard.model_actions",
        "backend.dashboard.details",
        "backend.dashboard.suspects",
        "backend.doctor.",
        "backend.inference.composition",
        "backend.inference.finder",
        "backend.inference.pipeline",
        "backend.inference.plan",
        "backend.prelabel.project",
        "backend.prelabel.reader",
        "backend.prelabel.run",
        "backend.prelabel.start",
        "backend.prelabel.work",
        "backend.report.build",
        "backend.report.renew",
        "backend.report.predict_again",
        "backend.report.monthly",
        "backend.dashboard.report_file",
        "backend.review.account",
        "backend.sam.embed_project",
        "backend.sam.embed_start",
        "backend.sam.prefetch",
        "backend.review.explain",
        "backend.review.inbox",
        "backend.review.ingest",
        "backend.review.sync",
        "backend.review.sync_page",
        "backend.review.sync_request",
        "backend.review.sync_start",
        "backend.sam.box_masks",
        "backend.sam.smart_tools",
        "backend.sam.warm_up",
        "backend.services",
        "backend.status",
        "backend.alerts.check",
        "backend.registry.champions",
        "backend.registry.change",
        "backend.registry.move",
        "backend.registry.prelabel",
        "backend.registry.prune",
        "backend.training.consider",
        "backend.training.request",
        "backend.training.schedule",
        "retrain.aftermath",
        "retrain.base",
        "retrain.context",
        "retrain.evaluation.compare",
        "retrain.run",
        "retrain.snapshot.build",
        "retrain.snapshot.source",
        "retrain.training.checkpoints",
        "retrain.training.session",
        "retrain.training.train",
        "retrain.work",
    ],
    "entry": [
        "_wsgi",
        "model",
        "backend.__main__",
        "backend.app",
        "backend.cli.",
        "backend.embedded_redis",
        "backend.endpoints.",
        "backend.gunicorn_conf",
        "backend.start",
        "retrain.jobs",
        "retrain.worker",
    ],
}
ORDER = list(LAYERS)
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in [*(ROOT / "backend").rglob("*.py"), *(ROOT / "retrain").rglob("*.py"), *ROOT.glob("*.py")]
}
# Each reads what a library of its own looks up in the environment; all else comes through Settings.
MAY_READ_ENVIRONMENT = {"backend.gunicorn_conf", "backend.metrics", "backend.services"}


def layer_of(module: str) -> str | None:
    """Return the layer that the table gives the module."""
    for layer, entries in LAYERS.items():
        if any(module == e.rstrip(".") or e.endswith(".") and module.startswith(e) for e in entries):
            return layer
    return None


def imports_of(path: Path) -> set[str]:
    """Return the modules of ours that a file imports, wherever in it the import stands."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else node.module for name in names}
    return found & MODULES.keys()


@pytest.mark.parametrize("module", sorted(MODULES))
def test_module_has_a_layer(module: str) -> None:
    assert layer_of(module) is not None, f"name the layer of {module} in {Path(__file__).name}"


@pytest.mark.parametrize("module", sorted(MODULES))
def test_module_imports_only_its_own_layer_or_one_below(module: str) -> None:
    own = ORDER.index(layer_of(module) or "entry")
    above = {name for name in imports_of(MODULES[module]) if ORDER.index(layer_of(name) or "entry") > own}
    assert not above


def test_table_names_no_module_that_is_gone() -> None:
    entries = {entry.rstrip(".") for entries in LAYERS.values() for entry in entries}
    assert entries <= MODULES.keys()


@pytest.mark.parametrize("module", sorted(name for name in MODULES if name.startswith("backend")))
def test_server_never_imports_the_worker(module: str) -> None:
    assert not {name for name in imports_of(MODULES[module]) if name.startswith("retrain")}


@pytest.mark.parametrize("module", sorted(MODULES.keys() - MAY_READ_ENVIRONMENT))
def test_module_reads_no_environment(module: str) -> None:
    attributes = [n for n in ast.walk(ast.parse(MODULES[module].read_text())) if isinstance(n, ast.Attribute)]
    assert not [n for n in attributes if n.attr in ("environ", "getenv")]


@pytest.mark.parametrize("module", sorted(MODULES))
def test_module_has_no_global_statement(module: str) -> None:
    assert not [n for n in ast.walk(ast.parse(MODULES[module].read_text())) if isinstance(n, ast.Global)]
