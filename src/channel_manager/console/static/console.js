// Nothing here is needed: every page and action works without it.
"use strict";

// A form that says what it is about to do asks first.
document.addEventListener("submit", (event) => {
  const words = event.submitter?.dataset.confirm ?? event.target.dataset.confirm;
  if (words && !window.confirm(words)) event.preventDefault();
});

// "/" goes to the search, the page's own where it has one, unless somebody is writing.
document.addEventListener("keydown", (event) => {
  const writing = event.target.closest("input, select, textarea, [contenteditable]");
  if (event.key === "/" && !writing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    const find = document.querySelector("main [data-find]") ?? document.querySelector("[data-find]");
    if (find) {
      event.preventDefault();
      find.focus();
    }
  }
});

// A box in a table's head ticks all of its rows.
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-all]")) {
    const boxes = event.target.closest("table").querySelectorAll("tbody input[type=checkbox]");
    for (const box of boxes) box.checked = event.target.checked;
  }
});

// A box in front of a day or a start ticks the time slots of it.
for (const label of document.querySelectorAll(".ticks")) label.hidden = false;
for (const plain of document.querySelectorAll(".unticked")) plain.hidden = true;
document.addEventListener("change", (event) => {
  const group = event.target.dataset.ticks;
  if (!group) return;
  for (const box of document.querySelectorAll(`[data-in~="${group}"]`)) box.checked = event.target.checked;
});

// A secret is copied by a click on it.
document.addEventListener("click", (event) => {
  const secret = event.target.closest("[data-copy]");
  if (!secret) return;
  window.getSelection().selectAllChildren(secret);
  navigator.clipboard?.writeText(secret.textContent);
});

// Parts with data-live are fetched again every so many seconds, for as long as the page is looked
// at, nobody is working inside them and the server says that there is more to come.
function live(part) {
  const wait = Number(part.dataset.live) * 1000;
  if (!wait) return;
  setTimeout(async () => {
    let next = part;
    if (!document.hidden && !part.contains(document.activeElement) && !part.querySelector("tbody input:checked, details[open]")) {
      try {
        const reply = await fetch(location.href, { headers: { "x-live": "1" } });
        if (reply.ok && !reply.redirected) {
          const page = new DOMParser().parseFromString(await reply.text(), "text/html");
          const fresh = page.getElementById(part.id);
          if (fresh && fresh.outerHTML !== part.outerHTML && !part.contains(document.activeElement)) {
            part.replaceWith(fresh);
            next = fresh;
          }
        }
      } catch {
        // The line is down; the next round tries again.
      }
    }
    live(next);
  }, wait);
}
for (const part of document.querySelectorAll("[data-live]")) live(part);
