//! TensorBoard event files: scalars in the format that its readers expect.
//!
//! A file is a sequence of TFRecords, `length u64 · masked crc32c(length) · bytes · masked
//! crc32c(bytes)`, little-endian; the bytes are a protocol-buffer `Event`, encoded by hand: wall
//! time (field 1), step (2), file version (3, first event only) or summary (5) with one value (1)
//! of tag (1) and simple value (2). Times come from the caller.
//!
//! Only scalars, only writing; `tests` has the small reader.

use std::io::{self, Write};

/// The name that TensorBoard looks for; `seconds` since 1970.
pub fn file_name(seconds: u64) -> String {
    format!("events.out.tfevents.{seconds}.kanana")
}

/// Writes events to anything that can be written to.
pub struct EventWriter<W: Write> {
    to: W,
}

impl<W: Write> EventWriter<W> {
    /// Begins a new file at `time`, seconds since 1970.
    pub fn begin(to: W, time: f64) -> io::Result<Self> {
        let mut writer = EventWriter { to };
        let mut event = Vec::new();
        double(&mut event, 1, time);
        bytes(&mut event, 3, b"brain.Event:2");
        writer.record(&event)?;
        Ok(writer)
    }

    /// Goes on with a file that has been begun.
    pub fn append(to: W) -> Self {
        EventWriter { to }
    }

    /// One scalar at `step` (tokens, here).
    pub fn scalar(&mut self, time: f64, step: u64, tag: &str, value: f32) -> io::Result<()> {
        let mut scalar = Vec::new();
        bytes(&mut scalar, 1, tag.as_bytes());
        key(&mut scalar, 2, 5);
        scalar.extend(value.to_le_bytes());
        let mut summary = Vec::new();
        bytes(&mut summary, 1, &scalar);
        let mut event = Vec::new();
        double(&mut event, 1, time);
        key(&mut event, 2, 0);
        varint(&mut event, step);
        bytes(&mut event, 5, &summary);
        self.record(&event)
    }

    /// Hands everything on.
    pub fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }

    fn record(&mut self, data: &[u8]) -> io::Result<()> {
        let length = (data.len() as u64).to_le_bytes();
        // One write, so that a reader never sees half a record's head.
        let mut record = Vec::with_capacity(data.len() + 16);
        record.extend(length);
        record.extend(masked_crc(&length).to_le_bytes());
        record.extend(data);
        record.extend(masked_crc(data).to_le_bytes());
        self.to.write_all(&record)
    }
}

fn key(to: &mut Vec<u8>, field: u64, kind: u64) {
    varint(to, field << 3 | kind);
}

fn varint(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

fn double(to: &mut Vec<u8>, field: u64, value: f64) {
    key(to, field, 1);
    to.extend(value.to_le_bytes());
}

fn bytes(to: &mut Vec<u8>, field: u64, value: &[u8]) {
    key(to, field, 2);
    varint(to, value.len() as u64);
    to.extend(value);
}

/// TensorFlow's mask keeps a checksum of data that holds checksums from being weak.
fn masked_crc(data: &[u8]) -> u32 {
    crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC-32C (Castagnoli), a table of one byte.
fn crc32c(data: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut at = 0;
        while at < 256 {
            let mut crc = at as u32;
            let mut bit = 0;
            while bit < 8 {
                crc = if crc & 1 == 1 {
                    crc >> 1 ^ 0x82f6_3b78
                } else {
                    crc >> 1
                };
                bit += 1;
            }
            table[at] = crc;
            at += 1;
        }
        table
    };
    let step = |crc: u32, byte: &u8| crc >> 8 ^ TABLE[((crc ^ u32::from(*byte)) & 0xff) as usize];
    !data.iter().fold(!0, step)
}

#[cfg(test)]
mod tests;
