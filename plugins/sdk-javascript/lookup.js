// What HTTP servers answer, asked by the gate on the rule's behalf. It asks for URLs below the prefixes that the policy
// grants the rule: `grants = { lookup = { prefixes = ["https://proposals.example.org/api/"] } }`. Validators only.

import { BadConfig, Unavailable } from "./failure.js";

/** The gate did not ask: the rule is not granted the URL, or not what it leads to. */
export class Denied extends BadConfig {
  name = "Denied";
}

/** No whole answer came in time. */
export class TimedOut extends Unavailable {
  name = "TimedOut";
}

/** The answer is larger than the grant allows. */
export class TooLarge extends Error {
  name = "TooLarge";
}

/** An answer, of whatever status. */
export class Response {
  constructor(status, contentType, body) {
    this.status = status;
    this.contentType = contentType;
    this.body = body;
  }

  /** Whether the status is one of the 2xx. */
  get ok() {
    return this.status >= 200 && this.status < 300;
  }

  text() {
    return new TextDecoder().decode(this.body);
  }

  /** What is no JSON is `Unavailable`: the server did not say what the rule depends on. */
  json() {
    try {
      return JSON.parse(this.text());
    } catch (error) {
      throw new Unavailable(`an answer cannot be read: ${error.message}`);
    }
  }
}

let ask = () => {
  throw new Denied("the rule is granted no lookups; add grants.lookup to the policy");
};

/** Set by the component, or by testing; without it, nothing is granted. */
export function provide(given) {
  ask = given;
}

/** Asks for a URL, and waits. The same URL has the same answer throughout a job. */
export function get(url) {
  return ask(String(url));
}
