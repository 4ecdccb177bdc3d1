// Everything works without script; script only saves loading.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { launch, visit } from "./browser.mjs";
import { address } from "./pages.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

async function plain(path, look) {
  const page = await visit(browser, address, path, { script: false });
  try {
    await look(page);
  } finally {
    await page.context().close();
  }
}

test("a row opens its drawer, and closes it", () =>
  plain("/dose/ct", async (page) => {
    await page.locator("a[data-drawer]").first().click();
    await page.waitForURL("**open=**");
    assert.equal(await page.locator(".drawer").isVisible(), true);
    await page.locator("a[data-close]").click();
    assert.equal(await page.locator(".drawer").count(), 0);
  }));

test("from a row to the value in the report", () =>
  plain("/dose/ct?open=r1", async (page) => {
    await page.locator(".drawer a[href*='/rows/']").click();
    await page.locator("#examinations tbody a").first().click();
    await page.locator(".values a[href*='at=1.4.3']").first().click();
    await page.waitForURL("**/images/objects/**");
    assert.equal(await page.locator(".marked .node-label").first().textContent(), "DLP");
    assert.equal(await page.locator(".marked").isVisible(), true);
  }));

test("the filter has its button", () =>
  plain("/dose/ct", async (page) => {
    await page.locator('select[name="exam"]').selectOption("X_CHEST");
    await page.locator(".filters button").first().click();
    assert.equal(await page.locator("#levels tbody tr").count(), 3);
  }));

test("the language is switched", () =>
  plain("/dose/ct", async (page) => {
    await page.locator(".prefs > summary").click();
    await page.locator('button[value="fr"]').click();
    assert.equal(await page.locator("html").getAttribute("lang"), "fr");
  }));

test("search is a page", () =>
  plain("/", async (page) => {
    await page.locator("a.finder").click();
    await page.locator("#q").fill("rooms");
    await page.locator("form[data-search] button").click();
    assert.equal(await page.locator("#hits a").count(), 1);
  }));

test("files are taken in", () =>
  plain("/start", async (page) => {
    await page.locator("#files").setInputFiles([{ name: "a.dcm", mimeType: "application/dicom", buffer: Buffer.from("DICM") }, { name: "b.txt", mimeType: "text/plain", buffer: Buffer.from("x") }]);
    await page.locator("form[data-drop] button").click();
    assert.match(await page.locator("main").textContent(), /1 object taken in/);
    assert.match(await page.locator("main").textContent(), /b\.txt/);
  }));

test("names are mapped with the buttons of the form", () =>
  plain("/dose/mapping", async (page) => {
    const first = await page.locator(".decide h2 code").textContent();
    await page.locator(".decide .meaning").first().click();
    await page.waitForURL("**done=proposed**");
    assert.equal(await page.locator(".waiting li").filter({ hasText: first }).count(), 1);
    await page.locator(".undo button").click();
    assert.equal(await page.locator(".decide h2 code").textContent(), first);
    await page.goto(page.url().replace(/\/dose.*/, "/dose/mapping/find?q=chest"));
    await page.locator("#found a").first().click();
    assert.equal(await page.inputValue("#f-exam"), "X_CHEST");
  }));
