// The calls of the contract, in the words of the SDK. The component and the tests go the same way.

import { Bundle } from "./bundle.js";
import { parse } from "./config.js";
import { BadConfig, explain } from "./failure.js";
import { Report } from "./report.js";

/** A rule without a configuration takes an empty table. */
export function schemaOf(rule) {
  return rule.config ?? { type: "object", properties: {} };
}

/** Every mistake of a configuration. The rule's `check`, where it has one, runs only here. */
export function checkConfig(rule, json) {
  try {
    const { config, mistakes } = parse(schemaOf(rule), json);
    return mistakes.length > 0 ? mistakes : [...(rule.check?.(config) ?? [])].map(String);
  } catch (error) {
    return [explain(error)];
  }
}

function configOf(rule, json) {
  const { config, mistakes } = parse(schemaOf(rule), json);
  if (mistakes.length > 0) {
    throw new BadConfig(mistakes.join("; "));
  }
  return config;
}

/** Judges a bundle. */
export function validate(rule, json, backing) {
  const report = new Report();
  synchronous(rule.validate(new Bundle(backing), report, configOf(rule, json)));
  return report.findings;
}

/** Decides where the files of a bundle go: `{ places }` or `{ findings }`. */
export function plan(rule, json, backing) {
  const report = new Report();
  const places = synchronous(rule.plan(new Bundle(backing), report, configOf(rule, json)));
  // A generator has said nothing before it is exhausted.
  const placed = [...(places ?? [])].map(({ file, path }) => {
    return { file: typeof file === "number" ? file : file.index, path: String(path) };
  });
  return report.rejects ? { findings: report.findings } : { places: placed };
}

function synchronous(answer) {
  if (typeof answer?.then === "function") {
    throw new TypeError("a rule answers at once: its function must not be async");
  }
  return answer;
}
