"""What an author writes: a function that is a rule."""

from dataclasses import dataclass
from typing import Any, Callable, List, Optional

from .config import schema


@dataclass(frozen=True)
class Placement:
    """Where one file goes: its index in the bundle, and a relative path in the archive."""

    file: int
    path: str


@dataclass(frozen=True)
class Rule:
    """A rule as the component calls it."""

    kind: str
    run: Callable[..., Any]
    config: Optional[type]


# The rules of the program: a component has exactly one.
RULES: List[Rule] = []


def validator(run: Optional[Callable[..., Any]] = None, *, config: Optional[type] = None) -> Any:
    """Makes a validator of a function `(bundle, report, config)`, which says in the report all there is to say about
    the bundle. Without a `config` dataclass the function takes `(bundle, report)`."""
    return _rule("validator", run, config)


def mover(run: Optional[Callable[..., Any]] = None, *, config: Optional[type] = None) -> Any:
    """Makes a mover of a function `(bundle, report, config)`, which names a place for every file: pairs of a file and
    its path in the archive, or `Placement`s. With an error in the report the bundle is refused."""
    return _rule("mover", run, config)


def _rule(kind: str, run: Optional[Callable[..., Any]], config: Optional[type]) -> Any:
    def decorate(run: Callable[..., Any]) -> Callable[..., Any]:
        if config is not None:
            # A type that cannot be configured is told when the component is built, not when it is called.
            schema(config)
        RULES.append(Rule(kind, run, config))
        return run

    return decorate if run is None else decorate(run)
