// The conversation in the middle: its turns, what can be done with each, and how fast it came.

import { draw } from "./markdown.js";
import { find, path, versions } from "./store.js";
import { number, word } from "./words.js";

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#${name}`);
  svg.append(use);
  return svg;
}

function element(name, className, text) {
  const node = document.createElement(name);
  if (className) node.className = className;
  if (text) node.textContent = text;
  return node;
}

function tool(name, label, act) {
  const button = element("button", "tool small");
  button.type = "button";
  button.dataset.act = act;
  button.title = word(label);
  button.setAttribute("aria-label", word(label));
  button.append(icon(name));
  return button;
}

/** Draws the shown branch of a conversation. `running` is the turn that is being written, if any. */
export function drawTurns(root, conversation, running) {
  const shown = path(conversation);
  if (!shown.length) {
    root.replaceChildren(greeting());
    return;
  }
  root.replaceChildren(...shown.map((turn) => article(conversation, turn, running)));
}

function greeting() {
  const node = element("section", "greeting");
  node.append(icon("i-mark"), element("h2", "", word("greeting")), element("p", "", word("greetingMore")));
  const examples = element("div", "examples");
  for (const key of ["example1", "example2", "example3", "example4"]) {
    const button = element("button", "example", word(key));
    button.type = "button";
    button.dataset.act = "example";
    examples.append(button);
  }
  node.append(examples);
  return node;
}

function article(conversation, turn, running) {
  const node = element("article", turn.role);
  node.dataset.id = turn.id;
  node.append(element("h3", "away", turn.role === "user" ? word("you") : (turn.model ?? word("model"))));
  const body = element("div", "body");
  body.dir = "auto";
  node.append(body, element("div", "under"));
  fillTurn(node, conversation, turn, running);
  return node;
}

/** Draws what a turn says now, into its article if that is on the page. */
export function updateTurn(root, conversation, turn, running) {
  const node = root.querySelector(`article[data-id="${turn.id}"]`);
  if (node) fillTurn(node, conversation, turn, running);
}

function fillTurn(node, conversation, turn, running) {
  const live = running === turn.id;
  node.classList.toggle("live", live);
  node.setAttribute("aria-busy", String(live));
  const body = node.querySelector(".body");
  if (turn.role === "user") body.textContent = turn.content;
  else draw(body, turn.content);
  const under = node.querySelector(".under");
  const parts = [];
  if (live && !turn.content) parts.push(waiting());
  if (turn.fault) parts.push(fault(turn));
  if (live) parts.push(element("span", "facts", turn.content ? facts(turn, true) : ""));
  else parts.push(...tools(conversation, turn), element("span", "facts", facts(turn, false)));
  under.replaceChildren(...parts);
}

function waiting() {
  const node = element("span", "waiting");
  node.append(element("i"), element("i"), element("i"), element("span", "", word("thinking")));
  return node;
}

function fault(turn) {
  const node = element("div", "fault");
  node.setAttribute("role", "alert");
  node.append(element("span", "", word(turn.fault.key, ...turn.fault.values)));
  const again = element("button", "text", word("retry"));
  again.type = "button";
  again.dataset.act = "retry";
  node.append(again);
  return node;
}

function tools(conversation, turn) {
  const made = [];
  const all = versions(conversation, turn);
  if (all.length > 1) {
    const at = all.findIndex((other) => other.id === turn.id);
    const earlier = tool("i-left", "earlier", "earlier");
    const later = tool("i-right", "later", "later");
    earlier.disabled = at === 0;
    later.disabled = at === all.length - 1;
    const group = element("span", "versions");
    group.append(earlier, element("span", "", `${at + 1}/${all.length}`), later);
    made.push(group);
  }
  if (turn.content) made.push(tool("i-copy", "copy", "copy"));
  if (turn.role === "user") made.push(tool("i-edit", "edit", "edit"));
  else if (!turn.fault) made.push(tool("i-again", "regenerate", "again"));
  return made;
}

/** Tokens, speed, and why it ended. Speed is that of decoding: the wait for the first token is told apart. */
export function facts(turn, live) {
  if (turn.role === "user") return "";
  const said = [];
  if (turn.finish === "length") said.push(word("cutOff"));
  if (turn.finish === "stopped") said.push(word("stopped"));
  if (!live && !turn.finish && !turn.fault) said.push(word("interrupted"));
  if (turn.completion) said.push(word("tokens", number(turn.completion)));
  if (turn.completion > 1 && turn.seconds > 0) {
    const speed = (turn.completion - 1) / turn.seconds;
    said.push(word("perSecond", number(speed, speed < 100 ? 1 : 0)));
  }
  if (turn.first !== undefined) said.push(word("firstAfter", number(turn.first, turn.first < 10 ? 2 : 0)));
  return said.join(" · ");
}

/** How much of the model's context the last answer filled. */
export function contextUsed(conversation, context) {
  const last = path(conversation).findLast((turn) => turn.role === "assistant" && turn.prompt !== undefined);
  if (!last) return "";
  const used = number(last.prompt + (last.completion ?? 0));
  return context ? word("contextOf", used, number(context)) : word("contextUsed", used);
}

/** Turns an own message into a field; `done(text or null)` is called once. */
export function editTurn(root, conversation, id, done) {
  const turn = find(conversation, id);
  const node = root.querySelector(`article[data-id="${id}"]`);
  if (!turn || !node) return;
  const field = element("textarea", "editor");
  field.value = turn.content;
  field.setAttribute("aria-label", word("edit"));
  const send = element("button", "text strong", word("resend"));
  const cancel = element("button", "text", word("cancel"));
  send.type = cancel.type = "button";
  const size = () => {
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight + 2}px`;
  };
  let over = false;
  const end = (text) => {
    if (over || (text !== null && !text.trim())) return;
    over = true;
    done(text);
  };
  field.addEventListener("input", size);
  field.addEventListener("keydown", (event) => {
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key === "Escape") {
      event.stopPropagation();
      end(null);
    } else if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      end(field.value);
    }
  });
  send.addEventListener("click", () => end(field.value));
  cancel.addEventListener("click", () => end(null));
  node.classList.add("editing");
  node.querySelector(".body").replaceChildren(field);
  node.querySelector(".under").replaceChildren(send, cancel);
  size();
  field.focus();
}
