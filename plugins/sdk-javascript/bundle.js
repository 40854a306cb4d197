// The bundle under judgement, its files, and their contents.

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const decode = (bytes) => decoder.decode(bytes);

// As many files are fetched at once: one call into the gate per file would cost more than the file.
const BATCH = 256;
// As many bytes are read at once: a read is a call into the gate, and counts as 4 KiB at least.
const PIECE = 64 << 10;
// What one read of the gate gives at most.
const MOST = 1 << 20;
const NEW_LINE = 10;
const RETURN = 13;

/** The contents of a file, to be read only. */
class File {
  #contents;

  constructor(contents) {
    this.#contents = contents;
    /** The true size in bytes, which may differ from what the bundle says. */
    this.size = Number(contents.size());
  }

  /** Up to `length` bytes from `offset` on, at most 1 MiB; fewer at the end, none past it. */
  read(offset, length) {
    return this.#contents.read(offset, Math.min(length, MOST));
  }

  /** The contents, piece by piece. */
  *pieces(length = PIECE) {
    for (let offset = 0; offset < this.size; ) {
      const piece = this.read(offset, length);
      if (piece.length === 0) {
        return;
      }
      offset += piece.length;
      yield piece;
    }
  }

  /** All bytes. Mind the rule's limit of memory. */
  bytes() {
    const bytes = new Uint8Array(this.size);
    let offset = 0;
    for (const piece of this.pieces(MOST)) {
      bytes.set(piece, offset);
      offset += piece.length;
    }
    return bytes.subarray(0, offset);
  }

  /** All of it as text, in UTF-8. */
  text() {
    return decode(this.bytes());
  }

  /** The lines, in UTF-8, without their ends; only as much is read as is looked at. */
  *lines() {
    let rest = new Uint8Array(0);
    for (const piece of this.pieces()) {
      let from = 0;
      for (let end = piece.indexOf(NEW_LINE); end >= 0; end = piece.indexOf(NEW_LINE, from)) {
        yield line(joined(rest, piece.subarray(from, end)));
        rest = rest.subarray(0, 0);
        from = end + 1;
      }
      rest = joined(rest, piece.subarray(from));
    }
    if (rest.length > 0) {
      yield line(rest);
    }
  }

  /** Lets go of the file: only so many may be open at a time. */
  close() {
    this.#contents.close();
  }
}

function line(bytes) {
  return decode(bytes[bytes.length - 1] === RETURN ? bytes.subarray(0, -1) : bytes);
}

function joined(one, other) {
  if (one.length === 0) {
    return other;
  }
  const both = new Uint8Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}

/**
 * The bundle under judgement, lent for one call.
 *
 * Nothing is fetched from the gate before it is asked for, and what can be asked for again is kept.
 */
export class Bundle {
  #backing;
  #kept = new Map();

  constructor(backing) {
    this.#backing = backing;
  }

  #keep(name, fetch = () => this.#backing[name]()) {
    if (!this.#kept.has(name)) {
      this.#kept.set(name, fetch());
    }
    return this.#kept.get(name);
  }

  /** The id of the job, which is the id of the transaction; 0 in a dry run. */
  get jobId() {
    return this.#keep("jobId");
  }

  /** What brought the bundle here: `upload`, `move`, or a word that this SDK does not know. */
  get kind() {
    return this.#keep("kind");
  }

  /** Who sent the bundle, as the site's proxy says. */
  get user() {
    return this.#keep("user");
  }

  /** When the job was received. */
  get received() {
    return new Date(this.#keep("received") * 1000);
  }

  /** Who took the data; a number as its decimal text. Null where the row is missing or null. */
  get submitter() {
    return this.#keep("submitter");
  }

  /** What it was taken for. */
  get project() {
    return this.#keep("project");
  }

  /** What it was taken with. */
  get instrument() {
    return this.#keep("instrument");
  }

  /** The `TransactionKeyValue` rows, in order: `{ key, value }`. A key may come more than once. */
  get keyValues() {
    return this.#keep("keyValues");
  }

  /** All values of a key of the transaction, in order. */
  values(key) {
    return this.keyValues.filter((row) => row.key === key).map((row) => row.value);
  }

  /** The first value of a key of the transaction; null where it has none. */
  value(key) {
    return this.values(key)[0] ?? null;
  }

  /** How many files the bundle lists. */
  get fileCount() {
    return this.#keep("fileCount");
  }

  /** The files that the bundle lists, in order, fetched in batches. Every use begins anew. */
  get files() {
    return this.#files();
  }

  *#files() {
    for (let start = 0; start < this.fileCount; start += BATCH) {
      yield* this.#backing.files(start, Math.min(BATCH, this.fileCount - start));
    }
  }

  /** The `FileKeyValue` rows of a file, in order: `{ key, value }`. */
  fileKeyValues(file) {
    return this.#backing.fileKeyValues(file.index);
  }

  /**
   * Opens a file's contents by its path below `data/` or by its row.
   *
   * Null where the bundle has no such file, where the contents are not at hand (a dry run), or, on moves, where the
   * source may not be read.
   */
  open(file) {
    const contents = this.#backing.open(typeof file === "string" ? file : file.path);
    return contents === null ? null : new File(contents);
  }

  /** The whole of metadata.txt, as it was sent. */
  get metadataJson() {
    return this.#keep("metadataJson");
  }

  /** The rows of metadata.txt. Parsing it is slow where a bundle lists many files: ask only when it is needed. */
  get metadata() {
    return this.#keep("metadata", () => JSON.parse(this.metadataJson));
  }

  /** Where in metadata.txt the value of `submitter`, `project` or `instrument` stands; the bundle where it has none. */
  locate(field) {
    const table = `Transactions.${field}`;
    return valueOf(this.metadata.findIndex((row) => row.destinationTable === table && (row.value ?? null) !== null));
  }

  /** Where in metadata.txt the first value of a key of the transaction stands; the bundle where it has none. */
  locateKey(key) {
    return valueOf(
      this.metadata.findIndex((row) => row.destinationTable === "TransactionKeyValue" && String(row.key) === key),
    );
  }
}

function valueOf(row) {
  return row < 0 ? { kind: "bundle", value: null } : { kind: "metadata", value: `/${row}/value` };
}
