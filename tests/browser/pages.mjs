// One Chromium, told what to do line by line: {"do": …} on standard input, one answer a line on standard output.
//
// The tests decide what happens and what it must look like; this file only carries it out.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  env: { ...process.env, FONTCONFIG_FILE: new URL("fonts.conf", import.meta.url).pathname },
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--force-color-profile=srgb", "--font-render-hinting=none"],
});

let context;
let page;
let noise = [];

async function open({ width = 1280, height = 800, scheme = "light", script = true, time = "UTC", scale = 1.5 }) {
  await context?.close();
  context = await browser.newContext({
    viewport: { width, height }, colorScheme: scheme, javaScriptEnabled: script, deviceScaleFactor: scale,
    reducedMotion: "reduce", timezoneId: time, hasTouch: width < 600, isMobile: width < 600,
  });
  context.setDefaultTimeout(20_000);
  page = await context.newPage();
  noise = [];
  page.on("console", (message) => { if (message.type() === "error") noise.push(message.text()); });
  page.on("pageerror", (error) => noise.push(String(error)));
  page.on("request", (request) => { if (!request.url().startsWith(origin)) noise.push(`elsewhere: ${request.url()}`); });
}

let origin = "http://";

const acts = {
  open,
  // A file has no origin of its own: it may load itself and nothing else.
  async go({ url }) {
    origin = url.startsWith("file:") ? url : new URL(url).origin;
    const response = await page.goto(url);
    return { status: response?.status() ?? 200, headers: response?.headers() ?? {} };
  },
  // How many pages of paper it is.
  async print({ path }) { const pdf = await page.pdf({ path, preferCSSPageSize: true }); return pdf.length; },
  // A device with a fingerprint reader that its person always touches.
  async device() {
    const session = await context.newCDPSession(page);
    await session.send("WebAuthn.enable");
    await session.send("WebAuthn.addVirtualAuthenticator", { options: { protocol: "ctap2", transport: "internal", hasResidentKey: true,
      hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true } });
  },
  async fill({ label, text }) { await page.getByLabel(label, { exact: true }).fill(text); },
  async focus({ label }) { await page.getByLabel(label, { exact: true }).focus(); },
  async click({ role = "button", name }) { await page.getByRole(role, { name, exact: true }).first().click(); },
  async press({ keys }) { for (const key of keys) await page.keyboard.press(key); },
  // The page puts the cursor there itself, a moment after it has loaded.
  async waitForFocus({ label }) {
    const field = await page.getByLabel(label, { exact: true }).elementHandle();
    await page.waitForFunction((field) => document.activeElement === field, field);
  },
  async type({ text }) { await page.keyboard.type(text); },
  async waitFor({ text }) { await page.getByText(text).first().waitFor(); },
  async waitForUrl({ path }) { await page.waitForURL((url) => url.pathname + url.search === path); },
  async waitForRows({ count }) { await page.waitForFunction((count) => document.querySelectorAll("#rows > tr").length >= count, count); },
  async url() { return new URL(page.url()).pathname + new URL(page.url()).search; },
  async text() { return await page.locator("body").innerText(); },
  async focused() { return await page.evaluate(() => ({ tag: document.activeElement.tagName, name: document.activeElement.innerText || document.activeElement.id, href: document.activeElement.getAttribute("href") })); },
  async cookies() { return await context.cookies(); },
  async setCookie({ cookie }) { await context.addCookies([cookie]); },
  async evaluate({ code }) { return await page.evaluate(code); },
  async wide() { return await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth); },
  async noise() { const heard = noise; noise = []; return heard; },
  async screenshot({ path, full = false }) { await page.screenshot({ path, fullPage: full }); },
  // Injected past the page's own policy, which lets nothing in.
  async axe() {
    const session = await context.newCDPSession(page);
    const { frameTree } = await session.send("Page.getFrameTree");
    const { executionContextId } = await session.send("Page.createIsolatedWorld", { frameId: frameTree.frame.id });
    await session.send("Runtime.evaluate", { expression: axe + "; 0", contextId: executionContextId });
    const { result, exceptionDetails } = await session.send("Runtime.evaluate", {
      expression: `axe.run(document, { resultTypes: ["violations"] }).then((found) => JSON.stringify(found.violations.map((one) => ({
        id: one.id, impact: one.impact, help: one.help, where: one.nodes.slice(0, 3).map((node) => node.html + " — " + (node.failureSummary ?? "")) }))))`,
      contextId: executionContextId, awaitPromise: true, returnByValue: true,
    });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return JSON.parse(result.value);
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { do: act, ...told } = JSON.parse(line);
  let answer;
  try {
    answer = { done: (await acts[act](told)) ?? null };
  } catch (error) {
    answer = { error: `${act}: ${error.message ?? error}`, at: page?.url() };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
await browser.close();
