"""A weights file is looked at before it is loaded: what it is, and that it names no code of its own."""

import hashlib
import io
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.errors import ModelError
from backend.inference.checkpoint import Checkpoint, read_checkpoint
from tests.backend.tiny_model import CLASSES, TASKS

# A class of its own; the smallest that a model must have.
NAMES = {0: "car"}
HARMLESS = "a harmless part"


def dumped(value: object) -> bytes:
    """Pickle without its frame, to be put into another pickle."""
    return pickle.dumps(value, 2)[2:-1]


def named(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def called(function: bytes, *arguments: object) -> bytes:
    return function + dumped(arguments) + b"R"


def made(module: str, name: str, state: object) -> bytes:
    return named(module, name) + b")\x81" + dumped(state) + b"b"


def model(kind: str = "DetectionModel", names: object = NAMES) -> bytes:
    return made("ultralytics.nn.tasks", kind, {"names": names})


def saved(*parts: bytes, entry: bytes | None = None) -> bytes:
    """Return data.pkl of a checkpoint that holds a model and these parts."""
    items = [(b"model", entry or model()), *((f"part {n}".encode(), part) for n, part in enumerate(parts))]
    return b"\x80\x02}" + b"".join(dumped(k.decode()) + part + b"s" for k, part in items) + b"."


def archive(*files: tuple[str, bytes]) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as file:
        for name, body in files:
            file.writestr(name, body)
    return written.getvalue()


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(archive(("archive/data.pkl", data), ("archive/version", b"3\n")))
    return path


def refusal(path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        read_checkpoint(path)
    return caught.value.message


def test_task_classes_and_digest_are_read_from_what_ultralytics_saved(tiny_weights: Path) -> None:
    checkpoint = read_checkpoint(tiny_weights)
    assert (checkpoint.task, checkpoint.class_names) == ("detect", CLASSES)
    assert checkpoint.digest == hashlib.sha256(tiny_weights.read_bytes()).hexdigest()
    assert checkpoint.version == f"tiny-{checkpoint.digest[:8]}"


@pytest.mark.parametrize("task", TASKS)
def test_what_ultralytics_saves_for_a_task_is_accepted(
    tiny_weights_of: Callable[[str], Path], task: str
) -> None:
    checkpoint = read_checkpoint(tiny_weights_of(task))
    assert (checkpoint.task, checkpoint.class_names) == (task, CLASSES)
    assert checkpoint.path.stat().st_size < 10**6


def test_reading_imports_neither_torch_nor_ultralytics(tiny_weights: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from backend.inference.checkpoint import read_checkpoint; "
        "print(read_checkpoint(Path(sys.argv[1])).task); "
        "sys.exit(bool({'torch', 'ultralytics', 'numpy'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", script, str(tiny_weights)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "detect\n"), done.stderr


@pytest.mark.parametrize(
    ("kind", "task"),
    [
        ("DetectionModel", "detect"),
        ("SegmentationModel", "segment"),
        ("OBBModel", "obb"),
        ("PoseModel", "pose"),
        ("ClassificationModel", "classify"),
    ],
)
def test_task_follows_from_the_models_class(tmp_path: Path, kind: str, task: str) -> None:
    assert read_checkpoint(write(tmp_path / "a.pt", saved(entry=model(kind)))).task == task


@pytest.mark.parametrize(
    ("names", "classes"),
    [
        pytest.param({1: "b", 0: "a", 10: "c"}, ("a", "b", "c"), id="by number, in order"),
        pytest.param(["a", "b"], ("a", "b"), id="list"),
        pytest.param({0: 7}, ("7",), id="number as name"),
    ],
)
def test_class_names_are_ordered_text(tmp_path: Path, names: object, classes: tuple[str, ...]) -> None:
    path = write(tmp_path / "a.pt", saved(entry=model(names=names)))
    assert read_checkpoint(path).class_names == classes


def test_averaged_weights_of_an_unfinished_training_win(tmp_path: Path) -> None:
    ema = dumped("ema") + model(names={0: "ema"}) + b"s"
    data = b"\x80\x02}" + dumped("model") + model() + b"s" + ema + b"."
    assert read_checkpoint(write(tmp_path / "a.pt", data)).class_names == ("ema",)


def test_missing_file_is_named_with_its_folder(tmp_path: Path) -> None:
    message = refusal(tmp_path / "gone.pt")
    assert "gone.pt" in message and str(tmp_path) in message


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_truncated_file_is_refused(tiny_weights: Path, tmp_path: Path, share: float) -> None:
    whole = tiny_weights.read_bytes()
    path = tmp_path / "cut.pt"
    path.write_bytes(whole[: int(len(whole) * share)])
    assert "truncated" in refusal(path)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"<html>not found</html>", id="web page"),
        pytest.param(b"version https://git-lfs.github.com/spec/v1\n", id="pointer of git-lfs"),
        pytest.param(pickle.dumps({"model": 1}), id="bare pickle"),
        pytest.param(archive(("a.txt", b"x")), id="zip of something else"),
        pytest.param(archive(("archive/data.pkl", b"not a pickle")), id="zip with a broken pickle"),
        pytest.param(archive(("archive/data.pkl", b"\x80\x02}.")), id="no model"),
        pytest.param(archive(("archive/data.pkl", saved(entry=dumped([1])))), id="model a list"),
        pytest.param(archive(("archive/data.pkl", saved(entry=model("Detect")))), id="a part of a model"),
        pytest.param(archive(("archive/data.pkl", saved(entry=model(names={})))), id="no classes"),
        pytest.param(archive(("archive/data.pkl", saved(entry=model(names="abc")))), id="classes text"),
    ],
)
def test_file_of_another_kind_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "other.pt"
    path.write_bytes(data)
    assert "other.pt" in refusal(path)


def test_folder_is_refused(tmp_path: Path) -> None:
    assert tmp_path.name in refusal(tmp_path)


EVIL_CALLS = [
    pytest.param("os", "system", ("touch {}",), id="os.system"),
    pytest.param("posix", "system", ("touch {}",), id="posix.system"),
    pytest.param("subprocess", "Popen", (["touch", "{}"],), id="subprocess.Popen"),
    pytest.param("builtins", "eval", ("open('{}', 'w')",), id="eval"),
    pytest.param("__builtin__", "eval", ("open('{}', 'w')",), id="eval, Python 2"),
    pytest.param("builtins", "exec", ("open('{}', 'w')",), id="exec"),
    pytest.param("builtins", "open", ("{}", "w"), id="open"),
    pytest.param("builtins", "__import__", ("os",), id="import"),
    pytest.param("importlib", "import_module", ("os",), id="import_module"),
    pytest.param("torch", "load", ("{}",), id="torch.load"),
    pytest.param("torch.serialization", "load", ("{}",), id="torch.serialization.load"),
    pytest.param("torch.hub", "load", ("a/b", "c"), id="torch.hub.load"),
    pytest.param("numpy", "load", ("{}",), id="numpy.load"),
    pytest.param("pickle", "loads", (b"",), id="pickle.loads"),
    pytest.param("ultralytics.nn.tasks", "torch_safe_load", ("{}",), id="ultralytics' loader"),
    pytest.param("ultralytics.nn.tasks", "parse_model", ({}, 3), id="ultralytics' parser"),
    pytest.param("ultralytics.nn.tasks", "DetectionModel.load", (1, 2), id="method by a dotted name"),
    pytest.param("ultralytics.utils", "subprocess.run", (["touch", "{}"],), id="module by a dotted name"),
    pytest.param("ultralytics.nnx", "Evil", (), id="package that begins alike"),
    # ultralytics evaluates the activation of a model that is made from a dictionary.
    pytest.param(
        "ultralytics.nn.tasks", "DetectionModel", ({"activation": "open('{}', 'w')"},), id="model made anew"
    ),
    pytest.param("torchvision.transforms.transforms", "Lambda", (1,), id="function as a transform"),
    pytest.param("ultralytics.nn.autobackend", "AutoBackend", ("{}",), id="loader class"),
]


@pytest.mark.parametrize(("module", "name", "arguments"), EVIL_CALLS)
def test_checkpoint_that_calls_what_none_needs_is_refused_and_does_not_run(
    tmp_path: Path, module: str, name: str, arguments: tuple[object, ...]
) -> None:
    trace = tmp_path / "trace"
    text = pickle.loads(pickle.dumps(arguments))
    part = called(named(module, name), *_with_path(text, trace))
    message = refusal(write(tmp_path / "evil.pt", saved(part)))
    assert name.split(".")[0] in message
    assert not trace.exists()


def _with_path(value: object, path: Path) -> tuple[object, ...] | object:
    if isinstance(value, tuple | list):
        return type(value)(_with_path(item, path) for item in value)
    if isinstance(value, dict):
        return {key: _with_path(item, path) for key, item in value.items()}
    return value.format(path) if isinstance(value, str) else value


def test_getattr_of_another_name_than_forward_is_refused(tmp_path: Path) -> None:
    part = called(named("builtins", "getattr"), HARMLESS, "__class__")
    assert "__class__" in refusal(write(tmp_path / "evil.pt", saved(part)))


def test_getattr_of_forward_is_what_heads_hold(tmp_path: Path) -> None:
    part = called(named("builtins", "getattr"), HARMLESS, "forward")
    assert read_checkpoint(write(tmp_path / "head.pt", saved(part))).task == "detect"


def test_forward_may_be_held_but_not_called(tmp_path: Path) -> None:
    forward = called(named("builtins", "getattr"), HARMLESS, "forward")
    refusal(write(tmp_path / "evil.pt", saved(called(forward, HARMLESS))))


EVIL = saved(called(named("os", "system"), "true"))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(
            archive(("evil/version", b"3\n"), ("good/data.pkl", saved()), ("evil/data.pkl", EVIL)),
            id="another folder than the first entry's",
        ),
        pytest.param(
            archive(("archive/version", b"3\n"), ("x/data.pkl", saved()), ("archive/data.pkl", EVIL)),
            id="another folder before the right one",
        ),
        pytest.param(EVIL + archive(("archive/data.pkl", saved())), id="pickle before the zip"),
        pytest.param(
            archive(
                ("archive/data.pkl", saved()), ("archive/code/a.py", b""), ("archive/constants.pkl", b"N.")
            ),
            id="TorchScript",
        ),
    ],
)
def test_file_that_torch_would_read_differently_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "two-faced.pt"
    path.write_bytes(data)
    refusal(path)


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_two_entries_of_one_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "twice.pt"
    path.write_bytes(archive(("archive/data.pkl", saved()), ("archive/data.pkl", EVIL)))
    refusal(path)
    path.write_bytes(archive(("archive/data.pkl", EVIL), ("archive/data.pkl", saved())))
    refusal(path)


def test_pickle_that_claims_to_be_huge_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "bomb.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("archive/data.pkl", b"\x00" * (64 * 2**20 + 1))
    assert "readable size" in refusal(path)


@pytest.mark.parametrize(
    ("stem", "version"),
    [
        pytest.param("yolo11n-seg_v1.2", "yolo11n-seg_v1.2-00000000", id="usual"),
        pytest.param('my "best", model\\', "my-best-model--00000000", id="marks that Label Studio loses"),
        pytest.param("größe", "größe-00000000", id="letters"),
    ],
)
def test_version_holds_nothing_that_label_studio_cannot_list(stem: str, version: str) -> None:
    assert Checkpoint(Path(f"{stem}.pt"), "0" * 64, "detect", ("car",)).version == version
