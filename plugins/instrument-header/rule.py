"""The header that an instrument wrote into its files agrees with the bundle's metadata.

Many instruments begin their files with lines such as `Sample: NaCl-7`. What was typed into the uploader is often wrong;
what the instrument wrote down seldom is. Here the two are compared.
"""

import fnmatch
from dataclasses import dataclass, field
from typing import Annotated, Dict, List, Optional

from sluice_sdk import Bundle, FileInfo, Location, Mistakes, Report, quoted, validator

TRANSACTION = ("submitter", "project", "instrument")


@dataclass
class Field:
    """What one line of the header must agree with."""

    key: Annotated[Optional[str], "The key of the bundle that must have the same value."] = None
    row: Annotated[Optional[str], "The row of the bundle instead: submitter, project or instrument."] = None
    required: Annotated[bool, "Whether every header must have the line."] = True
    ignore_case: Annotated[bool, "Whether upper and lower case are the same."] = False
    number: Annotated[bool, "Whether the values are numbers: 1.50 and 1.5 are the same."] = False

    def __post_init__(self) -> None:
        if (self.key is None) == (self.row is None):
            raise Mistakes(["needs one of key and row, and not both"])
        if self.row is not None and self.row not in TRANSACTION:
            raise Mistakes([("row", f"must be one of {', '.join(TRANSACTION)}, and is {quoted(self.row)}")])


@dataclass
class Config:
    """Which files have a header, and what must agree."""

    fields: Annotated[Dict[str, Field], "The names of header lines, and what each must agree with."]
    files: Annotated[List[str], "Patterns for the files that have a header, such as *.dat; * stands for any text."] = field(
        default_factory=lambda: ["*"]
    )
    separator: Annotated[str, "What stands between the name of a line and its value."] = ":"
    comment: Annotated[str, "What header lines begin with, such as #; nothing by default."] = ""
    end: Annotated[str, "The line after the header. Without it, the header ends with the first line of another form."] = ""
    most_lines: Annotated[int, "How many lines are looked at."] = 200

    def __post_init__(self) -> None:
        mistakes = []
        if not self.fields:
            mistakes.append(("fields", "must name at least one line"))
        if not self.separator.strip():
            mistakes.append(("separator", "must not be empty"))
        if self.most_lines < 1:
            mistakes.append(("most_lines", "must be at least 1"))
        if mistakes:
            raise Mistakes(mistakes)


@validator(config=Config)
def headers_agree(bundle: Bundle, report: Report, config: Config) -> None:
    for file in bundle.files:
        if any(fnmatch.fnmatchcase(file.path, pattern) for pattern in config.files):
            header = read_header(bundle, file, config)
            if header is not None:
                compare(bundle, report, file, header, config)


def read_header(bundle: Bundle, file: FileInfo, config: Config) -> Optional[Dict[str, str]]:
    """The lines of a file's header by their names; None where the contents are not at hand."""
    contents = bundle.open_text(file)
    if contents is None:
        return None
    header: Dict[str, str] = {}
    with contents:
        for _ in range(config.most_lines):
            # A file without line ends is not read whole.
            line = contents.readline(4096)
            text = line.strip()
            if not line or (config.end and text == config.end):
                break
            name, separator, value = text.removeprefix(config.comment).partition(config.separator)
            if config.comment and not text.startswith(config.comment) or not separator:
                if config.end and text:
                    continue
                if text:
                    break
                continue
            header.setdefault(name.strip(), value.strip())
    return header


def compare(bundle: Bundle, report: Report, file: FileInfo, header: Dict[str, str], config: Config) -> None:
    for name, wanted in config.fields.items():
        found = header.get(name)
        if found is None:
            if wanted.required:
                report.error("header-line-missing", f"The header has no line {quoted(name)}.").at_file(file).hint(
                    "Check that the file comes from the instrument as it is, and was not edited or exported."
                )
            continue
        said = bundle.value(wanted.key) if wanted.key is not None else getattr(bundle, str(wanted.row))
        what = f"the key {quoted(wanted.key)}" if wanted.key is not None else f"the {wanted.row}"
        if said is None:
            report.error(
                "metadata-missing", f"The header of {quoted(file.path)} says {name} {quoted(found)}; the bundle does not say {what}."
            ).hint(f"Give {what} in the uploader.")
        elif not same(found, said, wanted):
            where = bundle.locate_key(wanted.key) if wanted.key is not None else bundle.locate(str(wanted.row))
            disagree(report, file, name, found, said, what, where)


def disagree(
    report: Report, file: FileInfo, name: str, found: str, said: str, what: str, where: Location
) -> None:
    message = f"The header says {name} {quoted(found)}, and {what} of the bundle is {quoted(said)}."
    place = f" ({where.value} in metadata.txt)" if where.value else ""
    report.error("header-differs", message).at_file(file).hint(
        f"Correct {what}{place}, or take the file out if it belongs to another bundle."
    )


def same(found: str, said: str, wanted: Field) -> bool:
    if wanted.number:
        try:
            return float(found) == float(said)
        except ValueError:
            return False
    found, said = found.strip(), said.strip()
    return found.casefold() == said.casefold() if wanted.ignore_case else found == said
