// Opens pages of a server as somebody who is signed in, on a desktop and a phone,
// and prints what is wrong with them, as JSON: node walk.mjs ADDRESS COOKIE PATH…
import { AxeBuilder } from "@axe-core/playwright";
import { launch } from "./browser.mjs";

const [address, cookie, ...paths] = process.argv.slice(2);
const [name, value] = cookie.split("=");
const browser = await launch();
const problems = [];
for (const [width, theme] of [[1440, "light"], [390, "dark"]]) {
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme: theme, reducedMotion: "reduce" });
  await context.addCookies([{ name, value, url: address }]);
  for (const path of paths) {
    const page = await context.newPage();
    const say = (what) => problems.push(`${path} at ${width}: ${what}`);
    page.on("console", (m) => m.type() === "error" && !/status of [45]\d\d/.test(m.text()) && say("console: " + m.text()));
    page.on("pageerror", (e) => say("script: " + e));
    page.on("request", (r) => r.url().startsWith(address) || say("asks elsewhere: " + r.url()));
    const answer = await page.goto(address + path, { waitUntil: "load" });
    if (answer.status() >= 400) say("answers " + answer.status());
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    if (wide > width) say(`is ${wide} wide`);
    const { violations } = await new AxeBuilder({ page }).withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]).analyze();
    for (const v of violations) say(`${v.id}: ${v.nodes.map((n) => n.target.join(" ")).slice(0, 3).join(" | ")}`);
    const folder = process.env.RADAGORA_SHOTS;
    if (folder) await page.screenshot({ path: `${folder}/${path.replace(/[^a-z0-9]+/gi, "-")}-${width}.png`, fullPage: true });
    await page.close();
  }
  await context.close();
}
await browser.close();
console.log(JSON.stringify(problems));
