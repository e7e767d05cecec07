//! Makes a deeper model of a model's layers: depth up-scaling, before it is trained on.
//!
//! Reads: a model.
//! Writes: a Hugging Face directory, and `surgery.json`: which layer came from where.
//! Mathematics in `model::upscale` (which layers: the report's section on depth up-scaling, SOLAR)
//! and `model::gather`. The optimizer starts afresh; continued training is `pretrain`, with the
//! mixture of stage 1 and then that of stage 2.

use crate::kinds::Model;
use crate::{forecast, surgery};
use anyhow::{Context as _, Result, bail};
use model::checkpoint::Checkpoint;
use model::gather::Gather;
use model::upscale::{Plan, gather};
use model::{Dtype, Shape};
use recipe::{Artifact, Context, Quantity, Stage, Writer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Settings: `layers`, or `plan` with `to` (or, for `solar`, `drop`).
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Upscale {
    /// The layers of the input that the result is made of, in order, counted from 0.
    #[serde(default)]
    layers: Option<Vec<usize>>,
    /// `solar`: two overlapping copies end to end; `interleaved`: copies right after their sources;
    /// `preserving`: interleaved, and the copies add nothing yet (their `o` and `down` are zero).
    #[serde(default)]
    plan: Option<Plan>,
    /// How many layers the plan should make.
    #[serde(default)]
    to: Option<usize>,
    /// SOLAR's m instead: layers dropped from each of the two copies.
    #[serde(default)]
    drop: Option<usize>,
    /// How the weights are stored. Default as the input's, bit for bit.
    #[serde(default)]
    dtype: Option<Dtype>,
}

/// Inputs.
#[derive(Deserialize)]
pub(crate) struct Inputs {
    model: Artifact<Model>,
}

impl Stage for Upscale {
    const NAME: &'static str = "upscale";
    const SUMMARY: &'static str = "makes a deeper model of a model's layers";
    type Inputs = Inputs;
    type Output = Model;

    fn estimate(&self, inputs: &Inputs) -> Vec<Quantity> {
        let gather = forecast::shape_of(&inputs.model).map(|from| self.gather(&from));
        match gather {
            Some(Ok(gather)) => surgery::quantities(gather.shape(), self.dtype),
            _ => vec![],
        }
    }

    fn check(&self, inputs: &Inputs) -> Result<()> {
        match (&self.layers, self.plan, self.to, self.drop) {
            (Some(_), None, None, None)
            | (None, Some(_), Some(_), None)
            | (None, Some(Plan::Solar), None, Some(_)) => {}
            _ => bail!(
                "wanted either `layers`, a list of the model's layers; or a `plan` with `to`, the \
                 number of layers it should make; or `plan = \"solar\"` with `drop`, the layers \
                 dropped from each of the two copies; found another combination"
            ),
        }
        match forecast::shape_of(&inputs.model) {
            Some(from) => self.gather(&from).map(drop),
            None => Ok(()),
        }
    }

    fn run(
        &self,
        inputs: Inputs,
        context: &mut Context<'_>,
        out: &mut Writer<Model>,
    ) -> Result<()> {
        let checkpoint = Checkpoint::open(inputs.model.path())?;
        let gather = self.gather(&checkpoint.shape)?;
        let more = json!({ "by": Self::NAME, "plan": self.plan });
        surgery::write(
            (&inputs.model, &checkpoint),
            &gather,
            self.dtype,
            more,
            context,
            out,
        )
    }
}

impl Upscale {
    fn gather(&self, from: &Shape) -> Result<Gather> {
        let layers = match (&self.layers, self.plan, self.to, self.drop) {
            (Some(layers), ..) => layers.clone(),
            (None, Some(plan), Some(to), _) => plan.layers(from.layers, to).context("with.to")?,
            (None, Some(_), None, Some(drop)) => {
                Plan::solar_dropping(from.layers, drop).context("with.drop")?
            }
            _ => bail!("neither `layers` nor a whole `plan` is given"),
        };
        let silent = self.plan.is_some_and(Plan::silences_copies);
        gather(from, &layers, silent).context("with.layers")
    }
}
