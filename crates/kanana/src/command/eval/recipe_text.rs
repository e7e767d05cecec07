//! The one-step recipe that an evaluation stands for, as a person would write it; or why it cannot be one.
//!
//! A recipe's model is a Hugging Face directory, known by its bytes, and its tasks' files lie below what is
//! bound to `data`. Where that is not so, the file says it and holds the same lines as comments.

use super::{Eval, Evaluation, word};
use crate::evaluation::ANSWERS;
use crate::evaluation::local::precision_name;
use anyhow::{Context as _, Result};
use evals::Protocol;
use model::gguf::is_gguf;
use serde_json::json;
use std::fmt::Write as _;
use std::path::Path;

/// For a model of this machine.
pub(super) fn of_model(
    eval: &Eval,
    model: &Path,
    protocol: Protocol,
    evaluation: &Evaluation,
) -> Result<String> {
    let mut tasks = evaluation.wanted.tasks.iter();
    let outside = tasks.find(|task| Path::new(task).is_absolute());
    let mut recipe = String::from("seed = 0\n\n[inputs]\n");
    for (name, kind, path) in [("model", "model", model), ("data", "files", &eval.data)] {
        let path =
            std::path::absolute(path).with_context(|| format!("cannot read {}", path.display()))?;
        let path = path.to_str().with_context(|| {
            format!("the path {} is not valid UTF-8: rename it", path.display())
        })?;
        // JSON's strings are TOML's.
        writeln!(
            recipe,
            "{name} = {{ kind = \"{kind}\", path = {} }}",
            json!(path)
        )?;
    }
    recipe += "\n[[step]]\nname = \"evaluation\"\nstage = \"evaluate\"\n\
               inputs = { model = \"model\", data = \"data\" }\n\n[step.with]\n";
    recipe += &settings(eval, protocol, evaluation)?;
    Ok(match (is_gguf(model), outside, eval.max_tokens) {
        (true, _, _) => none(
            "its model is a GGUF file, and a recipe's models are Hugging Face directories. `kanana convert` \
             makes one of the file; named as the model below, it is a recipe, of weights that are written out",
            &recipe,
        ),
        (false, Some(task), _) => none(
            &format!(
                "the task {task} lies outside the data folder. Put its file there and name it from there, and it \
                 is one"
            ),
            &recipe,
        ),
        (false, None, Some(tokens)) => none(
            &format!(
                "its answers could have {tokens} tokens, and a recipe's have as many as their tasks give them. \
                 Without --max-tokens it is one"
            ),
            &recipe,
        ),
        (false, None, None) => format!(
            "# What `kanana eval` asked, as a recipe: `kanana run` writes the same results into the store.\n{recipe}"
        ),
    })
}

/// For a model behind a server.
pub(super) fn of_server(
    eval: &Eval,
    protocol: Protocol,
    evaluation: &Evaluation,
) -> Result<String> {
    let url = eval.server.server.as_deref().unwrap_or_default();
    Ok(none(
        &format!(
            "its model, {}, is behind the server {url}, and nothing here knows its bytes. The same command asks \
             it for those answers alone that are not in {ANSWERS} beside this file",
            evaluation.name
        ),
        &settings(eval, protocol, evaluation)?,
    ))
}

/// For answers that were made elsewhere.
pub(super) fn of_answers(
    eval: &Eval,
    file: &Path,
    protocol: Protocol,
    evaluation: &Evaluation,
) -> Result<String> {
    Ok(none(
        &format!(
            "nobody was asked: the answers in {} were scored. The same command scores them again",
            file.display()
        ),
        &settings(eval, protocol, evaluation)?,
    ))
}

/// A file that says why it is no recipe.
fn none(why: &str, lines: &str) -> String {
    let mut text =
        format!("# What `kanana eval` did cannot be a recipe: {why}.\n# What was asked:\n#\n");
    for line in lines.lines() {
        text += "#";
        if !line.is_empty() {
            text += "   ";
            text += line;
        }
        text += "\n";
    }
    text
}

/// The settings of the stage.
fn settings(eval: &Eval, protocol: Protocol, evaluation: &Evaluation) -> Result<String> {
    let wanted = &evaluation.wanted;
    let mut text = format!(
        "tasks = {}\nprotocol = \"{}\"\n",
        json!(wanted.tasks),
        word(protocol)
    );
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
    if let Some(tokens) = eval.max_tokens {
        // No setting of the stage: where it was given, the file is no recipe.
        writeln!(text, "max_tokens = {tokens}")?;
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
    if eval.server.server.is_none() && eval.answers.is_none() {
        writeln!(text, "precision = \"{}\"", precision_name(eval.precision))?;
    }
    Ok(text)
}
