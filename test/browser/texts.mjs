// Prints what a person reads on pages, as JSON: node texts.mjs URL…
import { launch } from "./browser.mjs";

const browser = await launch();
const page = await browser.newPage();
const texts = [];
for (const url of process.argv.slice(2)) {
  const answer = await page.goto(url, { waitUntil: "load" });
  for (const d of await page.locator("main details").all()) await d.evaluate((e) => (e.open = true));
  texts.push({ status: answer.status(), text: await page.locator("main").innerText() });
}
await browser.close();
console.log(JSON.stringify(texts));
