// Fetching a page of ours and taking parts out of it.

// load returns a page as a document; an error page is a page too.
export async function load(address, options) {
  const answer = await fetch(address, { credentials: "same-origin", headers: { Accept: "text/html" }, ...options });
  const text = await answer.text();
  return { ok: answer.ok, address: answer.url, page: new DOMParser().parseFromString(text, "text/html") };
}

// replace puts the element with an id from another page in the place of ours.
export function replace(id, page) {
  const ours = document.getElementById(id);
  const theirs = page.getElementById(id);
  if (!ours || !theirs) return false;
  ours.replaceWith(document.adoptNode(theirs));
  return true;
}
