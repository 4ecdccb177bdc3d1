// Takes pictures of the pages: node shots.mjs ADDRESS FOLDER [part of a name].
// Widths 1440 and 390, light and dark, languages en, de and the pseudo-languages.
import { mkdir } from "node:fs/promises";
import { launch, visit } from "./browser.mjs";
import { pages } from "./pages.mjs";

const [address, folder, only = ""] = process.argv.slice(2);
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
