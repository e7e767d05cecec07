//! Where benchmarks are to be had by name: which files of which data set, under which licence, and how they
//! become the original format that a task reads.
//!
//! Hubs store tables (Parquet, JSON lines, CSV) with columns of their own; a task reads what the benchmark's
//! authors published. [`Source::arrange`] writes the second from the first, once, so that a folder of
//! benchmarks looks the same wherever it came from. Nothing here fetches anything.
//!
//! Deliberately absent: benchmarks that hubs hold only in another form than the one that is scored
//! (HumanEval+ and MBPP+ without their inputs, MT-Bench, FunctionChat-Bench); `kanana evals` says where they are.

mod forms;
#[cfg(any(test, feature = "pretend"))]
pub mod pretend;
#[cfg(test)]
mod tests;

use anyhow::Result;
use std::path::Path;

/// A benchmark on a hub.
pub struct Source {
    /// The task that reads it.
    pub task: &'static str,
    /// The data set.
    pub repository: &'static str,
    /// The licence that its card named when this was written; what the hub says itself counts more.
    pub licence: &'static str,
    /// Patterns of the files that are wanted (`*` is any text).
    pub files: &'static [&'static str],
    /// The folder that is made, below that of all benchmarks.
    pub place: &'static str,
    form: fn(&Path, &Path) -> Result<()>,
}

/// Everything that can be pulled.
pub const SOURCES: &[Source] = &[
    Source {
        task: "mmlu",
        repository: "cais/mmlu",
        licence: "mit",
        // With all subjects in each, told apart by a column.
        files: &["all/dev-*.parquet", "all/test-*.parquet"],
        place: "mmlu",
        form: forms::mmlu,
    },
    Source {
        task: "kmmlu",
        repository: "HAERAE-HUB/KMMLU",
        licence: "cc-by-nd-4.0",
        files: &["data/*-dev.csv", "data/*-test.csv"],
        place: "kmmlu",
        form: forms::kmmlu,
    },
    Source {
        task: "haerae",
        repository: "HAERAE-HUB/HAE_RAE_BENCH_1.1",
        licence: "cc-by-nc-nd-4.0",
        files: &[
            "*general_knowledge*",
            "*history*",
            "*loan_words*",
            "*rare_words*",
            "*standard_nomenclature*",
        ],
        place: "haerae",
        form: forms::haerae,
    },
    Source {
        task: "kobest_boolq",
        files: &["boolq/*"],
        place: "kobest/BoolQ",
        form: forms::boolq,
        ..KOBEST
    },
    Source {
        task: "kobest_copa",
        files: &["copa/*"],
        place: "kobest/COPA",
        form: forms::copa,
        ..KOBEST
    },
    Source {
        task: "kobest_hellaswag",
        files: &["hellaswag/*"],
        place: "kobest/HellaSwag",
        form: forms::hellaswag,
        ..KOBEST
    },
    Source {
        task: "kobest_sentineg",
        files: &["sentineg/*"],
        place: "kobest/SentiNeg",
        form: forms::sentineg,
        ..KOBEST
    },
    Source {
        task: "kobest_wic",
        files: &["wic/*"],
        place: "kobest/WiC",
        form: forms::wic,
        ..KOBEST
    },
    Source {
        task: "gsm8k",
        repository: "openai/gsm8k",
        licence: "mit",
        files: &["main/train-*.parquet", "main/test-*.parquet"],
        place: "gsm8k",
        form: forms::gsm8k,
    },
    Source {
        task: "humaneval",
        repository: "openai/openai_humaneval",
        licence: "mit",
        files: &["openai_humaneval/test-*.parquet"],
        place: "humaneval",
        form: forms::humaneval,
    },
    Source {
        task: "mbpp",
        repository: "google-research-datasets/mbpp",
        licence: "cc-by-4.0",
        files: &["full/*.parquet"],
        place: "mbpp",
        form: forms::mbpp,
    },
    Source {
        task: "math",
        repository: "EleutherAI/hendrycks_math",
        licence: "mit",
        files: &["*/test-*.parquet"],
        place: "math",
        form: forms::math,
    },
    Source {
        task: "ifeval",
        repository: "google/IFEval",
        licence: "apache-2.0",
        files: &["ifeval_input_data.jsonl"],
        place: "ifeval",
        form: forms::ifeval,
    },
];

const KOBEST: Source = Source {
    task: "",
    repository: "skt/kobest_v1",
    licence: "cc-by-sa-4.0",
    files: &[],
    place: "",
    form: forms::boolq,
};

impl Source {
    /// Those that a name means: one task's, or with `kobest` all of that family; none for a name that
    /// cannot be pulled.
    pub fn named(name: &str) -> Vec<&'static Source> {
        let family = format!("{name}_");
        let all = SOURCES.iter();
        let meant = |source: &&Source| source.task == name || source.task.starts_with(&family);
        all.filter(meant).collect()
    }

    /// Writes the original format into the empty folder `into`, from the files of the data set as they lie
    /// below `from`.
    ///
    /// # Errors
    /// Files that are not there, or whose rows have other columns than are told of.
    pub fn arrange(&self, from: &Path, into: &Path) -> Result<()> {
        (self.form)(from, into)
    }
}
