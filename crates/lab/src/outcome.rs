//! What is measured: a number at a place of a JSON file that a step wrote.
//!
//! A place is a JSON pointer with two words more: `last` is the last element of a list, and `key=value` the
//! element of a list of objects that has this value there (`/validations/last/groups/name=ko/score/loss`).
//! Where a curve is named too, the outcome is how far along it a value is first reached, between two points
//! by a straight line: "tokens until the loss that the other arm ends with". A curve that begins beyond the value
//! came there at its first point at the latest, and nobody knows when.

use anyhow::{Result, anyhow, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One outcome as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// What it is called.
    pub name: String,
    /// The step whose artifact has it.
    pub step: String,
    /// The file of the artifact.
    pub file: String,
    /// The place in the file.
    #[serde(default)]
    pub at: String,
    /// What the number is a share of: it and this one are both taken above `chance` first, where that is given.
    pub share_of: Option<Place>,
    /// In place of `at`: a curve, and how far along it something is reached.
    pub until: Option<Until>,
    /// Which way is better.
    #[serde(default)]
    pub better: Better,
    /// How it is written.
    #[serde(default)]
    pub unit: Unit,
    /// What chance gives, drawn as a line.
    pub chance: Option<f64>,
}

/// A number in another step's file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The step whose artifact has it.
    pub step: String,
    /// The file of the artifact.
    pub file: String,
    /// The place in the file.
    pub at: String,
}

impl Place {
    /// The number; `None` where the file says `null`.
    ///
    /// # Errors
    /// A place that is not there, or that holds no number.
    pub fn number(&self, file: &Value) -> Result<Option<f64>> {
        number(file, &self.at)
    }
}

/// How far along a curve a value is first reached.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Until {
    /// The curve, in the outcome's file.
    pub curve: Curve,
    /// The arm whose outcome is to be reached, with the same seed.
    pub arm: String,
    /// That outcome.
    pub outcome: String,
    /// Whether the curve falls towards what is to be reached, as a loss does, or rises.
    #[serde(default = "falls")]
    pub falls: bool,
    /// What one unit along the curve costs is multiplied in, as the budget counts it.
    #[serde(default)]
    pub spent: bool,
}

fn falls() -> bool {
    true
}

/// A list of points in a file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Curve {
    /// Where the list is.
    pub list: String,
    /// Where in each element the way along is.
    pub x: String,
    /// Where in each element the value is.
    pub y: String,
}

/// A curve to draw, one line an arm.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Picture {
    /// Its title, which says what goes up.
    pub name: String,
    /// What goes along.
    pub along: String,
    /// The step whose artifact has it.
    pub step: String,
    /// The file of the artifact.
    pub file: String,
    /// The curve.
    pub curve: Curve,
}

impl Curve {
    /// Its points in a file.
    ///
    /// # Errors
    /// A place that is not there, or that holds no number.
    pub fn points(&self, file: &Value) -> Result<Vec<(f64, f64)>> {
        let Value::Array(list) = find(file, &self.list)? else {
            bail!("{} is no list of points", self.list);
        };
        let wanted = |point: &Value, place: &str| {
            number(point, place)?
                .ok_or_else(|| anyhow!("{place} of a point of {} holds nothing", self.list))
        };
        let point = |point: &Value| Ok((wanted(point, &self.x)?, wanted(point, &self.y)?));
        list.iter().map(point).collect()
    }
}

/// Which way is better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Better {
    /// More is better.
    #[default]
    Higher,
    /// Less is better.
    Lower,
}

/// How a number is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// With four decimals.
    #[default]
    Number,
    /// A share, in per cent.
    Share,
    /// Something large, with a letter: 1.2M.
    Quantity,
}

/// A number that was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// The number.
    pub value: f64,
    /// Whether it may be less: a curve that begins beyond what is to be reached.
    pub at_most: bool,
}

impl From<f64> for Reading {
    fn from(value: f64) -> Self {
        Reading {
            value,
            at_most: false,
        }
    }
}

impl Outcome {
    /// The number in `file`. `other` is what it is a share of, or for a curve the value to reach; `None` where the file
    /// says `null`, or where a curve never comes so far.
    ///
    /// # Errors
    /// A place that is not there, or that holds no number.
    pub fn measure(&self, file: &Value, other: Option<f64>) -> Result<Option<Reading>> {
        let Some(until) = &self.until else {
            let found = number(file, &self.at)?;
            if self.share_of.is_none() {
                return Ok(found.map(Reading::from));
            }
            let chance = self.chance.unwrap_or(0.0);
            let share = |found: f64, whole: f64| (found - chance) / (whole - chance);
            let share = found.zip(other).map(|(found, whole)| share(found, whole));
            let share = share.filter(|share| share.is_finite());
            return Ok(share.map(Reading::from));
        };
        let reach = other.ok_or_else(|| {
            anyhow!(
                "the outcome \"{}\" has nothing to reach: \"{}\" of the arm \"{}\" was not measured",
                self.name,
                until.outcome,
                until.arm
            )
        })?;
        let points = until.curve.points(file)?;
        Ok(first_reach(&points, reach, until.falls))
    }
}

/// Where a curve first comes to `value`.
fn first_reach(points: &[(f64, f64)], value: f64, falls: bool) -> Option<Reading> {
    let there = |y: f64| if falls { y <= value } else { y >= value };
    let first = points.iter().position(|(_, y)| there(*y))?;
    let (x, y) = points[first];
    let Some((before, at)) = first.checked_sub(1).map(|place| points[place]) else {
        return Some(Reading {
            value: x,
            // where a curve begins with nothing, less than nothing cannot be
            at_most: x > 0.0,
        });
    };
    Some(Reading::from(
        before + (x - before) * (at - value) / (at - y),
    ))
}

/// The number at a place; `None` where the file says that there is none.
pub(crate) fn number(file: &Value, place: &str) -> Result<Option<f64>> {
    let value = find(file, place)?;
    match value.as_f64().filter(|number| number.is_finite()) {
        None if !value.is_null() => bail!("{place} holds {}: wanted a number", told(value)),
        number => Ok(number),
    }
}

fn find<'a>(file: &'a Value, place: &str) -> Result<&'a Value> {
    if !place.is_empty() && !place.starts_with('/') {
        bail!(
            "the place {place:?} does not begin with `/`: wanted something like `/validations/last/total/loss`"
        );
    }
    let mut here = file;
    let mut walked = String::new();
    let words = place
        .split('/')
        .skip(1)
        .map(|word| word.replace("~1", "/").replace("~0", "~"));
    for word in words {
        let next = match here {
            Value::Object(map) => map.get(&word),
            Value::Array(list) if word == "last" => list.last(),
            Value::Array(list) => match word.split_once('=') {
                Some((key, value)) => list
                    .iter()
                    .find(|one| one.get(key).and_then(Value::as_str) == Some(value)),
                None => word.parse::<usize>().ok().and_then(|place| list.get(place)),
            },
            _ => None,
        };
        here = next.ok_or_else(|| {
            let there = match here {
                Value::Object(map) => format!("there are {}", some(map.keys().cloned())),
                Value::Array(list) if list.is_empty() => "the list is empty".to_owned(),
                Value::Array(_) => format!(
                    "there is {}: a number, `last` or `key=value` is wanted",
                    told(here)
                ),
                other => format!("there is {}", told(other)),
            };
            anyhow!("{place}: nothing called \"{word}\" at \"{walked}\"; {there}")
        })?;
        walked.push('/');
        walked.push_str(&word);
    }
    Ok(here)
}

/// What a value is, in few words: a whole file can be one.
fn told(value: &Value) -> String {
    match value {
        Value::Object(map) => format!("an object with {} names", map.len()),
        Value::Array(list) => format!("a list of {}", list.len()),
        plain => plain.to_string(),
    }
}

/// A few of many names.
fn some(names: impl Iterator<Item = String>) -> String {
    let mut names: Vec<String> = names.collect();
    if names.len() > 12 {
        names.truncate(12);
        names.push("…".to_owned());
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(place: &str, expected: &str) {
        let file = json!({
            "acc": 0.5,
            "그룹": [{ "name": "ko", "score": { "loss": 2.0 } }, { "name": "en", "score": { "loss": 3.0 } }],
            "a/b": 1, "none": [], "word": "x", "unknown": null,
        });
        let found = match number(&file, place) {
            Ok(Some(number)) => number.to_string(),
            Ok(None) => "nothing".to_owned(),
            Err(error) => error.to_string(),
        };
        assert!(found.contains(expected), "{place}: {found}");
    }

    #[test]
    fn a_place_is_a_pointer_with_two_words_more() {
        check("/acc", "0.5");
        check("/그룹/0/score/loss", "2");
        check("/그룹/last/score/loss", "3");
        check("/그룹/name=ko/score/loss", "2");
        check("/a~1b", "1");
        check(
            "/그룹/name=ja/score",
            "nothing called \"name=ja\" at \"/그룹\"; there is a list of 2",
        );
        check("/accuracy", "there are acc, ");
        check("/none/last", "the list is empty");
        check("/unknown", "nothing");
        check("/word", "holds \"x\": wanted a number");
        check("/acc/x", "there is 0.5");
        check("acc", "does not begin with `/`");
        check("", "an object with 6 names: wanted a number");
    }

    #[test]
    fn a_value_is_reached_between_two_points() {
        let falling = [(0.0, 4.0), (10.0, 2.0), (20.0, 1.0)];
        for (value, falls, expected) in [
            (3.0, true, Some((5.0, false))),
            (2.0, true, Some((10.0, false))),
            (1.5, true, Some((15.0, false))),
            (0.5, true, None),
            // Nothing was needed.
            (5.0, true, Some((0.0, false))),
            (4.0, false, Some((0.0, false))),
        ] {
            let found = first_reach(&falling, value, falls);
            let found = found.map(|found| (found.value, found.at_most));
            assert_eq!(found, expected, "{value}");
        }
        // Reached before anybody looked.
        let begun = first_reach(&falling[1..], 2.5, true).expect("there");
        assert_eq!((begun.value, begun.at_most), (10.0, true));
    }
}
