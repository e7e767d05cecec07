//! Processor time of this process so far, for programs that measure and never for what is made.

use std::error::Error;

/// Seconds, its own and the system's for it, in the hundredths that Linux counts in.
pub(crate) fn seconds() -> Result<f64, Box<dyn Error>> {
    let text = std::fs::read_to_string("/proc/self/stat")?;
    let after = text
        .rsplit(')')
        .next()
        .ok_or("no name in /proc/self/stat")?;
    let fields: Vec<&str> = after.split_whitespace().collect();
    let ticks = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
    Ok(ticks / 100.0)
}
