// Signing in: the first administrator, passwords, passkeys on an authenticator in
// software, recovery codes and the PIN of a shared workstation, in a real browser
// against the real program.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { AxeBuilder } from "@axe-core/playwright";
import { launch } from "./browser.mjs";

// The address of the program, by name: passkeys need one. And the link that makes the
// first administrator.
const address = process.env.RADAGORA_SIGN_URL;
const first = process.env.RADAGORA_FIRST_LINK;
const skip = address && first ? false : "needs the program: go test ./cmd/radagora -run TestPasskeys";

const login = "admin";
const password = "heron kettle violin 7";

let browser, context, page, cdp, authenticator;
before(async () => {
  if (skip) return;
  browser = await launch();
  context = await browser.newContext({ viewport: { width: 1440, height: 900 }, reducedMotion: "reduce" });
  page = await context.newPage();
  cdp = await context.newCDPSession(page);
  await cdp.send("WebAuthn.enable");
  ({ authenticatorId: authenticator } = await cdp.send("WebAuthn.addVirtualAuthenticator", {
    options: { protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
  }));
});
after(() => browser?.close());

const at = (path) => address + path;
const main = (selector) => page.locator("main " + selector);
const submit = () => main("button.primary").first().click();

async function signOut() {
  await page.goto(at("/account"));
  await page.locator(".prefs summary").click();
  await page.locator(".way-out button").click();
  await page.waitForURL(/sign-in/);
}

async function usePasskey(to) {
  await main("[data-passkey=get]").click();
  await page.waitForURL(at(to));
}

// looked checks a page as all others are: axe, and no wider than its window.
async function looked(path) {
  if (path) await page.goto(at(path));
  const { violations } = await new AxeBuilder({ page }).withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]).analyze();
  assert.deepEqual(violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(" ")).slice(0, 3).join(" | ")}`), [], path);
  for (const width of [390, 1440]) {
    await page.setViewportSize({ width, height: 900 });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= width, `${page.url()} at ${width}: ${wide} wide`);
  }
}

test("nobody sees a page without signing in", { skip }, async () => {
  for (const path of ["/", "/dose/ct", "/account", "/settings/accounts", "/settings/rooms"]) {
    await page.goto(at(path));
    assert.equal(new URL(page.url()).pathname, "/sign-in", path);
    assert.equal(new URL(page.url()).searchParams.get("to"), path);
  }
  await looked("/sign-in");
});

test("the link makes the first administrator, once", { skip }, async () => {
  const path = new URL(first).pathname + new URL(first).search;
  await looked(path);
  const make = async (word) => {
    await page.fill("[name=name]", "Example Administrator");
    await page.fill("[name=login]", login);
    await page.fill("[name=password]", word);
    await page.fill("[name=repeat]", word);
    await submit();
  };
  await make("Radiology2026!");
  assert.equal(await main(".problem:visible").count(), 1, "a weak password is refused");
  await looked();
  await make(password);
  assert.equal(page.url(), at("/"));
  assert.equal((await page.goto(at(path))).status(), 403);
  await looked();
});

test("a passkey is made, and opens the account without a name", { skip }, async () => {
  await page.goto(at("/account"));
  await page.fill("[name=passkey-name]", "Example device");
  await main("[data-passkey=create]").click();
  await page.waitForURL(/done=passkey/);
  assert.equal(await main("[name=name][value='Example device']").count(), 1);
  await looked();
  await signOut();
  await page.goto(at("/sign-in?to=/settings/accounts"));
  await usePasskey("/settings/accounts");
  const { credentials } = await cdp.send("WebAuthn.getCredentials", { authenticatorId: authenticator });
  assert.equal(credentials.length, 1);
  assert.equal(credentials[0].isResidentCredential, true);
  assert.equal(credentials[0].rpId, "localhost");
  assert.ok(credentials[0].signCount >= 2, `counter ${credentials[0].signCount}`);
});

test("a device that does not verify its user opens nothing", { skip }, async () => {
  await signOut();
  await cdp.send("WebAuthn.setUserVerified", { authenticatorId: authenticator, isUserVerified: false });
  await page.goto(at("/sign-in"));
  await main("[data-passkey=get]").click();
  await main("[data-passkey-problem]").waitFor({ state: "visible" });
  await cdp.send("WebAuthn.setUserVerified", { authenticatorId: authenticator, isUserVerified: true });
  await page.goto(at("/account"));
  assert.equal(new URL(page.url()).pathname, "/sign-in");
});

test("a copied passkey, whose counter goes back, opens nothing", { skip }, async () => {
  const { credentials } = await cdp.send("WebAuthn.getCredentials", { authenticatorId: authenticator });
  await cdp.send("WebAuthn.clearCredentials", { authenticatorId: authenticator });
  await cdp.send("WebAuthn.addCredential", { authenticatorId: authenticator, credential: { ...credentials[0], signCount: 0 } });
  await page.goto(at("/sign-in"));
  await main("[data-passkey=get]").click();
  await main("[data-passkey-problem]").waitFor({ state: "visible" });
  await cdp.send("WebAuthn.clearCredentials", { authenticatorId: authenticator });
  await cdp.send("WebAuthn.addCredential", { authenticatorId: authenticator, credential: { ...credentials[0], signCount: credentials[0].signCount + 5 } });
  await page.goto(at("/sign-in"));
  await usePasskey("/");
});

test("the passkey proves it again", { skip }, async () => {
  await looked("/sign-in/again?to=/account");
  await usePasskey("/account");
});

test("a removed passkey opens nothing, the password does", { skip }, async () => {
  await page.goto(at("/account"));
  await main("[name=remove]").first().click();
  await page.waitForURL(/done=passkey_gone/);
  await signOut();
  await page.goto(at("/sign-in"));
  await main("[data-passkey=get]").click();
  await main("[data-passkey-problem]").waitFor({ state: "visible" });
  await page.fill("[name=login]", login);
  await page.fill("[name=password]", password + "?");
  await submit();
  await main(".n-trouble").waitFor();
  await looked();
  await page.fill("[name=login]", login);
  await page.fill("[name=password]", password);
  await submit();
  assert.equal(page.url(), at("/sign-in") === page.url() ? "" : at("/"));
});

test("a recovery code opens the account once", { skip }, async () => {
  await page.goto(at("/account"));
  await main('form[action="/account/codes"] button').click();
  const codes = await main(".codes code").allInnerTexts();
  assert.equal(codes.length, 10);
  await looked();
  await signOut();
  for (const want of ["/account", "/sign-in/recover"]) {
    await looked("/sign-in/recover");
    await page.fill("[name=login]", login);
    await page.fill("[name=code]", codes[0].toLowerCase());
    await submit();
    assert.equal(new URL(page.url()).pathname, want);
    await page.locator("main").waitFor();
    if (want === "/account") await signOut();
  }
  await page.goto(at("/sign-in"));
  await page.fill("[name=login]", login);
  await page.fill("[name=password]", password);
  await submit();
});

test("people change over with a PIN at a shared workstation", { skip }, async () => {
  await looked("/settings/accounts");
  await page.fill("[name=station]", "CT 1 console");
  await main('form[action="/settings/stations"] button').click();
  await page.waitForURL(/done=station/);
  await page.goto(at("/account"));
  await page.fill("[name=pin]", "1234");
  await main('form[action="/account/pin"] button').first().click();
  assert.equal(await main(".problem:visible").count(), 1, "a PIN that is tried first is refused");
  await page.fill("[name=pin]", "481950");
  await main('form[action="/account/pin"] button').first().click();
  await page.waitForURL(/done=pin/);
  await looked("/sign-in/switch");
  assert.equal(await main("[name=person]").count(), 0, "nobody signed in fully since this is a workstation");
  await signOut();
  await page.goto(at("/sign-in"));
  await page.fill("[name=login]", login);
  await page.fill("[name=password]", password);
  await submit();
  await looked("/sign-in/switch");
  await page.fill("[name=pin]", "111888");
  await submit();
  await main(".n-trouble").waitFor();
  await page.fill("[name=pin]", "481950");
  await submit();
  await page.waitForURL(at("/"));
  await page.goto(at("/account"));
  assert.equal(await main(".things .tag:has-text('CT 1 console')").count() > 0, true);
});

test("a new colleague chooses a password by a link", { skip }, async () => {
  await page.goto(at("/settings/accounts"));
  await main("#add summary").click();
  await looked();
  await page.fill("#add [name=name]", "Example Physicist");
  await page.fill("#add [name=login]", "physics");
  await page.check('#add [value="physicist@"]');
  await main("#add button.primary").click();
  await page.waitForURL(/done=account/);
  await looked();
  await main('form[action$="/link"] button').click();
  const link = await main(".copy-text code").innerText();
  const other = await browser.newContext();
  const theirs = await other.newPage();
  await theirs.goto(link);
  await theirs.fill("[name=password]", "lantern orbit fig 88");
  await theirs.fill("[name=repeat]", "lantern orbit fig 88");
  await theirs.locator("main button.primary").click();
  await theirs.waitForURL(at("/"));
  assert.equal((await theirs.goto(at("/settings/accounts"))).status(), 403);
  assert.equal((await theirs.goto(link)).status(), 403);
  await page.reload();
  await page.goto(at("/settings/accounts"));
  await main("a:has-text('Example Physicist')").first().click();
  await main('form[action$="/sessions"] button').first().click();
  await page.waitForURL(/done=session/);
  await theirs.goto(at("/"));
  assert.equal(new URL(theirs.url()).pathname, "/sign-in", "signed out by the administrator");
  await other.close();
});

test("everything but passkeys works without script", { skip }, async () => {
  const plain = await browser.newContext({ javaScriptEnabled: false });
  const p = await plain.newPage();
  await p.goto(at("/settings/accounts"));
  await p.fill("[name=login]", login);
  await p.fill("[name=password]", password);
  await p.locator("main button.primary").click();
  assert.equal(p.url(), at("/settings/accounts"));
  assert.equal(await p.locator("[data-passkey]:visible").count(), 0);
  await plain.close();
});
