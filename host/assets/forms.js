// Comforts for forms. Each of them works without this script as well.
"use strict";
(() => {
  // A file may be dropped where it may be chosen.
  for (const zone of document.querySelectorAll("[data-drop]")) {
    const field = zone.querySelector("input[type=file]");
    const over = (on) => zone.classList.toggle("over", on);
    for (const type of ["dragenter", "dragover"]) zone.addEventListener(type, (event) => { event.preventDefault(); over(true); });
    for (const type of ["dragleave", "drop"]) zone.addEventListener(type, () => over(false));
    zone.addEventListener("drop", (event) => {
      event.preventDefault();
      if (event.dataTransfer.files.length) {
        field.files = event.dataTransfer.files;
        field.dispatchEvent(new Event("change", { bubbles: true }));
      }
    });
    field.addEventListener("change", () => {
      const name = zone.querySelector("[data-chosen]");
      if (name) name.textContent = field.files.length ? field.files[0].name : "";
    });
  }
  // A choice that only looks takes effect at once.
  for (const choice of document.querySelectorAll("select[data-submit]")) {
    choice.addEventListener("change", () => choice.form.requestSubmit());
  }
  // A form that takes its time says so, and is not sent twice.
  for (const form of document.querySelectorAll("form")) {
    form.addEventListener("submit", (event) => {
      if (form.dataset.sent) { event.preventDefault(); return; }
      form.dataset.sent = "1";
      event.submitter?.setAttribute("aria-busy", "true");
    });
  }
  // Coming back by the browser's own button, a form may be sent again.
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
    for (const button of document.querySelectorAll("[aria-busy]")) button.removeAttribute("aria-busy");
  });
})();
