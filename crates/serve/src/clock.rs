//! The clock: what time it is for answers (`created`) and for templates that say what day it is.

use jiff::civil::DateTime;

/// Date and time where the server stands, for chat templates.
pub fn local_time() -> DateTime {
    jiff::Zoned::now().datetime()
}

/// Seconds since 1970.
pub(crate) fn created() -> i64 {
    jiff::Timestamp::now().as_second()
}
