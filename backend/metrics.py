"""Counters and timings for Prometheus, summed over all server processes.

gunicorn's configuration sets PROMETHEUS_MULTIPROC_DIR before this module is loaded; each process then
writes its numbers to a file there. Without it (tests, one process) the numbers stay in memory.
"""

import os

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 100)
_SHARES = (0.5, 0.8, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99, 1.0)
# Fixed by prometheus-client; its own switch, so not a setting of ours.
_SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"


class Metrics:
    """All metrics of one application."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self.requests = Counter(
            "yolo_sam_requests", "Requests answered.", ["endpoint", "status"], registry=registry
        )
        self.request_seconds = Histogram(
            "yolo_sam_request_seconds", "Time to answer.", ["endpoint"], buckets=_SECONDS, registry=registry
        )
        self.tasks = Counter("yolo_sam_tasks_predicted", "Tasks predicted.", ["version"], registry=registry)
        self.regions = Counter(
            "yolo_sam_regions_predicted", "Regions predicted.", ["version"], registry=registry
        )
        self.filtered = Counter(
            "yolo_sam_regions_filtered", "Regions that hygiene took out.", ["filter"], registry=registry
        )
        self.polygon_iou = Histogram(
            "yolo_sam_polygon_iou",
            "Overlap of a predicted polygon with its mask.",
            buckets=_SHARES,
            registry=registry,
        )
        self.failures = Counter(
            "yolo_sam_task_failures", "Tasks without a prediction.", ["reason"], registry=registry
        )
        self.events = Counter(
            "yolo_sam_events", "Webhook events received.", ["action", "outcome"], registry=registry
        )
        self.embeddings = Counter(
            "yolo_sam_embeddings",
            "Image embeddings asked for: where each was found, and whether somebody waited for it.",
            ["found", "asked"],
            registry=registry,
        )
        self.encode_seconds = Histogram(
            "yolo_sam_encode_seconds", "Time to encode one image.", buckets=_SECONDS, registry=registry
        )
        self.click_seconds = Histogram(
            "yolo_sam_click_seconds", "Time to answer a smart tool.", buckets=_SECONDS, registry=registry
        )

    def render(self) -> bytes:
        """Return the metrics in Prometheus' text format."""
        if not os.environ.get(_SHARED_FOLDER):
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
