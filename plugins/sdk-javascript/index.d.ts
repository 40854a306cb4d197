// What a rule is given, for editors: /** @param {import("./sluice-sdk/index.js").Bundle} bundle */

export type Severity = "info" | "warning" | "error";

export type Location =
  | { kind: "bundle"; value?: null }
  | { kind: "metadata"; value: string }
  | { kind: "file"; value: string };

export interface Finding {
  severity: Severity;
  code: string;
  message: string;
  location: Location;
  hint: string | null;
}

/** A finding just made, to say more about it. */
export interface Note {
  at(location: Location): Note;
  /** A place in metadata.txt, by its RFC 6901 JSON pointer. */
  atMetadata(pointer: string): Note;
  /** A file, by its path below `data/` or by its row. */
  atFile(file: string | FileInfo): Note;
  /** What to do about it. */
  hint(hint: string): Note;
}

export class Report {
  /** The bundle is rejected. */
  error(code: string, message: string): Note;
  /** The bundle is accepted. */
  warning(code: string, message: string): Note;
  info(code: string, message: string): Note;
  add(severity: Severity, code: string, message: string): Note;
  /** Keeps up to `count` findings of each kind instead of a hundred; the others are counted. */
  foldAfter(count: number): void;
  readonly rejects: boolean;
  readonly findings: Finding[];
}

export interface KeyValue {
  key: string;
  value: string;
}

/** One `Files` row, as the bundle describes the file. Nothing of it is checked yet when a rule runs. */
export interface FileInfo {
  /** The position among the files of the bundle. */
  index: number;
  /** The id that the gate has given the file; counted from 1 in a dry run. */
  id: number;
  /** The position of the row in metadata.txt: `/{row}` is its JSON pointer. */
  row: number;
  /** The path below `data/`. */
  path: string;
  size: number;
  mimetype: string;
  hashType: string;
  hashSum: string;
  ctime: string | null;
  mtime: string | null;
  /** On moves: where the file lies now. */
  source: string | null;
}

/** The contents of a file. Every read counts against the rule's limit of bytes read, as 4 KiB at least. */
export interface File {
  readonly size: number;
  /** Up to `length` bytes, at most 1 MiB; fewer at the end, none past it. */
  read(offset: number, length: number): Uint8Array;
  pieces(length?: number): Iterable<Uint8Array>;
  bytes(): Uint8Array;
  text(): string;
  /** Without their ends; only as much is read as is looked at. */
  lines(): Iterable<string>;
  close(): void;
}

export interface Bundle {
  readonly jobId: number;
  readonly kind: "upload" | "move" | string;
  readonly user: string;
  readonly received: Date;
  readonly submitter: string | null;
  readonly project: string | null;
  readonly instrument: string | null;
  readonly keyValues: KeyValue[];
  values(key: string): string[];
  value(key: string): string | null;
  readonly fileCount: number;
  readonly files: Iterable<FileInfo>;
  fileKeyValues(file: FileInfo): KeyValue[];
  open(file: string | FileInfo): File | null;
  readonly metadataJson: string;
  readonly metadata: Record<string, unknown>[];
  locate(field: "submitter" | "project" | "instrument"): Location;
  locateKey(key: string): Location;
}

/** What a mover answers: where one file goes, by a relative path in the archive. */
export interface Placement {
  file: FileInfo | number;
  path: string;
}

/** What a rule's module exports: `validate` of a validator, `plan` of a mover. */
export interface Rule<Config = Record<string, unknown>> {
  /** A JSON Schema (draft 2020-12) of the configuration; defaults are filled in. */
  config?: object;
  /** Mistakes that need not be looked for in every call. */
  check?(config: Config): Iterable<string>;
  validate?(bundle: Bundle, report: Report, config: Config): void;
  plan?(bundle: Bundle, report: Report, config: Config): Iterable<Placement>;
}

/** Tables that the policy grants the rule: all cells are text, the first column holds the keys. */
export namespace tables {
  /** The rule is not granted the table. */
  class NotGranted extends Error {}
  function info(table: string): { digest: string; columns: string[]; rowCount: number };
  /** The row with this key, by column. One call into the gate, however large the table. */
  function row(table: string, key: string): Record<string, string> | null;
  /** All rows, in the order in which they were loaded. For a few of them, `row` is far cheaper. */
  function rows(table: string): Iterable<Record<string, string>>;
}

/** An answer, of whatever status. */
export interface Response {
  status: number;
  contentType: string | null;
  body: Uint8Array;
  /** Whether the status is one of the 2xx. */
  readonly ok: boolean;
  text(): string;
  json(): unknown;
}

/** What HTTP servers answer, asked by the gate below the prefixes that the policy grants the rule. Validators only. */
export namespace lookup {
  /** The gate did not ask: the rule is not granted the URL, or not what it leads to. */
  class Denied extends BadConfig {}
  /** No whole answer came in time. */
  class TimedOut extends Unavailable {}
  /** The answer is larger than the grant allows. */
  class TooLarge extends Error {}
  /** Asks for a URL, and waits. A server that does not answer is `Unavailable`; a status of 404 or 500 is an answer. */
  function get(url: string): Response;
}

/** The configuration cannot be used. */
export class BadConfig extends Error {}

/** Something that the rule depends on did not answer. */
export class Unavailable extends Error {}

/** A value from outside, as a message can show it: in quotes, escaped, and cut where it is long. */
export function quoted(value: unknown, most?: number): string;
