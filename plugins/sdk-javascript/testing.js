// Bundles for tests of a rule in plain Node, without the gate; `sluice plugin test` is the test in the sandbox.

import * as call from "./call.js";
import * as lookup from "./lookup.js";
import { NotGranted, provide } from "./tables.js";

/** A bundle made from the rows of metadata.txt and contents by path below `data/`, read as the gate reads it. */
export function bundle(rows, contents = {}) {
  const text = (value) => (value === null || value === undefined ? null : typeof value === "string" ? value : JSON.stringify(value));
  const first = (table) => text(rows.find((row) => row.destinationTable === table && (row.value ?? null) !== null)?.value);
  const keyValue = (row) => ({ key: text(row.key), value: text(row.value) ?? "" });
  const numbered = rows.map((row, number) => ({ ...row, number })).filter((row) => row.destinationTable === "Files");
  const files = numbered.map((row, index) => {
    const parts = (row.subdir ?? "").split("/").filter((part) => part !== "" && part !== ".");
    const path = [...(parts[0] === "data" ? parts.slice(1) : parts), row.name].join("/");
    return {
      index,
      id: index + 1,
      row: row.number,
      path,
      size: Number(row.size ?? 0),
      mimetype: row.mimetype ?? "",
      hashType: row.hashtype ?? "sha1",
      hashSum: row.hashsum ?? "",
      ctime: text(row.ctime),
      mtime: text(row.mtime),
      source: text(row.source),
    };
  });
  return {
    jobId: () => 1,
    kind: () => "upload",
    user: () => "root",
    // 2026-03-01 at 12:00 UTC.
    received: () => 1_772_366_400,
    submitter: () => first("Transactions.submitter"),
    project: () => first("Transactions.project"),
    instrument: () => first("Transactions.instrument"),
    keyValues: () => rows.filter((row) => row.destinationTable === "TransactionKeyValue").map(keyValue),
    fileCount: () => files.length,
    files: (start, count) => files.slice(start, start + count),
    fileKeyValues: (index) =>
      rows
        .filter((row) => row.destinationTable === "FileKeyValue" && text(row.file_id) === text(numbered[index]?._id))
        .map(keyValue),
    open(path) {
      if (!Object.hasOwn(contents, path)) {
        return null;
      }
      const bytes = typeof contents[path] === "string" ? Buffer.from(contents[path]) : contents[path];
      return {
        size: () => bytes.length,
        // As the gate does, one read gives at most 1 MiB.
        read: (offset, length) => bytes.subarray(offset, offset + Math.min(length, 1 << 20)),
        close() {},
      };
    },
    metadataJson: () => JSON.stringify(rows),
  };
}

/**
 * Grants rules these tables and no others from now on, each an array of rows whose first value is the key:
 * `grantTables({ projects: [{ id: "1234a", pi: "ada" }] })`.
 */
export function grantTables(made) {
  const all = (table) => {
    if (!Object.hasOwn(made, table)) {
      throw new NotGranted(table);
    }
    return made[table];
  };
  provide({
    info: (table) => {
      return { digest: "sha256:of-a-test", columns: Object.keys(all(table)[0] ?? {}), rowCount: all(table).length };
    },
    row: (table, key) => all(table).find((row) => Object.values(row)[0] === key) ?? null,
    rows: (table, start, count) => all(table).slice(start, start + count).map(Object.values),
  });
}

/**
 * Answers lookups of these URLs and no others from now on, each with a text, an object that is sent as JSON, a
 * `lookup.Response`, or an error that is thrown: `answerLookups({ "https://h/api/1": { open: true } })`.
 */
export function answerLookups(answers) {
  lookup.provide((url) => {
    if (!Object.hasOwn(answers, url)) {
      throw new lookup.Denied(`the rule is not granted ${url}; in a test, give it to answerLookups`);
    }
    const answer = answers[url];
    if (answer instanceof Error) {
      throw answer;
    }
    if (answer instanceof lookup.Response) {
      return answer;
    }
    const [text, type] = typeof answer === "string" ? [answer, "text/plain"] : [JSON.stringify(answer), "application/json"];
    return new lookup.Response(200, type, new TextEncoder().encode(text));
  });
}

/** Judges a bundle as the gate does. `rule` is the module: `import * as rule from "../rule.js"`. */
export function validate(rule, made, config = {}) {
  return call.validate(rule, JSON.stringify(config), made);
}

/** The places that a mover names; null where it refuses. */
export function plan(rule, made, config = {}) {
  return call.plan(rule, JSON.stringify(config), made).places ?? null;
}

/** Every mistake of a configuration. */
export function checkConfig(rule, config) {
  return call.checkConfig(rule, JSON.stringify(config));
}
