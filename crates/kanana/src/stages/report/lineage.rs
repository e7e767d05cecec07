//! What came from what, from manifests alone.

use anyhow::Result;
use page::{Lineage, Node, Page};
use recipe::{Artifact, InputRecord, Manifest};
use std::collections::BTreeMap;
use std::path::Path;

/// Draws everything that `artifact` was made from.
pub(super) fn draw<K>(page: &mut Page, artifact: &Artifact<K>) -> Result<()> {
    let manifest = artifact.manifest()?;
    let Some(store) = artifact
        .provenance_dir()
        .parent()
        .and_then(Path::parent)
        .map(Path::to_owned)
    else {
        return Ok(());
    };
    let mut lineage = Lineage::new();
    let mut seen = BTreeMap::new();
    visit(&store, &manifest, &mut lineage, &mut seen)?;
    page.heading("Where it came from");
    page.lineage(lineage);
    Ok(())
}

fn visit(
    store: &Path,
    manifest: &Manifest,
    lineage: &mut Lineage,
    seen: &mut BTreeMap<String, usize>,
) -> Result<usize> {
    if let Some(index) = seen.get(&manifest.folder()) {
        return Ok(*index);
    }
    let records: Vec<&InputRecord> = manifest
        .inputs
        .values()
        .flat_map(|inputs| inputs.records())
        .collect();
    let mut inputs = Vec::new();
    for record in records {
        inputs.push(visit(
            store,
            &Manifest::read(&store.join(record.folder()))?,
            lineage,
            seen,
        )?);
    }
    inputs.sort_unstable();
    inputs.dedup();
    let size = page::quantity(manifest.bytes() as f64);
    let node = Node::new(&manifest.name, manifest.stage().unwrap_or("from outside"))
        .detail(format!("{} · {size}B", manifest.key))
        .inputs(inputs);
    let index = lineage.push(node);
    seen.insert(manifest.folder(), index);
    Ok(index)
}
