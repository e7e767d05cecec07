//! Measures how far two languages meet inside models, layer by layer and checkpoint by checkpoint.
//!
//! Reads: models, in the order in which they were trained; pairs of translations: a world (each fact
//! in both languages), or a file of JSON lines with a field for each language.
//! Writes: `alignment.json` (retrieval of translations both ways and CKA of every layer, with intervals
//! and with shuffled pairs), the same as pictures in `alignment.html` and `alignment.txt`, and
//! `pairs.jsonl`, the pairs that were looked at.
//! Mathematics in `evals::alignment`, pooling in `model::Pooler`. The report has no such analysis.
//!
//! A text is encoded as in training (begin token, no end) and its begin token is left out of the mean.
//! It trains nothing and translates nothing: it says what is near what, not what a model can say.

mod pairs;
mod picture;

use crate::device::Machine;
use crate::forecast;
use crate::kinds::{self, Model, Pairs};
use anyhow::{Context as _, Result, bail, ensure};
use evals::alignment::{self, Alignment, Chance};
use model::{Batch, Decoder, Place, Pool, Pooler, Recompute, Site, Use};
use page::terminal::Ink;
use pairs::{Drawn, LeftOut};
use recipe::{Artifact, Context, Quantity, Stage, Writer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{BufWriter, Write as _};
use tensor::Precision;
use tokenizer::Tokenizer;

/// Settings.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Align {
    /// At most so many pairs, drawn by the step's seed. Default 500.
    pairs: usize,
    /// Only pairs whose other fields say so: `{ told = "both" }` of a world, `{ source = "tatoeba" }`.
    #[serde(rename = "where")]
    only: BTreeMap<String, String>,
    /// The fields that hold the two texts. Default `["ko", "en"]`.
    languages: [String; 2],
    /// The control shuffles pairs only among those that have the same in this field, such as `relation`
    /// of a world, and then says what knowing it alone gives; not given, among all.
    within: Option<String>,
    /// Where to look: numbers of blocks passed (0: the embeddings) and `"norm"`, the last norm; not
    /// given, everywhere.
    layers: Option<Vec<Layer>>,
    /// What stands for a text: the `mean` of its tokens (default) or the `last` of them.
    pool: Pool,
    /// Tokens of a text that are read; the rest of a longer one is cut off. Default 256.
    longest: usize,
    /// What products read: `bf16` (default) or `f32`.
    precision: Precision,
}

impl Default for Align {
    fn default() -> Self {
        Align {
            pairs: 500,
            only: BTreeMap::new(),
            languages: ["ko", "en"].map(str::to_owned),
            within: None,
            layers: None,
            pool: Pool::Mean,
            longest: 256,
            precision: Precision::Bf16,
        }
    }
}

/// A place in a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Layer {
    /// After so many blocks.
    Blocks(usize),
    /// A named one.
    Named(Named),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Named {
    /// After the last norm.
    Norm,
}

/// Inputs.
#[derive(Deserialize)]
pub(crate) struct Inputs {
    models: Vec<Artifact<Model>>,
    pairs: Artifact<Pairs>,
}

/// `alignment.json`.
#[derive(Serialize)]
struct Found {
    languages: [String; 2],
    pool: Pool,
    /// The control shuffles within equal values of this field.
    within: Option<String>,
    pairs: usize,
    left_out: LeftOut,
    chance: Chance,
    models: Vec<Looked>,
}

/// One model.
#[derive(Serialize, Deserialize)]
struct Looked {
    model: String,
    parameters: usize,
    /// Tokens of a text of each language on average, as far as they were read.
    tokens: [f64; 2],
    /// Texts of each language that were cut.
    cut: [usize; 2],
    /// Of `layers`, the one with the highest recalls together; the first of equals.
    best: usize,
    layers: Vec<Figures>,
}

/// One place in it.
#[derive(Serialize, Deserialize)]
struct Figures {
    /// `embeddings`, `block` or `norm`.
    place: String,
    /// Blocks passed.
    blocks: usize,
    figures: Alignment,
}

impl Looked {
    fn best(&self) -> &Figures {
        &self.layers[self.best]
    }
}

impl Stage for Align {
    const NAME: &'static str = "align";
    const VERSION: u32 = 2; // lines without the first text are counted
    const SUMMARY: &'static str = "measures how far two languages meet inside models";
    type Inputs = Inputs;
    type Output = kinds::Alignment;

    fn estimate(&self, inputs: &Inputs) -> Vec<Quantity> {
        let memory = |shape: model::Shape| {
            let rows = rows(None, self.longest);
            let activations = shape.activation_bytes(rows, Recompute::Block, self.precision, false);
            let states = 8 * self.pairs * (shape.layers + 2) * shape.width;
            // Weights, states of all texts, and the matrices of pairs by pairs.
            4 * shape.parameters() + activations + states + 48 * self.pairs * self.pairs
        };
        let shapes = inputs.models.iter().filter_map(forecast::shape_of);
        let most = shapes.map(memory).max();
        most.map(|bytes| Quantity::memory(bytes as f64))
            .into_iter()
            .collect()
    }

    fn check(&self, inputs: &Inputs) -> Result<()> {
        ensure!(
            !inputs.models.is_empty(),
            "no model to look into: name at least one under `models`"
        );
        ensure!(
            self.pairs >= alignment::LEAST,
            "pairs = {}: so few say nothing; wanted at least {}, better several hundred",
            self.pairs,
            alignment::LEAST
        );
        ensure!(
            self.longest > 0,
            "longest = 0: wanted texts of at least one token"
        );
        let [first, second] = &self.languages;
        ensure!(
            first != second && !first.is_empty() && !second.is_empty(),
            "languages = {:?}: wanted the names of two fields, one for each language",
            self.languages
        );
        let Some(layers) = &self.layers else {
            return Ok(());
        };
        ensure!(
            !layers.is_empty(),
            "layers = []: wanted places to look at, or no `layers` for all of them"
        );
        for model in &inputs.models {
            if let Some(shape) = forecast::shape_of(model) {
                self.places(model.name(), shape.layers)?;
            }
        }
        Ok(())
    }

    fn run(
        &self,
        inputs: Inputs,
        context: &mut Context<'_>,
        out: &mut Writer<kinds::Alignment>,
    ) -> Result<()> {
        let drawn = pairs::draw(&inputs.pairs, self, context.seed())?;
        let mut file = BufWriter::new(out.file("pairs.jsonl")?);
        for pair in &drawn.pairs {
            serde_json::to_writer(&mut file, &pair.line(&self.languages))?;
            file.write_all(b"\n")?;
        }
        file.into_inner()?.commit()?;

        let mut models = Vec::new();
        for (index, model) in inputs.models.iter().enumerate() {
            // What an attempt before this one finished.
            let state = context.partial()?.join(format!("{index}.json"));
            if !state.is_file() {
                let before = [index, inputs.models.len()];
                let looked = self
                    .look(model, &drawn, context, before)
                    .with_context(|| format!("looking into the model {}", model.name()))?;
                disk::write(&state, &serde_json::to_vec(&looked)?)?;
            }
            models.push(serde_json::from_slice::<Looked>(&std::fs::read(&state)?)?);
        }
        let found = Found {
            languages: self.languages.clone(),
            pool: self.pool,
            within: self.within.clone(),
            pairs: drawn.pairs.len(),
            left_out: drawn.left_out,
            chance: alignment::chance(drawn.pairs.len()),
            models,
        };
        found.note(out);
        out.json(kinds::Alignment::FILE, &found)?;
        let page = picture::draw(&found);
        let at = |name: &str| out.path().join(name);
        disk::write(&at(kinds::Alignment::PAGE), page.finish().as_bytes())?;
        let text = page.terminal(picture::COLUMNS, Ink::Plain);
        disk::write(&at(kinds::Alignment::TEXT), text.as_bytes())?;
        Ok(())
    }
}

impl Found {
    fn note(&self, out: &mut Writer<kinds::Alignment>) {
        let [first, second] = &self.languages;
        out.note("pairs", self.pairs);
        out.note("chance", self.chance.recall);
        for looked in &self.models {
            let (name, figures) = (&looked.model, &looked.best().figures);
            out.note(
                &format!("{name}: recall {first}-{second}"),
                figures.forth.recall.value,
            );
            out.note(
                &format!("{name}: recall {second}-{first}"),
                figures.back.recall.value,
            );
            if let Some(cka) = figures.cka {
                out.note(&format!("{name}: cka"), cka.value);
            }
        }
    }
}

impl Align {
    /// The places that are looked at in a model of so many layers, in their order.
    fn places(&self, model: &str, layers: usize) -> Result<Vec<Site>> {
        let norm = Site {
            place: Place::LastNorm,
            layer: layers,
        };
        let after = |layer| Site {
            place: Place::Stream,
            layer,
        };
        let Some(wanted) = &self.layers else {
            return Ok((0..=layers).map(after).chain([norm]).collect());
        };
        let mut places = Vec::new();
        for layer in wanted {
            places.push(match *layer {
                Layer::Named(Named::Norm) => norm,
                Layer::Blocks(blocks) => {
                    ensure!(
                        blocks <= layers,
                        "layers = [… {blocks} …]: the model {model} has {layers} layers, so wanted \
                         are numbers from 0 (the embeddings) to {layers}, and \"norm\""
                    );
                    after(blocks)
                }
            });
        }
        places.sort_by_key(|site| (site.place == Place::LastNorm, site.layer));
        places.dedup();
        Ok(places)
    }

    /// One model, `before[0]` of `before[1]`: all texts through it, then place by place.
    fn look(
        &self,
        model: &Artifact<Model>,
        drawn: &Drawn,
        context: &Context<'_>,
        [index, models]: [usize; 2],
    ) -> Result<Looked> {
        let machine = context.resource::<Machine>()?.clone();
        let tokenizer = Tokenizer::load(model.path())
            .context("the model has no tokenizer beside it, and texts cannot be encoded")?;
        let decoder = Decoder::load(model.path(), machine.cpu(self.precision)?, Use::Infer)?;
        let places = self.places(model.name(), decoder.shape.layers)?;
        let begin = tokenizer.bos();
        let longest = self.longest.min(decoder.shape.context);
        ensure!(
            longest > usize::from(begin.is_some()),
            "nothing can be read of a text in {longest} tokens with the one that begins it: raise \
             `longest`"
        );

        let (mut cut, mut tokens) = ([0; 2], [0; 2]);
        let mut texts: Vec<Vec<u32>> = Vec::new();
        for side in 0..2 {
            let of_side: Vec<&str> = drawn.texts(side).collect();
            for encoded in tokenizer.encode_batch(&of_side) {
                let mut ids: Vec<u32> = begin.into_iter().chain(encoded).collect();
                cut[side] += usize::from(ids.len() > longest);
                ids.truncate(longest);
                tokens[side] += ids.len();
                texts.push(ids);
            }
        }
        let done = |texts_done: usize, note: &str| {
            let of = texts.len() as u64;
            let before = index as u64 * of;
            context.reached(
                before + texts_done as u64,
                models as u64 * of,
                "texts",
                note,
            )
        };
        let without = usize::from(begin.is_some());
        if let Some(at) = texts.iter().position(|text| text.len() <= without) {
            let pair = &drawn.pairs[at % drawn.pairs.len()];
            bail!(
                "a text of the pair {} has no token in this model's tokenizer",
                pair.id
            );
        }
        let at_once = rows(machine.micro_batch, longest);
        let mut pooler = Pooler::new(&decoder, at_once);
        let mut states = vec![Vec::new(); places.len()];
        let mut next = 0;
        while next < texts.len() {
            let (start, mut together) = (next, 0);
            while next < texts.len() && together + texts[next].len() <= at_once {
                together += texts[next].len();
                next += 1;
            }
            let batch = Batch::segments(&texts[start..next]);
            batch.check(&decoder.shape)?;
            let wanted = |site| places.contains(&site);
            pooler.add(&batch, self.pool, without, wanted, |site, rows| {
                if let Some(at) = places.iter().position(|place| *place == site) {
                    states[at].extend(rows);
                }
            });
            done(next, "")?;
        }

        let groups = drawn.groups();
        let mut layers = Vec::new();
        for (site, states) in places.iter().zip(states) {
            done(texts.len(), &format!("{}, layer by layer", model.name()))?;
            let (first, second) = states.split_at(states.len() / 2);
            let groups = self.within.is_some().then_some(&groups[..]);
            let width = decoder.shape.width;
            let figures = alignment::align(first, second, width, groups, context.seed())?;
            layers.push(Figures {
                place: match (site.place, site.layer) {
                    (Place::LastNorm, _) => "norm",
                    (_, 0) => "embeddings",
                    _ => "block",
                }
                .to_owned(),
                blocks: site.layer,
                figures,
            });
        }
        Ok(Looked {
            model: model.name().to_owned(),
            parameters: decoder.shape.parameters(),
            tokens: tokens.map(|tokens| tokens as f64 / drawn.pairs.len() as f64),
            cut,
            best: best(&layers),
            layers,
        })
    }
}

/// Rows in the decoder at once.
fn rows(asked: Option<usize>, longest: usize) -> usize {
    asked.unwrap_or(4096).max(longest)
}

/// The place with the highest recalls together.
fn best(layers: &[Figures]) -> usize {
    let together =
        |figures: &Figures| figures.figures.forth.recall.value + figures.figures.back.recall.value;
    let mut best = 0;
    for (at, figures) in layers.iter().enumerate() {
        if together(figures) > together(&layers[best]) {
            best = at;
        }
    }
    best
}
