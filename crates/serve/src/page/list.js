// The conversations at the side: by day, with a field to find one, renamed and deleted in place.

import { titled } from "./store.js";
import { icon } from "./turns.js";
import { word } from "./words.js";

const DAY = 86400000;

/** Under which heading a moment stands. */
export function age(moment, now) {
  const midnight = new Date(now).setHours(0, 0, 0, 0);
  if (moment >= midnight) return "today";
  if (moment >= midnight - DAY) return "yesterday";
  return moment >= midnight - 7 * DAY ? "week" : "older";
}

/** Draws the list. `acts` has open, rename and remove; `shown` is the open one's id. */
export function drawList(nav, conversations, shown, busy, query, acts) {
  const wanted = query.trim().normalize("NFC").toLocaleLowerCase();
  const has = (text) => text.normalize("NFC").toLocaleLowerCase().includes(wanted);
  const found = conversations.filter((c) => !wanted || has(titled(c)) || c.turns.some((turn) => has(turn.content)));
  const nodes = [];
  let heading = null;
  for (const conversation of found) {
    const under = age(conversation.updated, Date.now());
    if (under !== heading) {
      heading = under;
      const node = document.createElement("h2");
      node.textContent = word(under);
      nodes.push(node);
    }
    nodes.push(entry(conversation, conversation.id === shown, busy(conversation.id), acts));
  }
  if (wanted && !found.length) {
    const node = document.createElement("p");
    node.textContent = word("none");
    nodes.push(node);
  }
  nav.replaceChildren(...nodes);
}

function entry(conversation, current, busy, acts) {
  const row = document.createElement("div");
  row.className = "entry";
  row.dataset.id = conversation.id;
  row.classList.toggle("busy", busy);
  const open = document.createElement("button");
  open.type = "button";
  open.className = "open";
  open.textContent = titled(conversation) || word("untitled");
  open.title = open.textContent;
  if (current) open.setAttribute("aria-current", "true");
  // The second click of two, on the row that the first may have drawn anew.
  open.addEventListener("click", (event) => {
    if (event.detail === 2) rename(row, conversation, acts);
    else acts.open(conversation.id);
  });
  const pen = tool("i-edit", "rename", () => rename(row, conversation, acts));
  const bin = tool("i-bin", "remove", () => acts.remove(conversation));
  row.append(open, pen, bin);
  return row;
}

function tool(name, label, act) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "tool small";
  button.title = word(label);
  button.setAttribute("aria-label", word(label));
  button.append(icon(name));
  button.addEventListener("click", act);
  return button;
}

function rename(row, conversation, acts) {
  const field = document.createElement("input");
  field.className = "rename";
  field.value = titled(conversation);
  field.setAttribute("aria-label", word("rename"));
  let over = false;
  const end = (keep) => {
    if (over) return;
    over = true;
    acts.rename(conversation, keep ? field.value.trim().slice(0, 200) : null);
  };
  field.addEventListener("keydown", (event) => {
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key === "Enter") end(true);
    if (event.key === "Escape") {
      event.stopPropagation();
      end(false);
    }
  });
  field.addEventListener("blur", () => end(true));
  row.replaceChildren(field);
  field.focus();
  field.select();
}
