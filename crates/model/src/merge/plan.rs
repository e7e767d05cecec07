//! From a configuration and opened checkpoints to one job for each tensor of the result.
//!
//! Parameters are looked up from the narrowest place to the widest: the model in its slice, the
//! slice, the merge. A gradient runs over the layers of a slice; the tensors below the layers take
//! its first value and belong to the first slice, those above take its first value too and belong
//! to the last slice (mergekit's rules).

use super::config::{Config, Layers, Method, Parameters, Slice};
use super::{Models, Setting};
use crate::checkpoint::{Checkpoint, Stored};
use crate::{ParameterSpec, Shape, table};
use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;

/// One tensor of the result.
pub(super) struct Job<'a> {
    /// What it is made of, in the order of the configuration.
    pub(super) inputs: Vec<Input<'a>>,
    /// Which input is the base.
    pub(super) base: Option<usize>,
    /// What numbers are rounded to before and after merging.
    pub(super) rounding: Stored,
    pub(super) formula: Formula,
}

/// One tensor of a model.
pub(super) struct Input<'a> {
    pub(super) model: &'a str,
    pub(super) checkpoint: &'a Checkpoint,
    pub(super) spec: ParameterSpec,
}

/// A method with its numbers for one tensor; `weights` and `densities` go with the inputs, the
/// base's are not used.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Formula {
    Linear { weights: Vec<f32>, normalize: bool },
    Slerp { t: f64 },
    Differences(Differences),
    ModelStock { by_row: bool },
    Passthrough { scale: Option<f32> },
}

/// Task arithmetic and its kin: which differences count, and how much.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Differences {
    pub(super) weights: Vec<f32>,
    pub(super) densities: Vec<f64>,
    pub(super) thinning: Thinning,
    pub(super) elect: bool,
    pub(super) rescale: bool,
    pub(super) normalize: bool,
    pub(super) lambda: f32,
}

/// How a difference is thinned to its density.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Thinning {
    None,
    Largest,
    Masked,
}

/// What is to be made.
pub(super) struct Plan<'a> {
    pub(super) shape: Shape,
    /// In table order.
    pub(super) jobs: Vec<Job<'a>>,
    /// How the result is written.
    pub(super) stored: Stored,
    /// In what the models compute otherwise than the one whose configuration the result takes.
    pub(super) differences: Vec<String>,
}

struct Planner<'a> {
    config: &'a Config,
    models: &'a Models,
    /// Specs of every model by the tensor's name.
    specs: BTreeMap<&'a str, BTreeMap<String, ParameterSpec>>,
}

impl<'a> Plan<'a> {
    pub(super) fn new(config: &'a Config, models: &'a Models) -> Result<Self> {
        config.check()?;
        for name in config.names() {
            ensure!(
                models.contains_key(name),
                "the merge names a model {name}, which is not given; given are {}",
                models.keys().cloned().collect::<Vec<_>>().join(", ")
            );
        }
        let specs = models.iter().map(|(name, checkpoint)| {
            let specs = table(&checkpoint.shape);
            let specs = specs.into_iter().map(|s| (s.hugging_face.clone(), s));
            (name.as_str(), specs.collect())
        });
        let planner = Planner {
            config,
            models,
            specs: specs.collect(),
        };
        planner.plan()
    }
}

impl<'a> Planner<'a> {
    fn plan(&self) -> Result<Plan<'a>> {
        let layers = |name: &str| Some(self.models.get(name)?.shape.layers);
        let slices = self.config.whole_slices(layers);
        for slice in &slices {
            for source in &slice.sources {
                self.check_layers(source)?;
            }
            self.check_depths(slice)?;
        }
        let donor = self.config.donor().context("a merge names no model")?;
        let used = self.config.names();
        let mut differences = Vec::new();
        for name in &used {
            self.check_heads(donor, name)?;
            differences.extend(self.difference(donor, name));
        }
        let shape = Shape {
            layers: slices.iter().map(Slice::layers).sum(),
            tied: used.iter().all(|name| self.models[*name].shape.tied),
            ..self.models[donor].shape.clone()
        };
        shape.check()?;
        let mut jobs = Vec::new();
        let ends = [slices.first(), slices.last()].map(|slice| slice.expect("checked"));
        // The layer of the slice that each layer of the result is, and where the slice begins.
        let places: Vec<(&Slice, usize)> = slices
            .iter()
            .flat_map(|slice| (0..slice.layers()).map(move |index| (slice, index)))
            .collect();
        for spec in table(&shape) {
            let (slice, index, at) = match spec.layer {
                None if spec.name == "embed" => (ends[0], None, 0.0),
                None => (ends[1], None, 0.0),
                Some(layer) => {
                    let (slice, index) = places[layer];
                    let at = match slice.layers() {
                        1 => 1.0,
                        depth => index as f64 / (depth - 1) as f64,
                    };
                    (slice, Some(index), at)
                }
            };
            jobs.push(
                self.job(&spec, slice, index, at)
                    .with_context(|| format!("planning {}", spec.hugging_face))?,
            );
        }
        let given = self.config.out_dtype.or(self.config.dtype);
        let rounding = jobs.iter().map(|job| job.rounding).reduce(promoted);
        Ok(Plan {
            shape,
            stored: given.or(rounding).context("a merge has no tensors")?,
            jobs,
            differences,
        })
    }

    fn check_layers(&self, source: &Layers) -> Result<()> {
        let layers = self.models[&source.model].shape.layers;
        let [from, to] = source.layer_range;
        ensure!(
            to <= layers,
            "layer_range [{from}, {to}] reaches beyond {}, which has {layers} layers: the last \
             that fits is [{}, {layers}]",
            source.model,
            layers.saturating_sub(to - from)
        );
        Ok(())
    }

    /// The same matrix is other heads where these are cut otherwise, and no dimension tells.
    fn check_heads(&self, donor: &str, name: &str) -> Result<()> {
        let [one, other] = [donor, name].map(|name| &self.models[name].shape);
        let heads = |shape: &Shape| (shape.query_heads, shape.kv_heads, shape.head_dim);
        ensure!(
            heads(one) == heads(other),
            "{donor} has {} and {name} has {}: only models of one shape can be merged",
            heads_in_words(one),
            heads_in_words(other)
        );
        Ok(())
    }

    /// A sentence where a model turns its heads or norms its rows otherwise than the donor.
    fn difference(&self, donor: &str, name: &str) -> Option<String> {
        let [one, other] = [donor, name].map(|name| &self.models[name].shape);
        let mut what = Vec::new();
        if one.rope != other.rope {
            what.push("rotation of positions");
        }
        if one.norm_epsilon != other.norm_epsilon {
            what.push("epsilon of the norms");
        }
        (!what.is_empty()).then(|| {
            let what = what.join(" and another ");
            format!("{name} has another {what} than {donor}: the result has that of {donor}")
        })
    }

    /// Whole models of different depths are not of one shape.
    fn check_depths(&self, slice: &Slice) -> Result<()> {
        let first = &slice.sources[0];
        let length = |layers: &Layers| layers.layer_range[1] - layers.layer_range[0];
        for other in &slice.sources[1..] {
            ensure!(
                length(other) == length(first),
                "{} has {} layers and {} has {}: merge slices of as many layers, with `layer_range`",
                first.model,
                length(first),
                other.model,
                length(other)
            );
        }
        Ok(())
    }

    fn job(
        &self,
        spec: &ParameterSpec,
        slice: &Slice,
        index: Option<usize>,
        at: f64,
    ) -> Result<Job<'a>> {
        let mut inputs = Vec::new();
        let mut names = Vec::new();
        for source in &slice.sources {
            let (model, checkpoint) = self
                .models
                .get_key_value(&source.model)
                .context("checked")?;
            let name = match (spec.layer, index) {
                (Some(layer), Some(index)) => spec.hugging_face.replacen(
                    &format!(".{layer}."),
                    &format!(".{}.", source.layer_range[0] + index),
                    1,
                ),
                _ => spec.hugging_face.clone(),
            };
            let specs = &self.specs[model.as_str()];
            // A tied head is the embedding.
            let found = specs.get(&name).or_else(|| match spec.name.as_str() {
                "head" => specs.get("model.embed_tokens.weight"),
                _ => None,
            });
            let found = found.with_context(|| format!("{model} has no tensor {name}"))?;
            names.push(name);
            inputs.push(Input {
                model,
                checkpoint,
                spec: found.clone(),
            });
        }
        let wanted = &inputs[0].spec.dimensions;
        for (input, name) in inputs.iter().zip(&names).skip(1) {
            ensure!(
                &input.spec.dimensions == wanted,
                "{} is {wanted:?} in {} and {name} is {:?} in {}: only models of one shape can be merged",
                names[0],
                inputs[0].model,
                input.spec.dimensions,
                input.model
            );
        }
        ensure!(
            wanted == &spec.dimensions,
            "{} is {wanted:?} in {} and must be {:?} beside the other slices' tensors",
            names[0],
            inputs[0].model,
            spec.dimensions
        );
        let base = slice
            .base_model
            .as_ref()
            .or(self.config.base_model.as_ref());
        let base = base.filter(|_| self.config.merge_method.needs_base());
        let base = inputs
            .iter()
            .position(|input| Some(input.model) == base.map(String::as_str));
        let rounding = match self.config.dtype {
            Some(stored) => stored,
            None => {
                let stored = inputs
                    .iter()
                    .map(|input| input.checkpoint.stored(&input.spec));
                let stored: Vec<Stored> = stored.collect::<Result<_>>()?;
                stored.into_iter().reduce(promoted).context("checked")?
            }
        };
        let lookup = Lookup {
            config: self.config,
            slice,
            tensor: &spec.hugging_face,
            names: &names,
            at,
        };
        Ok(Job {
            formula: lookup.formula(self.config.merge_method, base)?,
            inputs,
            base,
            rounding,
        })
    }
}

fn heads_in_words(shape: &Shape) -> String {
    format!(
        "{} query heads for {} key–value heads of {} numbers",
        shape.query_heads, shape.kv_heads, shape.head_dim
    )
}

/// The narrowest type that holds both.
fn promoted(one: Stored, other: Stored) -> Stored {
    if one == other { one } else { Stored::F32 }
}

/// Parameters of one tensor.
struct Lookup<'a> {
    config: &'a Config,
    slice: &'a Slice,
    tensor: &'a str,
    /// What the tensor is called in each source.
    names: &'a [String],
    at: f64,
}

impl Lookup<'_> {
    fn formula(&self, method: Method, base: Option<usize>) -> Result<Formula> {
        let differences = |thinning, elect, rescale, normalize| -> Result<Formula> {
            Ok(Formula::Differences(Differences {
                weights: self.weights(base)?,
                densities: self.densities(base, thinning)?,
                thinning,
                elect,
                rescale: self.flag("rescale")?.unwrap_or(rescale) && thinning != Thinning::None,
                normalize: self.flag("normalize")?.unwrap_or(normalize),
                lambda: self.number("lambda")?.unwrap_or(1.0) as f32,
            }))
        };
        match method {
            Method::Linear => {
                let weights = self.weights(None)?;
                let normalize = self.flag("normalize")?.unwrap_or(true);
                let sizes: f32 = weights.iter().map(|weight| weight.abs()).sum();
                ensure!(
                    // Of fractions that should cancel, their rounding is left.
                    !normalize || weights.iter().sum::<f32>().abs() > 1e-6 * sizes,
                    "the weights of {} sum to 0, and a mean is divided by their sum: give other \
                     weights, or `normalize = false`",
                    self.tensor
                );
                Ok(Formula::Linear { weights, normalize })
            }
            Method::Slerp => match self.number("t")? {
                Some(t) => Ok(Formula::Slerp { t }),
                None => bail!("slerp needs the parameter `t`: 0 is the base, 1 the other"),
            },
            Method::TaskArithmetic => differences(Thinning::None, false, false, false),
            Method::Ties => differences(Thinning::Largest, true, false, true),
            Method::DareTies => differences(Thinning::Masked, true, true, false),
            Method::DareLinear => differences(Thinning::Masked, false, true, false),
            Method::ModelStock => Ok(Formula::ModelStock {
                by_row: self.flag("filter_wise")?.unwrap_or(false),
            }),
            Method::Passthrough => Ok(Formula::Passthrough {
                scale: self
                    .scoped(Some(0))
                    .find_map(|(name, parameters)| {
                        let setting = parameters.get("scale")?;
                        setting.number_for(name, self.at).transpose()
                    })
                    .transpose()
                    .context("scale")?
                    .map(|scale| scale as f32),
            }),
        }
    }

    fn weights(&self, base: Option<usize>) -> Result<Vec<f32>> {
        let weights = self.of_inputs("weight", base, None)?;
        Ok(weights.into_iter().map(|weight| weight as f32).collect())
    }

    fn densities(&self, base: Option<usize>, thinning: Thinning) -> Result<Vec<f64>> {
        let densities = self.of_inputs("density", base, Some(1.0))?;
        for (density, source) in densities.iter().zip(&self.slice.sources) {
            ensure!(
                thinning == Thinning::None || (0.0..=1.0).contains(density),
                "the density of {} is {density}: a share of a difference is from 0 to 1",
                source.model
            );
        }
        Ok(densities)
    }

    /// A parameter of every input but the base, for which 0 stands.
    fn of_inputs(&self, name: &str, base: Option<usize>, usual: Option<f64>) -> Result<Vec<f64>> {
        let value = |input: usize| -> Result<f64> {
            if Some(input) == base {
                return Ok(0.0);
            }
            let found = self.find(name, Some(input), Setting::number_for)?;
            found.or(usual).with_context(|| {
                let model = &self.slice.sources[input].model;
                format!("the parameter `{name}` is not given for {model}, and has no default")
            })
        };
        (0..self.slice.sources.len()).map(value).collect()
    }

    fn number(&self, name: &str) -> Result<Option<f64>> {
        self.find(name, None, Setting::number_for)
    }

    fn flag(&self, name: &str) -> Result<Option<bool>> {
        self.find(name, None, Setting::flag_for)
    }

    fn find<T>(
        &self,
        name: &str,
        input: Option<usize>,
        read: impl Fn(&Setting, &str, f64) -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        for (tensor, parameters) in self.scoped(input) {
            if let Some(setting) = parameters.get(name) {
                let value = read(setting, tensor, self.at);
                if let Some(value) = value.with_context(|| format!("the parameter `{name}`"))? {
                    return Ok(Some(value));
                }
            }
        }
        Ok(None)
    }

    /// Where a parameter may stand, from the narrowest place, with the tensor's name there.
    fn scoped(&self, input: Option<usize>) -> impl Iterator<Item = (&str, &Parameters)> {
        let tensor = match input {
            Some(input) => self.names[input].as_str(),
            None => self.tensor,
        };
        let narrow = input.map(|input| &self.slice.sources[input].parameters);
        narrow
            .into_iter()
            .chain([&self.slice.parameters, &self.config.parameters])
            .map(move |parameters| (tensor, parameters))
    }
}
