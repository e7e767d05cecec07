use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::{Document, ShardSettings, ShardWriter};

/// Documents whose every token is unlike any other.
fn shards(lengths: &[usize]) -> (tempfile::TempDir, Shards) {
    let dir = tempfile::tempdir().unwrap();
    let mut settings = ShardSettings::new(1 << 20);
    settings.shard_tokens = 20;
    let mut writer = ShardWriter::create(dir.path(), settings).unwrap();
    let mut next = 0;
    for (index, &length) in lengths.iter().enumerate() {
        let tokens: Vec<u32> = (next..next + length as u32).collect();
        next += length as u32;
        let id = format!("문서-{index}");
        let group = if index % 2 == 0 { "ko" } else { "en" };
        writer
            .document(&Document {
                tokens: &tokens,
                group,
                bytes: 3,
                id: &id,
            })
            .unwrap();
    }
    writer.finish().unwrap();
    let shards = Shards::open(dir.path()).unwrap();
    (dir, shards)
}

fn check_segments(shards: &Shards, documents: Documents, examples: &Examples) {
    let batch = &examples.batch;
    let rows = examples.rows();
    assert_eq!((batch.ids.len(), batch.positions.len()), (rows, rows));
    assert_eq!(examples.documents.len(), rows);
    assert_eq!(
        (batch.starts[0], *batch.starts.last().unwrap()),
        (0, rows as u32)
    );
    for segment in batch.starts.windows(2) {
        let rows = segment[0] as usize..segment[1] as usize;
        assert!(!rows.is_empty());
        for (position, row) in rows.clone().enumerate() {
            assert_eq!(batch.positions[row], position as u32);
        }
        if documents == Documents::Packed {
            // Tokens are unlike each other and ascend within a document.
            let ids = &batch.ids[rows];
            assert!(ids.windows(2).all(|pair| pair[1] == pair[0] + 1), "{ids:?}");
        }
    }
    for (target, &document) in examples.targets.iter().zip(&examples.documents) {
        assert!(shards.document(document).tokens.contains(target));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Every token of an epoch except its very first is a target exactly once.
    #[test]
    fn no_target_is_lost(
        lengths in prop::collection::vec(1usize..12, 1..12),
        sequence in 1usize..9,
        seed: u64,
        joined: bool,
        written: bool,
    ) {
        prop_assume!(lengths.iter().sum::<usize>() >= 2);
        let documents = if joined { Documents::Joined } else { Documents::Packed };
        let order = if written { Order::Written } else { Order::Shuffled };
        let (_dir, shards) = shards(&lengths);
        let stream = Stream::new(&shards, documents, order, seed);
        let total = shards.tokens() as usize;
        let mut cursor = Cursor::default();
        for epoch in 0..3 {
            let mut inputs = Vec::new();
            let mut targets = Vec::new();
            while targets.len() < total - 1 {
                let mut examples = Examples::default();
                let count = stream.window(&mut cursor, sequence, &mut examples);
                prop_assert_eq!(cursor.epoch, epoch);
                prop_assert_eq!(count, examples.rows());
                prop_assert!(count == sequence || targets.len() + count == total - 1);
                check_segments(&shards, documents, &examples);
                inputs.extend(examples.batch.ids);
                targets.extend(examples.targets);
            }
            // What follows an input is its target, across documents and windows.
            prop_assert_eq!(&inputs[1..], &targets[..total - 2]);
            let first = shards.document(stream.epoch(epoch).next().unwrap()).tokens[0];
            let mut counts: HashMap<u32, usize> = HashMap::new();
            targets.iter().for_each(|&target| *counts.entry(target).or_default() += 1);
            for token in 0..total as u32 {
                let wanted = usize::from(token != first);
                prop_assert_eq!(counts.get(&token).copied().unwrap_or(0), wanted);
            }
        }
    }

    /// Several windows in one micro-batch are the windows one by one.
    #[test]
    fn windows_lie_side_by_side(
        lengths in prop::collection::vec(1usize..12, 2..12),
        sequence in 1usize..9,
        count in 1usize..6,
    ) {
        let (_dir, shards) = shards(&lengths);
        let stream = Stream::new(&shards, Documents::Packed, Order::Shuffled, 7);
        let (mut one, mut many) = (Cursor::default(), Cursor::default());
        let mut together = Examples::default();
        let (mut ids, mut targets, mut segments) = (vec![], vec![], 0);
        for _ in 0..count {
            let mut examples = Examples::default();
            stream.window(&mut one, sequence, &mut examples);
            stream.window(&mut many, sequence, &mut together);
            ids.extend(examples.batch.ids);
            targets.extend(examples.targets);
            segments += examples.batch.starts.len() - 1;
        }
        check_segments(&shards, Documents::Packed, &together);
        prop_assert_eq!(one, many);
        prop_assert_eq!(together.batch.ids, ids);
        prop_assert_eq!(together.targets, targets);
        prop_assert_eq!(together.batch.starts.len() - 1, segments);
    }

    /// What is skipped never comes again, in any epoch; all else does.
    #[test]
    fn skipped_tokens_stay_away(
        lengths in prop::collection::vec(1usize..12, 3..12),
        sequence in 1usize..9,
        windows in 1usize..5,
    ) {
        let (_dir, shards) = shards(&lengths);
        let mut stream = Stream::new(&shards, Documents::Packed, Order::Shuffled, 3);
        let mut cursor = Cursor::default();
        let mut examples = Examples::default();
        stream.window(&mut cursor, sequence, &mut examples);
        let (from, already) = (cursor, examples.rows());
        (0..windows).for_each(|_| {
            stream.window(&mut cursor, sequence, &mut examples);
        });
        prop_assume!(cursor.epoch == 0);
        let mut skipped = Skipped::default();
        for piece in stream.between(from, cursor) {
            skipped.add(piece.document, piece.from, piece.to);
        }
        let gone = &examples.batch.ids[already..];
        prop_assert_eq!(skipped.tokens() as usize, gone.len());
        prop_assume!(shards.tokens() as usize >= gone.len() + 2);
        stream.skip(skipped).unwrap();
        let mut cursor = Cursor::default();
        let mut seen = Examples::default();
        while cursor.epoch < 2 {
            stream.window(&mut cursor, sequence, &mut seen);
        }
        prop_assert!(!seen.targets.iter().any(|target| gone.contains(target)));
        prop_assert!(!seen.batch.ids.iter().any(|id| gone.contains(id)));
        let kept = (0..shards.tokens() as u32).filter(|token| !gone.contains(token));
        for token in kept {
            prop_assert!(seen.batch.ids.contains(&token) || seen.targets.contains(&token));
        }
    }
}

#[test]
fn a_limit_takes_whole_documents() {
    let (_dir, shards) = shards(&[5, 5, 5, 5]);
    let stream = Stream::new(&shards, Documents::Packed, Order::Written, 0).limited(7);
    assert_eq!(stream.epoch(0).collect::<Vec<_>>(), [0, 1]);
    let stream = stream.limited(1000);
    assert_eq!(stream.epoch(0).count(), 4);
}

#[test]
fn skipping_everything_is_an_error() {
    let (_dir, shards) = shards(&[5, 5]);
    let mut stream = Stream::new(&shards, Documents::Packed, Order::Written, 0);
    let mut skipped = Skipped::default();
    skipped.add(0, 0, 5);
    skipped.add(1, 3, 5);
    skipped.add(1, 0, 4);
    let error = stream.skip(skipped).unwrap_err().to_string();
    assert!(error.contains("nothing remains"), "{error}");
}
