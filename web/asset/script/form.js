// Forms save themselves while they are answered: what was typed is kept in the browser
// until the server has it, and the page says which of the two holds.
export function forms() {
  const form = document.querySelector("form[data-form]");
  if (!form) return;
  const state = form.querySelector("[data-form-state]");
  const key = form.dataset.keep && `radagora.form.${form.dataset.keep}`;
  const typed = () => {
    const all = {};
    for (const [name, value] of new FormData(form)) {
      if (/^[aou]:/.test(name) && typeof value === "string") (all[name] ??= []).push(value);
    }
    return all;
  };
  const keep = () => {
    try {
      if (key) localStorage.setItem(key, JSON.stringify(typed()));
    } catch {
      // a browser that keeps nothing
    }
  };
  const drop = () => {
    try {
      if (key) localStorage.removeItem(key);
    } catch {
      // likewise
    }
  };
  const restore = () => {
    let all;
    try {
      all = key && JSON.parse(localStorage.getItem(key) ?? "null");
    } catch {
      return false;
    }
    if (!all) return false;
    let changed = false;
    for (const [name, values] of Object.entries(all)) {
      const fields = [...form.elements].filter((f) => f.name === name);
      fields.forEach((f, i) => {
        if (f.type === "radio" || f.type === "checkbox") {
          const on = values.includes(f.value);
          changed ||= f.checked !== on;
          f.checked = on;
        } else if (values[i] !== undefined && f.value !== values[i]) {
          f.value = values[i];
          changed = true;
        }
      });
    }
    return changed;
  };
  let timer;
  let busy = false;
  let again = false;
  const later = (ms) => {
    clearTimeout(timer);
    timer = setTimeout(save, ms);
  };
  const node = (root, path) => root.querySelector(`[data-node="${CSS.escape(path)}"]`);
  const take = (text) => {
    const page = new DOMParser().parseFromString(text, "text/html");
    const fresh = page.querySelector("form[data-form]");
    if (!fresh) return false;
    form.elements.revision.value = fresh.elements.revision.value;
    const here = [...form.querySelectorAll("[data-node]")].map((n) => n.dataset.node).join("\n");
    const there = [...fresh.querySelectorAll("[data-node]")].map((n) => n.dataset.node).join("\n");
    const focus = document.activeElement;
    const at = focus && form.contains(focus) ? { id: focus.id, name: focus.name, value: focus.value, start: focus.selectionStart } : null;
    if (here !== there) {
      for (const old of [...form.children]) if (old.matches("[data-node]")) old.remove();
      const first = form.querySelector("[data-form-state]");
      for (const n of [...fresh.children]) if (n.matches("[data-node]")) first.before(document.adoptNode(n));
    } else {
      for (const n of fresh.querySelectorAll("[data-node]:not(fieldset)")) {
        const old = node(form, n.dataset.node);
        if (old && !old.contains(document.activeElement)) old.replaceWith(document.adoptNode(n.cloneNode(true)));
        else if (old) {
          const was = [...n.querySelectorAll('input[name^="w:"]')];
          for (const w of was) form.elements[w.name].value = w.value;
        }
      }
    }
    for (const part of ["[data-form-told]", "[data-form-progress]"]) {
      const old = document.querySelector(part);
      const now = page.querySelector(part);
      if (old && now) old.replaceWith(document.adoptNode(now));
    }
    if (at && !form.contains(document.activeElement)) {
      const back = (at.id && document.getElementById(at.id)) || [...form.elements].find((f) => f.name === at.name && f.value === at.value);
      back?.focus({ preventScroll: true });
      if (back && at.start != null && back.setSelectionRange && back.type === "text") back.setSelectionRange(at.start, at.start);
    }
    return true;
  };
  const save = async () => {
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    again = false;
    const sent = JSON.stringify(typed());
    const body = new URLSearchParams();
    for (const [name, value] of new FormData(form)) if (typeof value === "string") body.append(name, value);
    try {
      const answer = await fetch(form.action, { method: "POST", headers: { "X-Live": "1" }, body, redirect: "error" });
      const text = await answer.text();
      if (JSON.stringify(typed()) !== sent) again = true; // typed on meanwhile: that is sent next
      else if ((answer.ok || answer.status === 409 || answer.status === 400) && take(text)) {
        if (answer.ok) drop();
        state.textContent = answer.ok ? form.dataset.saved : form.dataset.kept;
      } else {
        state.textContent = form.dataset.offline;
        later(15000);
      }
      if (again && answer.ok) {
        const page = new DOMParser().parseFromString(text, "text/html").querySelector("form[data-form]");
        if (page) {
          form.elements.revision.value = page.elements.revision.value;
          for (const w of page.querySelectorAll('input[name^="w:"]')) {
            const own = form.elements[w.name];
            if (own) own.value = w.value;
          }
        }
      }
    } catch {
      state.textContent = form.dataset.offline;
      later(15000);
    }
    busy = false;
    if (again) later(300);
  };
  form.addEventListener("input", (e) => {
    if (e.target.type === "file") return;
    keep();
    state.textContent = key ? form.dataset.kept : "";
    later(1200);
  });
  form.addEventListener("change", (e) => {
    if (e.target.type !== "file") later(200);
  });
  form.addEventListener("submit", () => {
    clearTimeout(timer);
  });
  addEventListener("online", () => later(0));
  if (restore()) {
    state.textContent = form.dataset.kept;
    later(500);
  } else drop();
}
