//! The page itself: blocks in their order, rendered as HTML or for a terminal.
//!
//! The HTML stands alone: one style sheet inside, a content security policy that forbids loading
//! anything, no script. It is read as well on paper, on a phone and in the dark.

use crate::markup::Markup;
use crate::{
    BarChart, Figure, LineChart, Lineage, Sample, Table, bars, figure, lineage, lines, sample,
    table,
};

/// The language of the page: its `lang`, and the few words that the page itself adds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Korean.
    Korean,
}

impl Language {
    fn code(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::Korean => "ko",
        }
    }
    /// What a chart leaves out.
    pub(crate) fn hidden(self, count: usize) -> String {
        match self {
            Language::English => format!("Not drawn: {count} (no number the axis can show)."),
            Language::Korean => format!("그리지 못한 값 {count}개 (축에 나타낼 수 없는 수)."),
        }
    }
}

/// One piece of a page.
#[derive(Clone, Debug)]
pub(crate) enum Block {
    Heading(String),
    Subheading(String),
    Paragraph(String),
    Figures(Vec<Figure>),
    Table(Table),
    Lines(LineChart),
    Bars(BarChart),
    Samples(Vec<Sample>),
    Lineage(Lineage),
    Fold { summary: String, inside: Vec<Block> },
}

/// A report: a title and blocks, added from top to bottom.
#[derive(Clone, Debug, Default)]
pub struct Page {
    pub(crate) title: String,
    pub(crate) lead: Option<String>,
    pub(crate) language: Language,
    pub(crate) blocks: Vec<Block>,
}

impl Page {
    /// An empty page.
    pub fn new(title: impl Into<String>) -> Self {
        Page {
            title: title.into(),
            ..Page::default()
        }
    }
    /// The language of the page.
    pub fn language(mut self, language: Language) -> Self {
        self.language = language;
        self
    }
    /// A sentence under the title.
    pub fn lead(&mut self, text: impl Into<String>) -> &mut Self {
        self.lead = Some(text.into());
        self
    }
    /// Starts a section; sections are listed at the top of the page.
    pub fn heading(&mut self, text: impl Into<String>) -> &mut Self {
        self.push(Block::Heading(text.into()))
    }
    /// A heading within a section.
    pub fn subheading(&mut self, text: impl Into<String>) -> &mut Self {
        self.push(Block::Subheading(text.into()))
    }
    /// A paragraph.
    pub fn paragraph(&mut self, text: impl Into<String>) -> &mut Self {
        self.push(Block::Paragraph(text.into()))
    }
    /// Key figures side by side.
    pub fn figures(&mut self, figures: impl IntoIterator<Item = Figure>) -> &mut Self {
        self.push(Block::Figures(figures.into_iter().collect()))
    }
    /// A table.
    pub fn table(&mut self, table: Table) -> &mut Self {
        self.push(Block::Table(table))
    }
    /// A line chart.
    pub fn lines(&mut self, chart: LineChart) -> &mut Self {
        self.push(Block::Lines(chart))
    }
    /// A bar chart.
    pub fn bars(&mut self, chart: BarChart) -> &mut Self {
        self.push(Block::Bars(chart))
    }
    /// Texts that a model wrote.
    pub fn samples(&mut self, samples: impl IntoIterator<Item = Sample>) -> &mut Self {
        self.push(Block::Samples(samples.into_iter().collect()))
    }
    /// What came from what.
    pub fn lineage(&mut self, lineage: Lineage) -> &mut Self {
        self.push(Block::Lineage(lineage))
    }
    /// Blocks that are folded away until asked for.
    pub fn fold(&mut self, summary: impl Into<String>, fill: impl FnOnce(&mut Page)) -> &mut Self {
        let mut inside = Page::default().language(self.language);
        fill(&mut inside);
        self.push(Block::Fold {
            summary: summary.into(),
            inside: inside.blocks,
        })
    }
    fn push(&mut self, block: Block) -> &mut Self {
        self.blocks.push(block);
        self
    }

    /// The whole page as HTML.
    pub fn finish(&self) -> String {
        let mut m = Markup::default();
        m.literal("<!doctype html>\n");
        m.element("html", &[("lang", &self.language.code())], |m| {
            m.element("head", &[], |m| {
                m.literal(HEAD);
                m.leaf("title", &[], &self.title);
                m.element("style", &[], |m| m.literal(include_str!("page.css")));
            });
            m.element("body", &[], |m| {
                m.element("header", &[], |m| {
                    m.leaf("h1", &[], &self.title);
                    if let Some(lead) = &self.lead {
                        m.leaf("p", &[("class", &"lead")], lead);
                    }
                    contents(&self.blocks, m);
                });
                m.element("main", &[], |m| {
                    let mut section = 0;
                    write(&self.blocks, self.language, &mut section, m);
                });
            });
        });
        m.literal("\n");
        m.finish()
    }
}

const HEAD: &str = r#"<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
"#;

/// Links to the sections, where there are enough of them.
fn contents(blocks: &[Block], m: &mut Markup) {
    let headings: Vec<&String> = blocks
        .iter()
        .filter_map(|b| {
            if let Block::Heading(text) = b {
                Some(text)
            } else {
                None
            }
        })
        .collect();
    if headings.len() < 3 {
        return;
    }
    m.element("nav", &[], |m| {
        for (i, heading) in headings.into_iter().enumerate() {
            m.leaf("a", &[("href", &format!("#s{}", i + 1))], heading);
        }
    });
}

fn write(blocks: &[Block], language: Language, section: &mut usize, m: &mut Markup) {
    for block in blocks {
        m.literal("\n");
        match block {
            Block::Heading(text) => {
                *section += 1;
                m.leaf("h2", &[("id", &format!("s{section}"))], text);
            }
            Block::Subheading(text) => m.leaf("h3", &[], text),
            Block::Paragraph(text) => m.leaf("p", &[], text),
            Block::Figures(figures) => figure::write(figures, m),
            Block::Table(one) => table::write(one, m),
            Block::Lines(chart) => lines::write(chart, language, m),
            Block::Bars(chart) => bars::write(chart, language, m),
            Block::Samples(samples) => sample::write(samples, m),
            Block::Lineage(one) => lineage::write(one, m),
            Block::Fold { summary, inside } => m.element("details", &[], |m| {
                m.leaf("summary", &[], summary);
                // Headings in a fold have no entry among the links, so they need no number.
                write(inside, language, &mut 1_000_000, m);
            }),
        }
    }
}
