"""Tables that the site keeps in the gate, such as its projects. A rule reads those that the policy grants it:
`grants = { tables = ["projects"] }`. All cells are text, and the first column holds the keys.

    from sluice_sdk import tables

    project = tables.row("projects", bundle.project or "")
    if project is None:
        report.error("unknown-project", f"There is no project {bundle.project}.")
"""

from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Optional

_BATCH = 1_000

# Set by the component, or by testing; without it, nothing is granted.
source: Any = None


class NotGranted(Exception):
    """The rule is not granted the table. Where the rule lets it through, the gate says that the configuration is wrong."""


@dataclass(frozen=True)
class TableInfo:
    """`digest` names the version that is read; the first of `columns` holds the keys."""

    digest: str
    columns: List[str]
    row_count: int


def info(table: str) -> TableInfo:
    """What a table is."""
    return _source(table).info(table)


def row(table: str, key: str) -> Optional[Dict[str, str]]:
    """The row with this key, by column; None where no row has it. One call into the gate, however large the table."""
    return _source(table).row(table, key)


def rows(table: str) -> Iterator[Dict[str, str]]:
    """All rows, in the order in which they were loaded. For a few of them, `row` is far cheaper."""
    columns = info(table).columns
    start = 0
    while page := _source(table).rows(table, start, _BATCH):
        yield from (dict(zip(columns, cells)) for cells in page)
        start += len(page)


def not_granted(table: str) -> NotGranted:
    return NotGranted(f"the rule is not granted the table {table}; add it to grants.tables in the policy")


def _source(table: str) -> Any:
    if source is None:
        raise not_granted(table)
    return source
