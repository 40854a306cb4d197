// What rules may import from the SDK. Most need nothing: a rule is given its bundle, its report and its configuration.

export { BadConfig, Unavailable } from "./failure.js";
export * as lookup from "./lookup.js";
export { Report, quoted } from "./report.js";
export * as tables from "./tables.js";
