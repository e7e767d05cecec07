// What the browser keeps: conversations, each under a key of its own, and the settings.
//
// A conversation is a tree: editing a message or asking again adds a branch beside the old one,
// and nothing that was written is lost. `leaf` is the end of the branch that is shown. Two windows
// write different keys, so neither takes away what the other has.

const CONVERSATION = "kanana.conversation.";
const SETTINGS = "kanana.settings";
const FORMAT = "kanana.conversations";

export const DEFAULTS = {
  language: "auto",
  theme: "auto",
  model: "",
  temperature: "",
  topP: "",
  topK: "",
  minP: "",
  penalty: "",
  maxTokens: "",
  seed: "",
  system: "",
  apiKey: "",
};

const identity = () => {
  const bytes = crypto.getRandomValues(new Uint8Array(9));
  return [...bytes].map((byte) => byte.toString(36).padStart(2, "0")).join("");
};

/** Storage that a browser may forbid or fill: then memory, and `complain` says so. */
export class Store {
  constructor(complain) {
    this.complain = complain;
    this.memory = new Map();
    try {
      localStorage.setItem("kanana.probe", "1");
      localStorage.removeItem("kanana.probe");
      this.disk = localStorage;
    } catch {
      this.disk = null;
      complain("noStorage");
    }
  }

  read(key) {
    if (this.memory.has(key)) return this.memory.get(key);
    return this.disk?.getItem(key) ?? null;
  }

  write(key, text) {
    try {
      if (this.disk) {
        this.disk.setItem(key, text);
        this.memory.delete(key);
        return;
      }
    } catch {
      this.complain("fullStorage");
    }
    this.memory.set(key, text);
  }

  erase(key) {
    this.memory.delete(key);
    this.disk?.removeItem(key);
  }

  keys() {
    const all = new Set(this.memory.keys());
    for (let i = 0; i < (this.disk?.length ?? 0); i += 1) all.add(this.disk.key(i));
    return all;
  }

  settings() {
    const kept = parsed(this.read(SETTINGS)) ?? {};
    const known = Object.entries(kept).filter(([name, value]) => name in DEFAULTS && typeof value === "string");
    return { ...DEFAULTS, ...Object.fromEntries(known) };
  }

  keepSettings(settings) {
    this.write(SETTINGS, JSON.stringify(settings));
  }

  conversation(id) {
    return checked(parsed(this.read(CONVERSATION + id)));
  }

  /** All of them, the last changed first. */
  conversations() {
    const found = [];
    for (const key of this.keys()) {
      if (!key.startsWith(CONVERSATION)) continue;
      const conversation = checked(parsed(this.read(key)));
      if (conversation) found.push(conversation);
    }
    return found.sort((a, b) => b.updated - a.updated);
  }

  keep(conversation) {
    this.write(CONVERSATION + conversation.id, JSON.stringify(conversation));
  }

  remove(id) {
    this.erase(CONVERSATION + id);
  }

  exported(conversations) {
    return JSON.stringify({ format: FORMAT, version: 1, conversations }, null, 1);
  }

  /** Takes in what `exported` wrote; says how many, or null if it is something else. */
  imported(text) {
    const file = parsed(text);
    if (file?.format !== FORMAT || !Array.isArray(file.conversations)) return null;
    const whole = file.conversations.map(checked);
    if (whole.includes(null)) return null;
    for (const conversation of whole) {
      const there = this.conversation(conversation.id);
      // The same conversation gone on elsewhere comes beside the one that is here.
      if (there && JSON.stringify(there) !== JSON.stringify(conversation)) conversation.id = identity();
      this.keep(conversation);
    }
    return whole.length;
  }
}

function parsed(text) {
  try {
    return text === null ? null : JSON.parse(text);
  } catch {
    return null;
  }
}

/** A conversation with the fields it must have and no others, or null. */
function checked(value) {
  if (typeof value?.id !== "string" || !/^[a-z0-9]{1,40}$/.test(value.id) || !Array.isArray(value.turns)) return null;
  const turns = [];
  const ids = new Set();
  for (const turn of value.turns) {
    const whole =
      typeof turn?.id === "string" &&
      !ids.has(turn.id) &&
      typeof turn.content === "string" &&
      ["user", "assistant"].includes(turn.role) &&
      // A parent stands before its children, so there is no cycle.
      (turn.parent === null || ids.has(turn.parent));
    if (!whole) return null;
    ids.add(turn.id);
    const kept = { id: turn.id, parent: turn.parent, role: turn.role, content: turn.content, at: numeric(turn.at) ?? 0 };
    for (const name of ["prompt", "completion", "seconds", "first"]) {
      if (numeric(turn[name]) !== null) kept[name] = turn[name];
    }
    for (const name of ["finish", "model"]) if (typeof turn[name] === "string") kept[name] = turn[name];
    const fault = turn.fault;
    if (typeof fault?.key === "string" && Array.isArray(fault.values)) {
      kept.fault = { key: fault.key, values: fault.values.map(String) };
    }
    turns.push(kept);
  }
  return {
    id: value.id,
    title: typeof value.title === "string" ? value.title : "",
    created: numeric(value.created) ?? 0,
    updated: numeric(value.updated) ?? 0,
    turns,
    leaf: ids.has(value.leaf) ? value.leaf : turns.at(-1)?.id ?? null,
  };
}

const numeric = (value) => (typeof value === "number" && Number.isFinite(value) ? value : null);

export function conversation() {
  const now = Date.now();
  return { id: identity(), title: "", created: now, updated: now, turns: [], leaf: null };
}

export const find = (conversation, id) => conversation.turns.find((turn) => turn.id === id) ?? null;

/** The turns that are shown, first to last. */
export function path(conversation) {
  const shown = [];
  for (let turn = find(conversation, conversation.leaf); turn; turn = find(conversation, turn.parent)) shown.unshift(turn);
  return shown;
}

/** The turns that stand in the same place, this one among them. */
export const versions = (conversation, turn) =>
  conversation.turns.filter((other) => other.parent === turn.parent && other.role === turn.role);

/** Adds a turn after `parent` and shows it. */
export function add(conversation, parent, role, content) {
  const turn = { id: identity(), parent, role, content, at: Date.now() };
  conversation.turns.push(turn);
  conversation.leaf = turn.id;
  conversation.updated = turn.at;
  return turn;
}

/** Shows a turn and the newest that follows it. */
export function show(conversation, turn) {
  let last = turn;
  for (let next = last; next; next = conversation.turns.findLast((other) => other.parent === last.id)) last = next;
  conversation.leaf = last.id;
}

/** Takes out a turn that nothing follows. */
export function drop(conversation, turn) {
  conversation.turns = conversation.turns.filter((other) => other.id !== turn.id);
  conversation.leaf = turn.parent;
}

/** A title out of the first message: whole syllables and emoji, one line. */
export function titled(conversation) {
  if (conversation.title) return conversation.title;
  const first = conversation.turns.find((turn) => turn.role === "user");
  const line = first?.content.trim().replace(/\s+/g, " ") ?? "";
  const letters = [...new Intl.Segmenter().segment(line.slice(0, 400))].map((part) => part.segment);
  return letters.length > 40 ? letters.slice(0, 40).join("").trimEnd() + "…" : letters.join("");
}
