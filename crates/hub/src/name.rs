//! The name of a model or a data set on a hub: `ORG/NAME`, and where it is wanted a revision: `ORG/NAME@REVISION`.

use anyhow::{Result, ensure};
use std::fmt;

/// The revision that is meant when none is said.
pub(crate) const MAIN: &str = "main";

/// What a repository holds; each sort has names of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Model,
    Dataset,
}

/// A model or a data set by its name, at a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    sort: Sort,
    path: String,
    /// A branch, a tag or a commit.
    pub revision: String,
}

impl Name {
    /// Reads a model's `ORG/NAME`, `NAME` (a few old ones have no organisation), and either with `@REVISION`.
    ///
    /// # Errors
    /// A word that no hub can have as a name.
    pub fn parse(word: &str) -> Result<Self> {
        let (path, revision) = word.split_once('@').unwrap_or((word, MAIN));
        let parts: Vec<_> = path.split('/').collect();
        ensure!(
            parts.len() <= 2 && parts.iter().all(|part| is_part(part)),
            "{word:?} is no name of a model: wanted ORG/NAME, in letters, digits, `-`, `_` and `.`"
        );
        Name {
            sort: Sort::Model,
            path: path.to_owned(),
            revision: MAIN.to_owned(),
        }
        .at(revision)
    }

    /// The data set of this name: no model is meant.
    #[must_use]
    pub fn of_dataset(self) -> Self {
        Name {
            sort: Sort::Dataset,
            ..self
        }
    }

    /// The word for what it is: `model` or `data set`.
    pub(crate) fn what(&self) -> &'static str {
        match self.sort {
            Sort::Model => "model",
            Sort::Dataset => "data set",
        }
    }

    /// Its path within addresses of the hub: `ORG/NAME`, for data sets after `datasets/`.
    pub(crate) fn address(&self) -> String {
        match self.sort {
            Sort::Model => self.path.clone(),
            Sort::Dataset => format!("datasets/{}", self.path),
        }
    }

    /// Its path within the hub's own interface, after `/api/`.
    pub(crate) fn described_at(&self) -> String {
        match self.sort {
            Sort::Model => format!("models/{}", self.path),
            Sort::Dataset => self.address(),
        }
    }

    /// The same at another revision.
    ///
    /// # Errors
    /// A revision that no hub can have.
    pub fn at(self, revision: &str) -> Result<Self> {
        ensure!(
            revision.len() <= 250 && revision.split('/').all(is_part),
            "{revision:?} is no revision: wanted a branch, a tag or a commit"
        );
        Ok(Name {
            revision: revision.to_owned(),
            ..self
        })
    }

    /// `ORG/NAME`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether the word names an organisation too, so that it can hardly be anything else.
    pub fn has_organisation(&self) -> bool {
        self.path.contains('/')
    }

    /// The name of its folder in the cache.
    pub(crate) fn folder(&self) -> String {
        let sort = match self.sort {
            Sort::Model => "models",
            Sort::Dataset => "datasets",
        };
        format!("{sort}--{}", self.path.replace('/', "--"))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.path)?;
        match self.revision.as_str() {
            MAIN => Ok(()),
            revision => write!(out, "@{revision}"),
        }
    }
}

/// A part of a name can also be a part of a path on any disk: nothing that climbs or hides.
fn is_part(part: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let edge = |c: Option<char>| c.is_some_and(|c| c != '.' && c != '-');
    part.len() <= 96
        && part.chars().all(allowed)
        && edge(part.chars().next())
        && edge(part.chars().next_back())
        && !part.contains("..")
        && !part.contains("--")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_said_again() {
        for word in [
            "kakaocorp/kanana-nano-2.1b-base",
            "gpt2",
            "a/b@v1.0",
            "a/b@refs/pr/3",
        ] {
            assert_eq!(Name::parse(word).expect(word).to_string(), word);
        }
        let name = Name::parse("a/b").expect("a name");
        assert_eq!(
            (name.folder(), name.revision.as_str()),
            ("models--a--b".to_owned(), "main")
        );
        let data = name.of_dataset();
        assert_eq!(data.folder(), "datasets--a--b");
        assert_eq!(
            (data.address(), data.described_at()),
            ("datasets/a/b".to_owned(), "datasets/a/b".to_owned())
        );
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for word in [
            "",
            "/",
            "a/",
            "/b",
            "a/b/c",
            "../b",
            "a/..",
            "a b",
            "카나나/모델",
            "a/b@",
            "a/b@../x",
            "a/b@/etc",
            "a/.b",
            "a/b--c",
            "a/b?x=1",
            "C:\\x",
        ] {
            assert!(Name::parse(word).is_err(), "{word:?}");
        }
    }
}
