// Drives the chat page in a headless Chromium as a person would, and takes pictures to look at.
//
//   npm install puppeteer-core            (anywhere above this folder, or NODE_PATH)
//   node benches/page/run.mjs [PICTURES]  (a folder; CHROMIUM names the browser, /usr/bin/chromium if unset)
//
// Without a model: server.mjs pretends to be the API. Ends with an error at the first thing that
// is not as it should be. Not part of `cargo test`, which must not need a browser.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { start } from "./server.mjs";

const puppeteer = createRequire(`${process.cwd()}/`)("puppeteer-core");
const pictures = process.argv[2] ?? "pictures";
mkdirSync(pictures, { recursive: true });
const PORT = 18431;
const address = `http://127.0.0.1:${PORT}/`;
const { server, seen } = await start(PORT);
const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--lang=en-US"],
});

const faults = [];
async function visit({ language = "en-US", dark = false, phone = false } = {}) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  await page.setViewport(phone ? { width: 390, height: 844, isMobile: true, hasTouch: true, deviceScaleFactor: 2 } : { width: 1280, height: 860 });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: dark ? "dark" : "light" }]);
  await page.evaluateOnNewDocument((tag) => Object.defineProperty(navigator, "languages", { get: () => [tag, "fr"] }), language);
  page.on("pageerror", (error) => faults.push(`error: ${error.message ?? error}`));
  page.on("console", (line) => ["error", "warn"].includes(line.type()) && faults.push(`console: ${line.text()}`));
  page.on("dialog", (dialog) => dialog.accept());
  await page.goto(address);
  await page.waitForFunction(() => document.querySelector("#model").value !== "");
  return page;
}

const settled = (page) => page.waitForFunction(() => !document.querySelector(".live") && !document.querySelector("#go.stop"), { timeout: 30000 });
async function say(page, text) {
  await page.focus("#message");
  await page.keyboard.sendCharacter(text);
  await page.keyboard.press("Enter");
}
const count = (page, selector) => page.$$eval(selector, (nodes) => nodes.length);
const textOf = (page, selector) => page.$eval(selector, (node) => node.textContent);
const lastBody = (page) => page.$$eval("article.assistant .body", (nodes) => nodes.at(-1)?.textContent ?? "");
const picture = (page, name) => page.screenshot({ path: `${pictures}/${name}.png` });
const alt = async (page, key) => {
  await page.keyboard.down("Alt");
  await page.keyboard.press(key);
  await page.keyboard.up("Alt");
};
async function part(name, act) {
  await act();
  assert.deepEqual(faults, [], name);
  console.log(`ok  ${name}`);
}

const page = await visit();
await part("every word is there in both languages, and every name on the page is in the table", async () => {
  const bad = await page.evaluate(async () => {
    const { WORDS } = await import("./page/words.js");
    const used = [...document.querySelectorAll("[data-word],[data-label],[data-hint]")].map((n) => n.dataset.word ?? n.dataset.label ?? n.dataset.hint);
    const holes = (text) => (text.match(/\{\d\}/g) ?? []).sort().join();
    return [
      ...used.filter((key) => !(key in WORDS)),
      ...Object.entries(WORDS).filter(([, [ko, en]]) => !ko || !en || holes(ko) !== holes(en)).map(([key]) => key),
    ];
  });
  assert.deepEqual(bad, []);
});
await part("an empty page greets", () => picture(page, "empty"));
await part("a message is answered, with its speed", async () => {
  await say(page, "안녕하세요");
  await settled(page);
  assert.equal(await lastBody(page), "“안녕하세요”에 대한 답입니다. 👨‍👩‍👧 각하 한글 “안녕하세요”에 대한 답입니다. 👨‍👩‍👧 각하 한글 ".trimEnd());
  assert.match(await textOf(page, "article.assistant .facts"), /\d+ tokens · [\d.,]+ tokens\/s · first after/);
  assert.match(await textOf(page, "#context"), /context \d+ of 8,192 tokens/);
  assert.equal(await textOf(page, "#title"), "안녕하세요");
});
await part("the context of a conversation is sent, with the settings that were set and no others", async () => {
  await alt(page, "KeyS");
  await page.type("[name=temperature]", "0.7");
  await page.type("[name=topK]", "40");
  await page.type("[name=seed]", "7");
  await page.type("[name=system]", "간결하게 답하세요.");
  await page.type("[name=apiKey]", "비밀-secret".slice(3));
  await picture(page, "settings");
  await page.keyboard.press("Escape");
  await say(page, "둘째");
  await settled(page);
  const { body, key } = seen.asked.at(-1);
  assert.deepEqual(body.messages.map(({ role }) => role), ["system", "user", "assistant", "user"]);
  const { messages, ...rest } = body;
  assert.deepEqual(rest, { model: "kanana-nano-2.1b", temperature: 0.7, top_k: 40, seed: 7, stream: true, stream_options: { include_usage: true } });
  assert.equal(key, "Bearer secret");
});
await part("a setting without meaning is not sent", async () => {
  await alt(page, "KeyS");
  await page.type("[name=topP]", "3");
  await page.keyboard.press("Escape");
  const before = seen.asked.length;
  await say(page, "셋째");
  assert.equal(seen.asked.length, before);
  assert.match(await textOf(page, "#toast"), /wrong value/);
  await alt(page, "KeyS");
  await page.$eval("[name=topP]", (field) => ((field.value = ""), field.dispatchEvent(new Event("input"))));
  await page.keyboard.press("Escape");
  await page.$eval("#message", (field) => (field.value = ""));
});
await part("Enter while a syllable is composed sends nothing; Shift and Enter break the line", async () => {
  const before = seen.asked.length;
  const session = await page.createCDPSession();
  await page.focus("#message");
  await session.send("Input.imeSetComposition", { text: "하", selectionStart: 1, selectionEnd: 1 });
  await session.send("Input.dispatchKeyEvent", { type: "keyDown", key: "Enter", code: "Enter", windowsVirtualKeyCode: 229 });
  assert.equal(seen.asked.length, before);
  await session.send("Input.insertText", { text: "한" });
  await page.keyboard.down("Shift");
  await page.keyboard.press("Enter");
  await page.keyboard.up("Shift");
  await page.keyboard.sendCharacter("글");
  assert.equal(await page.$eval("#message", (field) => field.value), "한\n글");
  await page.keyboard.press("Enter");
  await settled(page);
  assert.equal(seen.asked.at(-1).body.messages.at(-1).content, "한\n글");
});
await part("text from a Mac arrives composed", async () => {
  await say(page, "한글".normalize("NFD"));
  await settled(page);
  assert.equal(seen.asked.at(-1).body.messages.at(-1).content, "한글".normalize("NFC"));
});
await part("Escape stops, what was written stays, and the server sees the client go", async () => {
  await alt(page, "KeyN");
  await say(page, "slow 이야기");
  await page.waitForFunction(() => document.querySelector("article.assistant .body").textContent.length > 12);
  await picture(page, "streaming");
  await page.keyboard.press("Escape");
  await settled(page);
  const kept = await lastBody(page);
  assert.ok(kept.length > 12 && kept.length < 200, kept);
  assert.match(await textOf(page, "article.assistant .facts"), /Stopped/);
  await new Promise((done) => setTimeout(done, 200));
  assert.equal(seen.gone, 1);
});
await part("an answer goes on while another conversation is open", async () => {
  await alt(page, "KeyN");
  await say(page, "markdown 보여 줘");
  await alt(page, "KeyN");
  assert.equal(await count(page, "article"), 0);
  await page.waitForFunction(() => !document.querySelector(".entry.busy"));
  await page.click(".entry .open");
  await settled(page);
  assert.ok((await lastBody(page)).includes("케이블카"));
});
await part("Markdown is drawn: tables, lists, code, Korean emphasis, mathematics left alone", async () => {
  const body = "article.assistant .body";
  assert.equal(await count(page, `${body} table tbody tr`), 3);
  assert.equal(await count(page, `${body} ol > li > ul > li`), 2);
  assert.equal(await count(page, `${body} li.task input`), 3);
  assert.equal(await count(page, `${body} hr`), 1);
  assert.deepEqual(await page.$$eval(`${body} strong`, (nodes) => nodes.map((n) => n.textContent)), ["\"천천히\"", "한옥마을", "둘 다"]);
  assert.deepEqual(await page.$$eval(`${body} a`, (nodes) => nodes.map((n) => decodeURI(n.href))), [
    "https://example.com/서울에서", "https://example.com/", "https://doc.rust-lang.org/", "https://example.org/",
  ]);
  const maths = await page.$$eval(`${body} .maths`, (nodes) => nodes.map((n) => n.textContent));
  assert.deepEqual(maths, ["$E = mc^2$", "\\(a_1 * b_1 * c_1\\)", "$$\n\\int_0^1 x_i * y_i \\, dx\n$$"]);
  assert.ok((await lastBody(page)).includes("snake_case_name 2*3*4"));
  assert.ok((await textOf(page, `${body} pre`)).includes("# <b>not bold</b>"));
  await page.$eval("#scroll", (node) => (node.scrollTop = 0));
  await picture(page, "markdown");
});
await part("drawn piece by piece or at once, it is the same", async () => {
  const same = await page.evaluate(async () => {
    const { draw } = await import("./page/markdown.js");
    const { path } = await import("./page/store.js");
    const texts = Object.keys(localStorage).filter((k) => k.startsWith("kanana.conversation.")).flatMap((k) => path(JSON.parse(localStorage[k])).map((t) => t.content));
    return texts.every((text) => {
      const [grown, whole] = [document.createElement("div"), document.createElement("div")];
      for (let i = 1; i < text.length + 7; i += 7) draw(grown, text.slice(0, i));
      draw(whole, text);
      return grown.innerHTML === whole.innerHTML;
    });
  });
  assert.ok(same);
});
await part("hostile text is text", async () => {
  await alt(page, "KeyN");
  await say(page, "hostile");
  await page.waitForFunction(() => document.querySelector("article.assistant .body"));
  await settled(page);
  const found = await page.evaluate(() => {
    const body = document.querySelector("article.assistant .body");
    return {
      hacked: window.hacked,
      live: body.querySelectorAll("script, img, svg, iframe, style, object, embed, form").length,
      attributes: [...body.querySelectorAll("*")].flatMap((n) => n.getAttributeNames()).filter((name) => /^on|style|src/.test(name)),
      schemes: [...new Set([...body.querySelectorAll("a")].map((a) => a.protocol))],
      rel: [...body.querySelectorAll("a")].every((a) => a.rel.includes("noopener") && a.target === "_blank"),
      text: body.textContent,
    };
  });
  assert.equal(found.hacked, undefined);
  assert.equal(found.live, 0);
  assert.deepEqual(found.attributes, []);
  assert.deepEqual(found.schemes, ["https:"]);
  assert.ok(found.rel && found.text.includes('<img src=x onerror="window.hacked = 2">') && found.text.includes("window.hacked = 11"));
  await picture(page, "hostile");
});
await part("long and repetitive hostile text is drawn in little time", async () => {
  const slowest = await page.evaluate(async () => {
    const { draw } = await import("./page/markdown.js");
    const shapes = ["[](", "**a ", "*_", "`` ` ", "$$x\n", "> ".repeat(40) + "\n", "- ".repeat(60) + "\n", "[![", "\\(", "| a ", "https://a.b/)))) ", "\n\n  - x\n", "~~~\n", "#".repeat(50), "<", "_가_", "1. \n", "|-|\n"];
    let slowest = ["", 0];
    for (const shape of shapes) {
      const from = performance.now();
      draw(document.createElement("div"), shape.repeat(Math.ceil(60000 / shape.length)));
      const took = performance.now() - from;
      if (took > slowest[1]) slowest = [shape, took];
    }
    return slowest;
  });
  console.log(`    slowest: ${JSON.stringify(slowest)} ms`);
  assert.ok(slowest[1] < 3000, String(slowest));
});
await part("another answer stands beside the first; an edited message too; nothing is lost", async () => {
  await alt(page, "KeyN");
  await say(page, "하나");
  await settled(page);
  await alt(page, "KeyR");
  await settled(page);
  assert.equal(await textOf(page, "article.assistant .versions span"), "2/2");
  await page.click("article.assistant [data-act=earlier]");
  assert.equal(await textOf(page, "article.assistant .versions span"), "1/2");
  await page.focus("#message");
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("End");
  await page.keyboard.sendCharacter(" 더하기 하나");
  await page.keyboard.press("Enter");
  await settled(page);
  assert.equal(await textOf(page, "article.user .body"), "하나 더하기 하나");
  assert.deepEqual(seen.asked.at(-1).body.messages.map(({ role }) => role), ["system", "user"]);
  await page.hover("article.user");
  await page.click("article.user [data-act=earlier]");
  assert.equal(await textOf(page, "article.user .body"), "하나");
});
await part("what fails says why, and can be tried again", async () => {
  for (const [text, wanted] of [
    ["error429", /full: try again in 7 s/],
    ["error400", /\(400\): temperature: wanted at least 0/],
    ["error401", /API key is needed/],
    ["broken", /connection broke/],
  ]) {
    await alt(page, "KeyN");
    await say(page, text);
    await settled(page);
    assert.match(await textOf(page, ".fault span"), wanted);
    if (text === "error401") await page.keyboard.press("Escape");
  }
  // The browser itself reports failed requests on its console.
  faults.splice(0, faults.length, ...faults.filter((line) => !/status of 4|ERR_INCOMPLETE|ERR_EMPTY/.test(line)));
  await picture(page, "fault");
  const before = seen.asked.length;
  await page.click("[data-act=retry]");
  await settled(page);
  assert.equal(seen.asked.length, before + 1);
  faults.splice(0, faults.length, ...faults.filter((line) => !/ERR_INCOMPLETE|ERR_EMPTY/.test(line)));
  await alt(page, "KeyN");
  await say(page, "length");
  await settled(page);
  assert.match(await textOf(page, "article.assistant .facts"), /Cut off/);
});
await part("conversations outlive a reload; one is renamed, deleted, brought back", async () => {
  const before = await count(page, ".entry");
  const shown = await lastBody(page);
  await page.reload();
  await page.waitForFunction(() => document.querySelector("#model").value !== "");
  assert.equal(await count(page, ".entry"), before);
  assert.equal(await lastBody(page), shown);
  await page.click(".entry:nth-of-type(2) .open", { count: 2 });
  await page.keyboard.sendCharacter("이름 붙인 대화");
  await page.keyboard.press("Enter");
  assert.equal(await textOf(page, "#title"), "이름 붙인 대화");
  await page.hover(".entry:has([aria-current])");
  await page.click(".entry:has([aria-current]) .tool:last-child");
  assert.equal(await count(page, ".entry"), before - 1);
  await page.click("#toast button");
  assert.equal(await count(page, ".entry"), before);
  assert.equal(await textOf(page, "#title"), "이름 붙인 대화");
});
await part("what is exported is imported, here and in another browser", async () => {
  const text = await page.evaluate(async () => {
    const { Store } = await import("./page/store.js");
    const store = new Store(() => {});
    return store.exported(store.conversations());
  });
  assert.ok(!text.includes("secret"), "the key stays");
  const other = await visit({ language: "ko-KR", dark: true });
  const back = await other.evaluate(async (text) => {
    const { Store } = await import("./page/store.js");
    const store = new Store(() => {});
    const bad = ["", "{}", '{"format":"kanana.conversations","conversations":[{"id":"a","turns":[{"id":"x","parent":"y","role":"user","content":""}]}]}'];
    return [bad.map((t) => store.imported(t)), store.imported(text), store.imported(text), store.exported(store.conversations())];
  }, text);
  assert.deepEqual(back[0], [null, null, null]);
  assert.equal(back[1], JSON.parse(text).conversations.length);
  assert.deepEqual(JSON.parse(back[3]), JSON.parse(text));
  await other.reload();
  await other.waitForSelector(".entry");
  assert.equal(await other.$eval("html", (n) => n.lang), "ko");
  await other.type("#find", "케이블카");
  assert.equal(await count(other, ".entry"), 1);
  await other.click(".entry .open");
  await other.$eval("#scroll", (node) => (node.scrollTop = 0));
  await picture(other, "korean-dark");
  await other.keyboard.press("Escape");
  await other.click("#open-keys");
  await picture(other, "keys-dark");
});
await part("on a phone", async () => {
  const phone = await visit({ language: "ko-KR", phone: true });
  await picture(phone, "phone-empty");
  await say(phone, "markdown 으로 서울 계획");
  await settled(phone);
  const wide = await phone.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(wide <= 390, `${wide} pixels wide`);
  await picture(phone, "phone");
  await phone.$eval("#scroll", (node) => (node.scrollTop = 0));
  await picture(phone, "phone-top");
  await phone.click("#menu");
  await new Promise((done) => setTimeout(done, 300));
  await picture(phone, "phone-list");
  const touch = await phone.$$eval("header button, #go, .entry .tool", (nodes) => nodes.map((n) => Math.min(n.offsetWidth, n.offsetHeight)).filter((s) => s && s < 28));
  assert.deepEqual(touch, []);
  await phone.click("#open-settings");
  await picture(phone, "phone-settings");
});
await part("without storage it works and says so", async () => {
  const bare = await (await browser.createBrowserContext()).newPage();
  await bare.evaluateOnNewDocument(() => Object.defineProperty(window, "localStorage", { get: () => { throw new DOMException("no"); } }));
  await bare.goto(address);
  await bare.waitForFunction(() => document.querySelector("#model").value !== "");
  assert.match(await textOf(bare, "#toast"), /no storage/);
  await say(bare, "하나");
  await settled(bare);
  assert.equal(await count(bare, ".entry"), 1);
});
await browser.close();
server.closeAllConnections();
server.close();
