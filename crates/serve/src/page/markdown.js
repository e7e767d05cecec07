// Markdown to DOM nodes, for text that nobody vouches for.
//
// Every character arrives through textContent; no HTML is ever parsed, no image loaded, and a link
// leads only to http, https or mail. While a text streams in, blocks that are already drawn stay,
// so that a selection survives and a long answer costs no more than its last paragraph.
//
// It differs from CommonMark on purpose: emphasis may end between punctuation and a Korean, Chinese
// or Japanese letter (**"말"**이라고), a bare address ends before a Korean particle
// (https://example.com에서), 2*3*4 is a product, a line break is a line break, "---" is always a
// rule. Mathematics stays text, untouched. Absent: HTML, images, footnotes, reference links,
// indented code.

import { word } from "./words.js";

const DEEPEST = 12;
const LONGEST_INLINE = 20000;
const LONGEST_MATHS = 200;

/** Draws `text` into `container`, leaving the blocks that have not changed since the last call. */
export function draw(container, text) {
  const lines = text.replace(/\r\n?/g, "\n").split("\n").map(untab);
  const before = container.drawn ?? [];
  const now = [];
  for (const block of blocks(lines, 0)) {
    const source = lines.slice(block.from, block.to).join("\n");
    const at = now.length;
    const old = before[at];
    if (old && old.source === source) {
      now.push(old);
      continue;
    }
    const fresh = { source, node: block.make() };
    if (old) old.node.replaceWith(fresh.node);
    else container.append(fresh.node);
    now.push(fresh);
  }
  for (const old of before.slice(now.length)) old.node.remove();
  container.drawn = now;
}

function untab(line) {
  return /^ *\t/.test(line) ? line.replace(/^[ \t]+/, (space) => space.replaceAll("\t", "    ")) : line;
}

const blank = (line) => line.trim() === "";
const indent = (line) => line.length - line.trimStart().length;
const dedent = (line, by) => line.slice(Math.min(indent(line), by));
const element = (name, className) => {
  const node = document.createElement(name);
  if (className) node.className = className;
  return node;
};

const fenceOf = (line) => line.match(/^ {0,3}(`{3,}(?=[^`]*$)|~{3,})/);
const headingOf = (line) => line.match(/^ {0,3}(#{1,6})(?=[ \t]|$)/);
const ruleOf = (line) => /^ {0,3}([-*_])[ \t]*(?:\1[ \t]*){2,}$/.test(line);
const quoteOf = (line) => /^ {0,3}>/.test(line);
const itemOf = (line) => line.match(/^( {0,3})([-*+]|\d{1,9}[.)])(?:[ \t]+|$)/);
const mathsOf = (line) => /^ {0,3}(\$\$|\\\[)/.exec(line)?.[1];

/** Whether a line begins something that ends a paragraph. */
function interrupts(line) {
  if (fenceOf(line) || headingOf(line) || ruleOf(line) || quoteOf(line)) return true;
  const item = itemOf(line);
  return Boolean(item && line.length > item[0].length && (!/\d/.test(item[2]) || parseInt(item[2], 10) === 1));
}

/** The blocks of some lines: from which to which line, and how to make the node. */
function* blocks(lines, depth) {
  let i = 0;
  while (i < lines.length) {
    if (blank(lines[i])) {
      i += 1;
      continue;
    }
    const [to, make] = block(lines, i, depth);
    yield { from: i, to, make };
    i = to;
  }
}

function block(lines, i, depth) {
  const line = lines[i];
  const fence = fenceOf(line);
  if (fence) return code(lines, i, fence);
  const heading = headingOf(line);
  if (heading) return [i + 1, () => withInline(`h${heading[1].length}`, headingText(line, heading))];
  if (ruleOf(line)) return [i + 1, () => element("hr")];
  if (quoteOf(line) && depth < DEEPEST) return quote(lines, i, depth);
  if (itemOf(line) && depth < DEEPEST) return list(lines, i, depth);
  const columns = tableAt(lines, i);
  if (columns) return table(lines, i, columns);
  const maths = mathsOf(line);
  if (maths) {
    const found = displayed(lines, i, maths);
    if (found) return found;
  }
  let to = i + 1;
  while (to < lines.length && !blank(lines[to]) && !interrupts(lines[to]) && !tableAt(lines, to)) to += 1;
  const text = lines.slice(i, to).map((l) => l.trimStart()).join("\n");
  return [to, () => withInline("p", text.trimEnd())];
}

function headingText(line, heading) {
  return line.slice(heading[0].length).trim().replace(/(^|[ \t])#+$/, "").trimEnd();
}

function withInline(name, text) {
  const node = element(name);
  node.dir = "auto";
  inline(node, text);
  return node;
}

/** A fence that nothing closes runs to the end: it may still be streaming in. */
function code(lines, i, fence) {
  const mark = fence[1];
  const close = new RegExp(`^ {0,3}\\${mark[0]}{${mark.length},}[ \\t]*$`);
  const language = lines[i].slice(fence[0].length).trim().split(/\s/)[0].slice(0, 40);
  const margin = indent(lines[i]);
  let end = i + 1;
  while (end < lines.length && !close.test(lines[end])) end += 1;
  const body = lines.slice(i + 1, end).map((line) => dedent(line, margin)).join("\n");
  return [Math.min(end + 1, lines.length), () => codeBlock(body, language)];
}

function codeBlock(body, language) {
  const figure = element("figure", "code");
  const bar = element("figcaption");
  const name = element("span");
  name.textContent = language;
  const copy = element("button", "copy-code quiet");
  copy.type = "button";
  copy.dataset.word = "copy";
  copy.textContent = word("copy");
  bar.append(name, copy);
  const pre = element("pre");
  pre.tabIndex = 0;
  const inside = element("code");
  inside.textContent = body;
  pre.append(inside);
  figure.append(bar, pre);
  return figure;
}

function quote(lines, i, depth) {
  let to = i;
  while (to < lines.length && quoteOf(lines[to])) to += 1;
  const inside = lines.slice(i, to).map((line) => line.replace(/^ {0,3}> ?/, ""));
  return [to, () => fill(element("blockquote"), inside, depth + 1)];
}

function fill(node, lines, depth) {
  for (const inner of blocks(lines, depth)) node.append(inner.make());
  return node;
}

function list(lines, start, depth) {
  const first = itemOf(lines[start]);
  const margin = first[1].length;
  const ordered = /\d/.test(first[2]);
  const items = [];
  let loose = false;
  let i = start;
  for (;;) {
    const mark = i < lines.length ? itemOf(lines[i]) : null;
    if (!mark || /\d/.test(mark[2]) !== ordered || mark[1].length >= margin + 2 || ruleOf(lines[i])) break;
    const offset = mark[0].length;
    const inside = [lines[i].slice(offset)];
    i += 1;
    let gap = false;
    while (i < lines.length) {
      if (blank(lines[i])) {
        let next = i;
        while (next < lines.length && blank(lines[next])) next += 1;
        const belongs = next < lines.length && indent(lines[next]) >= margin + 2;
        const sibling = next < lines.length && itemOf(lines[next]);
        gap ||= Boolean(belongs || sibling);
        if (!belongs) {
          if (sibling) i = next;
          break;
        }
        inside.push("");
        i = next;
      } else if (indent(lines[i]) >= margin + 2) {
        inside.push(dedent(lines[i], offset));
        i += 1;
      } else if (!itemOf(lines[i]) && !interrupts(lines[i]) && !blank(inside.at(-1))) {
        inside.push(lines[i]);
        i += 1;
      } else break;
    }
    // Space after the last item is not space between items.
    loose ||= gap && (inside.includes("") || itemOf(lines[i] ?? "") !== null);
    items.push(inside);
  }
  const make = () => {
    const node = element(ordered ? "ol" : "ul");
    const number = parseInt(first[2], 10);
    if (ordered && number !== 1) node.start = number;
    for (const inside of items) node.append(listItem(inside, loose, depth));
    return node;
  };
  return [i, make];
}

function listItem(lines, loose, depth) {
  const node = element("li");
  node.dir = "auto";
  const task = lines[0].match(/^\[([ xX])\][ \t]+/);
  if (task) lines = [lines[0].slice(task[0].length), ...lines.slice(1)];
  for (const inner of blocks(lines, depth + 1)) {
    const made = inner.make();
    if (made.nodeName === "P" && !loose) node.append(...made.childNodes);
    else node.append(made);
  }
  if (task) {
    node.className = "task";
    const box = element("input");
    box.type = "checkbox";
    box.disabled = true;
    box.checked = task[1] !== " ";
    (node.firstChild?.nodeName === "P" ? node.firstChild : node).prepend(box, " ");
  }
  return node;
}

function cells(line) {
  const trimmed = line.trim().replace(/^\|/, "");
  const found = [];
  let cell = "";
  let tick = false;
  for (let i = 0; i < trimmed.length; i += 1) {
    const c = trimmed[i];
    if (c === "\\" && trimmed[i + 1] === "|") {
      cell += "|";
      i += 1;
    } else if (c === "|" && !tick) {
      found.push(cell.trim());
      cell = "";
    } else {
      if (c === "`") tick = !tick;
      cell += c;
    }
  }
  if (cell.trim() !== "") found.push(cell.trim());
  return found;
}

/** The alignments of the table that begins here, or nothing. */
function tableAt(lines, i) {
  if (i + 1 >= lines.length || !lines[i].includes("|") || !/^[ \t|:-]+$/.test(lines[i + 1])) return null;
  const under = cells(lines[i + 1]);
  if (under.length === 0 || !under.every((cell) => /^:?-+:?$/.test(cell)) || cells(lines[i]).length !== under.length) return null;
  return under.map((cell) => (cell.endsWith(":") ? (cell.startsWith(":") ? "center" : "right") : "left"));
}

function table(lines, i, columns) {
  let to = i + 2;
  while (to < lines.length && !blank(lines[to]) && lines[to].includes("|") && !fenceOf(lines[to])) to += 1;
  const row = (line, name) => {
    const node = element("tr");
    const found = cells(line);
    columns.forEach((side, at) => {
      const cell = element(name, side);
      cell.dir = "auto";
      inline(cell, found[at] ?? "");
      node.append(cell);
    });
    return node;
  };
  const make = () => {
    const around = element("div", "table");
    around.tabIndex = 0;
    const node = element("table");
    const head = element("thead");
    head.append(row(lines[i], "th"));
    const body = element("tbody");
    body.append(...lines.slice(i + 2, to).map((line) => row(line, "td")));
    node.append(head, body);
    around.append(node);
    return around;
  };
  return [to, make];
}

/** Mathematics on lines of its own, up to its end; a mark alone on its line may still be open. */
function displayed(lines, i, open) {
  const close = open === "$$" ? "$$" : "\\]";
  const rest = lines[i].trim().slice(open.length);
  let to = i + 1;
  if (!rest.trimEnd().endsWith(close)) {
    const limit = Math.min(lines.length, i + LONGEST_MATHS);
    while (to < limit && !lines[to].trimEnd().endsWith(close)) to += 1;
    if (to === limit && (rest !== "" || limit < lines.length)) return null;
    to = Math.min(to + 1, lines.length);
  }
  const make = () => {
    const node = element("div", "maths");
    node.tabIndex = 0;
    node.textContent = lines.slice(i, to).join("\n").trim();
    return node;
  };
  return [to, make];
}

// ---- within a paragraph ----

const PUNCTUATION = /[!-/:-@[-`{-~]/;
const anyPunctuation = (c) => /[\p{P}\p{S}]/u.test(c);
const anySpace = (c) => c === "" || /\s/.test(c);
const eastAsian = (c) => /[\p{Script=Hangul}\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/u.test(c);
const hangul = (c) => /\p{Script=Hangul}/u.test(c);

/** Appends the text of a paragraph, a heading or a cell to `parent`. */
export function inline(parent, text) {
  if (text.length > LONGEST_INLINE) {
    parent.append(text);
    return;
  }
  const scan = new Scan(text);
  scan.run();
  parent.append(...emphasised(scan.out));
}

class Scan {
  constructor(text) {
    this.text = text;
    this.at = 0;
    this.out = [];
    this.plain = "";
    this.brackets = [];
    this.ticks = null;
  }

  run() {
    while (this.at < this.text.length) if (!this.special()) this.plain += this.text[this.at++];
    this.flush();
  }

  flush() {
    if (this.plain) this.out.push(document.createTextNode(this.plain));
    this.plain = "";
  }

  push(entry, to) {
    this.flush();
    this.out.push(entry);
    this.at = to;
    return true;
  }

  keep(to) {
    this.plain += this.text.slice(this.at, to);
    this.at = to;
    return true;
  }

  special() {
    switch (this.text[this.at]) {
      case "\\": return this.escape();
      case "`": return this.codeSpan();
      case "$": return this.dollars();
      case "*": case "_": case "~": return this.delimiter();
      case "!": return this.text[this.at + 1] === "[" && this.bracket(2);
      case "[": return this.bracket(1);
      case "]": return this.close();
      case "<": return this.angle();
      case "h": case "H": return this.address();
      case "\n": return this.push(element("br"), this.at + 1);
      default: return false;
    }
  }

  escape() {
    const next = this.text[this.at + 1] ?? "";
    if (next === "(" || next === "[") {
      const end = this.text.indexOf(next === "(" ? "\\)" : "\\]", this.at + 2);
      return end < 0 ? this.keep(this.at + 2) : this.maths(end + 2);
    }
    if (next === "\n") return this.push(element("br"), this.at + 2);
    if (!PUNCTUATION.test(next)) return false;
    this.plain += next;
    this.at += 2;
    return true;
  }

  maths(end) {
    const node = element("span", "maths");
    node.textContent = this.text.slice(this.at, end);
    return this.push(node, end);
  }

  /** Dollars enclose mathematics if nothing looks like a price: no space inside, no digit after. */
  dollars() {
    const double = this.text.startsWith("$$", this.at);
    const mark = double ? "$$" : "$";
    const from = this.at + mark.length;
    const end = this.text.indexOf(mark, from);
    if (end < 0 || end === from) return this.keep(from);
    const inside = this.text.slice(from, end);
    const price = !double && (anySpace(inside[0]) || anySpace(inside.at(-1)) || /\d/.test(this.text[end + 1] ?? "") || inside.includes("\n"));
    return price ? this.keep(from) : this.maths(end + mark.length);
  }

  codeSpan() {
    this.ticks ??= ticksOf(this.text);
    let run = this.at;
    while (this.text[run] === "`") run += 1;
    const length = run - this.at;
    const ends = this.ticks.get(length) ?? [];
    while (ends.length && ends[0] < run) ends.shift();
    if (!ends.length) return this.keep(run);
    const node = element("code");
    const inside = this.text.slice(run, ends[0]).replaceAll("\n", " ");
    const padded = /^ .*[^ ].* $/.test(inside);
    node.textContent = padded ? inside.slice(1, -1) : inside;
    return this.push(node, ends[0] + length);
  }

  /** A run of * or _ or ~~: whether it may begin or end emphasis, by what stands around it. */
  delimiter() {
    const mark = this.text[this.at];
    let to = this.at;
    while (this.text[to] === mark) to += 1;
    const count = to - this.at;
    if (mark === "~" && count !== 2) return this.keep(to);
    const before = [...this.text.slice(Math.max(0, this.at - 2), this.at)].at(-1) ?? "";
    const after = [...this.text.slice(to, to + 2)][0] ?? "";
    // 2*3*4 is a product.
    if (mark === "*" && count === 1 && /\d/.test(before) && /\d/.test(after)) return this.keep(to);
    const left = !anySpace(after) && (!anyPunctuation(after) || anySpace(before) || anyPunctuation(before) || eastAsian(before));
    const right = !anySpace(before) && (!anyPunctuation(before) || anySpace(after) || anyPunctuation(after) || eastAsian(after));
    const inWord = mark === "_";
    const opens = left && (!inWord || !right || anyPunctuation(before));
    const closes = right && (!inWord || !left || anyPunctuation(after));
    return this.push({ mark, count, whole: count, opens, closes }, to);
  }

  bracket(length) {
    this.flush();
    this.brackets.push({ index: this.out.length, image: length === 2 });
    return this.push(document.createTextNode(this.text.slice(this.at, this.at + length)), this.at + length);
  }

  close() {
    const bracket = this.brackets.pop();
    if (!bracket) return false;
    const target = destination(this.text, this.at + 1);
    if (!target) return false;
    this.flush();
    const inside = emphasised(this.out.splice(bracket.index).slice(1));
    // No link within a link.
    if (!bracket.image) this.brackets = this.brackets.filter((outer) => outer.image);
    return this.push(link(target.address, inside), target.to);
  }

  angle() {
    const rest = this.text.slice(this.at, this.at + 2000);
    const line = rest.match(/^<br ?\/?>/i);
    if (line) return this.push(element("br"), this.at + line[0].length);
    const found = rest.match(/^<([a-z][a-z0-9+.-]{1,30}:[^\s<>]*)>/i);
    return Boolean(found) && this.push(link(found[1], [document.createTextNode(found[1])]), this.at + found[0].length);
  }

  address() {
    const before = this.text[this.at - 1] ?? "";
    if (/[A-Za-z0-9]/.test(before)) return false;
    const found = this.text.slice(this.at, this.at + 2000).match(/^https?:\/\/[^\s<>"`*|\\^{}]+/i);
    if (!found) return false;
    const address = trimmed(found[0]);
    return this.push(link(address, [document.createTextNode(address)]), this.at + address.length);
  }
}

/** Where runs of backticks begin, by their length. */
function ticksOf(text) {
  const found = new Map();
  for (const run of text.matchAll(/`+/g)) {
    const length = run[0].length;
    if (!found.has(length)) found.set(length, []);
    found.get(length).push(run.index);
  }
  return found;
}

/** A bare address without the sentence around it. */
function trimmed(address) {
  for (let i = 9; i < address.length; i += 1) {
    // Hangul right after a letter or a digit is a particle; after a slash it is a name.
    if (hangul(address[i]) && /[A-Za-z0-9)]/.test(address[i - 1])) {
      address = address.slice(0, i);
      break;
    }
  }
  for (;;) {
    const last = address.at(-1);
    const unopened = last === ")" && address.split("(").length < address.split(")").length;
    if (!unopened && !/[.,:;!?'\]_~。、」』”’…]/.test(last)) return address;
    address = address.slice(0, -1);
  }
}

/** `(address "title")` at a place of the text. */
function destination(text, at) {
  if (text[at] !== "(") return null;
  const rest = text.slice(at + 1, at + 2500);
  const angled = rest.match(/^\s*<([^<>\n]*)>/);
  let address;
  let i;
  if (angled) {
    address = angled[1];
    i = angled[0].length;
  } else {
    let depth = 0;
    i = rest.length - rest.trimStart().length;
    const from = i;
    for (; i < rest.length && !/\s/.test(rest[i]); i += 1) {
      if (rest[i] === "(") depth += 1;
      if (rest[i] === ")" && depth-- === 0) break;
    }
    address = rest.slice(from, i);
  }
  const end = rest.slice(i).match(/^(?:\s+(?:"[^"]*"|'[^']*'))?\s*\)/);
  return end ? { address, to: at + 1 + i + end[0].length } : null;
}

/** Where a link may lead, or nothing. */
export function safe(address) {
  if (!/^(https?:\/\/|mailto:)/i.test(address)) return null;
  try {
    const parsed = new URL(address);
    return ["http:", "https:", "mailto:"].includes(parsed.protocol) ? parsed.href : null;
  } catch {
    return null;
  }
}

function link(address, inside) {
  const target = safe(address);
  const node = element(target ? "a" : "span", target ? "" : "no-link");
  node.append(...inside);
  if (target) {
    node.href = target;
    node.title = target;
    node.target = "_blank";
    node.rel = "noopener noreferrer nofollow";
  } else {
    // What cannot be followed is shown, so that nothing hides behind a label.
    node.append(` (${address})`);
  }
  return node;
}

/** Pairs delimiters; those that pair with nothing are text. */
function emphasised(entries) {
  const done = [];
  let open = [];
  const text = (entry) => (entry instanceof Node ? entry : document.createTextNode(entry.mark.repeat(entry.count)));
  for (const entry of entries) {
    if (entry instanceof Node) {
      done.push(entry);
      continue;
    }
    while (entry.closes && entry.count > 0) {
      const k = open.findLastIndex(({ begin }) => pairs(begin, entry));
      if (k < 0) break;
      const { begin, place } = open[k];
      const size = begin.count >= 2 && entry.count >= 2 ? 2 : 1;
      const node = element(begin.mark === "~" ? "del" : size === 2 ? "strong" : "em");
      node.append(...done.splice(place + 1).map(text));
      begin.count -= size;
      entry.count -= size;
      open = open.slice(0, k + 1);
      if (begin.count === 0) {
        done.pop();
        open.pop();
      }
      done.push(node);
    }
    if (entry.count === 0) continue;
    // Far more open marks than any text has are no emphasis.
    if (entry.opens && open.length < 64) open.push({ begin: entry, place: done.length });
    done.push(entry);
  }
  return done.map(text);
}

function pairs(begin, end) {
  if (begin.mark !== end.mark) return false;
  const both = (begin.opens && begin.closes) || (end.opens && end.closes);
  const three = (begin.whole + end.whole) % 3 === 0 && !(begin.whole % 3 === 0 && end.whole % 3 === 0);
  return !(both && three);
}
