use super::*;

/// An event as the tiny reader finds it: time, step, tag and value.
type Read = (f64, u64, Option<(String, f32)>);

fn read_varint(data: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..).step_by(7) {
        let byte = data[0];
        *data = &data[1..];
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    value
}

/// Fields of a message: number, and the bytes (or the varint, as eight bytes).
fn fields(mut data: &[u8]) -> Vec<(u64, Vec<u8>)> {
    let mut fields = Vec::new();
    while !data.is_empty() {
        let key = read_varint(&mut data);
        let length = match key & 7 {
            0 => {
                fields.push((key >> 3, read_varint(&mut data).to_le_bytes().to_vec()));
                continue;
            }
            1 => 8,
            2 => read_varint(&mut data) as usize,
            5 => 4,
            kind => panic!("wire type {kind}"),
        };
        fields.push((key >> 3, data[..length].to_vec()));
        data = &data[length..];
    }
    fields
}

fn read(mut file: &[u8]) -> Vec<Read> {
    let mut events = Vec::new();
    while !file.is_empty() {
        let length = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
        assert_eq!(masked_crc(&file[..8]).to_le_bytes(), file[8..12]);
        let data = &file[12..12 + length];
        assert_eq!(
            masked_crc(data).to_le_bytes(),
            file[12 + length..16 + length]
        );
        file = &file[16 + length..];
        let (mut time, mut step, mut scalar) = (0.0, 0, None);
        for (number, value) in fields(data) {
            match number {
                1 => time = f64::from_le_bytes(value.try_into().unwrap()),
                2 => step = u64::from_le_bytes(value.try_into().unwrap()),
                3 => assert_eq!(value, b"brain.Event:2"),
                5 => {
                    let summary = fields(&value);
                    let value = fields(&summary[0].1);
                    let tag = String::from_utf8(value[0].1.clone()).unwrap();
                    let number = f32::from_le_bytes(value[1].1.clone().try_into().unwrap());
                    scalar = Some((tag, number));
                }
                number => panic!("field {number}"),
            }
        }
        events.push((time, step, scalar));
    }
    events
}

#[test]
fn what_is_written_is_read() {
    let mut file = Vec::new();
    let mut writer = EventWriter::begin(&mut file, 1.5).unwrap();
    writer
        .scalar(2.5, 3_000_000_000_000, "손실/ko", 2.25)
        .unwrap();
    writer.scalar(3.5, 0, "loss", -1.0).unwrap();
    writer.flush().unwrap();
    let wanted: Vec<Read> = vec![
        (1.5, 0, None),
        (2.5, 3_000_000_000_000, Some(("손실/ko".into(), 2.25))),
        (3.5, 0, Some(("loss".into(), -1.0))),
    ];
    assert_eq!(read(&file), wanted);
}

#[test]
fn the_checksum_is_the_known_one() {
    // RFC 3720, appendix B.4.
    assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
    assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
    assert_eq!(crc32c(b"123456789"), 0xe306_9283);
}
