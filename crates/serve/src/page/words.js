// What the page says, in Korean and English: one table, and the language that is spoken now.

/** key: [Korean, English]. `{0}` is filled in. */
export const WORDS = {
  title: ["카나나 대화", "kanana chat"],
  newChat: ["새 대화", "New conversation"],
  conversations: ["대화 목록", "Conversations"],
  find: ["대화 찾기", "Find a conversation"],
  none: ["찾은 대화가 없습니다", "Nothing found"],
  untitled: ["새 대화", "New conversation"],
  rename: ["이름 바꾸기", "Rename"],
  remove: ["삭제", "Delete"],
  removed: ["“{0}” 대화를 삭제했습니다", "Deleted “{0}”"],
  undo: ["되돌리기", "Undo"],
  openList: ["대화 목록 열기·닫기", "Show or hide the conversations"],
  settings: ["설정", "Settings"],
  close: ["닫기", "Close"],
  keys: ["단축키", "Keyboard shortcuts"],
  language: ["English", "한국어"],
  languageName: ["영어로 보기", "Switch to Korean"],
  theme: ["밝기", "Appearance"],
  themeAuto: ["시스템에 맞춤", "As the system"],
  themeLight: ["밝게", "Light"],
  themeDark: ["어둡게", "Dark"],
  greeting: ["무엇을 도와드릴까요?", "What can I help you with?"],
  greetingMore: [
    "이 서버의 모델과 대화합니다. 대화 내용은 이 브라우저에만 저장됩니다.",
    "You are talking to the model behind this server. Conversations stay in this browser.",
  ],
  example1: ["한글이 만들어진 이야기를 세 문장으로 들려주세요", "Tell me how the Korean alphabet was made, in three sentences"],
  example2: ["이번 주말 서울에서 하루를 보낼 계획을 표로 짜 주세요", "Plan a day in Seoul this weekend, as a table"],
  example3: ["파이썬으로 피보나치 수열을 구하는 함수를 써 주세요", "Write a Python function for Fibonacci numbers"],
  example4: ["‘고맙습니다’를 영어로 공손하게 말하는 법을 알려 주세요", "How do I say “thank you” politely in Korean?"],
  ask: ["메시지를 입력하세요", "Write a message"],
  send: ["보내기", "Send"],
  stop: ["멈추기", "Stop"],
  hint: ["Enter 보내기 · Shift+Enter 줄바꿈", "Enter sends · Shift+Enter breaks the line"],
  you: ["나", "You"],
  model: ["모델", "Model"],
  noModel: ["모델 없음", "no model"],
  copy: ["복사", "Copy"],
  copied: ["복사됨", "Copied"],
  notCopied: ["복사하지 못했습니다", "Could not copy"],
  edit: ["고치기", "Edit"],
  resend: ["다시 보내기", "Send again"],
  cancel: ["취소", "Cancel"],
  regenerate: ["다시 생성", "Regenerate"],
  retry: ["다시 시도", "Try again"],
  earlier: ["이전 답", "Previous version"],
  later: ["다음 답", "Next version"],
  down: ["맨 아래로", "To the end"],
  thinking: ["생각하는 중…", "Thinking…"],
  answering: ["답하는 중입니다", "Answering"],
  answered: ["답이 끝났습니다. {0}", "The answer is complete. {0}"],
  stopped: ["멈췄습니다", "Stopped"],
  interrupted: ["중간에 끊겼습니다", "Interrupted"],
  cutOff: ["최대 토큰 수에 닿아 끊겼습니다", "Cut off: the most tokens allowed, or the context, was reached"],
  tokens: ["토큰 {0}개", "{0} tokens"],
  perSecond: ["초당 {0}토큰", "{0} tokens/s"],
  firstAfter: ["첫 토큰까지 {0}초", "first after {0} s"],
  contextUsed: ["문맥 {0}토큰", "context {0} tokens"],
  contextOf: ["문맥 {0} / {1}토큰", "context {0} of {1} tokens"],
  temperature: ["온도", "Temperature"],
  temperatureMore: ["0이면 언제나 가장 그럴듯한 토큰", "0 always takes the likeliest token"],
  topP: ["누적 확률 (top-p)", "Top-p"],
  topK: ["상위 개수 (top-k)", "Top-k"],
  minP: ["최소 비율 (min-p)", "Min-p"],
  penalty: ["되풀이 벌점", "Repetition penalty"],
  maxTokens: ["최대 토큰 수", "Most tokens"],
  seed: ["시드", "Seed"],
  seedMore: ["같은 시드는 같은 답을 냅니다", "the same seed gives the same answer"],
  system: ["시스템 메시지", "System message"],
  systemMore: ["모든 대화의 맨 앞에 놓입니다", "stands before every conversation"],
  systemExample: ["예: 친절하고 간결하게 존댓말로 답하세요.", "For example: Answer briefly and kindly."],
  apiKey: ["API 키", "API key"],
  apiKeyMore: ["서버가 요구할 때만. 이 브라우저에 저장되며 내보내지 않습니다", "only if the server asks for one; kept in this browser, never exported"],
  unset: ["서버 기본값", "server’s default"],
  sampling: ["생성", "Generation"],
  data: ["데이터", "Data"],
  exportAll: ["모든 대화 내보내기", "Export all conversations"],
  exportOne: ["이 대화 내보내기", "Export this conversation"],
  importAll: ["가져오기", "Import"],
  imported: ["대화 {0}개를 가져왔습니다", "Imported {0} conversations"],
  notImported: ["가져오지 못했습니다: 이 페이지에서 내보낸 JSON 파일이 아닙니다", "Not imported: this is no JSON file exported by this page"],
  clearAll: ["모든 대화 삭제", "Delete all conversations"],
  clearSure: ["모든 대화를 삭제할까요? 되돌릴 수 없습니다.", "Delete all conversations? This cannot be undone."],
  reset: ["설정 초기화", "Reset the settings"],
  badSetting: ["잘못된 값이 있어 보내지 않았습니다. 설정을 확인하세요.", "Not sent: a setting has a wrong value."],
  noStorage: ["브라우저가 저장을 막고 있어, 이 창을 닫으면 대화가 사라집니다", "This browser allows no storage: conversations vanish when this window closes"],
  fullStorage: ["브라우저 저장 공간이 가득 찼습니다. 대화를 내보내고 지워 주세요", "The browser’s storage is full: export conversations and delete some"],
  unreachable: ["서버에 연결할 수 없습니다. kanana serve가 실행 중인지 확인하세요.", "The server cannot be reached. Is kanana serve running?"],
  unauthorised: ["API 키가 필요하거나 올바르지 않습니다. 설정에서 입력하세요.", "An API key is needed, or is wrong: enter it in the settings."],
  busy: ["서버가 가득 찼습니다. {0}초 뒤에 다시 시도하세요.", "The server is full: try again in {0} s."],
  failed: ["서버가 거절했습니다 ({0}): {1}", "The server refused ({0}): {1}"],
  said: ["{0}", "{0}"],
  broken: ["답이 끝나기 전에 연결이 끊겼습니다", "The connection broke before the answer ended"],
  keySend: ["보내기", "send"],
  keyLine: ["줄바꿈", "new line"],
  keyStop: ["생성 멈추기", "stop the answer"],
  keyNew: ["새 대화", "new conversation"],
  keyAgain: ["마지막 답 다시 생성", "regenerate the last answer"],
  keyEdit: ["(빈 입력 칸에서) 마지막 메시지 고치기", "(in the empty box) edit your last message"],
  keyCopy: ["마지막 답 복사", "copy the last answer"],
  keyMove: ["이전·다음 대화", "previous or next conversation"],
  keySettings: ["설정", "settings"],
  keyFocus: ["입력 칸으로", "to the message box"],
  keyHelp: ["이 목록", "this list"],
  today: ["오늘", "Today"],
  yesterday: ["어제", "Yesterday"],
  week: ["지난 7일", "Previous 7 days"],
  older: ["이전", "Older"],
  noScript: ["이 페이지에는 자바스크립트가 필요합니다.", "This page needs JavaScript."],
};

let language = "en";

/** `ko` or `en`: what was chosen, or what the browser asks for first. */
export function preferred(chosen) {
  if (chosen === "ko" || chosen === "en") return chosen;
  const first = (navigator.languages ?? [navigator.language]).find((tag) => /^(ko|en)\b/i.test(tag));
  return first && /^ko/i.test(first) ? "ko" : "en";
}

export function speak(chosen) {
  language = chosen;
  document.documentElement.lang = chosen;
}

export const spoken = () => language;

/** A word or sentence of the table in the language spoken now. */
export function word(key, ...values) {
  const both = Object.hasOwn(WORDS, key) ? WORDS[key] : [key, key];
  const text = both[language === "ko" ? 0 : 1];
  return text.replace(/\{(\d)\}/g, (_, n) => String(values[n]));
}

/** A number as the language writes it. */
export function number(value, digits = 0) {
  return value.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** Fills in every element below `root` that names its word: text, label, hint or title. */
export function translate(root) {
  for (const node of root.querySelectorAll("[data-word]")) node.textContent = word(node.dataset.word);
  for (const node of root.querySelectorAll("[data-label]")) {
    node.setAttribute("aria-label", word(node.dataset.label));
    node.title = word(node.dataset.label);
  }
  for (const node of root.querySelectorAll("[data-hint]")) node.placeholder = word(node.dataset.hint);
}
