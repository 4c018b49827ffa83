"""What a server counts, at `/metrics`, beside BentoML's requests and latencies.

assay_images_total{doubted="yes"}          images that were answered
assay_batch_images, assay_batch_seconds    images that were answered at once, and how long that took
assay_waiting_images                       images in the queue when the last request arrived
assay_records_left_out_total               images whose answers were not recorded
assay_model_info{problem, version, …} 1    which model answers
"""

from collections.abc import Mapping, Sequence
from typing import Any

_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)


class Measures:
    """The counters of one process.

    Args:
        model: which one answers.
    """

    def __init__(self, model: Mapping[str, Any]) -> None:
        import prometheus_client as metrics  # not before BentoML has said where processes keep what they count

        self._images = metrics.Counter("assay_images", "Images that were answered", ["doubted"])
        self._batch = metrics.Histogram("assay_batch_images", "Images that were answered at once", buckets=_SIZES)
        self._seconds = metrics.Histogram("assay_batch_seconds", "How long a batch took", buckets=_SECONDS)
        self._waiting = metrics.Gauge("assay_waiting_images", "Images in the queue", multiprocess_mode="livesum")
        self._left_out = metrics.Counter("assay_records_left_out", "Images whose answers were not recorded")
        names = ("problem", "version", "package", "weights_sha256")
        info = metrics.Gauge("assay_model_info", "Which model answers", names, multiprocess_mode="livemax")
        info.labels(*(str(model.get(name, "")) for name in names)).set(1)

    def waiting(self, images: int) -> None:
        """A request has arrived, and as many images wait."""
        self._waiting.set(images)

    def batch(self, images: int, seconds: float) -> None:
        """A batch was answered."""
        self._batch.observe(images)
        self._seconds.observe(seconds)

    def answered(self, doubts: Sequence[Sequence[str]]) -> None:
        """A request was."""
        doubted = sum(bool(lines) for lines in doubts)
        self._images.labels("yes").inc(doubted)
        self._images.labels("no").inc(len(doubts) - doubted)

    def left_out(self, images: int) -> None:
        """Answers were not recorded."""
        self._left_out.inc(images)
