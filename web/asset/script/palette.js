// The command palette: the search page, brought to where one is.
import { load } from "./page.js";

export function palette() {
  const link = document.querySelector("a[data-palette]");
  if (!link || typeof HTMLDialogElement === "undefined") return;
  let dialog = null;

  const open = async () => {
    if (!dialog) {
      const { page } = await load("/search");
      const form = page.querySelector("form[data-search]");
      const hits = page.getElementById("hits");
      if (!form || !hits) return (location.href = link.href);
      dialog = document.createElement("dialog");
      dialog.className = "palette";
      dialog.setAttribute("aria-label", link.textContent.trim());
      hits.id = "palette-hits";
      form.querySelector("input").id = "palette-q";
      form.querySelector("label").htmlFor = "palette-q";
      form.querySelector("button").hidden = true;
      dialog.append(document.adoptNode(form), document.adoptNode(hits));
      document.body.append(dialog);
      listen(dialog);
    }
    dialog.showModal();
    dialog.querySelector("input").select();
  };

  link.addEventListener("click", (e) => {
    e.preventDefault();
    open();
  });
  document.addEventListener("keydown", (e) => {
    if ((e.ctrlKey || e.metaKey) && e.key.toLowerCase() === "k") {
      e.preventDefault();
      dialog?.open ? dialog.close() : open();
    }
  });
  if (/Mac|iP(hone|ad)/.test(navigator.platform)) link.querySelector("kbd").textContent = "⌘ K";
}

function listen(dialog) {
  const input = dialog.querySelector("input");
  let asked = 0;
  input.addEventListener("input", async () => {
    const mine = ++asked;
    await new Promise((r) => setTimeout(r, 120));
    if (mine !== asked) return;
    const { page } = await load("/search?q=" + encodeURIComponent(input.value));
    const hits = page.getElementById("hits");
    if (mine === asked && hits) dialog.querySelector("#palette-hits").replaceChildren(...hits.childNodes);
  });
  dialog.addEventListener("keydown", (e) => {
    if (e.key !== "ArrowDown" && e.key !== "ArrowUp") return;
    e.preventDefault();
    const stops = [input, ...dialog.querySelectorAll(".hits a")];
    const at = stops.indexOf(document.activeElement);
    stops[(at + (e.key === "ArrowDown" ? 1 : stops.length - 1)) % stops.length].focus();
  });
  dialog.querySelector("form").addEventListener("submit", (e) => {
    const first = dialog.querySelector(".hits a");
    if (!first) return;
    e.preventDefault();
    location.href = first.href;
  });
  dialog.addEventListener("click", (e) => {
    if (e.target === dialog) dialog.close();
  });
}
