"""The report that a rule fills in."""

import json
from dataclasses import dataclass
from enum import Enum
from typing import Dict, List, Optional, Tuple

# Nobody reads more findings of one kind, and the gate takes only so many from a rule.
FOLD_AFTER = 100


class Severity(str, Enum):
    """How much a finding weighs. Only an error rejects a bundle."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Location:
    """What a finding is about: the bundle, a place in metadata.txt (a JSON pointer), or a file below data/."""

    kind: str
    value: Optional[str] = None

    @classmethod
    def bundle(cls) -> "Location":
        return cls("bundle")

    @classmethod
    def metadata(cls, pointer: str) -> "Location":
        return cls("metadata", pointer)

    @classmethod
    def file(cls, path: str) -> "Location":
        return cls("file", path)


@dataclass
class Finding:
    """One thing a rule says about a bundle."""

    severity: Severity
    code: str
    message: str
    location: Location = Location("bundle")
    hint: Optional[str] = None


class Note:
    """A finding just made, to say more about it."""

    __slots__ = ("_finding",)

    def __init__(self, finding: Finding) -> None:
        self._finding = finding

    def at(self, location: Location) -> "Note":
        """Says what the finding is about."""
        self._finding.location = location
        return self

    def at_metadata(self, pointer: str) -> "Note":
        """It is about a place in metadata.txt, named by its RFC 6901 JSON pointer."""
        return self.at(Location.metadata(pointer))

    def at_file(self, path: object) -> "Note":
        """It is about a file, named by its path below `data/` or by its row."""
        return self.at(Location.file(getattr(path, "path", path)))

    def hint(self, hint: str) -> "Note":
        """Says what to do about it."""
        self._finding.hint = hint
        return self


class Report:
    """What a rule has to say about a bundle.

    After a hundred findings of one kind (code and severity) the others are counted, not kept, so that a bundle of a
    million files that are all wrong makes a report that a person can read. They weigh the same.
    """

    def __init__(self) -> None:
        self._findings: List[Finding] = []
        self._kinds: Dict[Tuple[str, Severity], int] = {}
        self._fold_after = FOLD_AFTER

    def fold_after(self, count: int) -> None:
        """Keeps up to `count` findings of each kind instead of a hundred."""
        self._fold_after = count

    def error(self, code: str, message: str) -> Note:
        """Something that must be mended: the bundle is rejected."""
        return self.add(Severity.ERROR, code, message)

    def warning(self, code: str, message: str) -> Note:
        """Something that should be mended: the bundle is accepted."""
        return self.add(Severity.WARNING, code, message)

    def info(self, code: str, message: str) -> Note:
        """Something worth knowing."""
        return self.add(Severity.INFO, code, message)

    def add(self, severity: Severity, code: str, message: str) -> Note:
        """A finding whose severity is known only at run time. It is about the whole bundle unless the note says more."""
        severity = Severity(severity)
        finding = Finding(severity, code, message)
        count = self._kinds.get((code, severity), 0) + 1
        self._kinds[(code, severity)] = count
        if count <= self._fold_after:
            self._findings.append(finding)
        return Note(finding)

    @property
    def rejects(self) -> bool:
        """Whether anything in the report rejects the bundle."""
        return any(severity is Severity.ERROR for _, severity in self._kinds)

    def findings(self) -> List[Finding]:
        """The findings, in the order they were made, and one for each kind that was folded."""
        folded = [
            Finding(severity, code, f"There are {count - self._fold_after} more findings of this kind.")
            for (code, severity), count in sorted(self._kinds.items())
            if count > self._fold_after
        ]
        return self._findings + folded


def quoted(value: object, most: int = 80) -> str:
    """A value from outside, as a message can show it: in quotes, escaped, and cut where it is long."""
    text = str(value)
    if len(text) > most:
        text = text[: most - 1] + "…"
    return json.dumps(text, ensure_ascii=not text.isprintable())
