// Lookups of a validator, which alone may import them. Only `sluice plugin build` imports this module.

import * as gate from "sluice:plugin/lookup@1.0.0";

import { Unavailable } from "./failure.js";
import { Denied, Response, TimedOut, TooLarge, provide } from "./lookup.js";

provide((url) => {
  try {
    const { status, contentType, body } = gate.get(url);
    return new Response(status, contentType ?? null, body);
  } catch (error) {
    const { tag, val } = error?.payload ?? {};
    switch (tag) {
      case "denied":
        throw new Denied(val);
      case "timeout":
        throw new TimedOut("no answer came in time");
      case "too-large":
        throw new TooLarge("the answer is larger than the rule is granted");
      default:
        throw new Unavailable(String(val ?? error));
    }
  }
});
