// Takes pictures of the pages: node shots.mjs ADDRESS FOLDER [part of a name].
// Widths 1440 and 390, light and dark, languages en, de and the pseudo-languages.
import { mkdir } from "node:fs/promises";
import { launch, visit } from "./browser.mjs";

const [address, folder, only = ""] = process.argv.slice(2);
const pages = {
  today: "/", dose: "/dose/ct", row: "/dose/ct?open=r1", examinations: "/dose/ct/rows/r1", examination: "/dose/examinations/e1-0",
  object: "/images/objects/2.25.100000000000000000000000000000000001?at=1.4.3", mapping: "/dose/mapping", start: "/start",
  rooms: "/settings/rooms", content: "/settings/content", drawer: "/settings/content?open=example-levels-2030", search: "/search", face: "/face", error: "/face/error/internal", missing: "/nope",
};
await mkdir(folder, { recursive: true });
const browser = await launch();
for (const [name, path] of Object.entries(pages)) {
  for (const [width, theme, language] of [[1440, "light", "en"], [1440, "dark", "de"], [390, "light", "en"], [390, "dark", "de"], [1440, "light", "qps"], [390, "light", "qps-long"]]) {
    const file = `${name}-${width}-${theme}-${language}`;
    if (!file.includes(only)) continue;
    const page = await visit(browser, address, path, { width, theme, language });
    await page.screenshot({ path: `${folder}/${file}.png`, fullPage: true });
    await page.context().close();
  }
}
await browser.close();
