// Bundles name their sample, and their tables have the columns that the facility expects.

import { quoted } from "./sluice-sdk/index.js";

/** What the facility writes into its policy. */
export const config = {
  type: "object",
  properties: {
    key: { type: "string", default: "Sample", description: "The key that every bundle must have a value for." },
    columns: {
      type: "array",
      items: { type: "string" },
      minItems: 1,
      description: "The columns that every .csv file must have.",
    },
  },
  required: ["columns"],
};

/**
 * @param {import("./sluice-sdk/index.js").Bundle} bundle
 * @param {import("./sluice-sdk/index.js").Report} report
 */
export function validate(bundle, report, { key, columns }) {
  if (!bundle.values(key).some((value) => value.trim() !== "")) {
    report.error("key-missing", `The bundle has no value for the key ${quoted(key)}.`).hint("Fill it in in the uploader.");
  }
  for (const file of bundle.files) {
    if (file.path.endsWith(".csv")) {
      checkTable(file, bundle, report, columns);
    }
  }
}

function checkTable(file, bundle, report, columns) {
  const contents = bundle.open(file);
  if (contents === null) {
    return; // a dry run
  }
  const [head = ""] = contents.lines();
  contents.close();
  const found = head.split(",").map((column) => column.trim());
  const missing = columns.filter((column) => !found.includes(column));
  if (missing.length > 0) {
    report
      .error("columns-missing", `The table lacks these columns: ${missing.join(", ")}.`)
      .atFile(file)
      .hint("Export it with all columns.");
  }
}
