"""A font where ultralytics looks for one, so that it asks nobody on the network.

`check_det_dataset` of ultralytics 8.4 makes sure of a font at each start and otherwise looks it up on GitHub,
offline or not. Matplotlib, which ultralytics needs anyhow, brings one.
"""

import secrets
import shutil
from pathlib import Path

# One for plain names of classes, one for all others.
_NAMES = ("Arial.ttf", "Arial.Unicode.ttf")


def provide_fonts() -> None:
    """Put matplotlib's font where ultralytics looks for its own, unless something is there."""
    # Slow to import, and ultralytics reads its environment when it is.
    import matplotlib
    from ultralytics.utils import USER_CONFIG_DIR

    source = Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")
    for name in _NAMES:
        font = Path(USER_CONFIG_DIR, name)
        if not font.exists():
            part = font.with_name(f"{name}.{secrets.token_hex(4)}.part")
            shutil.copyfile(source, part)
            part.replace(font)
