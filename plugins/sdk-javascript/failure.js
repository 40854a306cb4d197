// Why a rule could not judge. This says nothing about the bundle; the rule's `on_failure` decides about that.

/** The configuration cannot be used. */
export class BadConfig extends Error {
  name = "BadConfig";
}

/** Something that the rule depends on did not answer. */
export class Unavailable extends Error {
  name = "Unavailable";
}

/** An error in one line: its type, its message, and where in the rule it was thrown. */
export function explain(error) {
  if (!(error instanceof Error)) {
    return `it threw ${typeof error === "string" ? JSON.stringify(error) : String(error)}`;
  }
  const place = String(error.stack ?? "")
    .split("\n")
    .map((line) => /([^\s()/\\@]+\.[cm]?js):(\d+)(?::\d+)?\)?\s*$/.exec(line))
    .find((found) => found && !isLibrary(found.input));
  const text = error.message ? `${error.name}: ${error.message}` : error.name;
  return place ? `${text} (${place[1]}, line ${place[2]})` : text;
}

// The rule's own line says more than one of the SDK, which it led to.
function isLibrary(line) {
  return line.includes("sluice-sdk/") || line.includes("sdk-javascript/") || line.includes("node:");
}
