"""What a training that stopped says of itself, in words that its readers can act on."""

import errno

from backend.errors import AppError

# torch, CUDA and OpenCV tell a want of memory by their words alone.
_OUT_OF_MEMORY = (
    "out of memory",
    "DefaultCPUAllocator",
    "Insufficient memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_INTERNAL_ERROR",
    "unable to find an engine",
)
# torch's own writer keeps no error number.
_DISK_FULL = ("PytorchStreamWriter failed writing", "No space left on device")


class TrainingFailed(AppError):
    """This attempt at training cannot go on; what was stored before it still is."""

    code = "training_failed"


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error means that fewer images at once could have been trained on."""
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return True
    return any(words in str(error) for words in _OUT_OF_MEMORY)


def is_disk_full(error: BaseException) -> bool:
    """Tell whether an error means that nothing more can be written."""
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
        return True
    return any(words in str(error) for words in _DISK_FULL)


def not_stored(error: Exception, *, epoch: int) -> TrainingFailed:
    """Return what to say where the checkpoint of an epoch could not be written."""
    advice = "Free space under DATA_DIR and ARTIFACT_URL" if is_disk_full(error) else "Look at ARTIFACT_URL"
    return TrainingFailed(
        f"The checkpoint of epoch {epoch} could not be stored: {str(error).rstrip('.')}. {advice}. "
        "The checkpoint of the epoch before it is still there."
    )


def failure_of(error: Exception, *, epoch: int) -> TrainingFailed:
    """Return what to say of an error after `epoch` finished epochs."""
    if is_disk_full(error):
        return not_stored(error, epoch=epoch + 1)
    # ultralytics puts whole lists into some messages.
    words = str(error)[:500] or "no words"
    return TrainingFailed(
        f"ultralytics stopped in epoch {epoch + 1}: {type(error).__name__}: {words}. Look at the snapshot's "
        "warnings and at TRAIN_OPTIONS."
    )
