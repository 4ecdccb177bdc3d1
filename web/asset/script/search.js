// A list narrows while one types: the page is fetched as the form would, and its list
// put in the place of ours. The address follows, so that the view can be sent.
import { load, replace } from "./page.js";

export function searches() {
  for (const form of document.querySelectorAll("form[data-search]")) {
    const input = form.querySelector("input[type=search]");
    let timer, asked = 0;
    const address = () => {
      const query = new URLSearchParams();
      for (const [name, value] of new FormData(form)) if (value) query.append(name, value);
      const text = query.toString();
      return form.getAttribute("action") + (text ? "?" + text : "");
    };
    const ask = async () => {
      const mine = ++asked, to = address();
      try {
        const { ok, page } = await load(to);
        if (!ok || mine !== asked) return; // somebody typed on
        if (replace(form.dataset.search, page)) history.replaceState(null, "", to);
      } catch {
        // the network is away: Enter still sends the form
      }
    };
    input.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(ask, 150);
    });
  }
}
