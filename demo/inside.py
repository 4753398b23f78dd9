"""Run a module with the settings of the running demo: `python -m demo.inside backend status`."""

import json
import os
import sys

from demo.__main__ import PORTS_FILE, clean_environment, data_folder, demo_environment, is_taken


def main() -> None:
    """Become `python -m MODULE ARGUMENTS`, in the demo's folder and with its settings."""
    if len(sys.argv) < 2:
        sys.exit("error: Name a module, for instance: python -m demo.inside backend status")
    folder = data_folder()
    try:
        ports = json.loads((folder / PORTS_FILE).read_text())
    except FileNotFoundError:
        sys.exit("error: The demo has not been started yet. Start it in another terminal: make demo")
    if not is_taken(ports["port"]):
        sys.exit("error: The demo does not run. Start it in another terminal: make demo")
    environment = clean_environment() | demo_environment(folder, **ports)
    os.chdir(folder)
    os.execve(sys.executable, [sys.executable, "-m", *sys.argv[1:]], environment)


if __name__ == "__main__":
    main()
