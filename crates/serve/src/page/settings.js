// The settings: kept as they were typed, and turned into what a request says.

/** name: [what the API calls it, least, most, whole number]. What is empty is not sent. */
const NUMBERS = {
  temperature: ["temperature", 0, 2, false],
  topP: ["top_p", 0.0001, 1, false],
  topK: ["top_k", 0, 1e7, true],
  minP: ["min_p", 0, 1, false],
  penalty: ["repetition_penalty", 0.1, 5, false],
  maxTokens: ["max_tokens", 1, 1e7, true],
  seed: ["seed", 0, Number.MAX_SAFE_INTEGER, true],
};

/** The fields of a request, or null if a value has no meaning. */
export function fieldsOf(settings) {
  const fields = {};
  for (const [name, [field, least, most, whole]] of Object.entries(NUMBERS)) {
    const typed = settings[name].trim();
    if (typed === "") continue;
    const value = Number(typed);
    if (!(value >= least && value <= most) || (whole && !Number.isInteger(value))) return null;
    fields[field] = value;
  }
  return fields;
}

/**
 * The messages of a request: the system message, and the turns that say something. A question whose answer failed
 * before its first word goes with it: templates want question and answer in turns, and the last question is the one
 * that is asked.
 */
export function messagesOf(settings, turns) {
  const answered = (next) => next.role === "assistant" && next.content !== "";
  const counts = (turn, at) =>
    turn.role === "user" ? at === turns.length - 1 || answered(turns[at + 1]) : turn.content !== "";
  const messages = turns.filter(counts).map(({ role, content }) => ({ role, content }));
  const system = settings.system.trim();
  return system ? [{ role: "system", content: system }, ...messages] : messages;
}

/** Shows the settings in the dialog's fields, and hands over each change. */
export function bindFields(dialog, settings, changed) {
  const fields = [...dialog.querySelectorAll("[name]")];
  const fill = () => {
    for (const field of fields) {
      field.value = settings()[field.name];
      field.removeAttribute("aria-invalid");
    }
  };
  for (const field of fields) {
    field.addEventListener("input", () => {
      const good = field.checkValidity();
      field.toggleAttribute("aria-invalid", !good);
      // A number field with letters in it reads as empty; what it held before is kept.
      if (!field.validity.badInput) changed(field.name, field.value);
    });
  }
  return fill;
}
