"""Bundles for tests of a rule in plain Python, without the gate; `sluice plugin test` is the test in the sandbox.

    from sluice_sdk.testing import bundle, validate
    from rule import too_many_files

    findings = validate(too_many_files, bundle(rows), {"most_files": 1})
"""

import json
from typing import Any, Dict, List, Optional, Union

from . import call, lookup, tables
from .bundle import FileInfo, KeyValue
from .report import Finding
from .rule import RULES, Placement, Rule


class TestBundle:
    """A bundle made from the rows of metadata.txt and contents by path below `data/`, read as the gate reads it."""

    __test__ = False  # for pytest: this is no test

    def __init__(self, rows: List[Dict[str, Any]], contents: Optional[Dict[str, bytes]] = None) -> None:
        self._rows = rows
        self._contents = contents or {}
        files = [(number, row) for number, row in enumerate(rows) if row["destinationTable"] == "Files"]
        self._files = [_file(index, number, row) for index, (number, row) in enumerate(files)]
        self._ids = {_text(row.get("_id")): index for index, (_, row) in enumerate(files)}

    def job_id(self) -> int:
        return 1

    def kind(self) -> str:
        return "upload"

    def user(self) -> str:
        return "root"

    def received(self) -> int:
        # 2026-03-01 at 12:00 UTC.
        return 1_772_366_400

    def transaction(self, field: str) -> Optional[str]:
        values = (row.get("value") for row in self._rows if row["destinationTable"] == f"Transactions.{field}")
        return next((_text(value) for value in values if value is not None), None)

    def key_values(self) -> List[KeyValue]:
        return [_key_value(row) for row in self._rows if row["destinationTable"] == "TransactionKeyValue"]

    def file_count(self) -> int:
        return len(self._files)

    def files(self, start: int, count: int) -> List[FileInfo]:
        return self._files[start : start + count]

    def file_key_values(self, index: int) -> List[KeyValue]:
        rows = (row for row in self._rows if row["destinationTable"] == "FileKeyValue")
        return [_key_value(row) for row in rows if self._ids.get(_text(row.get("file_id"))) == index]

    def open(self, path: str) -> Optional["_Contents"]:
        data = self._contents.get(path)
        return None if data is None else _Contents(data)

    def metadata_json(self) -> str:
        return json.dumps(self._rows)


class _Contents:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def size(self) -> int:
        return len(self._data)

    def read(self, offset: int, length: int) -> bytes:
        # As the gate does, one read gives at most 1 MiB.
        return self._data[offset : offset + min(length, 1 << 20)]

    def close(self) -> None:
        pass


class _Tables:
    def __init__(self) -> None:
        self.made: Dict[str, List[Dict[str, str]]] = {}

    def info(self, table: str) -> tables.TableInfo:
        rows = self._rows(table)
        return tables.TableInfo("sha256:of-a-test", list(rows[0]) if rows else [], len(rows))

    def row(self, table: str, key: str) -> Optional[Dict[str, str]]:
        return next((row for row in self._rows(table) if next(iter(row.values()), None) == key), None)

    def rows(self, table: str, start: int, count: int) -> List[List[str]]:
        return [list(row.values()) for row in self._rows(table)[start : start + count]]

    def _rows(self, table: str) -> List[Dict[str, str]]:
        if table not in self.made:
            raise tables.not_granted(table)
        return self.made[table]


def grant_tables(**made: List[Dict[str, str]]) -> None:
    """Grants rules these tables and no others from now on, each a list of rows whose first value is the key:
    `grant_tables(projects=[{"id": "1234a", "pi": "ada"}])`."""
    tables.source = _Tables()
    tables.source.made = made


def answer_lookups(answers: Optional[Dict[str, Union[lookup.Response, Exception, Any]]] = None) -> None:
    """Answers lookups of these URLs and no others from now on: with a `lookup.Response`, a text, anything else as JSON,
    or an exception that is raised: `answer_lookups({"https://h/api/1": {"open": True}})`."""
    made = answers or {}

    def source(url: str) -> lookup.Response:
        if url not in made:
            raise lookup.Denied(f"the rule is not granted {url}; in a test, give it to answer_lookups")
        answer = made[url]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, lookup.Response):
            return answer
        if isinstance(answer, str):
            return lookup.Response(200, "text/plain", answer.encode())
        return lookup.Response(200, "application/json", json.dumps(answer).encode())

    lookup.source = source


def bundle(rows: List[Dict[str, Any]], contents: Optional[Dict[str, bytes]] = None) -> TestBundle:
    """A bundle with these rows, and contents by path below `data/`. A file without contents cannot be opened."""
    return TestBundle(rows, contents)


def validate(run: Any, made: TestBundle, config: Optional[Dict[str, Any]] = None) -> List[Finding]:
    """Judges a bundle as the gate does. What the rule raises is raised."""
    return call.validate(_rule(run), json.dumps(config or {}), made)


def plan(run: Any, made: TestBundle, config: Optional[Dict[str, Any]] = None) -> Optional[List[Placement]]:
    """The places that a mover names; None where it refuses."""
    return call.plan(_rule(run), json.dumps(config or {}), made)[0]


def check_config(run: Any, config: Dict[str, Any]) -> List[str]:
    """Every mistake of a configuration."""
    return call.check_config(_rule(run), json.dumps(config))


def _rule(run: Any) -> Rule:
    return next(rule for rule in RULES if rule.run is run)


def _text(value: Any) -> Optional[str]:
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _key_value(row: Dict[str, Any]) -> KeyValue:
    return KeyValue(_text(row["key"]) or "", _text(row.get("value")) or "")


def _file(index: int, number: int, row: Dict[str, Any]) -> FileInfo:
    parts = [part for part in (row.get("subdir") or "").split("/") if part not in ("", ".")]
    parts = parts[1:] if parts[:1] == ["data"] else parts
    return FileInfo(
        index=index,
        id=index + 1,
        row=number,
        path="/".join([*parts, row["name"]]),
        size=int(row.get("size") or 0),
        mimetype=row.get("mimetype") or "",
        hash_type=row.get("hashtype") or "sha1",
        hash_sum=row.get("hashsum") or "",
        ctime=_text(row.get("ctime")),
        mtime=_text(row.get("mtime")),
        source=_text(row.get("source")),
    )
