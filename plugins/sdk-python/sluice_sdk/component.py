"""A rule as the component that the gate calls. Only `sluice plugin build` imports this module."""

import json
from typing import Any, Dict, List, Optional, Tuple

# Imported here because nothing can be imported in a call; rules may want them as well.
import encodings.ascii  # noqa: F401
import encodings.idna  # noqa: F401
import encodings.latin_1  # noqa: F401
import encodings.utf_16  # noqa: F401
import encodings.utf_8_sig  # noqa: F401

from componentize_py_types import Err
from wit_world.exports import plugin as plugin_types
from wit_world.imports import bundles, host, types
from wit_world.imports import tables as wit_tables

from . import call, log, lookup, tables
from .bundle import FileInfo, KeyValue
from .failure import BadConfig, Unavailable, explain
from .report import Finding
from .rule import RULES, Rule

try:
    # Movers have none.
    from wit_world.imports import lookup as wit_lookup
except ImportError:
    wit_lookup = None


class Contents:
    """An open file of the gate's."""

    def __init__(self, file: bundles.File) -> None:
        self._file = file

    def size(self) -> int:
        return self._file.size()

    def read(self, offset: int, length: int) -> bytes:
        try:
            return self._file.read(offset, min(length, 1 << 20))
        except Err as error:
            raise Unavailable(str(error.value.value)) from None

    def close(self) -> None:
        self._file.__exit__(None, None, None)


class Tables:
    """The tables that the gate has granted."""

    def info(self, table: str) -> tables.TableInfo:
        info = _asked(table, wit_tables.info, table)
        return tables.TableInfo(info.digest, info.columns, info.row_count)

    def row(self, table: str, key: str) -> Optional[Dict[str, str]]:
        row = _asked(table, wit_tables.row, table, key)
        return None if row is None else {pair.key: pair.value for pair in row}

    def rows(self, table: str, start: int, count: int) -> List[List[str]]:
        return _asked(table, wit_tables.rows, table, start, count)


def _asked(table: str, ask: Any, *arguments: Any) -> Any:
    try:
        return ask(*arguments)
    except Err as error:
        if isinstance(error.value, wit_tables.TableError_NotGranted):
            raise tables.not_granted(table) from None
        raise Unavailable(str(error.value.value)) from None


def _look_up(url: str) -> lookup.Response:
    try:
        answer = wit_lookup.get(url)
    except Err as error:
        value = error.value
        if isinstance(value, wit_lookup.LookupError_Denied):
            raise lookup.Denied(value.value) from None
        if isinstance(value, wit_lookup.LookupError_Timeout):
            raise lookup.TimedOut("no answer came in time") from None
        if isinstance(value, wit_lookup.LookupError_TooLarge):
            raise lookup.TooLarge("the answer is larger than the rule is granted") from None
        raise Unavailable(str(value.value)) from None
    return lookup.Response(answer.status, answer.content_type, answer.body)


class Backing:
    """The bundle that the gate has lent."""

    def __init__(self, bundle: bundles.Bundle) -> None:
        self._bundle = bundle
        self.job_id = bundle.job_id
        self.user = bundle.user
        self.received = bundle.received
        self.file_count = bundle.file_count
        self.metadata_json = bundle.metadata_json

    def kind(self) -> str:
        kind = self._bundle.kind()
        if isinstance(kind, types.JobKind_Upload):
            return "upload"
        return "move" if isinstance(kind, types.JobKind_Move) else kind.value

    def transaction(self, field: str) -> Optional[str]:
        return getattr(self._bundle, field)()

    def key_values(self) -> List[KeyValue]:
        return [KeyValue(row.key, row.value) for row in self._bundle.key_values()]

    def files(self, start: int, count: int) -> List[FileInfo]:
        rows = self._bundle.files(start, count)
        return [
            FileInfo(
                index=index,
                id=row.id,
                row=row.row,
                path=row.path,
                size=row.size,
                mimetype=row.mimetype,
                hash_type=row.hash_type,
                hash_sum=row.hash_sum,
                ctime=row.ctime,
                mtime=row.mtime,
                source=row.source,
            )
            for index, row in enumerate(rows, start)
        ]

    def file_key_values(self, index: int) -> List[KeyValue]:
        return [KeyValue(row.key, row.value) for row in self._bundle.file_key_values(index)]

    def open(self, path: str) -> Optional[Contents]:
        file = self._bundle.open(path)
        return None if file is None else Contents(file)


LEVELS = {"debug": host.Level.DEBUG, "info": host.Level.INFO, "warn": host.Level.WARN, "error": host.Level.ERROR}
SEVERITIES = {"info": types.Severity.INFO, "warning": types.Severity.WARNING, "error": types.Severity.ERROR}


def _finding(finding: Finding) -> types.Finding:
    location: types.Location
    if finding.location.kind == "metadata":
        location = types.Location_Metadata(finding.location.value or "")
    elif finding.location.kind == "file":
        location = types.Location_File(finding.location.value or "")
    else:
        location = types.Location_Bundle()
    return types.Finding(SEVERITIES[finding.severity.value], finding.code, finding.message, location, finding.hint)


def _failure(error: Exception) -> Err:
    """Any exception of a rule, as the failure that it is."""
    if isinstance(error, (BadConfig, tables.NotGranted)):
        return Err(types.Failure_BadConfig(str(error)))
    # A file that can no longer be read is no fault of the bundle.
    if isinstance(error, (Unavailable, OSError)):
        return Err(types.Failure_Unavailable(str(error)))
    return Err(types.Failure_Other(explain(error)))


def _start() -> None:
    tables.source = Tables()
    if wit_lookup is not None:
        lookup.source = _look_up
    log.sink = lambda level, message: host.log(LEVELS[level], message)


def export(module: Any, *, kind: str, name: str, version: str, summary: str) -> Tuple[type, type]:
    """The classes that the component exports, for the one rule of the program."""
    rule = _only_rule(module, kind)
    info = plugin_types.Info(name, version, summary, json.dumps(call.config_schema(rule)))

    class Plugin:
        def describe(self) -> plugin_types.Info:
            return info

        def check_config(self, json: str) -> None:
            _start()
            mistakes = call.check_config(rule, json)
            if mistakes:
                raise Err(mistakes)

    class Exported:
        def validate(self, bundle: bundles.Bundle) -> List[types.Finding]:
            _start()
            try:
                findings = call.validate(rule, host.config(), Backing(bundle))
                return [_finding(finding) for finding in findings]
            except Exception as error:
                raise _failure(error) from None

        def plan(self, bundle: bundles.Bundle) -> types.Decision:
            _start()
            try:
                places, findings = call.plan(rule, host.config(), Backing(bundle))
                if places is None:
                    return types.Decision_Refuse([_finding(finding) for finding in findings])
                return types.Decision_Place([types.Placement(place.file, place.path) for place in places])
            except Exception as error:
                raise _failure(error) from None

    return Plugin, Exported


def _only_rule(module: Any, kind: str) -> Rule:
    if len(RULES) != 1:
        raise SystemExit(f"{module.__name__} has {len(RULES)} rules; a component is one function with @{kind}")
    if RULES[0].kind != kind:
        raise SystemExit(
            f'{module.__name__} has a {RULES[0].kind}, and pyproject.toml says kind = "{kind}" under [tool.sluice]'
        )
    return RULES[0]
