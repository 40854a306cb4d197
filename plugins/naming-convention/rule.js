// File and folder names follow the site's convention, and agree with the bundle's metadata.
//
// A convention is a regular expression over a path below `data/`. Its named groups are parts that mean something: each
// may have to agree with a row or a key of the bundle.

import { quoted } from "./sluice-sdk/index.js";

const ROWS = ["submitter", "project", "instrument"];

/** What the facility writes into its policy. */
export const config = {
  type: "object",
  properties: {
    conventions: {
      type: "array",
      minItems: 1,
      description: "The conventions. A file must follow the first one whose `files` it fits.",
      items: {
        type: "object",
        properties: {
          name: { type: "string", description: "What the facility calls it." },
          files: {
            type: "string",
            format: "regex",
            default: "",
            description: "A regular expression: the paths that the convention is for. All where it is left out.",
          },
          pattern: {
            type: "string",
            format: "regex",
            minLength: 1,
            description: "A regular expression that the whole path below data/ must match, with named groups.",
          },
          agree: {
            type: "object",
            default: {},
            additionalProperties: { type: "string", minLength: 1 },
            description:
              "Named groups, and what each must be the same as: submitter, project, instrument, or key:NAME for a key of the bundle.",
          },
          severity: { enum: ["error", "warning", "info"], default: "error" },
          example: { type: "string", description: "A path that follows the convention, to show to uploaders." },
        },
        required: ["pattern"],
      },
    },
    others: {
      enum: ["allow", "refuse"],
      default: "allow",
      description: "What becomes of files that no convention is for.",
    },
    ignore_case: { type: "boolean", default: false, description: "Whether upper and lower case are the same." },
  },
  required: ["conventions"],
};

/** What the schema cannot say. */
export function* check({ conventions, ignore_case }) {
  for (const [index, convention] of conventions.entries()) {
    const at = `conventions[${index}]`;
    const groups = namedGroups(convention.pattern);
    for (const [group, source] of Object.entries(convention.agree)) {
      if (!groups.includes(group)) {
        yield `${at}.agree.${group}: the pattern has no group of that name`;
      }
      if (!ROWS.includes(source) && !source.startsWith("key:")) {
        yield `${at}.agree.${group}: must be ${ROWS.join(", ")} or key:NAME, and is ${quoted(source)}`;
      }
    }
    if (convention.example !== undefined && !whole(convention.pattern, ignore_case).test(convention.example)) {
      yield `${at}.example: ${quoted(convention.example)} does not follow the pattern`;
    }
  }
}

function namedGroups(pattern) {
  return [...pattern.matchAll(/\(\?<([A-Za-z_$][\w$]*)>/gu)].map(([, name]) => name);
}

function whole(pattern, ignoreCase) {
  return new RegExp(`^(?:${pattern})$`, ignoreCase ? "iu" : "u");
}

/**
 * @param {import("../sdk-javascript/index.js").Bundle} bundle
 * @param {import("../sdk-javascript/index.js").Report} report
 */
export function validate(bundle, report, { conventions, others, ignore_case }) {
  const flags = ignore_case ? "iu" : "u";
  const prepared = conventions.map((convention) => ({
    ...convention,
    files: new RegExp(convention.files, flags),
    whole: whole(convention.pattern, ignore_case),
  }));
  for (const file of bundle.files) {
    const convention = prepared.find(({ files }) => files.test(file.path));
    if (convention === undefined) {
      if (others === "refuse") {
        report
          .error("no-convention", `No convention is for the file ${quoted(file.path)}.`)
          .atFile(file)
          .hint("Take it out, or ask the facility where such files belong.");
      }
      continue;
    }
    checkName(file, convention, bundle, report, ignore_case);
  }
}

function checkName(file, convention, bundle, report, ignoreCase) {
  const called = convention.name === undefined ? "the convention" : `the convention ${quoted(convention.name)}`;
  const match = convention.whole.exec(file.path);
  if (match === null) {
    const example = convention.example === undefined ? `the form ${convention.pattern}` : `a name such as ${convention.example}`;
    report
      .add(convention.severity, "name-malformed", `The path ${quoted(file.path)} does not follow ${called}.`)
      .atFile(file)
      .hint(`Give it ${example}.`);
    return;
  }
  for (const [group, source] of Object.entries(convention.agree)) {
    const part = match.groups?.[group];
    // A group in an alternative that was not taken says nothing.
    if (part === undefined) {
      continue;
    }
    const what = source.startsWith("key:") ? `the key ${quoted(source.slice(4))}` : `the ${source}`;
    const said = source.startsWith("key:") ? bundle.values(source.slice(4)) : [bundle[source]].filter((one) => one !== null);
    if (said.length === 0) {
      report
        .add(convention.severity, "metadata-missing", `The name says ${group} ${quoted(part)}; the bundle does not say ${what}.`)
        .atFile(file)
        .hint(`Give ${what} in the uploader.`);
    } else if (!said.some((value) => same(value, part, ignoreCase))) {
      report
        .add(
          convention.severity,
          "name-differs",
          `The name says ${group} ${quoted(part)}, and ${what} of the bundle is ${said.map((value) => quoted(value)).join(" or ")}.`,
        )
        .atFile(file)
        .hint(`Rename the file, or correct ${what}.`);
    }
  }
}

function same(one, other, ignoreCase) {
  return ignoreCase ? one.toLowerCase() === other.toLowerCase() : one === other;
}
