"""The bundle under judgement, its files, and their contents."""

import io
import json
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Dict, Iterator, List, Optional, Protocol

from .report import Location

# As many files are fetched at once: one call into the gate per file would cost more than the file.
BATCH = 256
# As many bytes are read at once: a read is a call into the gate, and counts as 4 KiB at least.
BUFFER = 64 << 10


@dataclass(frozen=True)
class KeyValue:
    """A key and its value; a number as its decimal text."""

    key: str
    value: str


@dataclass(frozen=True)
class FileInfo:
    """One `Files` row, as the bundle describes the file. Nothing of it is checked yet when a rule runs."""

    index: int
    """The position among the files of the bundle."""
    id: int
    """The id that the gate has given the file; counted from 1 in a dry run."""
    row: int
    """The position of the row in metadata.txt: `/{row}` is its JSON pointer."""
    path: str
    """The path below `data/`, parts joined by `/`."""
    size: int
    mimetype: str
    hash_type: str
    hash_sum: str
    ctime: Optional[str] = None
    mtime: Optional[str] = None
    source: Optional[str] = None
    """On moves: where the file lies now."""

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def folder(self) -> str:
        """The path without its last part; empty at the top."""
        return self.path.rpartition("/")[0]

    @property
    def suffix(self) -> str:
        """The end of the name, as `.csv`; empty where it has none."""
        stem, dot, end = self.name.rpartition(".")
        return dot + end if stem else ""


class Contents(Protocol):
    """What stands behind an open file: the gate, or a test."""

    def size(self) -> int: ...

    def read(self, offset: int, length: int) -> bytes: ...

    def close(self) -> None: ...


class File(io.RawIOBase):
    """The contents of a file, to be read only; `Bundle.open` puts a buffer around it."""

    def __init__(self, contents: Contents) -> None:
        self._contents: Optional[Contents] = contents
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._open().size()}[whence]
        if start + offset < 0:
            raise ValueError("a file has no bytes before its first")
        self._position = start + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        data = self._open().read(self._position, len(buffer))
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def close(self) -> None:
        # A file that stays open counts against the rule's limit of files.
        if not self.closed and self._contents is not None:
            self._contents.close()
            self._contents = None
        super().close()

    def _open(self) -> Contents:
        if self._contents is None:
            raise ValueError("the file is closed")
        return self._contents


class Backing(Protocol):
    """Where a bundle comes from: the gate, or a test."""

    def job_id(self) -> int: ...
    def kind(self) -> str: ...
    def user(self) -> str: ...
    def received(self) -> int: ...
    def transaction(self, field: str) -> Optional[str]: ...
    def key_values(self) -> List[KeyValue]: ...
    def file_count(self) -> int: ...
    def files(self, start: int, count: int) -> List[FileInfo]: ...
    def file_key_values(self, index: int) -> List[KeyValue]: ...
    def open(self, path: str) -> Optional[Contents]: ...
    def metadata_json(self) -> str: ...


class Bundle:
    """The bundle under judgement, lent for one call.

    Nothing is fetched from the gate before it is asked for, and what can be asked for again is kept.
    """

    def __init__(self, backing: Backing) -> None:
        self._backing = backing
        self._kept: Dict[str, Any] = {}

    def _keep(self, name: str, fetch: Any) -> Any:
        if name not in self._kept:
            self._kept[name] = fetch()
        return self._kept[name]

    @property
    def job_id(self) -> int:
        """The id of the job, which is the id of the transaction; 0 in a dry run."""
        return self._backing.job_id()

    @property
    def kind(self) -> str:
        """What brought the bundle here: `upload`, `move`, or a word that this SDK does not know."""
        return self._backing.kind()

    @property
    def user(self) -> str:
        """Who sent the bundle, as the site's proxy says."""
        return self._keep("user", self._backing.user)

    @property
    def received(self) -> datetime:
        """When the job was received, in UTC."""
        return datetime.fromtimestamp(self._backing.received(), timezone.utc)

    @property
    def submitter(self) -> Optional[str]:
        """Who took the data; a number as its decimal text. None where the row is missing or null."""
        return self._transaction("submitter")

    @property
    def project(self) -> Optional[str]:
        """What it was taken for."""
        return self._transaction("project")

    @property
    def instrument(self) -> Optional[str]:
        """What it was taken with."""
        return self._transaction("instrument")

    def _transaction(self, field: str) -> Optional[str]:
        return self._keep(field, lambda: self._backing.transaction(field))

    @property
    def key_values(self) -> List[KeyValue]:
        """The `TransactionKeyValue` rows, in order. A key may come more than once."""
        return self._keep("key_values", self._backing.key_values)

    def values(self, key: str) -> List[str]:
        """All values of a key of the transaction, in order."""
        return [row.value for row in self.key_values if row.key == key]

    def value(self, key: str) -> Optional[str]:
        """The first value of a key of the transaction; None where it has none."""
        return next((row.value for row in self.key_values if row.key == key), None)

    @property
    def file_count(self) -> int:
        """How many files the bundle lists."""
        return self._keep("file_count", self._backing.file_count)

    @property
    def files(self) -> Iterator[FileInfo]:
        """The files that the bundle lists, in order, fetched in batches. Every use begins anew."""
        for start in range(0, self.file_count, BATCH):
            yield from self._backing.files(start, min(BATCH, self.file_count - start))

    def file_key_values(self, file: FileInfo) -> List[KeyValue]:
        """The `FileKeyValue` rows of a file, in order. A key may come more than once."""
        return self._backing.file_key_values(file.index)

    def open(self, path: object) -> Optional[io.BufferedReader]:
        """Opens a file's contents by its path below `data/` or by its row: a binary, buffered, seekable file.

        None where the bundle has no such file, where the contents are not at hand (a dry run), or, on moves, where the
        source may not be read. Close it, best by `with`: only so many may be open at a time.
        """
        contents = self._backing.open(getattr(path, "path", path))
        return None if contents is None else io.BufferedReader(File(contents), BUFFER)

    def open_text(self, path: object, encoding: str = "utf-8", errors: str = "replace") -> Optional[io.TextIOWrapper]:
        """The same as text, to be read line by line."""
        file = self.open(path)
        return None if file is None else io.TextIOWrapper(file, encoding=encoding, errors=errors)

    @property
    def metadata_json(self) -> str:
        """The whole of metadata.txt, as it was sent."""
        return self._keep("metadata_json", self._backing.metadata_json)

    @property
    def metadata(self) -> List[Dict[str, Any]]:
        """The rows of metadata.txt. Parsing it is slow where a bundle lists many files: ask only when it is needed."""
        return self._keep("metadata", lambda: json.loads(self.metadata_json))

    def locate(self, field: str) -> Location:
        """Where in metadata.txt the value of `submitter`, `project` or `instrument` stands; the bundle where it has none."""
        rows = enumerate(self.metadata)
        table = f"Transactions.{field}"
        found = (row for row, said in rows if said.get("destinationTable") == table and said.get("value") is not None)
        return _value_of(next(found, None))

    def locate_key(self, key: str) -> Location:
        """Where in metadata.txt the first value of a key of the transaction stands; the bundle where it has none."""
        rows = enumerate(self.metadata)
        found = (
            row
            for row, said in rows
            if said.get("destinationTable") == "TransactionKeyValue" and _text(said.get("key")) == key
        )
        return _value_of(next(found, None))


def _text(value: Any) -> Optional[str]:
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _value_of(row: Optional[int]) -> Location:
    return Location.bundle() if row is None else Location.metadata(f"/{row}/value")
