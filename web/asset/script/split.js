// One key puts the chosen events to an examination: the digit that its button bears. The
// keys work while the focus is in the form, so that nobody decides by chance.
export function splits() {
  const form = document.querySelector("form[data-split]");
  if (!form) return;
  const keys = form.querySelector("[data-keys]");
  if (keys) keys.hidden = false;
  const first = form.querySelector('input[name="event"]:checked') ?? form.querySelector('input[name="event"]');
  if (first && keys && !location.hash) first.focus({ preventScroll: true });
  form.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.target.matches('input:not([type="checkbox"])')) return;
    const button = /^[1-9]$/.test(e.key) && form.querySelector(`button[data-key="${e.key}"]`);
    if (!button) return;
    e.preventDefault();
    form.requestSubmit(button);
  });
  document.addEventListener("keydown", (e) => {
    if (!e.altKey || e.ctrlKey || e.metaKey || e.code !== "KeyZ") return;
    const undo = document.querySelector("form[data-split-undo]");
    if (!undo) return;
    e.preventDefault();
    undo.requestSubmit();
  });
}
