// A rule as the component that the gate calls. Only `sluice plugin build` imports this module.

import { config } from "sluice:plugin/host@1.0.0";
import * as granted from "sluice:plugin/tables@1.0.0";

import * as call from "./call.js";
import { published } from "./config.js";
import { BadConfig, Unavailable, explain } from "./failure.js";
import { NotGranted, provide } from "./tables.js";

/** An open file of the gate's. */
class Contents {
  #file;

  constructor(file) {
    this.#file = file;
  }

  size() {
    return this.#file.size();
  }

  read(offset, length) {
    try {
      return this.#file.read(BigInt(offset), length);
    } catch (error) {
      throw new Unavailable(String(error?.payload?.val ?? error));
    }
  }

  close() {
    this.#file[Symbol.dispose]?.();
  }
}

/** Asks for something of a table that the rule may not be granted. */
function asked(table, ask) {
  try {
    return ask();
  } catch (error) {
    const { tag, val } = error?.payload ?? {};
    throw tag === "not-granted" ? new NotGranted(table) : new Unavailable(String(val ?? error));
  }
}

provide({
  info: (table) => asked(table, () => granted.info(table)),
  row(table, key) {
    const row = asked(table, () => granted.row(table, key));
    return row ? Object.fromEntries(row.map((pair) => [pair.key, pair.value])) : null;
  },
  rows: (table, start, count) => asked(table, () => granted.rows(table, start, count)),
});

/** The bundle that the gate has lent. */
class Backing {
  #bundle;

  constructor(bundle) {
    this.#bundle = bundle;
  }

  jobId() {
    return Number(this.#bundle.jobId());
  }

  kind() {
    const kind = this.#bundle.kind();
    return kind.tag === "other" ? kind.val : kind.tag;
  }

  user() {
    return this.#bundle.user();
  }

  received() {
    return Number(this.#bundle.received());
  }

  submitter() {
    return this.#bundle.submitter() ?? null;
  }

  project() {
    return this.#bundle.project() ?? null;
  }

  instrument() {
    return this.#bundle.instrument() ?? null;
  }

  keyValues() {
    return this.#bundle.keyValues();
  }

  fileCount() {
    return this.#bundle.fileCount();
  }

  files(start, count) {
    return this.#bundle.files(start, count).map((row, index) => {
      return { ...row, index: start + index, id: Number(row.id), size: Number(row.size) };
    });
  }

  fileKeyValues(index) {
    return this.#bundle.fileKeyValues(index);
  }

  open(path) {
    const file = this.#bundle.open(path);
    return file === null || file === undefined ? null : new Contents(file);
  }

  metadataJson() {
    return this.#bundle.metadataJson();
  }
}

/** Any error of a rule, as the failure that it is. */
function failure(error) {
  if (error instanceof BadConfig || error instanceof NotGranted) {
    return { tag: "bad-config", val: error.message };
  }
  // A file that can no longer be read is no fault of the bundle.
  return error instanceof Unavailable
    ? { tag: "unavailable", val: error.message }
    : { tag: "other", val: explain(error) };
}

function onTheWire(finding) {
  const { kind, value } = finding.location;
  return { ...finding, location: kind === "bundle" ? { tag: kind } : { tag: kind, val: value } };
}

/** The interfaces that the component exports, for the rule of a module. */
export function component(rule, { kind, name, version, summary }) {
  const [wanted, other] = kind === "mover" ? ["plan", "validate"] : ["validate", "plan"];
  if (typeof rule[wanted] !== "function") {
    const found = typeof rule[other] === "function" ? `it exports ${other}; say so in package.json: "sluice": {"kind": …}` : "";
    throw new TypeError(`a ${kind} exports a function named ${wanted}. ${found}`);
  }
  const info = { name, version, summary, configSchema: JSON.stringify(published(call.schemaOf(rule))) };
  return {
    plugin: {
      describe: () => info,
      checkConfig(json) {
        const mistakes = call.checkConfig(rule, json);
        if (mistakes.length > 0) {
          throw mistakes;
        }
      },
    },
    validator: {
      validate(bundle) {
        try {
          return call.validate(rule, config(), new Backing(bundle)).map(onTheWire);
        } catch (error) {
          throw failure(error);
        }
      },
    },
    mover: {
      plan(bundle) {
        try {
          const { places, findings } = call.plan(rule, config(), new Backing(bundle));
          return places ? { tag: "place", val: places } : { tag: "refuse", val: findings.map(onTheWire) };
        } catch (error) {
          throw failure(error);
        }
      },
    },
  };
}
