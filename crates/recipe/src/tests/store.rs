//! Finding, tracing, checking and freeing what is in a store.

use super::toy::*;
use crate::*;

/// `RECIPE` with its first text read from a folder of raw files.
fn with_raw(place: &Place) -> String {
    let folder = place.raw("원본", &[("가.txt", "가나다"), ("더/하나.txt", "")]);
    disk::remove_dir(&folder.join("더")).unwrap();
    let head = format!(
        "seed = 7\n[inputs]\nbills = {{ kind = \"files\", path = {:?} }}",
        folder.display().to_string()
    );
    RECIPE.replace("seed = 7", &head).replace(
        "stage = \"say\"\nwith = { text = \"안녕 \" , times = 2 }",
        "stage = \"read\"\ninputs = { files = \"bills\" }",
    )
}

#[test]
fn lineage_goes_down_to_raw_files() {
    let place = Place::new();
    let recipe = with_raw(&place);
    place.run(&recipe).unwrap();
    let tree = lineage(&place.store, &place.find("ground")).unwrap();
    let text = tree.to_string().replace(
        &place
            .folder
            .path()
            .canonicalize()
            .unwrap()
            .display()
            .to_string(),
        "…",
    );
    // Keys are tested elsewhere.
    let text: String = text
        .lines()
        .map(|line| {
            let words = line.split(' ').map(|word| match word.rsplit_once('-') {
                Some((name, key)) if key.len() == 12 => name,
                _ => word,
            });
            words.collect::<Vec<_>>().join(" ") + "\n"
        })
        .collect();
    assert_eq!(
        text,
        "\
ground (count) by grind
└─ text = joined (text) by join
   ├─ texts[0] = 가 (text) by read
   │  └─ files = bills (files) from …/원본
   │        HASH            9 가.txt
   └─ texts[1] = b (text) by say
"
        .replace("HASH", blake3::hash("가나다".as_bytes()).to_hex().as_str())
    );
    // From manifests alone: the raw files may be gone, and even an artifact in between.
    disk::remove_dir(&place.folder.path().join("원본")).unwrap();
    assert_eq!(
        lineage(&place.store, &place.find("ground"))
            .unwrap()
            .to_string(),
        tree.to_string()
    );
    disk::remove_dir(&place.find("b").path).unwrap();
    let tree = lineage(&place.store, &place.find("ground"))
        .unwrap()
        .to_string();
    assert!(tree.contains("no longer in the store"), "{tree}");
}

#[test]
fn verify_names_what_is_wrong() {
    let place = Place::new();
    let recipe = with_raw(&place);
    place.run(&recipe).unwrap();
    let problems = |name: &str| -> Vec<String> {
        let found = verify(&place.find(name), &registry()).unwrap();
        found.iter().map(Problem::to_string).collect()
    };
    for name in ["bills", "가", "b", "joined", "ground"] {
        assert_eq!(problems(name), [""; 0], "{name}");
    }
    let folder = place.find("ground").path;
    let count = std::fs::read(folder.join("count.json")).unwrap();
    let mut flipped = count.clone();
    flipped[3] ^= 1;
    disk::write(&folder.join("count.json"), &flipped).unwrap();
    assert_eq!(
        problems("ground"),
        ["count.json has been altered: its length is right, its hash is not"]
    );
    disk::write(&folder.join("count.json"), &count[1..]).unwrap();
    disk::write(&folder.join("덤.txt"), b"").unwrap();
    disk::remove_file(&folder.join("shards/조각.bin")).unwrap();
    assert_eq!(
        problems("ground"),
        [
            format!(
                "count.json has {} bytes and should have {}: it was cut short or written over",
                count.len() - 1,
                count.len()
            ),
            "shards/조각.bin is missing".to_string(),
            "덤.txt does not belong to it".to_string(),
        ]
    );
    // A run will not build on it, and says what to do.
    let error = place.run(&recipe).unwrap_err().to_string();
    assert!(
        error.starts_with("the artifact of the step \"ground\" is damaged: count.json has"),
        "{error}"
    );
    assert!(
        error.ends_with("is removed the step is made again"),
        "{error}"
    );
    // A raw file changed
    place.raw("원본", &[("가.txt", "가나라")]);
    assert_eq!(
        problems("bills"),
        ["가.txt has been altered: its length is right, its hash is not"]
    );
    // A manifest changed, in every byte that says something
    let path = place.find("b").path.join("manifest.json");
    let whole = std::fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 4;
        disk::write(&path, &flipped).unwrap();
        let stored = place
            .store
            .artifacts()
            .unwrap()
            .into_iter()
            .find(|a| a.name == "b")
            .unwrap();
        let found = verify(&stored, &registry()).unwrap();
        let blank = whole[at].is_ascii_whitespace();
        assert!(
            blank || matches!(found[..], [Problem::Manifest(_)]),
            "byte {at}: {found:?}"
        );
    }
    disk::remove_file(&path).unwrap();
    assert_eq!(problems("b"), ["it is unfinished: it has no manifest.json"]);
}

#[test]
fn an_artifact_is_found_by_name_key_or_path() {
    let place = Place::new();
    place.run(RECIPE).unwrap();
    let joined = place.find("joined");
    for text in [
        &joined.folder(),
        &joined.key,
        &joined.path.display().to_string(),
    ] {
        assert_eq!(place.find(text).path, joined.path);
    }
    let error = |name: &str| place.store.find(name).unwrap_err().to_string();
    let root = place.store.root().display();
    assert_eq!(
        error("joind"),
        format!("there is no artifact called \"joind\" in {root}; did you mean `joined`?")
    );
    place.run(&RECIPE.replace("\"|\"", "\"-\"")).unwrap();
    let found = error("joined");
    assert!(
        found.starts_with(
            "several artifacts are called \"joined\": say which, newest first: joined-"
        ),
        "{found}"
    );
    // An unfinished one does not stand in the way of a finished one.
    disk::remove_file(&joined.path.join("manifest.json")).unwrap();
    assert_ne!(place.find("joined").path, joined.path);
}

#[test]
fn a_store_states_its_version() {
    let folder = tempfile::tempdir().unwrap();
    let error = |path: &std::path::Path| Store::open(path).unwrap_err().to_string();
    let root = folder.path().join("store");
    let missing = Store::existing(&root).unwrap_err().to_string();
    assert!(
        missing.ends_with("is not a store: it has no STORE_VERSION; `kanana run` creates one"),
        "{missing}"
    );
    assert!(!root.exists());
    Store::open(&root).unwrap();
    Store::existing(&root).unwrap();
    disk::write(&root.join("STORE_VERSION"), b"99\n").unwrap();
    assert!(
        error(&root)
            .contains("says version \"99\", and this program reads version 1: name another store")
    );
    let home = folder.path().join("home");
    disk::create_dir(&home).unwrap();
    disk::write(&home.join("letter.txt"), b"dear").unwrap();
    assert!(
        error(&home).contains("is not a store: it has no STORE_VERSION, but it has \"letter.txt\"")
    );
}

#[test]
fn gc_frees_what_nothing_reaches() {
    let place = Place::new();
    place.run(&with_raw(&place)).unwrap();
    let old = place.plan(&with_raw(&place)).unwrap();
    place.run(RECIPE).unwrap();
    let kept = place.plan(RECIPE).unwrap();
    // An unfinished folder of each, and leftovers in a finished one.
    for name in ["낡은-0123456789ab", &format!("{}-000000000000", "ground")] {
        disk::create_dir(&place.store.root().join(name).join("partial")).unwrap();
        disk::write(&place.store.root().join(name).join("partial/x"), &[0; 10]).unwrap();
    }
    let leftover = kept.step("ground").unwrap().path.join("scratch");
    disk::create_dir(&leftover).unwrap();
    disk::write(&leftover.join("x"), &[0; 100]).unwrap();
    let freed = |keep: &[String], dry| -> Vec<String> {
        let freed = gc(&place.store, keep, dry).unwrap();
        assert_eq!(
            freed.bytes,
            freed.items.iter().map(|item| item.bytes).sum::<u64>()
        );
        let name = |item: &FreedItem| {
            item.path
                .file_name()
                .unwrap()
                .to_string_lossy()
                .into_owned()
        };
        let mut names: Vec<String> = freed
            .items
            .iter()
            .map(|item| format!("{}: {}", name(item), item.why))
            .collect();
        names.sort();
        names
    };
    let gone = |plan: &Plan, name: &str| {
        format!(
            "{}: no given recipe reaches it",
            plan.step(name).unwrap().folder()
        )
    };
    let bills = format!(
        "bills-{}: no given recipe reaches it",
        old.outside().next().unwrap().1
    );
    let mut expected = vec![
        bills,
        gone(&old, "가"),
        gone(&old, "joined"),
        gone(&old, "ground"),
        "ground-000000000000: it is unfinished, and no given recipe reaches it".to_string(),
        "낡은-0123456789ab: it is unfinished, and no given recipe reaches it".to_string(),
        "partial: partial state of a finished artifact".to_string(),
    ];
    expected.sort();
    let before = place.contents();
    let mut keys = kept.keys();
    keys.push("b".to_string());
    assert_eq!(freed(&keys, true), expected);
    assert_eq!(place.contents(), before, "a dry run touched something");
    assert_eq!(freed(&keys, false), expected);
    assert_eq!(freed(&keys, false), [""; 0]);
    assert_eq!(place.store.artifacts().unwrap().len(), 4);
    assert!(!leftover.exists());
    // What the last step was made from is kept for its sake.
    assert_eq!(
        freed(&[kept.step("ground").unwrap().key.clone()], true),
        [""; 0]
    );
    assert_eq!(freed(&[], true).len(), 4);
}

#[test]
fn gc_frees_nothing_while_another_run_makes_what_is_not_reached() {
    let place = Place::new();
    place.run(RECIPE).unwrap();
    let other = RECIPE.replace("rounds = 7", "rounds = 8");
    let other = place.plan(&other).unwrap();
    let ground = other.step("ground").unwrap();
    let held = disk::Lock::try_new(&place.store.lock_path(&ground.folder()));
    let held = held.unwrap().unwrap();
    let keep = [place.find("b").key];
    let before = place.contents();
    // Before it has a folder, and after.
    for begun in [false, true] {
        if begun {
            disk::create_dir(&ground.path.join("partial")).unwrap();
        }
        for dry in [true, false] {
            let error = gc(&place.store, &keep, dry).unwrap_err().to_string();
            let expected = format!(
                "{} is being made by another run (process {}, started as `",
                ground.path.display(),
                std::process::id()
            );
            assert!(error.starts_with(&expected), "{error}");
            assert!(
                error.ends_with("wait for it, or name its recipe too"),
                "{error}"
            );
        }
    }
    assert_eq!(place.contents(), before);
    // Where its recipe is named, all that it needs stays, and the rest goes.
    let freed = gc(&place.store, &other.keys(), false).unwrap();
    assert_eq!(freed.items.len(), 1, "{freed:?}");
    drop(held);
    let freed = gc(&place.store, &keep, false).unwrap();
    assert_eq!(freed.items.len(), 3, "{freed:?}");
}

#[test]
fn usage_is_counted() {
    let place = Place::new();
    place.run(RECIPE).unwrap();
    let folder = place.find("ground").path.join("partial");
    disk::create_dir(&folder).unwrap();
    disk::write(&folder.join("checkpoint"), &[0; 1000]).unwrap();
    let usage = place.store.usage().unwrap();
    let (stored, ground) = usage
        .iter()
        .find(|(stored, _)| stored.name == "ground")
        .unwrap();
    assert_eq!(ground.partial, 1000);
    let manifest = std::fs::metadata(stored.path.join("manifest.json"))
        .unwrap()
        .len();
    assert_eq!(
        ground.files,
        manifest + stored.manifest.as_ref().unwrap().bytes()
    );
    assert!(ground.provenance > 0 && ground.total() > 1000);
}
