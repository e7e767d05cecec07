// The page's files beside a pretended API, for driving the page without a model: it streams the
// texts of this folder, cut at any byte, and refuses, stalls or breaks off when the message says so.

import { createServer } from "node:http";
import { readFileSync } from "node:fs";

const here = new URL(".", import.meta.url);
const page = new URL("../../crates/serve/src/page/", here);
const texts = {
  markdown: readFileSync(new URL("markdown.md", here), "utf8"),
  hostile: readFileSync(new URL("hostile.md", here), "utf8"),
};
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const KINDS = { html: "text/html; charset=utf-8", js: "text/javascript; charset=utf-8", css: "text/css; charset=utf-8", svg: "image/svg+xml" };
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** Starts it; `asked` gathers what was asked, `gone` counts clients that went away. */
export function start(port) {
  const seen = { asked: [], gone: 0 };
  const server = createServer(async (request, response) => {
    const path = request.url.split("?")[0];
    const json = (status, body, headers = {}) =>
      response.writeHead(status, { "Content-Type": "application/json", ...headers }).end(JSON.stringify(body));
    if (path === "/v1/models") return json(200, { data: [{ id: "kanana-nano-2.1b", context_length: 8192 }, { id: "smollm2-135m" }] });
    if (path === "/v1/chat/completions") {
      let text = "";
      for await (const piece of request.setEncoding("utf8")) text += piece;
      const body = JSON.parse(text);
      seen.asked.push({ body, key: request.headers.authorization });
      return reply(body, response, json, seen);
    }
    const name = path === "/" ? "index.html" : path.replace(/^\/page\//, "");
    if (!/^[a-z]+\.[a-z]+$/.test(name)) return json(404, {});
    response.writeHead(200, { "Content-Type": KINDS[name.split(".")[1]], "Content-Security-Policy": POLICY });
    response.end(readFileSync(new URL(name, page)));
  });
  return new Promise((done) => server.listen(port, "127.0.0.1", () => done({ server, seen })));
}

async function reply(body, response, json, seen) {
  const said = body.messages.at(-1).content;
  const error = (message) => ({ error: { message } });
  if (said.includes("error429")) return json(429, error("full"), { "Retry-After": "7" });
  if (said.includes("error401")) return json(401, error("no key"));
  if (said.includes("error400")) return json(400, error("temperature: wanted at least 0, found -1"));
  const key = Object.keys(texts).find((name) => said.includes(name));
  const text = key ? texts[key] : `“${said}”에 대한 답입니다. 👨‍👩‍👧 각하 한글 `.repeat(said.includes("slow") ? 20 : 2);
  response.on("close", () => (seen.gone += response.writableFinished ? 0 : 1));
  response.writeHead(200, { "Content-Type": "text/event-stream" });
  const event = (fields) => Buffer.from(`data: ${JSON.stringify({ id: "c", model: body.model, ...fields })}\n\n`);
  const choice = (delta, finish = null) => ({ choices: [{ index: 0, delta, finish_reason: finish }] });
  await pause(said.includes("slow") ? 500 : 60);
  response.write(event(choice({ role: "assistant", content: "" })));
  let tokens = 0;
  const letters = [...text];
  for (let i = 0; i < letters.length; i += 3) {
    if (response.destroyed) return;
    const bytes = event(choice({ content: letters.slice(i, i + 3).join("") }));
    const cut = Math.floor((bytes.length * (tokens % 7)) / 7);
    response.write(bytes.subarray(0, cut));
    if (said.includes("slow") || tokens % 16 === 0) await pause(said.includes("slow") ? 40 : 1);
    response.write(bytes.subarray(cut));
    tokens += 1;
    if (said.includes("broken") && tokens > 5) return response.destroy();
  }
  response.write(event(choice({}, said.includes("length") ? "length" : "stop")));
  response.write(event({ choices: [], usage: { prompt_tokens: 57, completion_tokens: tokens } }));
  response.end("data: [DONE]\n\n");
}
