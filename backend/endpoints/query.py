"""Reads and refuses query parameters."""

from collections.abc import Collection
from typing import TypeVar

from flask import request

from backend.errors import BadRequest

Default = TypeVar("Default", int, None)


def refuse_unknown(known: Collection[str]) -> None:
    """Make sure that the request has no other parameters than these.

    Raises:
        BadRequest: it has.
    """
    # A filter that is misspelt and ignored would answer another question than was asked.
    for name in request.args:
        if name not in known:
            raise BadRequest(f'"{name[:80]}" is no parameter; expected any of {", ".join(known)}.')


def read_number(name: str, default: Default) -> int | Default:
    """Return the parameter as a number that fits 64 bits, or `default` where it is missing.

    Raises:
        BadRequest: it is no whole number from 0 on.
    """
    text = request.args.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise BadRequest(f'"{name}" is {text[:80]!r}; expected a whole number.')
    return int(text)


def read_version() -> str | None:
    """Return the parameter `version`, or None where it is missing.

    Raises:
        BadRequest: it holds NUL, which PostgreSQL refuses.
    """
    version = request.args.get("version")
    if version is not None and "\x00" in version:
        raise BadRequest(f'"version" is {version[:80]!r}; expected the name of a model version.')
    return version
