//! What a run makes, tells and refuses.

use std::sync::{Arc, Mutex};

use disk::fault::{Fault, Reach, arm};
use serde_json::{Value, json};

use super::toy::*;
use crate::*;

/// Writes down what it is told.
#[derive(Clone, Default)]
struct Notebook(Arc<Mutex<Vec<String>>>);

impl Notebook {
    fn add(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Reporter for Notebook {
    fn step_started(&mut self, step: &Step, number: usize, total: usize, again: bool) {
        let again = if again { " again" } else { "" };
        self.add(format!(
            "{number}/{total} {} {}{again}",
            step.name, step.stage
        ));
    }
    fn step_cached(&mut self, step: &Step, number: usize, total: usize) {
        self.add(format!("{number}/{total} {} cached", step.name));
    }
    fn step_finished(&mut self, step: &Step, manifest: &Manifest, _: f64) {
        self.add(format!(
            "{} done, {} files",
            step.name,
            manifest.files.len()
        ));
    }
    fn message(&mut self, text: &str) {
        self.add(text.to_string());
    }
    fn progress(&mut self, progress: &Progress) {
        if progress.done == progress.total {
            self.add(format!("{} {}", progress.done, progress.unit));
        }
    }
}

#[test]
fn a_run_makes_everything_once() {
    let place = Place::new();
    let mut notebook = Notebook::default();
    let go = |notebook: &mut Notebook| {
        run(
            &place.plan(RECIPE).unwrap(),
            &place.store,
            notebook,
            &Resources::new(),
        )
        .unwrap();
        notebook.take()
    };
    assert_eq!(
        go(&mut notebook),
        [
            "1/4 가 say",
            "말합니다",
            "가 done, 1 files",
            "2/4 b say",
            "말합니다",
            "b done, 1 files",
            "3/4 joined join",
            "joined done, 2 files",
            "4/4 ground grind",
            "7 rounds",
            "ground done, 2 files",
        ]
    );
    let before = place.contents();
    assert_eq!(
        go(&mut notebook),
        [
            "1/4 가 cached",
            "2/4 b cached",
            "3/4 joined cached",
            "4/4 ground cached"
        ]
    );
    assert_eq!(place.contents(), before);
    assert_eq!(place.text("joined"), "안녕 안녕 |hello");
    let ground = place.find("ground");
    let manifest = ground.manifest.clone().unwrap();
    assert_eq!(manifest.notes["rounds"], 7);
    assert_eq!(
        manifest
            .files
            .iter()
            .map(|file| file.name.as_str())
            .collect::<Vec<_>>(),
        ["count.json", "shards/조각.bin"]
    );
    assert!(!ground.path.join("partial").exists());
    // No time, speed or machine may stand in a manifest.
    let text = std::fs::read_to_string(ground.path.join("manifest.json")).unwrap();
    assert!(
        !text.contains("time") && !text.contains("process"),
        "{text}"
    );
}

#[test]
fn provenance_is_kept_beside_it() {
    let place = Place::new();
    let mut resources = Resources::new();
    resources.about = About {
        code: "abc123".into(),
        machine: json!({ "cores": 2 }),
        command: "kanana run".into(),
    };
    run(
        &place.plan(RECIPE).unwrap(),
        &place.store,
        &mut Silent,
        &resources,
    )
    .unwrap();
    let provenance = place.find("ground").provenance_dir();
    let attempts = std::fs::read_to_string(provenance.join("attempts.jsonl")).unwrap();
    let lines: Vec<Value> = attempts
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(lines[0]["about"]["code"], "abc123");
    assert_eq!(lines[1]["event"], "finished");
    assert_eq!(lines[1]["progress"]["done"], 7);
    let metrics = read_metrics(&provenance).unwrap();
    let at: Vec<_> = metrics
        .iter()
        .map(|line| line["at"].as_u64().unwrap())
        .collect();
    assert_eq!(at, [1, 2, 3, 4, 5, 6, 7]);
    assert!(
        metrics
            .iter()
            .all(|line| line["time"].as_f64().unwrap() > 1.7e9)
    );
    let said = place.find("가").provenance_dir().join("messages.txt");
    assert!(std::fs::read_to_string(said).unwrap().contains("말합니다"));
    assert_eq!(
        std::fs::read_to_string(provenance.join("recipe.toml")).unwrap(),
        RECIPE
    );
}

#[test]
fn a_cancelled_run_says_how_to_go_on_and_does() {
    let whole = Place::new();
    whole.run(RECIPE).unwrap();
    let place = Place::new();
    let hook: Hook = Box::new(|context, round| {
        if round == 5 {
            context.cancel().cancel();
        }
    });
    let resources = Resources::new().with(hook);
    let plan = place.plan(RECIPE).unwrap();
    let error = run(&plan, &place.store, &mut Silent, &resources).unwrap_err();
    assert!(error.is::<Cancelled>());
    let folder = plan.step("ground").unwrap().path.display().to_string();
    assert_eq!(
        error.to_string(),
        format!(
            "stopped in the step \"ground\" ({folder}): what it had saved is kept, and the same \
             command goes on from there"
        )
    );
    let error = run(&plan, &place.store, &mut Silent, &resources).unwrap_err();
    assert!(error.is::<Cancelled>() && error.to_string().starts_with("stopped before the step"));
    let resources = Resources::new().with(Ground::default());
    run(&plan, &place.store, &mut Silent, &resources).unwrap();
    let ground: &Ground = resources.get().unwrap();
    assert_eq!(*ground.0.lock().unwrap(), [6, 7], "it did not resume");
    assert_eq!(place.contents(), whole.contents());
}

#[test]
fn two_runs_cannot_write_one_artifact() {
    let place = Arc::new(Place::new());
    let second = Arc::new(Mutex::new(None));
    let hook: Hook = Box::new({
        let (place, second) = (place.clone(), second.clone());
        move |_, round| {
            if round == 3 {
                *second.lock().unwrap() = Some(place.run(RECIPE));
            }
        }
    });
    let plan = place.plan(RECIPE).unwrap();
    run(
        &plan,
        &place.store,
        &mut Silent,
        &Resources::new().with(hook),
    )
    .unwrap();
    let error = second
        .lock()
        .unwrap()
        .take()
        .unwrap()
        .unwrap_err()
        .to_string();
    let expected = format!(
        "the step \"ground\" is being made by another run (process {}, started as `",
        std::process::id()
    );
    assert!(error.starts_with(&expected), "{error}");
    // The first went on undisturbed, and what is cached needs no lock.
    place.run(RECIPE).unwrap();
}

#[test]
fn a_patient_run_waits_for_what_another_makes() {
    let place = Arc::new(Place::new());
    let ground = Arc::new(Mutex::new(None));
    let started = Arc::new(std::sync::Barrier::new(2));
    let hook: Hook = Box::new({
        let started = started.clone();
        move |_, round| {
            if round == 3 {
                started.wait();
                std::thread::sleep(std::time::Duration::from_millis(100));
            }
        }
    });
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let plan = place.plan(RECIPE).unwrap();
            let resources = Resources::new().with(hook);
            run(&plan, &place.store, &mut Silent, &resources).unwrap();
        });
        started.wait();
        let mut resources = Resources::new().with(Ground::default());
        resources.patient = true;
        let plan = place.plan(RECIPE).unwrap();
        run(&plan, &place.store, &mut Silent, &resources).unwrap();
        let mine = resources.get::<Ground>().unwrap().0.lock().unwrap().clone();
        *ground.lock().unwrap() = Some(mine);
    });
    let mine = ground.lock().unwrap().take().unwrap();
    assert!(mine.is_empty(), "it made what another was making: {mine:?}");
}

#[test]
fn a_patient_run_can_be_stopped_while_it_waits() {
    let place = Place::new();
    let plan = place.plan(RECIPE).unwrap();
    let step = plan.step("ground").unwrap();
    let lock = place.store.lock_path(&step.folder());
    let _held = disk::Lock::try_new(&lock).unwrap().unwrap();
    let mut resources = Resources::new();
    resources.patient = true;
    let cancel = resources.cancel.clone();
    let stop = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(100));
        cancel.cancel();
    });
    let error = run(&plan, &place.store, &mut Silent, &resources).unwrap_err();
    stop.join().unwrap();
    assert!(error.is::<Cancelled>(), "{error:#}");
}

#[test]
fn a_failing_stage_is_told_with_its_place() {
    let place = Place::new();
    let recipe = RECIPE.replace("hello", "fail");
    let plan = place.plan(&recipe).unwrap();
    let folder = plan.step("b").unwrap().path.display().to_string();
    let error = run(&plan, &place.store, &mut Silent, &Resources::new()).unwrap_err();
    assert_eq!(
        format!("{error:#}"),
        format!(
            "the step \"b\" (stage say) failed in {folder}: it had saved nothing yet, so the same \
             command makes this step anew: there is nothing to say"
        )
    );
    assert_eq!(
        place.plan(&recipe).unwrap().step("b").unwrap().state,
        State::Partial
    );
    let attempts = place.find("b").provenance_dir().join("attempts.jsonl");
    assert!(
        std::fs::read_to_string(attempts)
            .unwrap()
            .contains("there is nothing to say")
    );
}

#[test]
fn a_full_disk_is_told() {
    let mut told = 0;
    for k in (1..80).step_by(3) {
        let place = Place::new();
        let plan = place.plan(RECIPE).unwrap();
        let full = arm(
            Fault::Error(std::io::ErrorKind::StorageFull),
            k,
            Reach::Thread,
        );
        let ran = run(&plan, &place.store, &mut Silent, &Resources::new());
        drop(full);
        let Err(error) = ran else { continue };
        let error = format!("{error:#}");
        assert!(error.contains("No space left on device"), "{error}");
        assert!(
            error.contains(&place.store.root().display().to_string()),
            "{error}"
        );
        told += usize::from(error.contains("the disk is full: make room first"));
    }
    assert!(told > 15, "{told}");
}

#[test]
fn a_step_that_would_not_fit_is_not_begun() {
    #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
    struct Huge {}
    impl Stage for Huge {
        const NAME: &'static str = "huge";
        const SUMMARY: &'static str = "";
        type Inputs = ();
        type Output = Count;
        fn estimate(&self, (): &()) -> Vec<Quantity> {
            vec![Quantity::disk(1e18)]
        }
        fn run(&self, (): (), _: &mut Context<'_>, _: &mut Writer<Count>) -> anyhow::Result<()> {
            unreachable!()
        }
    }
    let place = Place::new();
    let recipe = Recipe::parse("seed = 1\n[[step]]\nname = \"x\"\nstage = \"huge\"", "x").unwrap();
    let registry = Registry::new().with::<Huge>();
    let plan = Plan::new(&recipe, &registry, &Bindings::new(), &place.store).unwrap();
    let error = run(&plan, &place.store, &mut Silent, &Resources::new()).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("the step \"x\" will need about 909494.7 TiB of disk, and "),
        "{error}"
    );
}

#[test]
fn an_input_that_changes_during_the_run_is_noticed() {
    let place = Place::new();
    let folder = place.raw("raw", &[("a.txt", "가나다")]);
    let text = format!(
        "seed = 1\n[inputs]\nraw = {{ kind = \"files\", path = {:?} }}\n\
         [[step]]\nname = \"t\"\nstage = \"read\"\ninputs = {{ files = \"raw\" }}",
        folder.display().to_string()
    );
    let plan = place.plan(&text).unwrap();
    place.raw("raw", &[("a.txt", "라마바")]);
    let error = run(&plan, &place.store, &mut Silent, &Resources::new()).unwrap_err();
    assert!(
        format!("{error:#}").contains("has changed since the run was planned"),
        "{error:#}"
    );
    place.run(&text).unwrap();
    assert_eq!(place.text("t"), "라마바");
}

#[test]
fn a_rewind_takes_its_metrics_back() {
    let folder = tempfile::tempdir().unwrap();
    let watch = crate::clock::Watch::start();
    let mut metrics = crate::metrics::Metrics::new(folder.path().to_path_buf());
    let seen = || -> Vec<(u64, u64)> {
        let lines = read_metrics(folder.path()).unwrap().into_iter();
        let number = |line: &Value, name: &str| line[name].as_u64().unwrap();
        lines
            .map(|line| (number(&line, "at"), number(&line, "x")))
            .collect()
    };
    for (at, x) in [(1, 1), (2, 2), (2, 20), (3, 3), (2, 200), (3, 30)] {
        metrics.add(at, json!({ "x": x }), watch).unwrap();
    }
    assert_eq!(seen(), [(1, 1), (2, 200), (3, 30)]);
    // A kill may tear the last line; the next attempt begins at 3.
    let path = folder.path().join("metrics.jsonl");
    let whole = std::fs::read_to_string(&path).unwrap();
    disk::write(&path, format!("{whole}{{\"at\": 4, \"x").as_bytes()).unwrap();
    let mut metrics = crate::metrics::Metrics::new(folder.path().to_path_buf());
    metrics.add(3, json!({ "x": 31 }), watch).unwrap();
    assert_eq!(seen(), [(1, 1), (2, 200), (3, 31)]);
}
