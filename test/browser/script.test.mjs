// What script adds: uploads show how far they are, the guide shows what arrives.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { launch, visit } from "./browser.mjs";
import { address, empty } from "./pages.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

test("an upload stays on the page and says what became of it", async () => {
  const page = await visit(browser, address, "/start");
  await page.locator("#files").setInputFiles([{ name: "a.dcm", mimeType: "application/dicom", buffer: Buffer.from("DICM") }]);
  await page.locator("form[data-drop] button").click();
  await page.waitForFunction(() => /1 object taken in/.test(document.querySelector("main").textContent));
  assert.deepEqual(page.problems, []);
  await page.context().close();
});

test("the guide shows the first report while it arrives", async () => {
  const page = await visit(browser, empty, "/start");
  const other = await visit(browser, empty, "/start");
  assert.equal(await page.locator(".steps .done").count(), 1);
  await other.locator("#files").setInputFiles([{ name: "a.dcm", mimeType: "application/dicom", buffer: Buffer.from("DICM") }]);
  await other.locator("form[data-drop] button").click();
  await page.waitForFunction(() => document.querySelectorAll(".steps .done").length >= 3, null, { timeout: 8000 });
  assert.deepEqual(page.problems, []);
  await page.context().close();
  await other.context().close();
});

test("a chart's picture stands alone", async () => {
  const page = await visit(browser, address, "/dose/ct");
  for (const link of await page.locator(".chart-links a[href*='picture']").all()) {
    const answer = await page.request.get(address + (await link.getAttribute("href")));
    const text = await answer.text();
    assert.ok(text.startsWith("<svg") && text.includes("<style>"), text.slice(0, 100));
  }
  await page.context().close();
});
