// What script adds to pages that work without it: each module looks for what it
// can help with and leaves the rest alone.
import { copies } from "./copy.js";
import { drawers } from "./drawer.js";
import { palette } from "./palette.js";
import { filters } from "./filter.js";
import { live } from "./live.js";
import { uploads } from "./upload.js";
import { searches } from "./search.js";
import { passkeys } from "./passkey.js";
import { meanings } from "./mapping.js";
import { splits } from "./split.js";
import { forms } from "./form.js";

copies(document);
drawers();
palette();
filters();
live();
uploads();
searches();
passkeys();
meanings();
splits();
forms();
for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}
// a menu closes when one leaves it
for (const menu of document.querySelectorAll("details.prefs")) {
  menu.addEventListener("keydown", (e) => {
    if (e.key === "Escape" && menu.open) {
      menu.open = false;
      menu.querySelector("summary").focus();
      e.stopPropagation();
    }
  });
  document.addEventListener("click", (e) => {
    if (!menu.contains(e.target)) menu.open = false;
  });
}
