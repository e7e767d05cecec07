use super::*;
use crate::Settings;
use crate::pretend::{COMMIT, Mischief, Pretend};
use std::fs;
use tempfile::TempDir;

/// A hub with a model, and a cache of its own.
struct Trial {
    hub: Pretend,
    home: TempDir,
    token: Option<String>,
    endpoint: String,
}

fn weights() -> Vec<u8> {
    (0..100_000_u32).map(|i| (i * 7 % 251) as u8).collect()
}

impl Trial {
    fn new() -> Self {
        let weights = weights();
        let files: [(&str, &[u8]); 6] = [
            ("config.json", b"{}"),
            ("model.safetensors", &weights),
            ("tokenizer.json", "{\"말\": 1}".as_bytes()),
            ("README.md", b"read"),
            ("pytorch_model.bin", b"old"),
            ("additional_chat_templates/tool_use.jinja", b"{{ tools }}"),
        ];
        let hub = Pretend::new("person/model", &files);
        Trial {
            endpoint: hub.endpoint(),
            hub,
            home: tempfile::tempdir().expect("a folder"),
            token: None,
        }
    }

    fn name(&self) -> Name {
        Name::parse("person/model").expect("a name")
    }

    fn cache(&self) -> Cache {
        Cache::new(self.home.path().join("hub"))
    }

    fn pull(&self) -> (Result<Pulled>, Vec<News>) {
        self.pull_some(&[], |_| ())
    }

    fn pull_some(
        &self,
        include: &[&str],
        mut listen: impl FnMut(&News),
    ) -> (Result<Pulled>, Vec<News>) {
        let settings = Settings {
            cache: self.cache().folder().to_owned(),
            endpoint: self.endpoint.clone(),
            token: self.token.clone(),
            offline: false,
        };
        let ask = Ask {
            name: self.name(),
            include: include.iter().map(|word| (*word).to_owned()).collect(),
            pause: Duration::ZERO,
        };
        let mut news = Vec::new();
        let pulled = pull(&Registry::new(&settings), &self.cache(), &ask, &mut |new| {
            listen(&new);
            news.push(new);
        });
        (pulled, news)
    }

    fn fails(&self, words: &str) -> String {
        let error = self.pull().0.expect_err("it fails");
        let said = format!("{error:#}");
        assert!(said.contains(words), "{said}");
        assert!(
            self.cache()
                .find(&self.name())
                .is_ok_and(|found| found.is_none())
        );
        said
    }

    fn weights_are_there(&self) {
        let folder = self
            .cache()
            .find(&self.name())
            .expect("whole")
            .expect("there");
        assert_eq!(
            fs::read(folder.join("model.safetensors")).expect("read"),
            weights()
        );
    }
}

#[test]
fn a_model_is_pulled_checked_and_found() {
    let trial = Trial::new();
    assert_eq!(trial.cache().find(&trial.name()).expect("no fault"), None);
    let (pulled, news) = trial.pull();
    let pulled = pulled.expect("pulled");
    assert_eq!(
        (pulled.files, pulled.bytes, pulled.fetched),
        (4, 100_023, 100_023)
    );
    assert_eq!(news.last(), Some(&News::At(100_023)));
    trial.weights_are_there();
    let folder = trial
        .cache()
        .find(&trial.name())
        .expect("whole")
        .expect("there");
    assert_eq!(folder, pulled.folder);
    assert!(folder.ends_with(format!("models--person--model/snapshots/{COMMIT}")));
    assert!(
        folder
            .join("additional_chat_templates/tool_use.jinja")
            .is_file()
    );
    assert!(!folder.join("README.md").exists() && !folder.join("pytorch_model.bin").exists());
    let at_commit = trial.name().at(COMMIT).expect("a name");
    assert_eq!(trial.cache().find(&at_commit).expect("whole"), Some(folder));

    trial.hub.seen();
    let (again, _) = trial.pull();
    assert_eq!(again.expect("pulled").fetched, 0);
    assert_eq!(
        trial.hub.seen().len(),
        1,
        "only the description is asked for"
    );
}

#[test]
fn a_connection_that_breaks_is_taken_up_where_it_broke() {
    let trial = Trial::new();
    trial.hub.misbehave(Mischief {
        cut: Some(9_000),
        cuts: 9,
        ..Mischief::default()
    });
    let (pulled, news) = trial.pull();
    assert_eq!(
        pulled.expect("pulled").fetched,
        100_023,
        "no byte comes twice"
    );
    assert_eq!(
        news.iter()
            .filter(|new| matches!(new, News::Again(_)))
            .count(),
        9
    );
    trial.weights_are_there();
    let ranges: Vec<_> = trial
        .hub
        .seen()
        .into_iter()
        .filter(|seen| seen.elsewhere)
        .map(|seen| seen.range)
        .collect();
    assert_eq!(
        ranges[..3],
        [
            None,
            Some("bytes=9000-".to_owned()),
            Some("bytes=18000-".to_owned())
        ]
    );
}

#[test]
fn a_pull_that_gave_up_goes_on_later() {
    let trial = Trial::new();
    // Ten thousand bytes, and then answers that break off before the first one.
    trial.hub.misbehave(Mischief {
        cut: Some(10_000),
        cuts: 1,
        ..Mischief::default()
    });
    let (first, _) = trial.pull_some(&[], |new| {
        if matches!(new, News::Again(_)) {
            trial.hub.misbehave(Mischief {
                cut: Some(0),
                cuts: 100,
                ..Mischief::default()
            });
        }
    });
    let said = format!("{:#}", first.expect_err("nothing came"));
    assert!(said.contains("the same command goes on"), "{said}");
    trial.hub.misbehave(Mischief::default());
    trial.hub.seen();
    let (pulled, news) = trial.pull();
    let fetched = pulled.expect("pulled").fetched;
    assert_eq!(fetched, 90_023);
    assert!(
        news.iter()
            .any(|new| matches!(new, News::Plan { there, .. } if *there > 0))
    );
    trial.weights_are_there();
}

#[test]
fn a_server_that_knows_no_ranges_gives_the_whole_file() {
    let trial = Trial::new();
    trial.hub.misbehave(Mischief {
        cut: Some(9_000),
        cuts: 2,
        no_ranges: true,
        ..Mischief::default()
    });
    assert_eq!(trial.pull().0.expect("pulled").fetched, 100_023 + 18_000);
    trial.weights_are_there();
}

#[test]
fn damage_is_noticed_and_thrown_away() {
    let trial = Trial::new();
    trial.hub.misbehave(Mischief {
        damage: true,
        ..Mischief::default()
    });
    trial.fails("arrived damaged");
    let blobs = trial.cache().blobs(&trial.name());
    assert_eq!(
        fs::read_dir(blobs).expect("a folder").count(),
        0,
        "nothing wrong is kept"
    );
    trial.hub.misbehave(Mischief::default());
    trial.pull().0.expect("pulled");
    trial.weights_are_there();
}

#[test]
fn damage_to_what_was_begun_is_noticed_too() {
    let trial = Trial::new();
    let (first, _) = trial.pull();
    let folder = first.expect("pulled").folder;
    let blob = fs::canonicalize(folder.join("model.safetensors")).expect("a blob");
    disk::remove_file(&blob).expect("removed");
    let error = trial
        .cache()
        .find(&trial.name())
        .expect_err("a part is missing");
    assert!(
        error.to_string().contains("model.safetensors is missing"),
        "{error}"
    );
    let begun = format!("{}.incomplete", blob.display());
    disk::write(Path::new(&begun), &[9; 5_000]).expect("written");
    let error = trial.pull().0.expect_err("damaged");
    assert!(error.to_string().contains("arrived damaged"), "{error}");
    trial.pull().0.expect("pulled");
    // More than the file has cannot be a part of it.
    disk::remove_file(&blob).expect("removed");
    disk::write(Path::new(&begun), &[9; 200_000]).expect("written");
    trial.pull().0.expect("pulled");
    trial.weights_are_there();
}

#[test]
fn refusals_say_what_to_do() {
    let mut trial = Trial::new();
    for (status, code, words) in [
        (401, "RepoNotFound", "set HF_TOKEN"),
        (404, "", "check the name"),
        (404, "RevisionNotFound", "has no revision \"main\""),
        (403, "GatedRepo", "accepted its conditions"),
        (418, "", "status 418"),
    ] {
        trial.hub.misbehave(Mischief {
            refuse: Some((status, code)),
            ..Mischief::default()
        });
        trial.fails(words);
    }
    trial.token = Some("secret".to_owned());
    trial.hub.misbehave(Mischief {
        refuse: Some((401, "")),
        ..Mischief::default()
    });
    let said = trial.fails("the token in use does not open it");
    assert!(!said.contains("secret"));
    trial.hub.misbehave(Mischief {
        refuse: Some((500, "")),
        ..Mischief::default()
    });
    trial.fails("status 500");
}

#[test]
fn a_busy_hub_is_asked_again() {
    let trial = Trial::new();
    trial.hub.misbehave(Mischief {
        busy: 3,
        ..Mischief::default()
    });
    trial.pull().0.expect("pulled");
}

#[test]
fn another_host_never_sees_the_token() {
    let mut trial = Trial::new();
    trial.hub.misbehave(Mischief {
        token: Some("secret"),
        ..Mischief::default()
    });
    trial.fails("set HF_TOKEN");
    trial.token = Some("secret".to_owned());
    trial.hub.seen();
    trial.pull().0.expect("pulled");
    let (elsewhere, here): (Vec<_>, Vec<_>) = trial
        .hub
        .seen()
        .into_iter()
        .partition(|seen| seen.elsewhere);
    assert!(!elsewhere.is_empty() && elsewhere.iter().all(|seen| seen.authorization.is_none()));
    assert!(
        here.iter()
            .all(|seen| seen.authorization.as_deref() == Some("Bearer secret"))
    );
}

#[test]
fn a_full_disk_and_a_climbing_name_are_refused_before_anything_comes() {
    let trial = Trial::new();
    trial.hub.misbehave(Mischief {
        inflate: 1 << 60,
        ..Mischief::default()
    });
    trial.fails("set HF_HOME to a folder on another disk");
    trial.hub.misbehave(Mischief {
        extra: Some("../../../.bashrc.json"),
        ..Mischief::default()
    });
    trial.fails("outside its folder");
}

#[test]
fn only_what_is_asked_for_is_fetched() {
    let trial = Trial::new();
    let (pulled, _) = trial.pull_some(&["*.md", "config.json"], |_| ());
    assert_eq!(pulled.expect("pulled").files, 2);
    let error = trial.cache().find(&trial.name()).expect_err("no weights");
    assert!(
        error.to_string().contains("model.safetensors is missing"),
        "{error}"
    );
}

#[test]
fn a_hub_that_is_not_there_is_named() {
    let mut trial = Trial::new();
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    trial.endpoint = format!("http://{}", free.local_addr().expect("an address"));
    drop(free);
    trial.fails("cannot be reached");
}

#[test]
fn a_data_set_is_pulled_with_its_licence_said_first() {
    let rows = "질문,답\n".repeat(200);
    let files: [(&str, &[u8]); 3] = [
        ("README.md", b"read"),
        ("data/시험-test.csv", rows.as_bytes()),
        ("data/시험-train.csv", b"x"),
    ];
    let hub = Pretend::dataset("person/data", "cc-by-nd-4.0", &files);
    let home = tempfile::tempdir().expect("a folder");
    let cache = Cache::new(home.path());
    let settings = Settings {
        cache: home.path().to_owned(),
        endpoint: hub.endpoint(),
        token: None,
        offline: false,
    };
    let ask = |name: Name| Ask {
        name,
        include: vec!["data/*-test.csv".to_owned()],
        pause: Duration::ZERO,
    };
    let model = Name::parse("person/data").expect("a name");
    let registry = Registry::new(&settings);
    let mut news = vec![];
    let missing = pull(&registry, &cache, &ask(model.clone()), &mut |_| ());
    let said = missing.expect_err("no model").to_string();
    assert!(said.contains("has no model person/data"), "{said}");
    let pulled = pull(&registry, &cache, &ask(model.of_dataset()), &mut |new| {
        news.push(new)
    });
    let pulled = pulled.expect("pulled");
    assert_eq!(news[0], News::Licence(Some("cc-by-nd-4.0".to_owned())));
    assert!(matches!(news[1], News::Plan { files: 1, .. }));
    let file = pulled.folder.join("data/시험-test.csv");
    assert_eq!(fs::read_to_string(file).expect("read"), rows);
    assert!(
        pulled
            .folder
            .starts_with(home.path().join("datasets--person--data"))
    );
}
