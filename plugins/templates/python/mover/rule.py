"""Files go below their project and their instrument."""

from dataclasses import dataclass
from typing import Annotated, Iterator, Tuple

from sluice_sdk import Bundle, FileInfo, Mistakes, Report, mover


@dataclass
class Config:
    """What the facility writes into its policy."""

    folder: Annotated[str, "The folder of the archive that all files go into."]

    def __post_init__(self) -> None:
        if not self.folder:
            raise Mistakes([("folder", "must not be empty")])


@mover(config=Config)
def by_project(bundle: Bundle, report: Report, config: Config) -> Iterator[Tuple[FileInfo, str]]:
    if bundle.project is None or bundle.instrument is None:
        report.error("no-place", "Without a project and an instrument there is no place for the files.").hint(
            "Choose both in the uploader."
        )
        return
    # The job's id keeps two bundles with files of the same name apart.
    folder = f"{config.folder}/{bundle.project}/{bundle.instrument}/{bundle.job_id}"
    for file in bundle.files:
        yield file, f"{folder}/{file.path}"
