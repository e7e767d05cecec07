//! `kanana pull` from a hub on this machine, and a pulled name in place of a model's folder.

use crate::trial::{LIFE, Said, Trial, contents, said};
use hub::pretend::{Mischief, Pretend};

struct Hub {
    hub: Pretend,
    trial: Trial,
}

impl Hub {
    fn run(&self, words: &[&str]) -> Said {
        let mut command = self.trial.command(words);
        command
            .env("HF_HOME", self.trial.path("집"))
            .env("HF_ENDPOINT", self.hub.endpoint())
            .env_remove("HF_HUB_OFFLINE")
            .env_remove("HF_TOKEN");
        said(&command.output().expect("the program starts"))
    }

    fn ok(&self, words: &[&str]) -> String {
        let said = self.run(words);
        assert!(said.ok, "{words:?}: {}{}", said.out, said.err);
        said.out
    }

    fn fails(&self, words: &[&str]) -> String {
        let said = self.run(words);
        assert!(
            !said.ok && !said.err.contains("panicked"),
            "{words:?}: {}",
            said.out
        );
        said.err
    }
}

#[test]
fn a_pulled_name_is_a_model() {
    let trial = Trial::new();
    trial
        .write("life.toml", LIFE)
        .ok(&["run", "life.toml", "--only", "untrained"]);
    let folder = trial.artifact("untrained");
    let files = contents(&folder);
    let files: Vec<_> = files
        .iter()
        .map(|(path, bytes)| (path.as_str(), bytes.as_slice()))
        .collect();
    let hub = Hub {
        hub: Pretend::new("person/model", &files),
        trial,
    };
    let generate = |model: &str| hub.run(&["generate", model, "나는 ", "--tokens", "8"]);
    let unknown = generate("person/model");
    assert!(
        !unknown.ok
            && unknown
                .err
                .contains("`kanana pull person/model` fetches it"),
        "{}",
        unknown.err
    );
    assert!(
        hub.fails(&["pull", "person/model", "--offline"])
            .contains("was not pulled before")
    );

    hub.hub.misbehave(Mischief {
        cut: Some(5_000),
        cuts: 2,
        ..Mischief::default()
    });
    let pulled = hub.run(&["pull", "person/model"]);
    assert!(
        pulled.ok && pulled.err.contains("the connection broke"),
        "{}",
        pulled.err
    );
    let lies = pulled.out.trim();
    assert!(lies.contains("snapshots") && std::path::Path::new(lies).join("config.json").is_file());
    assert_eq!(pulled.out, hub.ok(&["pull", "person/model", "--offline"]));

    let by_name = generate("person/model");
    assert!(by_name.ok, "{}", by_name.err);
    assert_eq!(by_name.out, generate(folder.to_str().expect("UTF-8")).out);

    assert!(
        hub.fails(&["pull", "person/other"])
            .contains("has no model person/other")
    );
    assert!(
        hub.fails(&["pull", "../../etc"])
            .contains("is no name of a model")
    );
    hub.hub.misbehave(Mischief {
        refuse: Some((403, "GatedRepo")),
        ..Mischief::default()
    });
    assert!(
        hub.fails(&["pull", "person/model"])
            .contains("accepted its conditions")
    );
}
