// A folder can be dropped, and one sees how far it has come.
export function uploads() {
  for (const form of document.querySelectorAll("form[data-drop]")) {
    const input = form.querySelector("input[type=file]");
    const bar = form.querySelector("[data-bar]");
    form.addEventListener("dragover", (e) => {
      e.preventDefault();
      form.classList.add("over");
    });
    form.addEventListener("dragleave", () => form.classList.remove("over"));
    form.addEventListener("drop", async (e) => {
      e.preventDefault();
      form.classList.remove("over");
      const entries = [...e.dataTransfer.items].map((i) => i.webkitGetAsEntry?.()).filter(Boolean);
      const files = entries.length ? (await Promise.all(entries.map(inside))).flat() : [...e.dataTransfer.files];
      if (files.length) send(form, files, bar);
    });
    form.addEventListener("submit", (e) => {
      e.preventDefault();
      send(form, [...input.files], bar);
    });
  }
}

// inside returns the files in a dropped file or folder.
async function inside(entry) {
  if (entry.isFile) return [await new Promise((ok, no) => entry.file(ok, no))];
  const reader = entry.createReader();
  const all = [];
  for (;;) {
    const some = await new Promise((ok, no) => reader.readEntries(ok, no));
    if (!some.length) return all;
    all.push(...(await Promise.all(some.map(inside))).flat());
  }
}

function send(form, files, bar) {
  const body = new FormData();
  for (const file of files) body.append("files", file, file.name);
  const request = new XMLHttpRequest();
  const progress = bar.querySelector("progress");
  bar.hidden = false;
  request.upload.addEventListener("progress", (e) => {
    if (e.lengthComputable) progress.value = (100 * e.loaded) / e.total;
    if (e.loaded === e.total) progress.removeAttribute("value"); // the server reads
  });
  request.addEventListener("load", () => {
    const page = new DOMParser().parseFromString(request.responseText, "text/html");
    document.title = page.title;
    document.getElementById("main").replaceWith(document.adoptNode(page.getElementById("main")));
    document.getElementById("main").focus();
    uploads();
  });
  request.addEventListener("error", () => form.submit());
  request.open("POST", form.action);
  request.send(body);
}
