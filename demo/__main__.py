"""`python -m demo` (or `make demo`): start everything on this machine, with data under data/demo."""

import json
import os
import secrets
import socket
import sys
from pathlib import Path

from backend.settings import Settings
from demo.label_studio import ROOT, label_studio_environment

WEIGHTS = ROOT / "demo/weights/demo_yolo.pt"
SAM_WEIGHTS = ROOT / "demo/weights/demo_sam.pt"
USER = "demo@example.com"
PORTS_FILE = "ports.json"


def main() -> None:
    """Prepare the environment and become the process manager."""
    label_studio_port = int(os.environ.get("LABEL_STUDIO_PORT", "8080"))
    port = int(os.environ.get("PORT", "9090"))
    for name, number in (("LABEL_STUDIO_PORT", label_studio_port), ("PORT", port)):
        if is_taken(number):
            sys.exit(
                f"Port {number} is in use, perhaps by another demo. Stop that program, or choose another: "
                f"make demo {name}={number + 1}"
            )
    data_dir = data_folder()
    data_dir.mkdir(parents=True, exist_ok=True)
    ports = {"label_studio_port": label_studio_port, "port": port}
    (data_dir / PORTS_FILE).write_text(json.dumps(ports))
    environment = clean_environment() | demo_environment(data_dir, **ports)
    os.chdir(data_dir)  # away from a .env that is meant for `make run`
    print("Starting Label Studio and the backend; the first start takes about a minute.", flush=True)
    # The settings of the included file would win over the demo's own.
    own_files = [f"--logfile={data_dir / 'supervisord.log'}", f"--pidfile={data_dir / 'supervisord.pid'}"]
    supervisord = ROOT / ".venv/bin/supervisord"
    os.execve(
        supervisord,
        [str(supervisord), "--silent", f"--configuration={ROOT / 'demo/processes.conf'}", *own_files],
        environment,
    )


def data_folder() -> Path:
    """Return the folder of the demo's data."""
    return Path(os.environ.get("DEMO_DATA_DIR", ROOT / "data/demo")).resolve()


def clean_environment() -> dict[str, str]:
    """Return the environment without any setting of ours: those are for `make run`."""
    return {k: v for k, v in os.environ.items() if k.lower() not in Settings.model_fields}


def demo_environment(data_dir: Path, *, label_studio_port: int, port: int) -> dict[str, str]:
    """Return the settings of Label Studio, server and worker; passwords are made once and kept."""
    keys = _credentials(data_dir / "credentials.json")
    return {
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "LABEL_STUDIO_PORT": str(label_studio_port),
        "LABEL_STUDIO_URL": f"http://localhost:{label_studio_port}",
        "LABEL_STUDIO_API_KEY": keys["token"],
        "DATA_DIR": str(data_dir),
        "PORT": str(port),
        "WEBHOOK_SECRET": keys["webhook_secret"],
        # One login for both servers: nobody should have to look for a second one.
        "BASIC_AUTH_USER": USER,
        "BASIC_AUTH_PASS": keys["password"],
        "YOLO_WEIGHTS": str(WEIGHTS),
        "SAM_MODEL": str(SAM_WEIGHTS),
        **label_studio_environment(
            data_dir / "label-studio",
            user=USER,
            password=keys["password"],
            token=keys["token"],
            secret_key=keys["secret_key"],
        ),
    }


def _credentials(path: Path) -> dict[str, str]:
    if not path.exists():
        made = {
            "password": secrets.token_urlsafe(8),
            "token": secrets.token_hex(20),
            "secret_key": secrets.token_urlsafe(32),
            "webhook_secret": secrets.token_urlsafe(16),
        }
        temporary = path.with_suffix(".tmp")
        temporary.touch(mode=0o600)
        temporary.write_text(json.dumps(made))
        temporary.rename(path)
    loaded: dict[str, str] = json.loads(path.read_text())
    return loaded


def is_taken(port: int) -> bool:
    """Return whether a program listens on this port of the machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


if __name__ == "__main__":
    main()
