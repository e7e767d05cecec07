//! The one-step recipe that an evaluation stands for, as a person would write it.

use super::{Eval, Evaluation, word};
use crate::evaluation::local::precision_name;
use anyhow::{Context as _, Result};
use evals::Protocol;
use model::gguf::is_gguf;
use serde_json::json;
use std::fmt::Write as _;
use std::path::Path;

/// The recipe; `None` where a recipe cannot say it: a GGUF file, a task's file outside the data folder.
pub(super) fn write(
    eval: &Eval,
    model: &Path,
    protocol: Protocol,
    evaluation: &Evaluation,
) -> Result<Option<String>> {
    if is_gguf(model) {
        return Ok(None);
    }
    let wanted = &evaluation.wanted;
    if wanted
        .tasks
        .iter()
        .any(|task| Path::new(task).is_absolute())
    {
        return Ok(None);
    }
    let mut text = String::from(
        "# What `kanana eval` asked, as a recipe: `kanana run` writes the same results into the store.\n\
         seed = 0\n\n[inputs]\n",
    );
    for (name, kind, path) in [("model", "model", model), ("data", "files", &eval.data)] {
        let path =
            std::path::absolute(path).with_context(|| format!("cannot read {}", path.display()))?;
        let path = path.to_str().with_context(|| {
            format!("the path {} is not valid UTF-8: rename it", path.display())
        })?;
        // JSON's strings are TOML's.
        writeln!(
            text,
            "{name} = {{ kind = \"{kind}\", path = {} }}",
            json!(path)
        )?;
    }
    writeln!(
        text,
        "\n[[step]]\nname = \"evaluation\"\nstage = \"evaluate\"\n\
         inputs = {{ model = \"model\", data = \"data\" }}\n\n[step.with]\ntasks = {}\nprotocol = \"{}\"",
        json!(wanted.tasks),
        word(protocol)
    )?;
    for (name, value) in [("shots", wanted.shots), ("limit", wanted.limit)] {
        if let Some(value) = value {
            writeln!(text, "{name} = {value}")?;
        }
    }
    if wanted.draws != 1 {
        writeln!(text, "draws = {}", wanted.draws)?;
    }
    if let Some(temperature) = wanted.temperature {
        writeln!(text, "temperature = {temperature:?}")?;
    }
    if let (Some(url), Some(name)) = (&eval.judging.judge, &eval.judging.judge_model) {
        writeln!(
            text,
            "judge = {{ url = {}, model = {} }}",
            json!(url),
            json!(name)
        )?;
        writeln!(text, "votes = {}", eval.judging.votes())?;
    }
    writeln!(text, "precision = \"{}\"", precision_name(eval.precision))?;
    Ok(Some(text))
}
