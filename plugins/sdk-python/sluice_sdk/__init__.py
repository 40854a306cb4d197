"""Write a rule for the Sluice gate in Python.

    from dataclasses import dataclass
    from sluice_sdk import Bundle, Report, validator

    @dataclass
    class Config:
        most_files: int = 100

    @validator(config=Config)
    def too_many_files(bundle: Bundle, report: Report, config: Config) -> None:
        if bundle.file_count > config.most_files:
            report.error("too-many-files", f"The bundle has {bundle.file_count} files.")

`sluice plugin build` makes a component of it, `sluice plugin test` runs it over the bundles in `examples/`.
Import everything at the top of the module: a component has no file system, so nothing can be imported in a call.
"""

from . import lookup, tables
from .bundle import Bundle, File, FileInfo, KeyValue
from .config import Mistakes
from .failure import BadConfig, Unavailable
from .log import debug, error, info, warn
from .report import Finding, Location, Note, Report, Severity, quoted
from .rule import Placement, mover, validator

__all__ = [
    "BadConfig",
    "Bundle",
    "File",
    "FileInfo",
    "Finding",
    "KeyValue",
    "Location",
    "Mistakes",
    "Note",
    "Placement",
    "Report",
    "Severity",
    "Unavailable",
    "debug",
    "error",
    "info",
    "lookup",
    "mover",
    "quoted",
    "tables",
    "validator",
    "warn",
]
