// The chat page: what the other files draw, wired to what the user does.
//
// One object, `state`, says what is on the page. An answer goes on being written while another
// conversation is looked at. Enter is left alone while a Korean syllable is being composed.

import { Refusal, answer, models } from "./api.js";
import { drawList } from "./list.js";
import { bindFields, fieldsOf, messagesOf } from "./settings.js";
import { DEFAULTS, Store, add, conversation, drop, find, path, show, titled, versions } from "./store.js";
import { contextUsed, drawTurns, editTurn, icon, updateTurn } from "./turns.js";
import { preferred, speak, spoken, translate, word } from "./words.js";

const $ = (id) => document.getElementById(id);
const store = new Store((key) => setTimeout(() => toast(word(key))));
const state = {
  settings: store.settings(),
  shown: conversation(),
  models: [],
  /** id of a conversation → the answer under way: { conversation, turn, abort, started, first, pieces } */
  running: new Map(),
  stick: true,
};

// ---- drawing ----

function redraw() {
  const running = state.running.get(state.shown.id);
  drawTurns($("turns"), state.shown, running?.turn.id);
  redrawAround();
  follow();
}

function redrawAround() {
  const busy = state.running.has(state.shown.id);
  const title = titled(state.shown);
  $("title").textContent = title;
  document.title = title ? `${title} · kanana` : word("title");
  const go = $("go");
  go.classList.toggle("stop", busy);
  go.title = word(busy ? "stop" : "send");
  go.setAttribute("aria-label", go.title);
  go.replaceChildren(icon(busy ? "i-stop" : "i-send"));
  go.disabled = !busy && !$("message").value.trim();
  $("context").textContent = contextUsed(state.shown, chosenModel()?.context);
  drawList($("list"), store.conversations(), state.shown.id, (id) => state.running.has(id), $("find").value, {
    open,
    rename,
    remove,
  });
}

function relabel() {
  speak(preferred(state.settings.language));
  translate(document);
  const theme = state.settings.theme;
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  const name = word({ auto: "themeAuto", light: "themeLight", dark: "themeDark" }[theme]);
  $("theme").title = `${word("theme")}: ${name}`;
  $("theme").setAttribute("aria-label", $("theme").title);
  $("language").title = word("languageName");
  drawModels();
  redraw();
}

function drawModels() {
  const select = $("model");
  const options = state.models.map(({ id }) => new Option(id, id));
  select.replaceChildren(...(options.length ? options : [new Option(word("noModel"), "")]));
  select.value = chosenModel()?.id ?? "";
  select.disabled = options.length < 2;
}

const chosenModel = () => state.models.find(({ id }) => id === state.settings.model) ?? state.models[0];

/** Goes along with the text as it grows, unless the reader has scrolled away. */
function follow() {
  const scroll = $("scroll");
  if (state.stick) scroll.scrollTop = scroll.scrollHeight;
  $("down").hidden = state.stick || scroll.scrollHeight - scroll.clientHeight < 60;
}

let toastTimer = 0;
function toast(text, label, act) {
  const node = $("toast");
  const button = node.querySelector("button");
  node.querySelector("span").textContent = text;
  button.hidden = !label;
  button.textContent = label ?? "";
  button.onclick = () => {
    node.hidden = true;
    act?.();
  };
  node.hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => (node.hidden = true), label ? 8000 : 4000);
}

/** Says something to a screen reader alone. */
const aloud = (text) => ($("aloud").textContent = text);

function keepSetting(name, value) {
  state.settings[name] = value;
  store.keepSettings(state.settings);
}

// ---- conversations ----

function open(id) {
  const kept = state.running.get(id)?.conversation ?? store.conversation(id);
  if (!kept) return;
  state.shown = kept;
  state.stick = true;
  document.body.classList.remove("listed");
  redraw();
}

function fresh() {
  state.shown = conversation();
  state.stick = true;
  document.body.classList.remove("listed");
  redraw();
  message.focus();
}

function rename(changed, title) {
  const target = current(changed);
  if (title !== null) {
    target.title = title;
    store.keep(target);
  }
  redrawAround();
}

/** The object that is shown or written to, rather than another copy of it. */
const current = (like) =>
  state.shown.id === like.id ? state.shown : (state.running.get(like.id)?.conversation ?? like);

function remove(gone) {
  stop(gone.id, true);
  const kept = current(gone);
  store.remove(gone.id);
  if (state.shown.id === gone.id) fresh();
  else redrawAround();
  toast(word("removed", titled(kept) || word("untitled")), word("undo"), () => {
    store.keep(kept);
    open(kept.id);
  });
}

function move(by) {
  const all = store.conversations();
  const at = all.findIndex(({ id }) => id === state.shown.id);
  const next = all[at < 0 ? 0 : at + by];
  if (next) open(next.id);
}

// ---- asking ----

function send(text) {
  if (!text.trim() || state.running.has(state.shown.id)) return false;
  if (!ready()) return false;
  $("toast").hidden = true;
  add(state.shown, state.shown.leaf, "user", text.normalize("NFC"));
  void write(state.shown);
  return true;
}

function ready() {
  if (fieldsOf(state.settings)) return true;
  toast(word("badSetting"), word("settings"), openSettings);
  return false;
}

/** Has the model answer the last turn of a conversation. */
async function write(target) {
  const asked = path(target);
  const body = { model: chosenModel()?.id ?? "default", messages: messagesOf(state.settings, asked), ...fieldsOf(state.settings) };
  const turn = add(target, target.leaf, "assistant", "");
  const run = { conversation: target, turn, abort: new AbortController(), started: performance.now(), pieces: 0, kept: 0 };
  state.running.set(target.id, run);
  store.keep(target);
  state.stick = true;
  redraw();
  aloud(word("answering"));
  try {
    const end = await answer(body, state.settings.apiKey, run.abort.signal, (text) => take(run, text));
    turn.finish = end.finish ?? "stop";
    if (end.model) turn.model = end.model;
    if (end.usage) {
      turn.prompt = end.usage.prompt_tokens;
      turn.completion = end.usage.completion_tokens;
    }
  } catch (error) {
    if (error.name === "AbortError") turn.finish = "stopped";
    else turn.fault = error instanceof Refusal ? { key: error.key, values: error.values.map(String) } : { key: "broken", values: [] };
    if (turn.fault?.key === "unauthorised") openSettings();
  }
  state.running.delete(target.id);
  target.updated = Date.now();
  // It may have been deleted meanwhile.
  if (!run.gone) store.keep(target);
  if (state.shown === target) {
    updateTurn($("turns"), target, turn, null);
    follow();
  }
  redrawAround();
  aloud(turn.fault ? word(turn.fault.key, ...turn.fault.values) : word("answered", turn.content));
}

function take(run, text) {
  const now = performance.now();
  const { turn } = run;
  if (run.pieces === 0) {
    turn.first = (now - run.started) / 1000;
    run.begun = now;
  }
  turn.content += text;
  run.pieces += 1;
  // Until the server says how many tokens there were, a piece counts as one.
  turn.completion = run.pieces;
  turn.seconds = (now - run.begun) / 1000;
  if (now - run.kept > 1000) {
    run.kept = now;
    store.keep(run.conversation);
  }
  run.frame ??= requestAnimationFrame(() => {
    run.frame = null;
    if (state.shown !== run.conversation || !state.running.has(run.conversation.id)) return;
    updateTurn($("turns"), run.conversation, turn, turn.id);
    follow();
  });
}

function stop(id, gone) {
  const run = state.running.get(id);
  if (!run) return;
  run.gone = gone;
  run.abort.abort();
}

/** Another answer beside the last, or in place of one that failed. */
function again(turn) {
  if (state.running.has(state.shown.id) || !ready()) return;
  const followed = state.shown.turns.some((other) => other.parent === turn.id);
  if (turn.fault && !turn.content && !followed) drop(state.shown, turn);
  else state.shown.leaf = turn.parent;
  void write(state.shown);
}

function edit(id) {
  if (state.running.has(state.shown.id)) return;
  editTurn($("turns"), state.shown, id, (text) => {
    if (text !== null && ready()) {
      add(state.shown, find(state.shown, id).parent, "user", text.normalize("NFC"));
      void write(state.shown);
    } else redraw();
    $("message").focus();
  });
}

async function copy(text, button) {
  let done = true;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    done = copyOldWay(text);
  }
  if (!done || !button) {
    toast(word(done ? "copied" : "notCopied"));
    return;
  }
  const before = [...button.childNodes];
  button.classList.add("done");
  button.replaceChildren(word("copied"));
  setTimeout(() => {
    button.classList.remove("done");
    button.replaceChildren(...before);
  }, 1500);
}

/** Where a page may not write to the clipboard: over plain HTTP from another machine. */
function copyOldWay(text) {
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "away";
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  return done;
}

// ---- what the user does ----

$("turns").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.classList.contains("copy-code")) {
    void copy(button.closest("figure").querySelector("pre").textContent, button);
    return;
  }
  if (button.dataset.act === "example") {
    $("message").value = button.textContent;
    grow();
    $("message").focus();
    return;
  }
  const id = button.closest("article")?.dataset.id;
  const turn = id && find(state.shown, id);
  if (!turn) return;
  const acts = {
    copy: () => copy(turn.content, button),
    edit: () => edit(id),
    again: () => again(turn),
    retry: () => again(turn),
    earlier: () => turnTo(turn, -1),
    later: () => turnTo(turn, 1),
  };
  acts[button.dataset.act]?.();
});

function turnTo(turn, by) {
  if (state.running.has(state.shown.id)) return;
  const all = versions(state.shown, turn);
  const next = all[all.findIndex(({ id }) => id === turn.id) + by];
  if (!next) return;
  show(state.shown, next);
  store.keep(state.shown);
  state.stick = false;
  redraw();
}

const message = $("message");

function grow() {
  message.style.height = "auto";
  message.style.height = `${Math.min(message.scrollHeight, innerHeight * 0.4)}px`;
  $("go").disabled = !state.running.has(state.shown.id) && !message.value.trim();
}

function submit() {
  if (!send(message.value)) return;
  message.value = "";
  grow();
}

message.addEventListener("input", grow);
message.addEventListener("keydown", (event) => {
  // Enter that ends the composition of a syllable sends nothing. Safari says so by 229 alone.
  if (event.isComposing || event.keyCode === 229) return;
  if (event.key === "Enter" && !event.shiftKey && !event.altKey) {
    event.preventDefault();
    submit();
  } else if (event.key === "ArrowUp" && !event.altKey && !message.value) {
    const last = path(state.shown).findLast((turn) => turn.role === "user");
    if (last) {
      event.preventDefault();
      edit(last.id);
    }
  }
});
$("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  if (state.running.has(state.shown.id)) stop(state.shown.id);
  else submit();
});

$("scroll").addEventListener("scroll", () => {
  const { scrollTop, clientHeight, scrollHeight } = $("scroll");
  state.stick = scrollTop + clientHeight >= scrollHeight - 40;
  $("down").hidden = state.stick;
});
$("down").addEventListener("click", () => {
  state.stick = true;
  follow();
});
$("new").addEventListener("click", fresh);
$("new-too").addEventListener("click", fresh);
$("find").addEventListener("input", redrawAround);
$("menu").addEventListener("click", () => document.body.classList.toggle("listed"));
$("shade").addEventListener("click", () => document.body.classList.remove("listed"));
$("model").addEventListener("change", () => {
  keepSetting("model", $("model").value);
  redrawAround();
});
$("language").addEventListener("click", () => {
  keepSetting("language", spoken() === "ko" ? "en" : "ko");
  relabel();
});
$("theme").addEventListener("click", () => {
  const order = ["auto", "light", "dark"];
  keepSetting("theme", order[(order.indexOf(state.settings.theme) + 1) % 3]);
  relabel();
  toast($("theme").title);
});
$("open-keys").addEventListener("click", () => $("keys").showModal());
$("open-settings").addEventListener("click", openSettings);

const fillSettings = bindFields($("settings"), () => state.settings, keepSetting);

function openSettings() {
  fillSettings();
  if (!$("settings").open) $("settings").showModal();
}

$("settings").addEventListener("close", () => void askModels());
for (const dialog of document.querySelectorAll("dialog")) {
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
}

function download(name, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

$("export-one").addEventListener("click", () => download("kanana-conversation.json", store.exported([state.shown])));
$("export-all").addEventListener("click", () => download("kanana-conversations.json", store.exported(store.conversations())));
$("import").addEventListener("click", () => $("file").click());
$("file").addEventListener("change", async () => {
  const file = $("file").files[0];
  $("file").value = "";
  if (!file) return;
  const count = store.imported(await file.text());
  toast(count === null ? word("notImported") : word("imported", count));
  redrawAround();
});
$("reset").addEventListener("click", () => {
  const { language, theme, model } = state.settings;
  state.settings = { ...DEFAULTS, language, theme, model };
  store.keepSettings(state.settings);
  fillSettings();
});
$("clear").addEventListener("click", () => {
  if (!confirm(word("clearSure"))) return;
  for (const { id } of store.conversations()) {
    stop(id, true);
    store.remove(id);
  }
  $("settings").close();
  fresh();
});

document.addEventListener("keydown", (event) => {
  if (event.isComposing || event.keyCode === 229) return;
  const typing = event.target.closest?.("input, textarea, select");
  const dialog = document.querySelector("dialog[open]");
  if (event.key === "Escape" && !dialog) {
    if (document.body.classList.contains("listed")) document.body.classList.remove("listed");
    else stop(state.shown.id);
  } else if (event.altKey && !event.ctrlKey && !event.metaKey && !dialog) {
    const lastAnswer = path(state.shown).findLast((turn) => turn.role === "assistant");
    // By the place of the key, so that a Korean keyboard has the same ones.
    const acts = {
      KeyN: fresh,
      KeyR: () => lastAnswer && again(lastAnswer),
      KeyC: () => lastAnswer && copy(lastAnswer.content),
      KeyS: openSettings,
      ArrowUp: () => move(-1),
      ArrowDown: () => move(1),
    };
    if (!acts[event.code]) return;
    event.preventDefault();
    acts[event.code]();
  } else if (!typing && !dialog && !event.ctrlKey && !event.metaKey) {
    if (event.key === "/") {
      event.preventDefault();
      message.focus();
    } else if (event.key === "?") $("keys").showModal();
  }
});

// Another window wrote: the list is drawn anew, and the conversation too unless it is being used.
addEventListener("storage", () => {
  const busy = state.running.has(state.shown.id) || document.querySelector(".editing, .rename");
  if (busy) return;
  const kept = store.conversation(state.shown.id);
  if (kept && kept.updated > state.shown.updated) {
    state.shown = kept;
    redraw();
  } else redrawAround();
});
addEventListener("pagehide", () => {
  for (const run of state.running.values()) if (!run.gone) store.keep(run.conversation);
});

async function askModels() {
  try {
    state.models = await models(state.settings.apiKey);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    state.models = [];
    toast(word(error.key, ...error.values));
  }
  drawModels();
  redrawAround();
}

const latest = store.conversations()[0];
if (latest) state.shown = latest;
relabel();
grow();
// On a phone it would open the keyboard over the greeting.
if (matchMedia("(pointer: fine)").matches) message.focus();
void askModels();
