// The report that a rule fills in.

// Nobody reads more findings of one kind, and the gate takes only so many from a rule.
const FOLD_AFTER = 100;
const SEVERITIES = ["info", "warning", "error"];

/** A finding just made, to say more about it. */
class Note {
  #finding;

  constructor(finding) {
    this.#finding = finding;
  }

  /** Says what the finding is about: `{ kind: "bundle" | "metadata" | "file", value }`. */
  at(location) {
    this.#finding.location = location;
    return this;
  }

  /** It is about a place in metadata.txt, named by its RFC 6901 JSON pointer. */
  atMetadata(pointer) {
    return this.at({ kind: "metadata", value: pointer });
  }

  /** It is about a file, named by its path below `data/` or by its row. */
  atFile(file) {
    return this.at({ kind: "file", value: typeof file === "string" ? file : file.path });
  }

  /** Says what to do about it. */
  hint(hint) {
    this.#finding.hint = String(hint);
    return this;
  }
}

/**
 * What a rule has to say about a bundle.
 *
 * After a hundred findings of one kind (code and severity) the others are counted, not kept, so that a bundle of a
 * million files that are all wrong makes a report that a person can read. They weigh the same.
 */
export class Report {
  #findings = [];
  #kinds = new Map();
  #foldAfter = FOLD_AFTER;

  /** Keeps up to `count` findings of each kind instead of a hundred. */
  foldAfter(count) {
    this.#foldAfter = count;
  }

  /** Something that must be mended: the bundle is rejected. */
  error(code, message) {
    return this.add("error", code, message);
  }

  /** Something that should be mended: the bundle is accepted. */
  warning(code, message) {
    return this.add("warning", code, message);
  }

  /** Something worth knowing. */
  info(code, message) {
    return this.add("info", code, message);
  }

  /** A finding whose severity is known only at run time. It is about the whole bundle unless the note says more. */
  add(severity, code, message) {
    if (!SEVERITIES.includes(severity)) {
      throw new TypeError(`${JSON.stringify(severity)} is no severity; there are ${SEVERITIES.join(", ")}`);
    }
    const finding = {
      severity,
      code: String(code),
      message: String(message),
      location: { kind: "bundle", value: null },
      hint: null,
    };
    const kind = JSON.stringify([finding.code, severity]);
    const count = (this.#kinds.get(kind) ?? 0) + 1;
    this.#kinds.set(kind, count);
    if (count <= this.#foldAfter) {
      this.#findings.push(finding);
    }
    return new Note(finding);
  }

  /** Whether anything in the report rejects the bundle. */
  get rejects() {
    return [...this.#kinds.keys()].some((kind) => JSON.parse(kind)[1] === "error");
  }

  /** The findings, in the order they were made, and one for each kind that was folded. */
  get findings() {
    const folded = [...this.#kinds]
      .filter(([, count]) => count > this.#foldAfter)
      .map(([kind, count]) => {
        const [code, severity] = JSON.parse(kind);
        const message = `There are ${count - this.#foldAfter} more findings of this kind.`;
        return { severity, code, message, location: { kind: "bundle", value: null }, hint: null };
      });
    return [...this.#findings, ...folded];
  }
}

/** A value from outside, as a message can show it: in quotes, escaped, and cut where it is long. */
export function quoted(value, most = 80) {
  const letters = [...String(value)];
  const text = letters.length > most ? `${letters.slice(0, most - 1).join("")}…` : letters.join("");
  return JSON.stringify(text).replace(/[\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, (letter) => {
    return `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
