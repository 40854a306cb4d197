"""Lines for the facility's people. The gate keeps them with the rule's outcome when the rule fails, and in its log.
Uploaders never see them. In tests they go to standard error."""

import sys
from typing import Callable, Optional

# Set by the component; without it, there is no gate.
sink: Optional[Callable[[str, str], None]] = None


def debug(message: str) -> None:
    """Something only of interest while a rule is being written."""
    _line("debug", message)


def info(message: str) -> None:
    """Something worth knowing."""
    _line("info", message)


def warn(message: str) -> None:
    """Something that somebody should look at."""
    _line("warn", message)


def error(message: str) -> None:
    """Something that keeps the rule from its work."""
    _line("error", message)


def _line(level: str, message: str) -> None:
    if sink is None:
        print(f"{level}: {message}", file=sys.stderr)
    else:
        sink(level, message)
