// Keeps the part of an open page that changes up to date. The part names its own address; asked for with ?fragment=1, that
// address answers the part alone. Without this script a page is as it was when it was loaded, and everything on it works.
"use strict";
(() => {
  const part = document.querySelector("[data-live]");
  if (!part) return;
  const said = document.getElementById("said");
  const address = new URL(part.dataset.live, location.href);
  address.searchParams.set("fragment", "1");
  let timer = 0, busy = false, again = false, source = null;

  const inner = () => part.firstElementChild;
  const every = () => Number(inner()?.dataset.every || 0);

  // Nothing is taken from under a pointer or out of the hands of somebody who types.
  let pressed = false;
  part.addEventListener("pointerdown", () => { pressed = true; });
  for (const type of ["pointerup", "pointercancel"]) window.addEventListener(type, () => setTimeout(() => { pressed = false; }));
  const inHand = () => pressed || (part.contains(document.activeElement) && document.activeElement.matches("input, select, textarea"));

  // What somebody has opened, or is in the middle of, outlives the replacement.
  function replace(html) {
    const open = [...part.querySelectorAll("details[open]")].map((one) => one.id || one.className);
    const focus = part.contains(document.activeElement) ? document.activeElement.id : "";
    const before = inner()?.dataset.say;
    const texts = [...part.querySelectorAll("input:not([type=hidden])")].map((one) => [one.id, one.value]);
    part.innerHTML = html;
    for (const one of part.querySelectorAll("details")) one.open = open.includes(one.id || one.className);
    for (const [id, value] of texts) {
      const field = id && document.getElementById(id);
      if (field) field.value = value;
    }
    if (focus) document.getElementById(focus)?.focus();
    const now = inner()?.dataset.say;
    if (said && now && now !== before) said.textContent = now;
  }

  async function look() {
    clearTimeout(timer);
    if (busy) { again = true; return; }
    busy = true;
    let wait = every();
    try {
      const answer = await fetch(address, { credentials: "same-origin", cache: "no-store" });
      if (answer.ok && !answer.redirected) {
        const html = await answer.text();
        if (html.trim() !== look.last && !inHand()) {
          replace(html);
          look.last = html.trim();
        }
        wait = every();
      } else if (answer.redirected || answer.status === 401) {
        wait = 0; // signed out meanwhile: the page stays as it is
      }
    } catch {
      wait = Math.max(wait, 3000); // the gate is away; it may come back
    }
    busy = false;
    if (again) { again = false; return look(); }
    plan(wait);
  }

  function plan(wait) {
    clearTimeout(timer);
    if (wait > 0 && !(source && source.readyState === EventSource.OPEN)) timer = setTimeout(look, document.hidden ? 5 * wait : wait);
    if (wait === 0 && source) { source.close(); source = null; }
  }

  // Where the server tells of changes, it is asked only then; while that connection is broken, as without it.
  if (part.dataset.events && window.EventSource) {
    source = new EventSource(part.dataset.events);
    source.addEventListener("open", look);
    source.addEventListener("job", look);
    source.addEventListener("error", () => plan(every()));
  }
  document.addEventListener("visibilitychange", () => { if (!document.hidden && every() > 0) look(); });
  plan(every());
})();
