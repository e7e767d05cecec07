//! Lists: one relation, several subjects, a line each.

use super::Teller;
use crate::phrase::{capitalised, phrases};

impl Teller<'_> {
    pub(super) fn list(&mut self, facts: &[usize]) -> String {
        let label = phrases(self.truth.facts[facts[0]].relation, self.language).label;
        let mut text = label.to_string();
        for &fact in facts {
            let name = capitalised(self.truth.facts[fact].subject_in(self.language));
            text.push_str(&format!("\n- {name}: {}", self.object(fact)));
        }
        text
    }
}
