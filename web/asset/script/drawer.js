// A row opens its drawer in place. The address changes as it would without
// script, so going back, reloading and sending it work the same.
import { load, replace } from "./page.js";
import { copies } from "./copy.js";

let opener = null; // id of the row whose link gets the focus back

export function drawers() {
  const place = () => document.querySelector("[data-drawer-place]");
  if (!place()) return;

  document.addEventListener("click", (e) => {
    if (e.defaultPrevented || e.button !== 0 || e.metaKey || e.ctrlKey || e.shiftKey || e.altKey) return;
    const close = e.target.closest("a[data-close]");
    if (close) return go(e, close.href);
    const row = e.target.closest("tr");
    const link = e.target.closest("a[data-drawer]") || (!e.target.closest("a, button, input, select, summary") && !String(getSelection()) && row?.querySelector("a[data-drawer]"));
    if (!link) return;
    if (new URL(link.href).pathname !== location.pathname) {
      if (e.target.closest("a") !== link) link.click();
      return;
    }
    opener = link.closest("tr")?.id;
    go(e, link.href);
  });

  document.addEventListener("keydown", (e) => {
    const close = document.querySelector(".drawer a[data-close]");
    if (e.key === "Escape" && close && !document.querySelector("dialog[open]")) go(e, close.href);
  });

  addEventListener("popstate", () => show(location.href));
  focus(false);
}

async function go(event, address) {
  event.preventDefault();
  if (await show(address)) history.pushState({}, "", address);
  else location.href = address;
}

async function show(address) {
  const { ok, page } = await load(address).catch(() => ({ ok: false }));
  if (!ok || !replace("drawer", page)) return false;
  mark(page);
  copies(document.getElementById("drawer"));
  focus(true);
  return true;
}

// mark shows in the table which row is open, and refreshes the rows' links.
function mark(page) {
  for (const row of document.querySelectorAll("tr[id]")) {
    const theirs = page.getElementById(row.id);
    if (!theirs) continue;
    row.className = theirs.className;
    const ours = row.querySelector("a[data-drawer]");
    const other = theirs.querySelector("a[data-drawer]");
    if (ours && other) {
      ours.href = other.getAttribute("href");
      ours.toggleAttribute("aria-current", other.hasAttribute("aria-current"));
      if (other.hasAttribute("aria-current")) ours.setAttribute("aria-current", "true");
    }
  }
}

// focus moves into the drawer, or back to the row it came from.
function focus(moved) {
  const head = document.querySelector(".drawer h2");
  if (head) head.focus({ preventScroll: true });
  else if (moved && opener) document.getElementById(opener)?.querySelector("a[data-drawer]")?.focus();
}
