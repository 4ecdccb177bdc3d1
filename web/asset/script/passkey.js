// A button asks the server for a challenge, lets the device answer it, and takes
// the answer back (Web Authentication §5.1). Without script or passkeys it stays
// hidden and the other ways in are there.
export function passkeys() {
  const can = globalThis.PublicKeyCredential;
  if (!can?.parseRequestOptionsFromJSON || !can.parseCreationOptionsFromJSON) return;
  for (const button of document.querySelectorAll("[data-passkey]")) {
    button.hidden = false;
    button.addEventListener("click", () => use(button));
  }
}

async function use(button) {
  const problem = button.parentElement.parentElement.querySelector("[data-passkey-problem]");
  problem.hidden = true;
  button.disabled = true;
  try {
    const { to } = await answer(button);
    location.assign(to);
  } catch (e) {
    problem.textContent = e instanceof Refused ? e.message : button.dataset.failed;
    problem.hidden = false;
    button.disabled = false;
  }
}

class Refused extends Error {}

async function answer(button) {
  const { ask, answer, to, passkey } = button.dataset;
  const { options, state } = await send(ask, {});
  const { publicKey } = options;
  const credential =
    passkey === "create"
      ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(publicKey) })
      : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(publicKey) });
  const name = document.querySelector('[name="passkey-name"]')?.value ?? "";
  return send(answer, { state, to, name, response: credential.toJSON() });
}

// send posts JSON. A page in place of JSON is one to go to: who must prove again who
// they are is led there.
async function send(address, body) {
  const r = await fetch(address, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  if (r.redirected) {
    location.assign(r.url);
    return new Promise(() => {});
  }
  const value = await r.json();
  if (!r.ok) throw new Refused(value.problem);
  return value;
}
