//! Drops documents by rules on language, words, lines and repetition, and says of each why.
//!
//! Reads: a corpus; maybe lists of words (`.txt`, one a line) whose texts are not wanted; maybe a model of
//! languages of fastText's (`lid.176.ftz`), which then tells English from the others and names them.
//! Writes: what is kept as a corpus, its language in the metadata; `ledger/*.parquet` with verdict,
//! reasons and every signal of every document; `curated.json`, the account by language and reason.
//! The rules are in `corpus/src/filter/`; `kanana filters` explains them. Limits not given are the published ones.

use crate::kinds::{Classifier, Corpus, Files};
use anyhow::{Result, ensure};
use corpus::{Account, Curation, FilterSettings, Given, LanguageModel, WordLists, filter};
use recipe::{Artifact, Context, Quantity, Stage, Writer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The account of a curating stage, in its artifact.
pub(crate) const ACCOUNT: &str = "curated.json";

/// Settings: those of the `corpus` crate.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(crate) struct Filter(FilterSettings);

/// Inputs.
#[derive(Deserialize)]
pub(crate) struct Inputs {
    corpus: Artifact<Corpus>,
    lists: Option<Artifact<Files>>,
    languages: Option<Artifact<Classifier>>,
}

impl Stage for Filter {
    const NAME: &'static str = "filter";
    const SUMMARY: &'static str =
        "drops documents by rules on language, words, lines and repetition";
    const VERSION: u32 = 2; // links and semicolons alone are no code
    type Inputs = Inputs;
    type Output = Corpus;

    fn estimate(&self, inputs: &Inputs) -> Vec<Quantity> {
        disk(&inputs.corpus, 1.2)
    }

    fn check(&self, _: &Inputs) -> Result<()> {
        ensure!(
            !self.0.keep.is_empty(),
            "keep = [] would drop everything: name at least one of ko, en, code, other"
        );
        Ok(())
    }

    fn run(
        &self,
        inputs: Inputs,
        context: &mut Context<'_>,
        out: &mut Writer<Corpus>,
    ) -> Result<()> {
        let corpus = corpus::Corpus::open(inputs.corpus.path())?;
        let lists = inputs
            .lists
            .map(|lists| WordLists::read(lists.path()))
            .transpose()?;
        let languages = inputs.languages.map(|model| -> Result<LanguageModel> {
            LanguageModel::open(&Classifier::file(model.path())?)
        });
        let languages = languages.transpose()?;
        let given = Given {
            lists: lists.as_ref(),
            languages: languages.as_ref(),
        };
        let signals = filter::signals();
        let curation = Curation {
            corpus: &corpus,
            partial: context.partial()?,
            out: out.path(),
            threads: context.resource::<crate::device::Machine>()?.threads(),
            names: &signals,
        };
        let account = curation.run(
            |_, document| filter::sift(document, &self.0, given),
            |done, total| context.reached(done, total, "documents", ""),
        )?;
        conclude(&account, context, out)
    }
}

/// Disk that a curating stage needs, partial state included.
pub(crate) fn disk(corpus: &Artifact<Corpus>, times: f64) -> Vec<Quantity> {
    let opened = corpus::Corpus::open(corpus.path());
    opened.map_or_else(
        |_| vec![],
        |corpus| {
            vec![Quantity::disk(
                corpus.statistics().total.bytes as f64 * times,
            )]
        },
    )
}

/// Writes the account of a curating stage, and says what it comes to.
pub(crate) fn conclude(
    account: &Account,
    context: &Context<'_>,
    out: &mut Writer<Corpus>,
) -> Result<()> {
    let total = &account.total;
    ensure!(
        total.kept.documents > 0,
        "every one of {} documents was dropped: {}. Look at the limits (`kanana filters`), or at what was read",
        total.came.documents,
        reasons(account)
    );
    if !total.dropped.is_empty() {
        context.message(&format!(
            "{} of {} documents were dropped: {}; `kanana why-dropped` knows more",
            total.came.documents - total.kept.documents,
            total.came.documents,
            reasons(account)
        ));
    }
    out.note("documents in", total.came.documents);
    out.note("documents", total.kept.documents);
    out.note("bytes in", total.came.bytes);
    out.note("bytes", total.kept.bytes);
    for (language, flow) in &account.languages {
        let language = if language.is_empty() {
            "no language"
        } else {
            language
        };
        if flow.kept.documents > 0 {
            out.note(&format!("kept {language}"), flow.kept.documents);
        }
    }
    out.json(ACCOUNT, account)
}

/// `few_words 12, list_like 3`: by how often.
fn reasons(account: &Account) -> String {
    let mut reasons: Vec<_> = account.total.dropped.iter().collect();
    reasons.sort_by_key(|(reason, amount)| (std::cmp::Reverse(amount.documents), *reason));
    reasons
        .iter()
        .map(|(reason, amount)| format!("{reason} {}", amount.documents))
        .collect::<Vec<_>>()
        .join(", ")
}
