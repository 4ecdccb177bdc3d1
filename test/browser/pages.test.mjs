// What holds for every page: axe finds nothing, nothing is cut off, nothing goes
// wrong in the console, nothing is asked of anyone else.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { AxeBuilder } from "@axe-core/playwright";
import { launch, visit } from "./browser.mjs";
import { address, empty, pages } from "./pages.mjs";

// Pages that hold every component between them, looked at in the dark and on a
// phone too.
const thorough = ["face", "row", "object", "mapping", "start", "error"];

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

// seen opens a page, hands it to look, and checks the console.
async function seen(base, path, options, look) {
  const page = await visit(browser, base, path, options);
  try {
    await look(page);
    const problems = page.problems.filter((p) => !/status of [45]\d\d/.test(p));
    assert.deepEqual(problems, [], `${path}: console`);
  } finally {
    await page.context().close();
  }
}

async function axe(page) {
  const { violations } = await new AxeBuilder({ page }).withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]).analyze();
  assert.deepEqual(
    violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(" ") + " " + (n.any[0]?.message ?? n.all[0]?.message ?? "")).slice(0, 3).join(" | ")}`),
    [],
  );
}

for (const [name, path] of Object.entries(pages)) {
  test(`axe finds nothing: ${name}`, () => seen(address, path, {}, axe));
  if (thorough.includes(name)) {
    test(`axe finds nothing: ${name}, dark`, () => seen(address, path, { theme: "dark" }, axe));
    test(`axe finds nothing: ${name}, on a phone in German`, () => seen(address, path, { width: 390, language: "de" }, axe));
  }
  test(`fits its window in every language: ${name}`, async () => {
    for (const [language, ...widths] of [["de", 1440, 1024, 390], ["fr", 768], ["qps", 1440, 390], ["qps-long", 1440, 390]]) {
      await seen(address, path, { width: widths[0], language }, async (page) => {
        for (const width of widths) {
          await page.setViewportSize({ width, height: 900 });
          const wide = await page.evaluate(() => document.documentElement.scrollWidth);
          assert.ok(wide <= width, `${language} at ${width}: the page is ${wide} wide`);
        }
      });
    }
  });
}

for (const name of ["today", "dose", "mapping", "start", "rooms", "content"]) {
  test(`axe finds nothing: ${name}, empty`, () => seen(empty, pages[name], {}, axe));
}

test("an open finding's form passes axe", () =>
  seen(address, "/dose/ct", {}, async (page) => {
    for (const s of await page.locator(".finding-change > summary").all()) await s.click();
    for (const s of await page.locator(".chart-foot summary").all()) await s.click();
    await axe(page);
  }));

test("a page with its style and script weighs less than 100 KB", () =>
  seen(address, "/dose/ct", {}, async (page) => {
    let bytes = 0;
    page.on("response", async (r) => (bytes += (await r.request().sizes()).responseBodySize));
    await page.reload({ waitUntil: "networkidle" });
    assert.ok(bytes < 100 * 1024, `${bytes} bytes`);
  }));

test("the page can be printed: navigation and forms are gone, the numbers are there", () =>
  seen(address, "/dose/ct", {}, async (page) => {
    await page.emulateMedia({ media: "print" });
    assert.equal(await page.locator(".side").isVisible(), false);
    assert.equal(await page.locator(".filters").first().isVisible(), false);
    assert.equal(await page.locator("#levels").isVisible(), true);
  }));
