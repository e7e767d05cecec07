//! Tables in columns of cells; where they are too wide, the widest words give way first.

use super::Ink;
use crate::Table;
use crate::text::{fit, pad, pad_left, single_line, width};

/// A table of at most `columns` cells where that is possible at all.
pub fn table(table: &Table, columns: usize, ink: Ink) -> String {
    let titles = table.columns.iter().map(|c| single_line(&c.title));
    let mut lines: Vec<Vec<String>> = vec![titles.collect()];
    for row in 0..table.rows.len() {
        let cells = (0..table.columns.len()).map(|i| single_line(&table.written(row, i)));
        lines.push(cells.collect());
    }
    let mut widths: Vec<usize> = (0..table.columns.len())
        .map(|i| lines.iter().map(|l| width(&l[i])).max().unwrap_or(0))
        .collect();
    let gaps = 2 * widths.len().saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > columns {
        match widths.iter_mut().max() {
            Some(widest) if *widest > 6 => *widest -= 1,
            _ => break,
        }
    }

    let mut out = String::new();
    if let Some(caption) = &table.caption {
        out.push_str(&ink.strong(&fit(&single_line(caption), columns)));
        out.push('\n');
    }
    for (number, line) in lines.iter().enumerate() {
        let cells: Vec<String> = line
            .iter()
            .zip(&widths)
            .zip(&table.columns)
            .map(|((text, wide), column)| match column.decimals {
                Some(_) => pad_left(&fit(text, *wide), *wide),
                None => pad(&fit(text, *wide), *wide),
            })
            .collect();
        let joined = cells.join("  ");
        let joined = joined.trim_end();
        out.push_str(&if number == 0 {
            ink.quiet(joined)
        } else {
            joined.to_owned()
        });
        out.push('\n');
        if number == 0 {
            let rule: Vec<String> = widths.iter().map(|w| "─".repeat(*w)).collect();
            out.push_str(&ink.quiet(&rule.join("──")));
            out.push('\n');
        }
    }
    out
}
