// The server's side of a conversation: its models, and an answer that streams in.
//
// Server-sent events over fetch, as /v1/chat/completions sends them. Addresses are relative, so
// that the page also works behind a proxy that serves it under a folder.

/** What went wrong, by a word of the table and what fills it in. */
export class Refusal extends Error {
  constructor(key, ...values) {
    super(key);
    this.key = key;
    this.values = values;
  }
}

function headers(key) {
  const all = { "Content-Type": "application/json" };
  if (key) all.Authorization = `Bearer ${key}`;
  return all;
}

async function call(address, options) {
  let response;
  try {
    response = await fetch(address, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal("unreachable");
  }
  if (response.ok) return response;
  if (response.status === 401) throw new Refusal("unauthorised");
  if (response.status === 429) throw new Refusal("busy", response.headers.get("Retry-After") ?? "1");
  throw new Refusal("failed", response.status, await reason(response));
}

async function reason(response) {
  const text = await response.text().catch(() => "");
  try {
    const body = JSON.parse(text);
    return String(body.error?.message ?? body.message ?? text);
  } catch {
    return text.slice(0, 400) || response.statusText;
  }
}

/** The models that the server has: [{ id, context }]. Without their fingerprints, which may take a while. */
export async function models(key) {
  const response = await call("v1/models?fingerprint=false", { headers: headers(key) });
  const body = await response.json().catch(() => ({}));
  const list = Array.isArray(body.data) ? body.data : [];
  return list.map((model) => ({ id: String(model.id), context: model.context_length ?? model.max_model_len ?? null }));
}

/**
 * Asks for an answer. `listen(text)` gets each piece; the promise is kept with
 * { finish, usage, model } when the answer ends, and broken by a Refusal or an AbortError.
 */
export async function answer(body, key, signal, listen) {
  const response = await call("v1/chat/completions", {
    method: "POST",
    headers: headers(key),
    body: JSON.stringify({ ...body, stream: true, stream_options: { include_usage: true } }),
    signal,
  });
  const end = { finish: null, usage: null, model: null };
  for await (const data of events(response.body)) {
    if (data === "[DONE]") return end;
    let event;
    try {
      event = JSON.parse(data);
    } catch {
      throw new Refusal("broken");
    }
    if (event.error) throw told(event.error);
    end.model = event.model ?? end.model;
    end.usage = event.usage ?? end.usage;
    const choice = event.choices?.[0];
    if (choice?.delta?.content) listen(choice.delta.content);
    end.finish = choice?.finish_reason ?? end.finish;
  }
  if (!end.finish) throw new Refusal("broken");
  return end;
}

/** What went wrong once the stream had begun. Its status was 200 then, and says nothing; a code is told where there is one. */
function told({ code, message }) {
  if (code !== undefined && code !== null) return new Refusal("failed", code, message ?? "");
  return message ? new Refusal("said", message) : new Refusal("broken");
}

/** The data of each server-sent event of a byte stream, whatever pieces it arrives in. */
export async function* events(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let data = [];
  try {
    for (;;) {
      let piece;
      try {
        piece = await reader.read();
      } catch (error) {
        if (error.name === "AbortError") throw error;
        throw new Refusal("broken");
      }
      const lines = (rest + (piece.value ?? "")).split(/\r\n|\n|\r(?!$)/);
      rest = lines.pop();
      for (const line of lines) {
        if (line === "") {
          if (data.length) yield data.join("\n");
          data = [];
        } else if (line.startsWith("data:")) {
          data.push(line.slice(5).replace(/^ /, ""));
        }
      }
      if (piece.done) {
        if (data.length) yield data.join("\n");
        return;
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
