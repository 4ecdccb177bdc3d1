// Buttons that copy an address, a title, an identifier.
export function copies(root) {
  if (!navigator.clipboard) return; // only on https and localhost
  for (const button of root.querySelectorAll("[data-copy]")) {
    button.hidden = false;
    const word = button.querySelector(".copy-word");
    const before = word.textContent;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(button.dataset.copy);
      word.textContent = button.dataset.copied;
      setTimeout(() => (word.textContent = before), 2000);
    });
  }
}
