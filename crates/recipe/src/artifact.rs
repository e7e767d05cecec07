//! An artifact as a stage sees it: a folder, what it is, and the name it goes by.

use std::fmt;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use serde::de::{DeserializeOwned, Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::manifest::{MANIFEST, PROVENANCE};
use crate::{Manifest, Quantity, read_metrics};

/// What an artifact is. Edges of a recipe are checked by it before anything runs.
pub trait Kind: 'static {
    /// A noun: "tokens", "model".
    const NAME: &'static str;
    /// Kinds that such an artifact is as well, because it holds everything that they hold: an
    /// edge that wants one of them takes it.
    const ALSO: &'static [&'static str] = &[];

    /// Whether the folder or file at `path` is such an artifact; the error says why not.
    /// Asked of inputs from outside, of what a stage has just written, and by `verify`.
    fn check(path: &Path) -> Result<()> {
        let _ = path;
        Ok(())
    }
}

/// Where an artifact lies and what it is called, without its kind in the type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Reference {
    pub(crate) name: String,
    pub(crate) key: String,
    pub(crate) kind: String,
    /// Kinds that it is as well.
    pub(crate) also: Vec<String>,
    /// What its step is expected to cost; empty for inputs from outside.
    pub(crate) expected: Vec<Quantity>,
    /// The data: a folder of the store, or a file or folder outside it.
    pub(crate) path: PathBuf,
    /// The folder of the store that holds the manifest.
    pub(crate) record: PathBuf,
}

impl Reference {
    /// Whether an edge that wants `kind` takes it.
    pub(crate) fn is(&self, kind: &str) -> bool {
        self.kind == kind || self.also.iter().any(|also| also == kind)
    }
}

/// An input of a stage, or any other artifact of kind `K`.
pub struct Artifact<K> {
    reference: Arc<Reference>,
    kind: PhantomData<fn() -> K>,
}

impl<K> Artifact<K> {
    pub(crate) fn new(reference: Reference) -> Self {
        Self {
            reference: Arc::new(reference),
            kind: PhantomData,
        }
    }

    /// Its folder; for an input from outside, the file or folder that was bound.
    pub fn path(&self) -> &Path {
        &self.reference.path
    }

    /// The path of one of its files.
    pub fn file(&self, name: &str) -> PathBuf {
        self.reference.path.join(name)
    }

    /// One of its files, read as JSON.
    pub fn json<T: DeserializeOwned>(&self, name: &str) -> Result<T> {
        let path = self.file(name);
        let bytes =
            std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_slice(&bytes)
            .with_context(|| format!("{} is not the JSON expected", path.display()))
    }

    /// Twelve hexadecimal digits: what was asked for.
    pub fn key(&self) -> &str {
        &self.reference.key
    }

    /// The name of the step or input that it is in the recipe. It is part of the key of
    /// what is made from it, so a stage may write it down.
    pub fn name(&self) -> &str {
        &self.reference.name
    }

    /// Whether it is finished. At plan time an input may not be.
    pub fn exists(&self) -> bool {
        // An input from outside is there before its record is.
        self.reference.path != self.reference.record
            || self.reference.record.join(MANIFEST).is_file()
    }

    /// Its manifest: settings, inputs, files, notes.
    pub fn manifest(&self) -> Result<Manifest> {
        Manifest::read(&self.reference.record)
    }

    /// A value that its stage noted, or `None`.
    pub fn note(&self, key: &str) -> Option<Value> {
        self.manifest().ok()?.notes.get(key).cloned()
    }

    /// What the step that makes it is expected to amount to, such as "parameters": for estimates
    /// while it is not there yet.
    pub fn expected(&self, quantity: &str) -> Option<f64> {
        let found = self
            .reference
            .expected
            .iter()
            .find(|expected| expected.name == quantity);
        found.map(|expected| expected.value)
    }

    /// Where its attempts, metrics and messages lie. Times and speeds differ from run to
    /// run: what is written from them differs too.
    pub fn provenance_dir(&self) -> PathBuf {
        self.reference.record.join(PROVENANCE)
    }

    /// The metrics that its stage reported, in order; empty where there are none.
    pub fn metrics(&self) -> Result<Vec<Value>> {
        read_metrics(&self.provenance_dir())
    }
}

impl<K> Clone for Artifact<K> {
    fn clone(&self) -> Self {
        Self {
            reference: self.reference.clone(),
            kind: PhantomData,
        }
    }
}

impl<K> fmt::Debug for Artifact<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.reference.name, self.reference.key)
    }
}

/// The kind travels to the deserializer as the name of a newtype, so that a stage's
/// inputs can be checked, and described, from their type alone.
impl<'de, K: Kind> Deserialize<'de> for Artifact<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bound<K>(PhantomData<fn() -> K>);
        impl<K> Visitor<'_> for Bound<K> {
            type Value = Artifact<K>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an artifact bound by a recipe")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                serde_json::from_str(text)
                    .map(Artifact::new)
                    .map_err(E::custom)
            }
        }
        deserializer.deserialize_newtype_struct(K::NAME, Bound(PhantomData))
    }
}
