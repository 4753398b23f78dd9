# One image for the server and the worker; docs/docker.md says how to build and run it.
# The base may be any Debian image that has python3.11 and its venv module.
ARG BASE_IMAGE=python:3.11-slim-bookworm
FROM ${BASE_IMAGE}

# opencv-python loads libGL and GLib. The user's number is fixed, so volumes keep their owner over upgrades.
# Debian drops old versions of a package from its archive, so a pinned version would break the build.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --home-dir /data --no-create-home --shell /usr/sbin/nologin backend \
    && install --directory --owner=backend --group=backend /data /data/models

# The paths and steps of the Makefile. All requirements have wheels, so no compiler is needed. The secret is
# an optional pip.conf for a package index of your own; it does not stay in the image.
WORKDIR /app
COPY requirements.txt ./
ENV PIP_NO_CACHE_DIR=1
RUN --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    python3.11 -m venv .venv \
    && .venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt \
    && .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps label-studio-ml==1.0.9 \
    && .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall opencv-python-headless==4.12.0.88

# .dockerignore lets in the program alone.
COPY . .

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOST=0.0.0.0 \
    DATA_DIR=/data
USER 10001:10001
VOLUME /data
EXPOSE 9090
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD [".venv/bin/python", "-c", "import os, urllib.request; urllib.request.urlopen(f'http://127.0.0.1:{os.environ.get(\"PORT\") or 9090}/health', timeout=4)"]
CMD [".venv/bin/gunicorn", "-c", "python:backend.gunicorn_conf", "_wsgi:app"]
