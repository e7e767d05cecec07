//! A table whose numbers line up: decimals belong to the column, digits are of one width.

use crate::markup::Markup;
use crate::number::fixed;

/// A column: its title, and how its cells are written.
#[derive(Clone, Debug)]
pub struct Column {
    pub(crate) title: String,
    pub(crate) decimals: Option<usize>,
}

impl Column {
    /// Text, aligned to the left.
    pub fn text(title: impl Into<String>) -> Self {
        Column {
            title: title.into(),
            decimals: None,
        }
    }
    /// Numbers, aligned to the right, all with the same decimals.
    pub fn number(title: impl Into<String>, decimals: usize) -> Self {
        Column {
            title: title.into(),
            decimals: Some(decimals),
        }
    }
}

/// What stands in a cell.
#[derive(Clone, Debug)]
pub enum Cell {
    /// Text as it is.
    Text(String),
    /// A number, written with the decimals of its column.
    Number(f64),
    /// Nothing: a dash, which is not a zero.
    Missing,
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Cell::Text(text.to_owned())
    }
}
impl From<String> for Cell {
    fn from(text: String) -> Self {
        Cell::Text(text)
    }
}
impl From<f64> for Cell {
    fn from(number: f64) -> Self {
        Cell::Number(number)
    }
}
impl From<u64> for Cell {
    fn from(number: u64) -> Self {
        Cell::Number(number as f64)
    }
}
impl From<usize> for Cell {
    fn from(number: usize) -> Self {
        Cell::Number(number as f64)
    }
}
impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Cell::Missing, Into::into)
    }
}

/// Columns and rows, with an optional caption.
#[derive(Clone, Debug, Default)]
pub struct Table {
    pub(crate) caption: Option<String>,
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table without rows.
    pub fn new(columns: impl IntoIterator<Item = Column>) -> Self {
        Table {
            columns: columns.into_iter().collect(),
            ..Table::default()
        }
    }
    /// A caption above the table.
    pub fn caption(mut self, caption: impl Into<String>) -> Self {
        self.caption = Some(caption.into());
        self
    }
    /// Adds a row. A row that is too short ends in dashes.
    ///
    /// # Panics
    /// If there are more cells than columns: they would be lost.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) -> &mut Self {
        let cells: Vec<Cell> = cells.into_iter().collect();
        let columns = self.columns.len();
        assert!(
            cells.len() <= columns,
            "a row of {} cells for {columns} columns",
            cells.len()
        );
        self.rows.push(cells);
        self
    }
    /// What is written in a cell.
    pub(crate) fn written(&self, row: usize, column: usize) -> String {
        match self.rows[row].get(column) {
            Some(Cell::Text(text)) => text.clone(),
            Some(Cell::Number(value)) => match self.columns[column].decimals {
                Some(decimals) => fixed(*value, decimals),
                None => crate::quantity(*value),
            },
            Some(Cell::Missing) | None => "–".to_owned(),
        }
    }
}

pub(crate) fn write(table: &Table, m: &mut Markup) {
    let align = |column: &Column| {
        if column.decimals.is_some() {
            "number"
        } else {
            "words"
        }
    };
    // Wide tables scroll by themselves, and can be reached by keyboard for it.
    m.element("div", &[("class", &"table"), ("tabindex", &"0")], |m| {
        m.element("table", &[], |m| {
            if let Some(caption) = &table.caption {
                m.leaf("caption", &[], caption);
            }
            m.element("thead", &[], |m| {
                m.element("tr", &[], |m| {
                    for column in &table.columns {
                        let class = align(column);
                        m.leaf("th", &[("scope", &"col"), ("class", &class)], &column.title);
                    }
                });
            });
            m.element("tbody", &[], |m| {
                for row in 0..table.rows.len() {
                    m.element("tr", &[], |m| {
                        for (i, column) in table.columns.iter().enumerate() {
                            let class = align(column);
                            m.leaf("td", &[("class", &class)], &table.written(row, i));
                        }
                    });
                }
            });
        });
    });
}
