//! What a chart says, before anybody draws it: the same value is drawn as SVG and in a terminal.
//!
//! Points that an axis cannot show (not finite, not positive on a logarithmic axis) leave a gap
//! and are counted in the caption. Colours follow the order of the series.

/// Beyond this, and below its inverse on a logarithmic axis, room cannot be computed safely.
const MOST: f64 = 1e100;

/// An axis: what it measures, in which unit, and how it is laid out.
#[derive(Clone, Debug, Default)]
pub struct Axis {
    pub(crate) title: String,
    pub(crate) unit: String,
    pub(crate) log: bool,
    pub(crate) percent: bool,
    pub(crate) low: Option<f64>,
    pub(crate) high: Option<f64>,
}

impl Axis {
    /// Title and unit; an empty unit is not written.
    pub fn new(title: impl Into<String>, unit: impl Into<String>) -> Self {
        Axis {
            title: title.into(),
            unit: unit.into(),
            ..Axis::default()
        }
    }
    /// Logarithmic.
    pub fn log(mut self) -> Self {
        self.log = true;
        self
    }
    /// Values are shares: 0.25 is written 25 %.
    pub fn percent(mut self) -> Self {
        self.percent = true;
        self
    }
    /// From here, whatever the data.
    pub fn from(mut self, low: f64) -> Self {
        self.low = Some(low).filter(|v| v.abs() <= MOST);
        self
    }
    /// Up to here, whatever the data.
    pub fn to(mut self, high: f64) -> Self {
        self.high = Some(high).filter(|v| v.abs() <= MOST);
        self
    }
    /// `title (unit)`.
    pub(crate) fn heading(&self) -> String {
        match (self.title.as_str(), self.unit.as_str()) {
            (title, "") => title.to_owned(),
            ("", unit) => unit.to_owned(),
            (title, unit) => format!("{title} ({unit})"),
        }
    }
    /// Whether the axis can show the value at all.
    pub(crate) fn shows(&self, value: f64) -> bool {
        value.abs() <= MOST && (!self.log || value >= 1.0 / MOST)
    }
    /// A value as a label in its own right.
    pub(crate) fn label(&self, value: f64) -> String {
        if self.percent {
            crate::percent(value, 1)
        } else {
            crate::quantity(value)
        }
    }
}

/// A named line.
#[derive(Clone, Debug)]
pub struct Series {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
    pub(crate) band: Vec<(f64, f64, f64)>,
    pub(crate) colour: Option<usize>,
    pub(crate) faint: bool,
    pub(crate) dashed: bool,
    /// A name for every point where points are not joined.
    pub(crate) labels: Option<Vec<String>>,
}

impl Series {
    /// Points (x, y) in the order in which they are joined.
    pub fn new(name: impl Into<String>, points: impl Into<Vec<(f64, f64)>>) -> Self {
        Series {
            name: name.into(),
            points: points.into(),
            band: Vec::new(),
            colour: None,
            faint: false,
            dashed: false,
            labels: None,
        }
    }
    /// Points that are not joined, each a dot with a name; as many names as points.
    pub fn scattered(mut self, labels: impl Into<Vec<String>>) -> Self {
        self.labels = Some(labels.into());
        self
    }
    /// A shaded band (x, low, high) around the line, such as an interval over seeds.
    pub fn band(mut self, band: impl Into<Vec<(f64, f64, f64)>>) -> Self {
        self.band = band.into();
        self
    }
    /// Thin and pale: raw values behind a smoothed line.
    pub fn faint(mut self) -> Self {
        self.faint = true;
        self
    }
    /// Dashed: a control, a target, a comparison.
    pub fn dashed(mut self) -> Self {
        self.dashed = true;
        self
    }
    /// The colour of series number `index` of any chart, so that one thing keeps one colour.
    pub fn colour(mut self, index: usize) -> Self {
        self.colour = Some(index);
        self
    }
}

/// A shaded stretch of the x axis, such as a stage of training.
#[derive(Clone, Debug)]
pub struct Area {
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) label: String,
}

/// A vertical mark with a label, such as a rewind or a resume.
#[derive(Clone, Debug)]
pub struct Mark {
    pub(crate) at: f64,
    pub(crate) label: String,
}

/// Several series over one x axis.
#[derive(Clone, Debug, Default)]
pub struct LineChart {
    pub(crate) title: String,
    pub(crate) note: Option<String>,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) series: Vec<Series>,
    pub(crate) areas: Vec<Area>,
    pub(crate) marks: Vec<Mark>,
}

impl LineChart {
    /// An empty chart.
    pub fn new(title: impl Into<String>, x: Axis, y: Axis) -> Self {
        LineChart {
            title: title.into(),
            x,
            y,
            ..LineChart::default()
        }
    }
    /// A sentence under the picture.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }
    /// Adds a line.
    pub fn series(mut self, series: Series) -> Self {
        self.series.push(series);
        self
    }
    /// Shades `from..to` on the x axis.
    pub fn area(mut self, from: f64, to: f64, label: impl Into<String>) -> Self {
        self.areas.push(Area {
            from,
            to,
            label: label.into(),
        });
        self
    }
    /// Marks one place on the x axis.
    pub fn mark(mut self, at: f64, label: impl Into<String>) -> Self {
        self.marks.push(Mark {
            at,
            label: label.into(),
        });
        self
    }
    /// The colour number of a series.
    pub(crate) fn colour(&self, index: usize) -> usize {
        self.series[index].colour.unwrap_or(index)
    }
    /// Points that cannot be shown.
    pub(crate) fn hidden(&self) -> usize {
        let hides = |(x, y): &&(f64, f64)| !self.x.shows(*x) || !self.y.shows(*y);
        self.series
            .iter()
            .map(|s| s.points.iter().filter(hides).count())
            .sum()
    }
}

/// One bar.
#[derive(Clone, Copy, Debug)]
pub struct Bar {
    pub(crate) value: f64,
    pub(crate) interval: Option<(f64, f64)>,
}

impl Bar {
    /// A bar without an interval.
    pub fn new(value: f64) -> Self {
        Bar {
            value,
            interval: None,
        }
    }
    /// With whiskers from `low` to `high`, such as a 95 % interval.
    pub fn interval(mut self, low: f64, high: f64) -> Self {
        self.interval = Some((low, high));
        self
    }
}

/// Bars that belong together, one per series (`None` where there is no such value).
#[derive(Clone, Debug)]
pub struct Group {
    pub(crate) label: String,
    pub(crate) bars: Vec<Option<Bar>>,
}

/// A value that all bars are seen against, such as chance.
#[derive(Clone, Debug)]
pub struct Reference {
    pub(crate) value: f64,
    pub(crate) label: String,
}

/// Groups of horizontal bars over one value axis that starts at zero unless told otherwise.
#[derive(Clone, Debug, Default)]
pub struct BarChart {
    pub(crate) title: String,
    pub(crate) note: Option<String>,
    pub(crate) axis: Axis,
    pub(crate) series: Vec<String>,
    pub(crate) groups: Vec<Group>,
    pub(crate) references: Vec<Reference>,
}

impl BarChart {
    /// An empty chart; `series` names the bars within a group.
    pub fn new<S: Into<String>>(
        title: impl Into<String>,
        axis: Axis,
        series: impl IntoIterator<Item = S>,
    ) -> Self {
        let series = series.into_iter().map(Into::into).collect();
        BarChart {
            title: title.into(),
            axis,
            series,
            ..BarChart::default()
        }
    }
    /// A sentence under the picture.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }
    /// Adds a group with one bar for each series, in their order.
    pub fn group(
        mut self,
        label: impl Into<String>,
        bars: impl IntoIterator<Item = Option<Bar>>,
    ) -> Self {
        self.groups.push(Group {
            label: label.into(),
            bars: bars.into_iter().collect(),
        });
        self
    }
    /// Adds a reference line.
    pub fn reference(mut self, value: f64, label: impl Into<String>) -> Self {
        self.references.push(Reference {
            value,
            label: label.into(),
        });
        self
    }
    /// Values the axis has room for.
    pub(crate) fn values(&self) -> impl Iterator<Item = f64> + '_ {
        let bars = self.groups.iter().flat_map(|g| g.bars.iter().flatten());
        let bars = bars.flat_map(|b| {
            let (low, high) = b.interval.unwrap_or((b.value, b.value));
            [b.value, low, high]
        });
        let base = (!self.axis.log).then_some(0.0);
        bars.chain(base)
            .chain(self.references.iter().map(|r| r.value))
    }
    /// Bars that cannot be shown.
    pub(crate) fn hidden(&self) -> usize {
        let bars = self.groups.iter().flat_map(|g| g.bars.iter().flatten());
        bars.filter(|b| !self.axis.shows(b.value)).count()
    }
}
