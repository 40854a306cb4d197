"""Why a rule could not judge. This says nothing about the bundle; the rule's `on_failure` decides about that."""

import traceback


class BadConfig(Exception):
    """The configuration cannot be used."""


class Unavailable(Exception):
    """Something that the rule depends on did not answer."""


def explain(error: BaseException) -> str:
    """An exception in one line: its type, its message, and where in the rule it was raised."""
    text = f"{type(error).__name__}: {error}".rstrip(": ")
    frames = traceback.extract_tb(error.__traceback__)
    # The rule's own line says more than one of the SDK or of the standard library, which it led to.
    own = [frame for frame in frames if not _is_library(frame.filename)]
    frame = own[-1] if own else (frames[-1] if frames else None)
    if frame is None:
        return text
    file = frame.filename.replace("\\", "/").rsplit("/", 1)[-1]
    return f"{text} ({file}, line {frame.lineno}, in {frame.name})"


def _is_library(path: str) -> bool:
    path = path.replace("\\", "/")
    return (
        "/sluice_sdk/" in path
        or path.startswith(("sluice_sdk/", "<frozen", "/python/", "/bundled/"))
        or "/lib/python" in path
        or path.endswith("/sluice_app.py")
    )
