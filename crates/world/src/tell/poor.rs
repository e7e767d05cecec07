//! Poor documents: the same facts among advertising, navigation, repeated and broken lines.
//!
//! A poor document is repetitive and noisy, and a stated share of its tellings is wrong. What
//! it tells truly and what it contradicts is recorded like everything else, and it tells a
//! fact only in the languages the fact is told in.

use super::{Draft, Teller, bytes_of};
use crate::fact::Language;
use crate::phrase::{capitalised, fill};

impl<'a> Teller<'a> {
    /// Writes poor documents until they have their share beside `good` bytes of good ones.
    pub(super) fn poor(&mut self, good: usize) -> Vec<Draft> {
        let share = self.settings.poor;
        let wanted = (good as f64 * share / (1.0 - share)) as usize;
        let mut drafts = Vec::new();
        let mut bytes = 0;
        while bytes < wanted && !self.all.is_empty() {
            let draft = match self.random.below(4) {
                0 => self.spam(),
                1 => self.navigation(),
                2 => self.scraps(),
                _ => self.rumour(),
            };
            bytes += bytes_of(std::slice::from_ref(&draft));
            drafts.push(draft);
        }
        drafts
    }

    fn spam(&mut self) -> Draft {
        let mut draft = Draft::new("spam", String::new(), Vec::new());
        let shout = self.choose(
            &[
                "BUY NOW!!!",
                "CLICK HERE >>>",
                "FREE FREE FREE!!!",
                "BEST PRICE!!!",
            ],
            &[
                "지금 바로 클릭!!!",
                "무료 배송!!!",
                "최저가 보장!!!",
                "선착순 할인!!!",
            ],
        );
        let offer = self.choose(
            &[
                "Lowest price today",
                "Only 3 left",
                "Limited offer",
                "Call us now",
            ],
            &[
                "오늘만 특가",
                "남은 수량 3개",
                "지금 전화 주세요",
                "단 하루 할인",
            ],
        );
        for _ in 0..self.random.between(1, 2) {
            self.repeat(&mut draft, shout, 1, 4);
            let sentence = self.poor_sentence(&mut draft, 1);
            self.append(&mut draft, &sentence);
            self.repeat(&mut draft, offer, 1, 3);
        }
        self.repeat(&mut draft, shout, 1, 4);
        draft
    }

    fn navigation(&mut self) -> Draft {
        let mut draft = Draft::new("navigation", String::new(), Vec::new());
        let menu = self.choose(
            &[
                "Home | Login | Sign up | Cart (0)",
                "Home > News > All > Page 2",
                "Menu | Search | Help | Sitemap",
            ],
            &[
                "홈 | 로그인 | 회원가입 | 장바구니 (0)",
                "홈 > 소식 > 전체 > 2쪽",
                "메뉴 | 검색 | 도움말 | 사이트맵",
            ],
        );
        self.repeat(&mut draft, menu, 1, 1);
        for _ in 0..self.random.between(1, 3) {
            let sentence = self.poor_sentence(&mut draft, 1);
            self.append(&mut draft, &sentence);
            let more = self.choose(
                &["Read more...", "Share | Print | Like (0)", "Comments (0)"],
                &["더 보기...", "공유 | 인쇄 | 좋아요 (0)", "댓글 (0)"],
            );
            self.repeat(&mut draft, more, 1, 3);
        }
        let foot = self.choose(
            &[
                "Copyright. All rights reserved.",
                "Terms of use | Privacy | Contact",
            ],
            &[
                "무단 전재 및 재배포 금지",
                "이용약관 | 개인정보 처리방침 | 고객센터",
            ],
        );
        self.repeat(&mut draft, foot, 1, 2);
        draft
    }

    fn scraps(&mut self) -> Draft {
        let mut draft = Draft::new("scraps", String::new(), Vec::new());
        for _ in 0..self.random.between(1, 3) {
            let times = self.random.between(2, 4);
            let sentence = self.poor_sentence(&mut draft, times);
            for _ in 0..times {
                self.append(&mut draft, &sentence);
            }
            let broken = self.broken_sentence();
            self.append(&mut draft, &broken);
        }
        draft
    }

    fn rumour(&mut self) -> Draft {
        let mut draft = Draft::new("rumour", String::new(), Vec::new());
        for _ in 0..self.random.between(2, 4) {
            let sentence = self.poor_sentence(&mut draft, 1);
            let line = match self.language {
                Language::English => {
                    let before = self
                        .random
                        .pick(&["lol", "omg", "idk but", "someone said:"]);
                    let after = self.random.pick(&["!!!", "???", "...", "lol"]);
                    format!("{before} {sentence} {after}")
                }
                Language::Korean => {
                    let before = self.random.pick(&["헐", "대박", "아마도", "누가 그러던데"]);
                    let after = self.random.pick(&["ㅋㅋㅋ", "ㅎㅎ", "???", "ㄷㄷ"]);
                    format!("{before} {sentence} {after}")
                }
            };
            self.append(&mut draft, &line);
        }
        draft
    }

    /// A statement, sometimes a false one, recorded in the draft `times` times.
    fn poor_sentence(&mut self, draft: &mut Draft, times: usize) -> String {
        let fact = self.random.pick(&self.all);
        let template = self.statement(fact);
        let wrong = self.random.chance(self.settings.contradictions);
        let object = if wrong {
            self.wrong_object(fact)
        } else {
            self.object(fact)
        };
        let list = if wrong {
            &mut draft.contradicted
        } else {
            &mut draft.facts
        };
        list.extend(std::iter::repeat_n(fact, times));
        capitalised(&fill(template, self.language, &self.name(fact), object))
    }

    fn wrong_object(&mut self, fact: usize) -> &'a str {
        let truth = self.truth;
        let values = truth.values_of(truth.facts[fact].relation);
        let right = truth.value[fact];
        let other = (right + 1 + self.random.below(values.len() - 1)) % values.len();
        values[other].in_language(self.language)
    }

    /// A statement that breaks off before it says anything.
    fn broken_sentence(&mut self) -> String {
        let fact = self.random.pick(&self.all);
        let template = self.statement(fact);
        let beginning = template.split("{o").next().unwrap_or_default().trim_end();
        let written = fill(beginning, self.language, &self.name(fact), "");
        format!("{}...", capitalised(&written))
    }

    fn repeat(&mut self, draft: &mut Draft, line: &str, low: usize, high: usize) {
        for _ in 0..self.random.between(low, high) {
            self.append(draft, line);
        }
    }

    fn append(&self, draft: &mut Draft, line: &str) {
        if !draft.text.is_empty() {
            draft.text.push('\n');
        }
        draft.text.push_str(line);
    }
}
