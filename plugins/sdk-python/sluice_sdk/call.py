"""The calls of the contract, in the words of the SDK. The component and the tests go the same way."""

from typing import Any, Dict, List, Optional, Tuple

from .bundle import Backing, Bundle, FileInfo
from .config import Mistakes, parse, schema
from .failure import BadConfig, explain
from .report import Finding, Report
from .rule import Placement, Rule


def config_schema(rule: Rule) -> Dict[str, Any]:
    """The JSON Schema of the rule's configuration; without one, only an empty table will do."""
    if rule.config is None:
        return {"type": "object", "additionalProperties": False}
    return schema(rule.config)


def check_config(rule: Rule, text: str) -> List[str]:
    """Every mistake of a configuration. `check` of the configuration, where it has one, runs only here: for what would be
    too slow in every call."""
    if rule.config is None:
        return []
    try:
        config = parse(rule.config, text)
        check = getattr(config, "check", None)
        return list(Mistakes(check() or []).lines) if callable(check) else []
    except Mistakes as mistakes:
        return mistakes.lines
    except Exception as error:
        return [explain(error)]


def _arguments(rule: Rule, text: str) -> Tuple[Any, ...]:
    if rule.config is None:
        return ()
    try:
        return (parse(rule.config, text),)
    except Mistakes as mistakes:
        raise BadConfig(str(mistakes)) from None


def validate(rule: Rule, config: str, backing: Backing) -> List[Finding]:
    """Judges a bundle."""
    report = Report()
    rule.run(Bundle(backing), report, *_arguments(rule, config))
    return report.findings()


def plan(rule: Rule, config: str, backing: Backing) -> Tuple[Optional[List[Placement]], List[Finding]]:
    """Decides where the files of a bundle go; no places where the bundle is refused."""
    report = Report()
    # A generator has said nothing before it is exhausted.
    places = [_placement(place) for place in rule.run(Bundle(backing), report, *_arguments(rule, config)) or []]
    return (None if report.rejects else places), report.findings()


def _placement(place: Any) -> Placement:
    if isinstance(place, Placement):
        return place
    file, path = place
    return Placement(file.index if isinstance(file, FileInfo) else file, path)
