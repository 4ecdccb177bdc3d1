// A clinical audit from its template to the closed re-audit, by the buttons of the pages,
// in a real browser against the demonstration.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { AxeBuilder } from "@axe-core/playwright";
import { launch, visit } from "./browser.mjs";

const address = process.env.RADAGORA_AUDIT_URL;
const skip = address ? false : "needs the program: go test ./cmd/radagora -run TestAuditInBrowser";
const days = JSON.parse(process.env.RADAGORA_AUDIT_DAYS || "{}");

let browser, page;
before(async () => {
  if (skip) return;
  browser = await launch();
  page = await visit(browser, address, "/quality/audits");
});
after(() => browser?.close());

// form is the form of a page that does something.
const form = (what) => page.locator(`main form:has(input[name="do"][value="${what}"])`);
async function submit(f) {
  await Promise.all([page.waitForEvent("load"), f.locator("button").first().click()]);
}
const here = () => page.url().split("?")[0];
const said = async () => (await page.locator("main").innerText()).replace(/\s+/g, " ");
async function fine() {
  const { violations } = await new AxeBuilder({ page }).analyze();
  assert.deepEqual(violations.map((v) => v.id), []);
}

// turn draws the sample of a defined audit, counts, explains what failed, and notes that the
// team saw it. It returns the result as the page says it.
async function turn(conclusion, day) {
  await submit(form("draw"));
  await submit(form("analyse"));
  await fine();
  const audit = here();
  await page.goto(audit + "/cases?show=all");
  for (;;) {
    const open = page.locator('main form:has(button[value="explain"])').filter({ has: page.locator('input[name="text"][value=""]') });
    if ((await open.count()) === 0) break;
    await open.first().locator('input[name="text"]').fill("Positioning");
    await submit(open.first());
    if (!page.url().includes("show=all")) await page.goto(audit + "/cases?show=all");
  }
  await fine();
  await page.goto(audit);
  const report = form("report");
  await report.locator('input[name="day"]').fill(day);
  await report.locator('input[name="to"]').fill("Meeting of the department");
  await report.locator("textarea").fill(conclusion);
  await submit(report);
  return (await said()).match(/(not met|met) at most 8 % (\d+) of (\d+)/).slice(1, 4);
}

test("from template to closed re-audit", { skip }, async () => {
  const plan = page.locator('main form:has(select[name="template"])').first();
  await plan.locator('select[name="template"]').selectOption("C07");
  await plan.locator('textarea[name="reason"]').fill("Rejected exposures cost dose.");
  await submit(plan);
  const first = here();

  // Frozen: the cases are the exposures of one room, between two days.
  const define = form("define");
  await define.locator('select[name="evidence"]').selectOption("equipment.reject_rate");
  await define.locator('select[name="room"]').selectOption({ label: days.room });
  await define.locator('input[name="from"]').fill(days.from);
  await define.locator('input[name="until"]').fill(days.until);
  await submit(define);
  const before = await turn("Too many.", days.until);
  assert.deepEqual(before, days.before);

  // A target that was missed needs an action before it is audited again.
  await submit(form("await"));
  assert.match(await said(), /name an action with owner and due date first/);
  assert.equal(page.problems.splice(0).length, 1); // the browser notes the refusal
  await page.goto(first);
  const act = form("act");
  await act.locator('input[name="cause"]').fill("Positioning is taught by habit.");
  await act.locator('input[name="text"]').fill("Half a day of training.");
  await act.locator('input[name="due"]').fill(days.againFrom);
  await submit(act);
  const done = form("done");
  await done.locator('input[name="day"]').fill(days.againFrom);
  await done.locator('input[name="text"]').fill("Held.");
  await submit(done);
  await submit(form("await"));
  const again = form("again");
  await again.locator('input[name="from"]').fill(days.againFrom);
  await again.locator('input[name="until"]').fill(days.againUntil);
  await submit(again);
  const second = here();
  assert.notEqual(second, first);
  const after = await turn("Better.", days.againUntil);
  assert.deepEqual(after, days.after);

  for (const one of [first, second]) {
    await page.goto(one);
    await page.locator("main details summary").last().click();
    await submit(form("close"));
    assert.match(await said(), /closed/);
    await fine();
  }
  await page.goto(first);
  const both = (await said()).match(/(not met|met) \d+ of \d+ \(/g);
  assert.deepEqual(both, [`${days.before[0]} ${days.before[1]} of ${days.before[2]} (`, `${days.after[0]} ${days.after[1]} of ${days.after[2]} (`]);
  const pdf = await page.request.get(second + "/report");
  assert.equal(pdf.status(), 200);
  assert.equal((await pdf.body()).subarray(0, 5).toString(), "%PDF-");
  assert.deepEqual(page.problems, []);
});
