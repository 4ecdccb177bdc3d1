// The guide, and the page of associations, show what arrives while it arrives: the server says that something
// changed, the page is fetched and its live part replaced.
import { load, replace } from "./page.js";
import { copies } from "./copy.js";

export function live() {
  const part = document.querySelector("[data-live]");
  if (!part || typeof EventSource === "undefined") return;
  let busy = false;
  const source = new EventSource(part.dataset.live);
  source.addEventListener("changed", async () => {
    if (busy) return;
    busy = true;
    try {
      const inside = document.getElementById("live").contains(document.activeElement);
      const { ok, page } = await load(part.dataset.page ?? "/start");
      if (ok && !inside && replace("live", page)) copies(document.getElementById("live"));
    } finally {
      setTimeout(() => (busy = false), 300);
    }
  });
}
