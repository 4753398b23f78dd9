"""Build the parts of one process from its settings, and close them again."""

import os
from dataclasses import dataclass
from typing import Self

from backend.inference.checkpoint import Checkpoint
from backend.inference.composition import Presentation
from backend.inference.hygiene import HygieneLimits
from backend.inference.manager import ModelManager
from backend.inference.pipeline import PredictionPipeline
from backend.inference.plan import Planner
from backend.inference.weights import resolve_weights
from backend.labelstudio.client import LabelStudioClient
from backend.media.cache import MediaCache
from backend.media.fetch import Fetcher, FetchLimits
from backend.media.loader import MediaLoader
from backend.metrics import Metrics
from backend.project_metrics import ProjectMetrics
from backend.queue import JobQueue
from backend.registry.champions import Champions
from backend.sam.box_masks import BoxMasks
from backend.sam.digest_notes import DigestNotes
from backend.sam.embedding_files import EmbeddingFiles
from backend.sam.embedding_memory import EmbeddingMemory
from backend.sam.embeddings import Embeddings
from backend.sam.holder import SamHolder
from backend.sam.interactions import Interactions
from backend.sam.prefetch import Prefetcher
from backend.sam.smart_tools import SmartTools
from backend.sam.task_embeddings import TaskEmbeddings
from backend.serving_mark import ServingMark
from backend.settings import Settings
from backend.store.artifacts import ArtifactStore
from backend.store.database import Database, open_database
from backend.store.event_writer import EventWriter


@dataclass(frozen=True, slots=True)
class Services:
    """The parts that requests, jobs and commands share within one process."""

    settings: Settings
    database: Database
    events: EventWriter
    queue: JobQueue
    label_studio: LabelStudioClient
    media: MediaLoader
    pipeline: PredictionPipeline
    metrics: Metrics
    project_metrics: ProjectMetrics
    artifacts: ArtifactStore
    serving: ServingMark
    champions: Champions
    sam: SamHolder
    embeddings: Embeddings
    prefetcher: Prefetcher
    smart_tools: SmartTools

    @classmethod
    def build(cls, settings: Settings) -> Self:
        """Open the database and make the rest ready; loads no weights and calls nobody.

        Raises:
            DatabaseUnavailable: the database cannot be opened.
            SettingsError: an address cannot be used.
        """
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        _tame_ultralytics(settings)
        label_studio = LabelStudioClient(
            settings.label_studio_url, settings.label_studio_api_key.get_secret_value()
        )
        database = open_database(settings.database_address, timeout=settings.database_timeout)
        metrics = Metrics()
        media = _build_media(settings, label_studio)
        artifacts = ArtifactStore(settings.artifact_address, cache=settings.data_dir / "artifact-cache")
        manager = _build_manager(settings)
        champions = Champions(database, artifacts, manager)
        queue = JobQueue(settings.redis_address)
        sam = _build_sam(settings)
        embeddings = _build_embeddings(settings, artifacts, metrics)
        serving = ServingMark(settings.data_dir)
        prefetcher = _build_prefetcher(
            settings, sam=sam, embeddings=embeddings, media=media, label_studio=label_studio, serving=serving
        )
        return cls(
            settings=settings,
            database=database,
            events=EventWriter(database),
            queue=queue,
            label_studio=label_studio,
            media=media,
            pipeline=_build_pipeline(
                settings,
                manager=manager,
                champions=champions,
                media=media,
                database=database,
                metrics=metrics,
                sam=sam,
                embeddings=embeddings,
            ),
            metrics=metrics,
            project_metrics=ProjectMetrics(database, queue),
            artifacts=artifacts,
            serving=serving,
            champions=champions,
            sam=sam,
            embeddings=embeddings,
            prefetcher=prefetcher,
            smart_tools=_build_smart_tools(
                settings,
                sam=sam,
                embeddings=TaskEmbeddings(sam, embeddings, media),
                queue=queue,
                prefetcher=prefetcher,
                metrics=metrics,
            ),
        )

    def close(self) -> None:
        """End threads and connections."""
        self.champions.close()
        self.prefetcher.close()
        self.pipeline.close()
        self.embeddings.close()
        self.media.close()
        self.label_studio.close()
        self.queue.close()
        self.database.close()


def _build_media(settings: Settings, label_studio: LabelStudioClient) -> MediaLoader:
    fetcher = Fetcher(
        FetchLimits(settings.media_max_mb * 2**20, settings.media_timeout, settings.media_max_redirects),
        label_studio_url=settings.label_studio_url,
        allowed_hosts=settings.allowed_hosts,
        auth_headers=label_studio.auth_headers,
        renew_auth=label_studio.renew_auth,
        connections=_image_threads(settings),
    )
    return MediaLoader(
        fetcher,
        MediaCache(
            settings.data_dir / "media",
            max_bytes=settings.media_cache_mb * 2**20,
            max_age=settings.media_cache_hours * 3600,
        ),
        label_studio_url=settings.label_studio_url,
        max_pixels=settings.media_max_megapixels * 1_000_000,
    )


def _build_manager(settings: Settings) -> ModelManager:
    def load(checkpoint: Checkpoint):  # type: ignore[no-untyped-def]
        # Imported at the first load: torch and ultralytics take seconds, /setup and /health need neither.
        from backend.inference.yolo import YoloEngine

        return YoloEngine(checkpoint, device=settings.device)

    return ModelManager(load, max_batch=settings.predict_batch, max_bytes=settings.model_cache_mb * 2**20)


def _build_pipeline(
    settings: Settings,
    *,
    manager: ModelManager,
    champions: Champions,
    media: MediaLoader,
    database: Database,
    metrics: Metrics,
    sam: SamHolder,
    embeddings: Embeddings,
) -> PredictionPipeline:
    return PredictionPipeline(
        Planner(
            manager,
            models_path=settings.models_path,
            default_weights=settings.yolo_weights,
            score_threshold=settings.score_threshold,
            champion_of=champions.of,
            sam_version=sam.version,
        ),
        manager,
        media,
        database=database,
        metrics=metrics,
        presentation=Presentation(
            polygon_points=settings.polygon_points,
            limits=HygieneLimits(
                nested=settings.filter_nested,
                duplicates=settings.filter_duplicates,
                slivers=settings.filter_slivers,
                outside=settings.filter_outside,
            ),
            blind_fraction=settings.blind_fraction,
        ),
        threads=_image_threads(settings),
        timeout=settings.predict_timeout,
        box_masks=BoxMasks(sam, embeddings, min_area=settings.mask_min_area),
    )


def _build_sam(settings: Settings) -> SamHolder:
    return SamHolder(
        resolve_weights(settings.sam_model, settings.models_path, confined=False),
        device=settings.device if settings.sam_device == "auto" else settings.sam_device,
        digests=DigestNotes(settings.data_dir / "sam-digest.json"),
    )


def _build_prefetcher(
    settings: Settings,
    *,
    sam: SamHolder,
    embeddings: Embeddings,
    media: MediaLoader,
    label_studio: LabelStudioClient,
    serving: ServingMark,
) -> Prefetcher:
    return Prefetcher(
        sam,
        embeddings,
        media,
        label_studio,
        ahead=settings.sam_prefetch,
        is_serving=serving.is_serving,
        lock=settings.data_dir / "embedding-locks" / "ahead.lock",
    )


def _build_smart_tools(
    settings: Settings,
    *,
    sam: SamHolder,
    embeddings: TaskEmbeddings,
    queue: JobQueue,
    prefetcher: Prefetcher,
    metrics: Metrics,
) -> SmartTools:
    return SmartTools(
        sam,
        embeddings,
        Interactions(queue.redis, seconds=settings.sam_session),
        prefetcher,
        metrics=metrics,
        polygon_points=settings.polygon_points,
        min_area=settings.mask_min_area,
    )


def _build_embeddings(settings: Settings, artifacts: ArtifactStore, metrics: Metrics) -> Embeddings:
    return Embeddings(
        EmbeddingMemory(max_bytes=settings.sam_memory_mb * 2**20),
        EmbeddingFiles(artifacts, max_bytes=settings.sam_cache_mb * 2**20),
        lock_folder=settings.data_dir / "embedding-locks",
        metrics=metrics,
    )


def _image_threads(settings: Settings) -> int:
    # Each thread holds one image until the model has seen it, so fewer could never fill a batch.
    return max(settings.media_threads, settings.predict_batch)


def _tame_ultralytics(settings: Settings) -> None:
    # Read by ultralytics at import: no settings file in the home folder, no pip in a running server, no
    # look-ups on the network.
    os.environ.setdefault("YOLO_CONFIG_DIR", str((settings.data_dir / "ultralytics").resolve()))
    os.environ.setdefault("YOLO_AUTOINSTALL", "false")
    # Beside our own check of the file: ultralytics then unpickles no class that it does not list itself.
    os.environ.setdefault("ULTRALYTICS_SAFE_LOAD", "true")
    os.environ.setdefault("YOLO_OFFLINE", "true")
    os.environ.setdefault("YOLO_VERBOSE", "false")
