// Tables that the site keeps in the gate, such as its projects. A rule reads those that the policy grants it:
// `grants = { tables = ["projects"] }`. All cells are text, and the first column holds the keys.

const BATCH = 1_000;

/** The rule is not granted the table. Where the rule lets it through, the gate says that the configuration is wrong. */
export class NotGranted extends Error {
  constructor(table) {
    super(`the rule is not granted the table ${table}; add it to grants.tables in the policy`);
  }
}

let source = { info: refuse, row: refuse, rows: refuse };

function refuse(table) {
  throw new NotGranted(table);
}

/** Set by the component, or by testing; without it, nothing is granted. */
export function provide(given) {
  source = given;
}

/** What a table is: its digest, its columns, and how many rows it has. */
export function info(table) {
  return source.info(table);
}

/** The row with this key, by column; null where no row has it. One call into the gate, however large the table. */
export function row(table, key) {
  return source.row(table, key);
}

/** All rows, in the order in which they were loaded. For a few of them, `row` is far cheaper. */
export function* rows(table) {
  const { columns } = info(table);
  for (let start = 0; ; ) {
    const page = source.rows(table, start, BATCH);
    if (page.length === 0) {
      return;
    }
    for (const cells of page) {
      yield Object.fromEntries(columns.map((column, index) => [column, cells[index]]));
    }
    start += page.length;
  }
}
