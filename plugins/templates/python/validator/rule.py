"""Bundles name their sample, and their tables have the columns that the facility expects."""

from dataclasses import dataclass
from typing import Annotated, List

from sluice_sdk import Bundle, FileInfo, Mistakes, Report, quoted, validator


@dataclass
class Config:
    """What the facility writes into its policy."""

    columns: Annotated[List[str], "The columns that every .csv file must have."]
    key: Annotated[str, "The key that every bundle must have a value for."] = "Sample"

    def __post_init__(self) -> None:
        if not self.columns:
            raise Mistakes([("columns", "must name at least one column")])


@validator(config=Config)
def tables(bundle: Bundle, report: Report, config: Config) -> None:
    if not any(value.strip() for value in bundle.values(config.key)):
        report.error("key-missing", f"The bundle has no value for the key {quoted(config.key)}.").hint(
            "Fill it in in the uploader."
        )
    for file in bundle.files:
        if file.suffix == ".csv":
            check_table(file, bundle, report, config)


def check_table(file: FileInfo, bundle: Bundle, report: Report, config: Config) -> None:
    contents = bundle.open_text(file)
    if contents is None:  # a dry run
        return
    with contents:
        found = [column.strip() for column in contents.readline().split(",")]
    missing = [column for column in config.columns if column not in found]
    if missing:
        report.error("columns-missing", f"The table lacks these columns: {', '.join(missing)}.").at_file(file).hint(
            "Export it with all columns."
        )
