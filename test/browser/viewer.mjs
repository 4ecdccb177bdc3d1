// Opens a study in the image viewer as somebody who is signed in, scrolls through its
// slices and draws a length, and prints what it saw as JSON:
// node viewer.mjs ADDRESS COOKIE PATH
import { createHash } from "node:crypto";
import { launch } from "./browser.mjs";

const [address, cookie, path] = process.argv.slice(2);
const [name, value] = cookie.split("=");
const seen = { Problems: [], Pictures: [], Notice: "", Measured: "", Share: 0 };
const say = (what) => seen.Problems.push(what);

const done = async (problem) => {
  if (problem) say(problem);
  if (process.env.RADAGORA_SHOT) await page.screenshot({ path: process.env.RADAGORA_SHOT });
  await browser.close();
  console.log(JSON.stringify(seen));
  process.exit(0);
};

const browser = await launch("--use-angle=swiftshader", "--enable-unsafe-swiftshader");
const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
await context.addCookies([{ name, value, url: address }]);
const page = await context.newPage();
page.on("console", (m) => m.type() === "error" && say("console: " + m.text()));
page.on("pageerror", (e) => say("script: " + e));
page.on("request", (r) => /^(data|blob):/.test(r.url()) || r.url().startsWith(address) || say("asks elsewhere: " + r.url()));
page.on("response", (r) => r.status() >= 400 && say(`answers ${r.status()}: ${r.url()}`));

await page.goto(address + path, { waitUntil: "load" });
if (!(await page.locator("#notice").count())) say(`not the viewer: ${page.url()} ${(await page.locator("body").innerText()).slice(0, 300)}`);
seen.Notice = await page.locator("#notice").innerText({ timeout: 5000 }).catch(() => "");
const canvas = page.locator("canvas.cornerstone-canvas").first();
if (!(await canvas.waitFor({ timeout: 60000 }).then(() => true, () => false))) await done("no picture frame");
await page.getByText("Confirm and hide").click({ timeout: 5000 }).catch(() => {});

// What the canvas shows, without what is written over it.
const digest = async () => {
  const url = await canvas.evaluate((c) => {
    const small = document.createElement("canvas");
    [small.width, small.height] = [c.width, c.height];
    const g = small.getContext("2d");
    g.drawImage(c, 0, 0);
    const all = g.getImageData(0, 0, c.width, c.height).data;
    let light = 0;
    for (let i = 0; i < all.length; i += 4) light += all[i] > 50;
    return { light: light / (all.length / 4), url: small.toDataURL() };
  });
  return { light: url.light, digest: createHash("sha256").update(url.url).digest("hex").slice(0, 16) };
};
const until = async (what, so, ms = 60000) => {
  for (const end = Date.now() + ms; Date.now() < end; await page.waitForTimeout(100)) if (await so()) return true;
  say("not in time: " + what);
  return false;
};

let last = "";
await until("a picture", async () => (await digest()).light > 0.05);
await page.waitForLoadState("networkidle", { timeout: 60000 }).catch(() => {});
last = (await digest()).digest;
seen.Pictures.push(last);
let box = await canvas.boundingBox();
const at = (x, y) => [box.x + box.width / 2 + x, box.y + box.height / 2 + y];
await page.mouse.move(...at(0, 0));
for (let n = 0; n < 4; n++) {
  await page.mouse.wheel(0, 120);
  if (!(await until("the next slice", async () => (await digest()).digest !== last, 20000))) break;
  await page.waitForTimeout(300); // more than one slice may have come: the last one counts
  last = (await digest()).digest;
  seen.Pictures.push(last);
}

// The length tool is the one that stands on the button of measurements.
await page.locator('[data-cy="MeasurementTools-split-button-primary"]').click();
box = await canvas.boundingBox();
const side = Math.min(box.width, box.height), half = Math.round(side / 4);
await page.mouse.move(...at(-half, 0));
await page.mouse.down();
for (const x of [-half / 2, 0, half / 2, half - 1, half]) {
  await page.mouse.move(...at(x, 0));
  await page.waitForTimeout(150); // a hand is no quicker, and a step between two pictures is lost
}
await page.mouse.up();
seen.Share = (2 * half) / side;
const label = page.locator("svg.svg-layer text, .cornerstone-viewport-element svg text").filter({ hasText: /\d\s*mm/ }).first();
await label.waitFor({ timeout: 20000 }).catch(() => say("no length is shown"));
seen.Measured = (await label.textContent().catch(() => "")) || "";
await page.getByRole("button", { name: "No", exact: true }).click({ timeout: 3000 }).catch(() => {}); // whether to follow what is measured
await done();
