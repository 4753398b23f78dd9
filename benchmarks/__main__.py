"""`python -m benchmarks [NAME ...]`: run all benchmarks, or those named."""

import sys

from benchmarks import dashboard, masks, prelabel, quality, sam, serving, webhooks

BENCHMARKS = {
    "serving": serving.main,
    "prelabel": prelabel.main,
    "masks": masks.main,
    "sam": sam.main,
    "quality": quality.main,
    "dashboard": dashboard.main,
    "webhooks": webhooks.main,
}


def main() -> None:
    """Run them one after the other."""
    names = sys.argv[1:] or list(BENCHMARKS)
    for name in names:
        if name not in BENCHMARKS:
            sys.exit(f"There is no benchmark {name!r}; there are {', '.join(BENCHMARKS)}.")
        BENCHMARKS[name]()


if __name__ == "__main__":
    main()
