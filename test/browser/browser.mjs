// Starting the browser and opening a page in a width, a theme and a language.
import { chromium } from "playwright-core";

export function launch(...more) {
  return chromium.launch({
    executablePath: process.env.RADAGORA_CHROMIUM || "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run", ...more],
  });
}

export async function visit(browser, address, path, { width = 1440, height = 900, theme = "light", language = "en", script = true } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: theme, javaScriptEnabled: script, reducedMotion: "reduce" });
  await context.addCookies([{ name: "language", value: language, url: address }]);
  const page = await context.newPage();
  page.problems = [];
  page.on("console", (m) => m.type() === "error" && page.problems.push(m.text()));
  page.on("pageerror", (e) => page.problems.push(String(e)));
  page.on("request", (r) => r.url().startsWith(address) || page.problems.push("asks elsewhere: " + r.url()));
  await page.goto(address + path, { waitUntil: "load" });
  return page;
}
