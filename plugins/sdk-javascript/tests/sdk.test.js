// The SDK without the gate: node --test

import assert from "node:assert/strict";
import { test } from "node:test";

import { Bundle } from "../bundle.js";
import { parse, published } from "../config.js";
import { BadConfig, explain } from "../failure.js";
import { quoted } from "../report.js";
import { Unavailable } from "../failure.js";
import * as lookup from "../lookup.js";
import * as tables from "../tables.js";
import { answerLookups, bundle, checkConfig, grantTables, plan, validate } from "../testing.js";

const rule = {
  config: { properties: { most: { type: "integer", minimum: 0, description: "Files." } }, required: ["most"] },
  *check({ most }) {
    if (most > 1000) {
      yield "most: is more than anyone can mean";
    }
  },
  validate(made, report, { most }) {
    for (const file of made.files) {
      if (file.index >= most) {
        report.error("too-many", "too many").atFile(file).hint("fewer");
      }
    }
  },
  *plan(made, report, config) {
    rule.validate(made, report, config);
    for (const file of made.files) {
      yield { file, path: `x/${file.path}` };
    }
  },
};

const withFiles = (count) =>
  Array.from({ length: count }, (_, n) => ({ destinationTable: "Files", _id: n, name: `${n}.dat`, subdir: "data//scan/" }));

test("findings say what, where, and what to do", () => {
  assert.deepEqual(validate(rule, bundle(withFiles(2)), { most: 1 }), [
    {
      severity: "error",
      code: "too-many",
      message: "too many",
      location: { kind: "file", value: "scan/1.dat" },
      hint: "fewer",
    },
  ]);
});

test("many findings of a kind are counted", () => {
  const findings = validate(rule, bundle(withFiles(150)), { most: 0 });
  assert.equal(findings.length, 101);
  assert.equal(findings.at(-1).message, "There are 50 more findings of this kind.");
});

test("every file comes once and in order, whatever the batches", () => {
  for (const count of [0, 1, 255, 256, 257, 600]) {
    const seen = [...new Bundle(bundle(withFiles(count))).files].map((file) => file.path);
    assert.deepEqual(seen, withFiles(count).map((file) => `scan/${file.name}`));
  }
});

test("a mover with an error refuses, and else places", () => {
  assert.equal(plan(rule, bundle(withFiles(2)), { most: 1 }), null);
  assert.deepEqual(plan(rule, bundle(withFiles(1)), { most: 1 }), [{ file: 0, path: "x/scan/0.dat" }]);
});

test("a configuration is checked, and a call with a bad one is no verdict", () => {
  assert.deepEqual(checkConfig(rule, { most: 1 }), []);
  assert.deepEqual(checkConfig(rule, { most: 1001 }), ["most: is more than anyone can mean"]);
  assert.deepEqual(checkConfig(rule, { mots: 1 }), ["most: is missing", "mots: there is no such key"]);
  assert.throws(() => validate(rule, bundle([]), { most: -1 }), (error) => {
    return error instanceof BadConfig && error.message === "most: must be at least 0, and is -1";
  });
});

test("mistakes are named by their path, and defaults are filled in", () => {
  const schema = {
    properties: {
      list: { type: "array", items: { properties: { form: { type: "string", format: "regex" } } } },
      mode: { enum: ["fast", "slow"], default: "fast" },
      named: { type: "object", additionalProperties: { type: "number" } },
    },
  };
  const { config, mistakes } = parse(schema, '{"list": [{"form": "("}, {"z": 1}], "named": {"a": "x"}}');
  assert.equal(config.mode, "fast");
  assert.match(mistakes[0], /^list\[0\]\.form: "\(" is no regular expression/);
  assert.deepEqual(mistakes.slice(1), ["list[1].z: there is no such key", 'named.a: must be a number, and is "x"']);
  assert.match(parse(schema, "{").mistakes[0], /^not a JSON document/);
  assert.equal(published(schema).properties.list.items.additionalProperties, false);
  assert.equal(published(schema).properties.named.additionalProperties.type, "number");
});

test("values are found and located", () => {
  const made = new Bundle(
    bundle([
      { destinationTable: "TransactionKeyValue", key: "a", value: 1.5 },
      { destinationTable: "Transactions.project", value: "1234a" },
      { destinationTable: "TransactionKeyValue", key: "b", value: null },
    ]),
  );
  assert.deepEqual([made.project, made.submitter, made.value("a"), made.value("b"), made.value("c")], ["1234a", null, "1.5", "", null]);
  assert.deepEqual(made.locate("project"), { kind: "metadata", value: "/1/value" });
  assert.deepEqual(made.locateKey("b"), { kind: "metadata", value: "/2/value" });
  assert.deepEqual(made.locate("submitter"), { kind: "bundle", value: null });
});

test("contents are read in pieces, as text and by lines", () => {
  const long = `${"zwölf\r\n".repeat(40_000)}end`;
  const made = new Bundle(bundle([], { t: long, empty: "" }));
  assert.equal(made.open("nothing"), null);
  assert.equal(made.open("t").text(), long);
  const lines = [...made.open("t").lines()];
  assert.equal(lines.length, 40_001);
  assert.deepEqual([lines[0], lines[39_999], lines.at(-1)], ["zwölf", "zwölf", "end"]);
  assert.deepEqual([...made.open("empty").lines()], []);
});

test("an error is told with its type, its message and its line", () => {
  let said;
  try {
    null.x();
  } catch (error) {
    said = explain(error);
  }
  assert.match(said, /^TypeError: /);
  assert.equal(explain("a text"), 'it threw "a text"');
});

test("lookups are answered when they are granted", () => {
  const url = "https://proposals.example.org/api/1234a";
  assert.throws(() => lookup.get(url), lookup.Denied);
  answerLookups({ [url]: { open: true }, [`${url}/x`]: new lookup.TimedOut("late"), [`${url}/html`]: "<html>" });
  const answer = lookup.get(url);
  assert.deepEqual([answer.status, answer.contentType, answer.ok, answer.json()], [200, "application/json", true, { open: true }]);
  assert.throws(() => lookup.get(`${url}/x`), Unavailable);
  assert.throws(() => lookup.get(`${url}/html`).json(), Unavailable);
  assert.throws(() => lookup.get(`${url}/y`), /not granted/);
});

test("tables are read when they are granted", () => {
  assert.throws(() => tables.row("projects", "1234a"), /not granted the table projects/);
  grantTables({ projects: [{ id: "1234a", pi: "ada" }, { id: "99b", pi: "bea" }] });
  assert.deepEqual(tables.row("projects", "99b"), { id: "99b", pi: "bea" });
  assert.equal(tables.row("projects", "ghost"), null);
  assert.deepEqual([...tables.rows("projects")].map((row) => row.pi), ["ada", "bea"]);
  assert.throws(() => tables.info("others"), tables.NotGranted);
});

test("a value from outside cannot disturb a message", () => {
  assert.equal(quoted('a"b\n'), '"a\\"b\\n"');
  assert.equal(quoted("\u202ex"), '"\\u202ex"');
  assert.equal(quoted("x".repeat(1000)).length, 82);
});
