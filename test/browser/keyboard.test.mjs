// The main tasks with the keyboard alone.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { launch, visit } from "./browser.mjs";
import { address } from "./pages.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

async function at(path, look, options) {
  const page = await visit(browser, address, path, options);
  try {
    await look(page);
    assert.deepEqual(page.problems, []);
  } finally {
    await page.context().close();
  }
}

// tabTo presses Tab until the focus is on what selector names.
async function tabTo(page, selector, most = 60) {
  for (let i = 0; i < most; i++) {
    await page.keyboard.press("Tab");
    if (await page.evaluate((s) => document.activeElement.matches(s), selector)) return;
  }
  assert.fail(`Tab does not reach ${selector}; it stands on ${await page.evaluate(() => document.activeElement.outerHTML.slice(0, 120))}`);
}

const focused = (page, f) => page.evaluate(f);

test("the first stop skips to the content", () =>
  at("/", async (page) => {
    await page.keyboard.press("Tab");
    assert.equal(await focused(page, () => document.activeElement.className), "skip");
    await page.keyboard.press("Enter");
    assert.equal(await focused(page, () => document.activeElement.id), "main");
  }));

test("every stop shows where it is", () =>
  at("/dose/ct", async (page) => {
    for (let i = 0; i < 70; i++) {
      await page.keyboard.press("Tab");
      const [what, shown] = await focused(page, () => {
        const e = document.activeElement;
        const s = getComputedStyle(e);
        return [e.outerHTML.slice(0, 100), e === document.body || (s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 1)];
      });
      assert.ok(shown, `no focus ring on ${what}`);
    }
  }));

test("navigation", () =>
  at("/", async (page) => {
    await tabTo(page, '.nav a[href="/dose/ct"]');
    await page.keyboard.press("Enter");
    await page.waitForURL("**/dose/ct");
    assert.equal(await page.locator('.nav [aria-current="page"]').textContent(), "Doses");
  }));

test("language and theme", () =>
  at("/dose/ct?room=ct2", async (page) => {
    await tabTo(page, ".prefs > summary");
    await page.keyboard.press("Enter");
    await tabTo(page, 'button[value="de"]');
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.documentElement.lang === "de");
    assert.ok(page.url().endsWith("/dose/ct?room=ct2"), `went to ${page.url()}`);
    await tabTo(page, ".prefs > summary");
    await page.keyboard.press("Enter");
    await tabTo(page, 'button[value="dark"]');
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.documentElement.dataset.theme === "dark");
    const paper = await focused(page, () => getComputedStyle(document.documentElement).backgroundColor);
    assert.notEqual(paper, "rgb(255, 255, 255)");
  }));

test("a row opens its drawer and Escape gives the focus back", () =>
  at("/dose/ct", async (page) => {
    await tabTo(page, 'tr:nth-child(2) a[data-drawer]');
    await page.keyboard.press("Enter");
    await page.waitForSelector(".drawer");
    assert.match(page.url(), /open=/);
    assert.equal(await focused(page, () => document.activeElement.id), "drawer-head");
    await tabTo(page, ".drawer a[href*='/rows/']", 5);
    await page.keyboard.press("Escape");
    await page.waitForSelector(".drawer", { state: "detached" });
    assert.doesNotMatch(page.url(), /open=/);
    assert.equal(await focused(page, () => document.activeElement.closest("tr")?.rowIndex), 2);
    await page.goBack();
    await page.waitForSelector(".drawer");
  }));

test("sorting", () =>
  at("/dose/ct", async (page) => {
    await tabTo(page, 'a.sort[href*="sort=median"]');
    await page.keyboard.press("Enter");
    await page.waitForURL("**sort=median**");
    assert.equal(await page.locator('th[aria-sort="ascending"]').count(), 1);
  }));

test("a filter waits for Enter, and its chip takes it off", () =>
  at("/dose/ct", async (page) => {
    await tabTo(page, 'select[name="room"]');
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    assert.doesNotMatch(page.url(), /room=/);
    await page.keyboard.press("Enter");
    await page.waitForURL("**room=ct2**");
    assert.doesNotMatch(page.url(), /exam=/, "empty fields stay out of the address");
    await tabTo(page, "a.chip");
    await page.keyboard.press("Enter");
    await page.waitForURL((u) => !u.search.includes("room="));
  }));

test("a finding is changed", () =>
  at("/dose/ct?room=ct3", async (page) => {
    await tabTo(page, ".finding-change > summary", 90);
    await page.keyboard.press("Enter");
    await tabTo(page, ".finding-change textarea", 10);
    await page.keyboard.type("Done by keyboard.");
    await tabTo(page, ".finding-change button.primary", 3);
    await page.keyboard.press("Enter");
    await page.waitForURL("**done=finding**");
    assert.match(await page.locator('[role="status"]').last().textContent(), /saved/);
    assert.match(await page.locator(".finding-note").first().textContent(), /keyboard/);
  }));

test("the palette finds a page", () =>
  at("/settings/rooms", async (page) => {
    await page.keyboard.press("Control+k");
    await page.waitForSelector("dialog[open] input");
    await page.keyboard.type("names");
    await page.waitForFunction(() => document.querySelectorAll("dialog[open] .hits a").length === 1);
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.waitForURL("**/dose/mapping");
  }));

test("the palette closes on Escape", () =>
  at("/", async (page) => {
    await page.keyboard.press("Control+k");
    await page.waitForSelector("dialog[open] input");
    await page.keyboard.press("Escape");
    assert.equal(await page.locator("dialog[open]").count(), 0);
  }));

test("names are mapped without leaving the keyboard, and taken back", () =>
  at("/dose/mapping", async (page) => {
    const name = () => page.locator(".decide h2 code").textContent();
    const listed = (code) => page.waitForSelector(`.meaning.chosen[data-code="${code}"]`);
    const first = await name(); // the field has the focus when the page opens
    // an examination by a word, an indication by a word, how it is known
    await page.keyboard.type("example h");
    await listed("X_HEAD");
    await page.keyboard.press("Enter");
    await page.keyboard.type("stroke");
    await listed("X_IND_0");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Enter");
    await page.waitForURL("**done=proposed**");
    const second = await name();
    assert.notEqual(second, first);
    // the second hit by the arrow keys, no indication
    await page.keyboard.type("example");
    await listed("X_HEAD");
    await page.keyboard.press("ArrowDown");
    const chosen = await page.locator(".meaning.chosen").getAttribute("data-code");
    assert.notEqual(chosen, "X_HEAD");
    await page.keyboard.press("Enter");
    assert.equal(await page.inputValue("#f-exam"), chosen);
    await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
    const third = await name();
    assert.notEqual(third, second);
    // what is proposed needs no letter; a name is left for later; the last one is taken back
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
    const fourth = await name();
    await Promise.all([page.waitForNavigation(), page.keyboard.press("Alt+n")]);
    assert.notEqual(await name(), fourth);
    assert.equal(await page.locator(".waiting li").filter({ hasText: third }).count(), 1);
    await page.keyboard.press("Alt+z");
    await page.waitForURL("**done=undone**");
    assert.equal(await name(), third);
    assert.equal(await page.locator(".waiting li").filter({ hasText: third }).count(), 0);
    while (await page.locator(".undo button").count()) {
      await Promise.all([page.waitForNavigation(), page.keyboard.press("Alt+z")]);
    }
    assert.equal(await name(), first);
  }));
