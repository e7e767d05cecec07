use super::pretend::{Cell, written};
use super::*;
use crate::task::{Protocol, Setup, Task};
use std::fs;
use tempfile::TempDir;

/// A data set's files, and the folder of all benchmarks.
struct Trial {
    hub: TempDir,
    data: TempDir,
}

impl Trial {
    fn new() -> Self {
        let folder = || tempfile::tempdir().unwrap();
        Trial {
            hub: folder(),
            data: folder(),
        }
    }

    fn put(&self, path: &str, bytes: impl AsRef<[u8]>) -> &Self {
        let path = self.hub.path().join(path);
        disk::create_dir(path.parent().unwrap()).unwrap();
        disk::write(&path, bytes.as_ref()).unwrap();
        self
    }

    fn arrange(&self, task: &str) -> Result<()> {
        let [source] = Source::named(task)[..] else {
            panic!("{task} is one task")
        };
        let into = self.data.path().join(source.place);
        disk::create_dir(&into)?;
        source.arrange(self.hub.path(), &into)
    }

    fn open(&self, task: &str, shots: usize) -> Box<dyn Task> {
        self.arrange(task).unwrap();
        let kind = crate::tasks::find(task).unwrap();
        for needed in kind.needs {
            assert!(self.data.path().join(needed).exists(), "{task}: {needed}");
        }
        (kind.open)(&Setup {
            data: self.data.path().to_owned(),
            protocol: Protocol::Base,
            shots: Some(shots),
            samples: 1,
        })
        .unwrap()
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.data.path().join(path)).unwrap()
    }

    fn fails(&self, task: &str) -> String {
        format!("{:#}", self.arrange(task).unwrap_err())
    }
}

fn mmlu(
    subject: &'static str,
    question: &'static str,
    answer: i64,
) -> Vec<(&'static str, Cell<'static>)> {
    vec![
        ("question", Cell::Text(question)),
        ("subject", Cell::Text(subject)),
        (
            "choices",
            Cell::Texts(&["하나", "둘, \"셋\"", "넷\n다섯", ""]),
        ),
        ("answer", Cell::Number(answer)),
    ]
}

const SUBSETS: [&str; 5] = [
    "general_knowledge",
    "history",
    "loan_words",
    "rare_words",
    "standard_nomenclature",
];

fn haerae(question: &str) -> String {
    format!(
        "query,options,answer\n\"{question}\n(A) 가 (B) 나 (C) 다 (D) 라 (E) 마\",\"['가']\",(B)\n"
    )
}

#[test]
fn every_source_names_a_task_and_its_files() {
    for source in SOURCES {
        assert!(crate::tasks::find(source.task).is_some(), "{}", source.task);
        assert!(!source.files.is_empty() && !source.licence.is_empty());
        let kind = crate::tasks::find(source.task).unwrap();
        assert!(
            kind.needs.iter().all(|need| need.starts_with(source.place)),
            "{} makes {}",
            source.task,
            source.place
        );
    }
    assert_eq!(Source::named("kobest").len(), 5);
    assert_eq!(Source::named("kmmlu").len(), 1);
    assert!(Source::named("mt_bench").is_empty());
}

#[test]
fn mmlu_is_what_its_authors_published() {
    let trial = Trial::new();
    trial
        .put(
            "all/test-00000-of-00001.parquet",
            written(&[
                mmlu("law", "가?", 0),
                mmlu("korean_law", "나?", 3),
                mmlu("law", "다?", 1),
            ]),
        )
        .put(
            "all/dev-00000-of-00001.parquet",
            written(&[mmlu("law", "보기?", 2), mmlu("korean_law", "보기 둘?", 2)]),
        );
    let asks = trial.open("mmlu", 1).asks().unwrap();
    let ids: Vec<&str> = asks.iter().map(|ask| ask.id.as_str()).collect();
    assert_eq!(ids, ["korean_law/0", "law/0", "law/1"]);
    assert_eq!(
        trial.read("mmlu/test/law_test.csv"),
        "가?,하나,\"둘, \"\"셋\"\"\",\"넷\n다섯\",,A\n다?,하나,\"둘, \"\"셋\"\"\",\"넷\n다섯\",,B\n"
    );
    trial.put("all/test-0.parquet", written(&[mmlu("../law", "가?", 0)]));
    assert!(trial.fails("mmlu").contains("is no name of a file"));
    trial.put("all/test-0.parquet", written(&[mmlu("law", "가?", 4)]));
    assert!(trial.fails("mmlu").contains("`answer` among them"));
    trial.put(
        "all/test-0.parquet",
        written(&[vec![("질문", Cell::Number(1))]]),
    );
    assert!(trial.fails("mmlu").contains("row 1: wanted four `choices`"));
}

#[test]
fn kobest_has_its_columns_again() {
    let trial = Trial::new();
    let boolq = |label: usize| {
        format!(
            "{{\"paragraph\": \"탭\\t이 있다.\", \"question\": \"\\\"그런가\\\"?\", \"label\": {label}}}\n"
        )
    };
    trial
        .put("boolq/train.jsonl", boolq(1))
        .put("boolq/validation.jsonl", boolq(0))
        .put("boolq/test.jsonl", boolq(0) + &boolq(1));
    let task = trial.open("kobest_boolq", 0);
    assert!(task.about().protocol.ends_with("test.tsv"));
    let asks = task.asks().unwrap();
    assert_eq!(asks.len(), 2);
    let text = format!("{:?}", asks[0].request);
    assert!(
        text.contains("이 있다.") && text.contains("그런가"),
        "{text}"
    );
    assert_eq!(
        trial.read("kobest/BoolQ/dev.tsv"),
        "Text\tQuestion\tAnswer\n\"탭\t이 있다.\"\t\"\"\"그런가\"\"?\"\tFalse\n"
    );
    // The same from Parquet.
    let copa = |label: i64| {
        vec![
            ("premise", Cell::Text("물을 끓였다.")),
            ("question", Cell::Text("결과")),
            ("alternative_1", Cell::Text("늘었다.")),
            ("alternative_2", Cell::Text("줄었다.")),
            ("label", Cell::Number(label)),
        ]
    };
    for split in ["train", "validation", "test"] {
        let path = format!("copa/{split}-00000-of-00001.parquet");
        trial.put(&path, written(&[copa(1)]));
    }
    assert_eq!(trial.open("kobest_copa", 0).asks().unwrap().len(), 1);
    assert!(trial.read("kobest/COPA/test.tsv").ends_with("줄었다.\t2\n"));
    trial.put("copa/test-00000-of-00001.parquet", written(&[copa(2)]));
    assert!(trial.fails("kobest_copa").contains("the `label` is 2"));
    let rows = [
        (
            "hellaswag",
            "{\"context\": \"가\", \"ending_1\": \"나\", \"ending_2\": \"다\", \"ending_3\": \"라\", \"ending_4\": \"마\", \"label\": 3}",
        ),
        ("sentineg", "{\"sentence\": \"만족입니다\", \"label\": 1}"),
        (
            "wic",
            "{\"word\": \"양분\", \"context_1\": \"[양분]이\", \"context_2\": \"[양분]과\", \"label\": 1}",
        ),
    ];
    for (part, row) in rows {
        for split in ["train", "validation", "test"] {
            trial.put(&format!("{part}/{split}.jsonl"), row);
        }
        // A split that is not one of the three.
        trial.put(&format!("{part}/test_originated.jsonl"), "{}");
        let asks = trial.open(&format!("kobest_{part}"), 0).asks().unwrap();
        assert_eq!(asks.len(), 1, "{part}");
    }
    disk::remove_file(&trial.hub.path().join("wic/validation.jsonl")).unwrap();
    assert!(
        trial
            .fails("kobest_wic")
            .contains("wanted a table called validation")
    );
}

#[test]
fn a_subset_is_known_by_its_place_in_the_data_set_alone() {
    let trial = Trial::new();
    for subset in SUBSETS {
        trial.put(&format!("history/data/{subset}-test.csv"), haerae(subset));
    }
    let into = trial.data.path().join("haerae");
    disk::create_dir(&into).unwrap();
    let [source] = Source::named("haerae")[..] else {
        panic!("it is one task")
    };
    let from = trial.hub.path().join("history");
    source.arrange(&from, &into).unwrap();
    for subset in SUBSETS {
        let rows = trial.read(&format!("haerae/{subset}.jsonl"));
        assert_eq!(rows.lines().count(), 1, "{rows}");
        assert!(rows.contains(subset), "{rows}");
    }
}

#[test]
fn the_others_are_read_by_their_tasks() {
    let trial = Trial::new();
    let gsm = written(&[vec![
        ("question", Cell::Text("사과가 둘, 셋 더?")),
        ("answer", Cell::Text("2+3=5\n#### 5")),
    ]]);
    trial
        .put("main/train-0.parquet", &gsm)
        .put("main/test-0.parquet", &gsm);
    assert_eq!(trial.open("gsm8k", 1).asks().unwrap().len(), 1);
    let kmmlu = "question,answer,A,B,C,D,Category,Human Accuracy\n가?,1,a,b,c,d,x,0.5\n";
    trial
        .put("data/Law-dev.csv", kmmlu)
        .put("data/Law-test.csv", kmmlu)
        .put("data/Law-train.csv", "x\n");
    assert_eq!(trial.open("kmmlu", 1).asks().unwrap()[0].id, "Law/0");
    assert!(!trial.data.path().join("kmmlu/Law-train.csv").exists());
    for subset in SUBSETS {
        trial.put(&format!("data/{subset}-test.csv"), haerae("물음"));
    }
    assert_eq!(trial.open("haerae", 0).asks().unwrap().len(), 5);
    let problem = |number: i64| {
        vec![
            ("task_id", Cell::Number(number)),
            ("text", Cell::Text("Write a function.")),
            ("code", Cell::Text("def f(): return 1")),
            (
                "test_list",
                Cell::Texts(&["assert f()", "assert f() == 1", "assert not not f()"]),
            ),
            ("test_setup_code", Cell::Text("")),
            ("challenge_test_list", Cell::Texts(&[""])),
        ]
    };
    trial
        .put("full/train-0.parquet", written(&[problem(601)]))
        .put("full/test-0.parquet", written(&[problem(12), problem(11)]));
    trial.open("mbpp", 0).asks().unwrap();
    let first = trial.read("mbpp/mbpp.jsonl");
    assert!(
        first.lines().next().unwrap().contains("\"task_id\":11"),
        "{first}"
    );
    let human = [
        ("task_id", Cell::Text("HumanEval/0")),
        ("prompt", Cell::Text("def one():\n    \"\"\" 1 \"\"\"\n")),
        ("entry_point", Cell::Text("one")),
        ("canonical_solution", Cell::Text("    return 1\n")),
        (
            "test",
            Cell::Text("def check(candidate):\n    assert candidate() == 1\n"),
        ),
    ];
    trial.put(
        "openai_humaneval/test-0.parquet",
        written(&[human.to_vec()]),
    );
    assert_eq!(
        trial.open("humaneval", 0).asks().unwrap()[0].id,
        "HumanEval/0"
    );
    // Every folder of this data set is a subject.
    let trial = Trial::new();
    let algebra = [
        ("problem", Cell::Text("1 + 1")),
        ("level", Cell::Text("Level 1")),
        ("type", Cell::Text("Algebra")),
        ("solution", Cell::Text("$\\boxed{2}$")),
    ];
    trial
        .put("algebra/test-0.parquet", written(&[algebra.to_vec()]))
        .put("geometry/train-0.parquet", "not looked at");
    assert_eq!(trial.open("math", 4).asks().unwrap().len(), 1);
    trial.put(
        "ifeval_input_data.jsonl",
        "{\"key\": 1, \"prompt\": \"No commas.\", \"instruction_id_list\": [\"punctuation:no_comma\"], \"kwargs\": [{}]}\n",
    );
    assert_eq!(trial.open("ifeval", 0).asks().unwrap().len(), 1);
}
