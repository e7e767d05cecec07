//! What the page of an evaluation says, in English and in Korean.

use page::Language;

/// The words of a page.
pub(super) struct Words {
    korean: bool,
    pub(super) figures: &'static str,
    pub(super) reading: &'static str,
    pub(super) chart: &'static str,
    pub(super) base: &'static str,
    pub(super) instruct: &'static str,
    pub(super) task: &'static str,
    pub(super) metric: &'static str,
    pub(super) value: &'static str,
    pub(super) interval: &'static str,
    pub(super) questions: &'static str,
    pub(super) contaminated: &'static str,
    pub(super) unknown: &'static str,
    pub(super) group: &'static str,
    pub(super) by_group: &'static str,
    pub(super) every_question: &'static str,
    pub(super) before_every: &'static str,
    pub(super) question: &'static str,
    pub(super) answer: &'static str,
    pub(super) verdict: &'static str,
    pub(super) option: &'static str,
    pub(super) per_byte: &'static str,
    pub(super) tokens: &'static str,
    pub(super) score: &'static str,
    pub(super) right: &'static str,
    pub(super) taken: &'static str,
    pub(super) nothing: &'static str,
    pub(super) note: &'static str,
}

const ENGLISH: Words = Words {
    korean: false,
    figures: "Figures",
    reading: "± is the standard error, and the interval holds 95 % (bootstrap over questions).",
    chart: "Scores with 95 % intervals",
    base: "protocol base",
    instruct: "protocol instruct",
    task: "task",
    metric: "metric",
    value: "value",
    interval: "95 %",
    questions: "questions",
    contaminated: "in training data",
    unknown: "not looked for",
    group: "subject",
    by_group: "By subject",
    every_question: "Every question",
    before_every: "What stands before every question",
    question: "Question",
    answer: "Question and answer",
    verdict: "What the judge said",
    option: "option",
    per_byte: "ln p per byte",
    tokens: "tokens",
    score: "score",
    right: "right is",
    taken: "taken as the answer",
    nothing: "no answer found",
    note: "note",
};

const KOREAN: Words = Words {
    korean: true,
    figures: "점수",
    reading: "±는 표준오차이고, 구간은 95 % 신뢰구간입니다(문항을 다시 뽑는 부트스트랩).",
    chart: "점수와 95 % 구간",
    base: "base 방식",
    instruct: "instruct 방식",
    task: "과제",
    metric: "지표",
    value: "값",
    interval: "95 %",
    questions: "문항",
    contaminated: "학습 데이터와 겹침",
    unknown: "찾아보지 않음",
    group: "과목",
    by_group: "과목별",
    every_question: "모든 문항",
    before_every: "모든 문항 앞에 오는 글",
    question: "문항",
    answer: "문항과 답",
    verdict: "평가 모델의 판정",
    option: "보기",
    per_byte: "바이트당 ln p",
    tokens: "토큰",
    score: "채점",
    right: "정답",
    taken: "답으로 읽은 것",
    nothing: "답을 찾지 못함",
    note: "비고",
};

pub(super) fn words(language: Language) -> Words {
    match language {
        Language::English => ENGLISH,
        Language::Korean => KOREAN,
    }
}

impl Words {
    fn say(&self, english: String, korean: String) -> String {
        if self.korean { korean } else { english }
    }

    pub(super) fn title(&self, model: &str) -> String {
        self.say(format!("Evaluation of {model}"), format!("{model} 평가"))
    }

    pub(super) fn between(&self, low: &str, high: &str) -> String {
        format!("{low} – {high}")
    }

    pub(super) fn limit(&self, limit: usize) -> String {
        self.say(
            format!("the first {limit} questions of each subject"),
            format!("과목마다 처음 {limit}문항"),
        )
    }

    pub(super) fn max_tokens(&self, tokens: usize) -> String {
        self.say(
            format!("answers of at most {tokens} tokens"),
            format!("답은 최대 {tokens}토큰"),
        )
    }

    pub(super) fn judge(&self, judge: &str) -> String {
        self.say(format!("judged by {judge}"), format!("평가 모델 {judge}"))
    }

    pub(super) fn failed(&self, task: &str, count: usize, id: &str, why: &str) -> String {
        self.say(
            format!(
                "{task}: {count} questions have no answer and count as wrong; the first, {id}, because {why}."
            ),
            format!(
                "{task}: {count}문항은 답이 없어 틀린 것으로 셉니다. 첫 문항 {id}의 이유: {why}."
            ),
        )
    }

    pub(super) fn noted(&self, task: &str, count: usize, id: &str, note: &str) -> String {
        self.say(
            format!("{task}: {count} questions have a note beside their answer; the first, {id}: {note}."),
            format!("{task}: {count}문항은 답에 덧붙은 말이 있습니다. 첫 문항 {id}: {note}."),
        )
    }

    pub(super) fn overlap(&self, found: &evals::Contamination) -> String {
        let (held, questions) = (found.overlapping, found.questions);
        match (held, found.removed) {
            (0, _) => self.say("no overlap found".to_owned(), "겹침 없음".to_owned()),
            (_, false) => self.say(
                format!("⚠ {held} of {questions}"),
                format!("⚠ {questions}문항 중 {held}"),
            ),
            (_, true) => self.say(
                format!("{held} of {questions}, taken out"),
                format!("{questions}문항 중 {held}, 뺐음"),
            ),
        }
    }

    pub(super) fn about(
        &self,
        summary: &str,
        protocol: &str,
        source: &str,
        version: u32,
        prompts: &str,
    ) -> String {
        self.say(
            format!("{summary}; {protocol}; data {source}; version {version}; prompts {prompts}."),
            format!(
                "{summary}; {protocol}; 자료 {source}; 버전 {version}; 프롬프트 해시 {prompts}."
            ),
        )
    }

    pub(super) fn part(&self, asked: usize, total: usize) -> String {
        self.say(
            format!("{asked} of {total} questions were asked."),
            format!("{total}문항 가운데 {asked}문항을 물었습니다."),
        )
    }

    pub(super) fn elsewhere(&self, task: &str) -> String {
        self.say(
            format!("The other questions are in samples_{task}.jsonl, beside this page."),
            format!("나머지 문항은 이 페이지 옆의 samples_{task}.jsonl에 있습니다."),
        )
    }

    pub(super) fn vector(&self, length: usize) -> String {
        self.say(
            format!("a vector of {length} numbers"),
            format!("수 {length}개의 벡터"),
        )
    }
}
