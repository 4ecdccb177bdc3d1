// A filter takes effect when it is chosen. Empty fields stay out of the address.
export function filters() {
  for (const form of document.querySelectorAll("form[data-filter]")) {
    for (const button of form.querySelectorAll("button")) button.classList.add("unseen");
    form.addEventListener("submit", () => {
      for (const field of form.elements) if (field.name && !field.value) field.disabled = true;
    });
    let byKey = false; // arrow keys walk through a closed list: wait for Enter or leaving
    for (const select of form.querySelectorAll("select")) {
      let before = select.value;
      select.addEventListener("keydown", (e) => (byKey = e.key.startsWith("Arrow") || e.key.length === 1));
      select.addEventListener("pointerdown", () => (byKey = false));
      const send = () => {
        if (select.value === before) return;
        before = select.value;
        form.requestSubmit();
      };
      select.addEventListener("change", () => byKey || send());
      select.addEventListener("keydown", (e) => {
        if (e.key !== "Enter") return;
        e.preventDefault();
        send();
      });
      select.addEventListener("blur", () => byKey && send());
    }
  }
}
