// Names are mapped without leaving the keyboard: what one types is looked up and listed
// under the field, arrow keys choose, Enter takes and goes on. Without script the same
// form has buttons for what is proposed, and a list for the rest.
import { load } from "./page.js";

export function meanings() {
  const form = document.querySelector("form[data-meaning]");
  if (!form) return;
  for (const place of form.querySelectorAll("[data-hits]")) field(form, place);
  const keys = form.querySelector("[data-keys]");
  if (keys) keys.hidden = false;
  document.addEventListener("keydown", (e) => {
    if (!e.altKey || e.ctrlKey || e.metaKey || document.querySelector("dialog[open]")) return;
    const undo = document.querySelector("form[data-undo]");
    const next = form.querySelector("a[data-next]");
    if (e.code === "KeyZ" && undo) {
      e.preventDefault();
      undo.requestSubmit();
    } else if (e.code === "KeyN" && next) {
      e.preventDefault();
      next.click();
    }
  });
}

function field(form, place) {
  const kind = place.dataset.hits;
  const input = form.elements[kind];
  const proposed = [...place.childNodes];
  let asked = 0;
  let chosen = -1;
  input.removeAttribute("list"); // the list below says why
  input.setAttribute("role", "combobox");
  input.setAttribute("aria-controls", place.id);
  input.setAttribute("aria-autocomplete", "list");
  input.setAttribute("aria-expanded", "false");

  const options = () => [...place.querySelectorAll(".meaning")];
  const mark = (i) => {
    chosen = i;
    options().forEach((o, k) => {
      o.id = `${place.id}-${k}`;
      o.classList.toggle("chosen", k === i);
    });
    if (i >= 0) input.setAttribute("aria-activedescendant", `${place.id}-${i}`);
    else input.removeAttribute("aria-activedescendant");
    input.setAttribute("aria-expanded", String(options().length > 0));
  };
  const take = (code) => {
    input.value = code;
    place.replaceChildren();
    mark(-1);
    after(form, kind);
  };
  input.addEventListener("input", async () => {
    const mine = ++asked;
    const text = input.value.trim();
    place.dataset.asking = "";
    if (!text) {
      place.replaceChildren(...(kind === "exam" ? proposed : []));
      delete place.dataset.asking;
      return mark(-1);
    }
    await new Promise((r) => setTimeout(r, 80));
    if (mine !== asked) return;
    const query = new URLSearchParams({ q: text, kind, name: form.elements.id.value });
    try {
      const { ok, page } = await load(`${form.dataset.meaning}?${query}`);
      const found = page.getElementById("found");
      if (mine !== asked || !ok || !found) return; // somebody typed on
      place.replaceChildren(...found.childNodes);
      for (const o of options())
        o.addEventListener("click", (e) => {
          e.preventDefault();
          take(o.dataset.code);
        });
      mark(options().length ? 0 : -1);
    } finally {
      if (mine === asked) delete place.dataset.asking;
    }
  });
  input.addEventListener("keydown", (e) => {
    const all = options();
    if ((e.key === "ArrowDown" || e.key === "ArrowUp") && all.length && !e.altKey) {
      e.preventDefault();
      mark(chosen < 0 ? (e.key === "ArrowDown" ? 0 : all.length - 1) : (chosen + (e.key === "ArrowDown" ? 1 : all.length - 1)) % all.length);
      all[chosen].scrollIntoView({ block: "nearest" });
    } else if (e.key === "Enter" && !e.isComposing) {
      e.preventDefault();
      if ("asking" in place.dataset) return; // what is typed is still looked up: choosing now would be blind
      if (chosen >= 0 && all[chosen]) take(all[chosen].dataset.code);
      else if (input.value.trim() || kind === "indication") after(form, kind);
    } else if (e.key === "Escape" && chosen >= 0) {
      mark(-1);
    }
  });
}

// after goes on where the field has its value: to the next field, or the next name.
function after(form, kind) {
  if (kind === "exam") return form.elements.indication.focus();
  if (!form.elements.indication.value.trim()) {
    form.elements.known_by.value = "";
    return form.requestSubmit();
  }
  const known = form.elements.known_by;
  if (!known.value) known.value = "protocol";
  if (!known.dataset.enter) {
    known.dataset.enter = "yes";
    known.addEventListener("keydown", (e) => {
      if (e.key !== "Enter") return;
      e.preventDefault();
      form.requestSubmit();
    });
  }
  known.focus();
}
