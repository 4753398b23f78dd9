"""Read what an ultralytics checkpoint says of itself, without running any of its code.

A checkpoint is a zip whose `data.pkl` is a Python pickle, and ultralytics must unpickle it in full to use
it, which runs whatever the file names. So each name in it is checked here first against what ultralytics
and torch write, and classes are read through empty stand-ins: milliseconds, no torch, no weights.
"""

import hashlib
import pickle
import zipfile
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.errors import ModelError
from backend.inference.weights import version_name

# Classes (never functions: some of those load further files) that ultralytics pickles by the dozen.
_TRUSTED_CLASSES = ("ultralytics.nn.", "ultralytics.utils.loss", "ultralytics.utils.tal", "torch.nn.modules.")
_CONTAINERS = {"set": set, "frozenset": frozenset, "list": list, "dict": dict, "tuple": tuple}
_TRUSTED_NAMES = {
    "collections": {"OrderedDict", "defaultdict"},
    "builtins": {*_CONTAINERS, "int", "float", "str", "bool", "slice", "complex"},
    "numpy": {"dtype", "ndarray"},
    "numpy.core.multiarray": {"scalar", "_reconstruct"},
    "numpy._core.multiarray": {"scalar", "_reconstruct"},
    "pathlib": {"PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath", "Path"},
    "torch": {
        "Size",
        "device",
        "float16",
        "bfloat16",
        "float32",
        "float64",
        "int32",
        "int64",
        "uint8",
        "bool",
    }
    | {
        f"{kind}Storage"
        for kind in ("Float", "Half", "BFloat16", "Double", "Long", "Int", "Short", "Byte", "Bool")
    },
    "torch._utils": {"_rebuild_tensor_v2", "_rebuild_parameter", "_rebuild_parameter_with_state"},
    "torch.nn.parameter": {"Parameter", "Buffer"},
    "torch.storage": {"UntypedStorage", "TypedStorage"},
    # How a trained classifier prepares its images.
    "torchvision.transforms.functional": {"InterpolationMode"},
    "torchvision.transforms.transforms": {"CenterCrop", "Compose", "Normalize", "Resize", "ToTensor"},
    "torch.torch_version": {"TorchVersion"},
    "ultralytics.utils": {"IterableSimpleNamespace"},
    "_codecs": {"encode"},
    "datetime": {"datetime"},
}
_TASKS = {
    "DetectionModel": "detect",
    "SegmentationModel": "segment",
    "OBBModel": "obb",
    "PoseModel": "pose",
    "ClassificationModel": "classify",
}
_MAX_PICKLE_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a weights file says of itself. `digest` is the SHA-256 of the whole file, hexadecimal."""

    path: Path
    digest: str
    task: str
    class_names: tuple[str, ...]

    @property
    def version(self) -> str:
        """The model version's name."""
        return version_name(self.path, self.digest)


@dataclass(frozen=True, slots=True)
class ServedChampion:
    """Weights trained for a project that serve it, and the names of the control tags that they fill."""

    checkpoint: Checkpoint
    controls: tuple[str, ...]


def read_checkpoint(path: Path) -> Checkpoint:
    """Read and check a weights file.

    Raises:
        ModelError: missing, not an ultralytics checkpoint, truncated, or naming code that such a
            checkpoint has no reason to name.
    """
    try:
        model = _read_model(path)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise ModelError(f"The weights file {path.name} does not exist in {path.parent}.") from None
    except ModelError:
        raise
    # A pickle of unknown origin can fail in any way; each of them means the same to the reader.
    except Exception as error:
        raise ModelError(
            f"{path.name} is not a readable ultralytics checkpoint ({type(error).__name__}: {error}). It may "
            "be truncated or of another kind; expected a .pt file saved by ultralytics 8 or later."
        ) from error
    names = getattr(model, "names", None)
    task = _TASKS.get(type(model).__name__)
    if task is None or not isinstance(names, dict | list) or not names:
        raise ModelError(f"{path.name} holds a {type(model).__name__}; expected a {', '.join(_TASKS)}.")
    ordered = names if isinstance(names, list) else [names[key] for key in sorted(names)]
    return Checkpoint(path=path, digest=digest, task=task, class_names=tuple(map(str, ordered)))


def _read_model(path: Path) -> object:
    with path.open("rb") as file:
        # torch takes what does not begin as a zip for a bare pickle, whatever zip comes after it.
        if file.read(4) != b"PK\x03\x04":
            raise zipfile.BadZipFile("it does not begin as a zip file")
    with zipfile.ZipFile(path) as archive:
        names = [info.filename for info in archive.infolist()]
        folder = names[0].split("/")[0] if names else ""
        if len(set(names)) < len(names) or any(not name.startswith(f"{folder}/") for name in names):
            raise ModelError(f"{path.name} can be read in two ways; torch saves one folder, each name once.")
        if f"{folder}/constants.pkl" in names:
            raise ModelError(f"{path.name} is a TorchScript archive; expected a .pt saved by ultralytics.")
        entry = next((i for i in archive.infolist() if i.filename == f"{folder}/data.pkl"), None)
        if entry is None or entry.file_size > _MAX_PICKLE_BYTES:
            raise ModelError(
                f"{path.name} holds no data.pkl of a readable size, so it is no torch checkpoint."
            )
        with archive.open(entry) as file:
            saved = _NamesOnly(file).load()
    # ultralytics keeps the averaged weights of a training under "ema" until it is finished.
    return (saved.get("ema") or saved.get("model")) if isinstance(saved, dict) else saved


class _Stand:
    """Empty stand-in for one class of the pickle: keeps its state, runs nothing of it."""

    def __init__(self, *_: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, dict):
            self.__dict__.update(state)

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def __hash__(self) -> int:
        return id(self)

    def append(self, item: Any) -> None:
        """Accept items of a list subclass."""

    def extend(self, items: Any) -> None:
        """Accept items of a list subclass."""

    def add(self, item: Any) -> None:
        """Accept items of a set subclass."""


class _Uncalled(_Stand):
    """Stand-in for a class of a network, which pickles make without calling it.

    A call could do anything: ultralytics evaluates the activation of a model made from a dictionary.
    """

    def __init__(self, *_: Any) -> None:
        raise ModelError(
            f'The weights file calls "{type(self).__name__}", which no ultralytics checkpoint needs. Use a '
            "file from a source you trust, saved by ultralytics itself."
        )


def _bound_forward(owner: Any, name: str) -> type[_Stand]:
    # Segment, Pose and OBB heads keep `Detect.forward` as an attribute, which pickles as a getattr.
    if name != "forward":
        raise ModelError(
            f'The weights file asks for the attribute "{name}", which no ultralytics head needs.'
        )
    return _Uncalled


class _NamesOnly(pickle.Unpickler):
    """Unpickler that resolves trusted names to stand-ins and refuses all others."""

    def find_class(self, module: str, name: str) -> Any:
        module = "builtins" if module == "__builtin__" else module
        if (module, name) == ("builtins", "getattr"):
            return _bound_forward
        is_class = module.startswith(_TRUSTED_CLASSES) and name[:1].isupper() and "." not in name
        if not is_class and name not in _TRUSTED_NAMES.get(module, ()):
            raise ModelError(
                f'The weights file names "{module}.{name}", which no ultralytics checkpoint needs and which '
                "loading would run. Use a file from a source you trust, saved by ultralytics itself."
            )
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "builtins" and name in _CONTAINERS:
            return _CONTAINERS[name]
        return type(name, (_Uncalled if is_class else _Stand,), {})

    def persistent_load(self, pid: Any) -> Any:
        return None
