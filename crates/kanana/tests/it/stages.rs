//! Each stage, run by a recipe as a user would write it.

use crate::trial::{LIFE, Trial};
use std::fs;

/// Runs `LIFE` up to a step and returns what the step noted.
fn notes(step: &str) -> serde_json::Value {
    let trial = Trial::new();
    trial
        .write("life.toml", LIFE)
        .ok(&["run", "life.toml", "--only", step]);
    let shown: serde_json::Value =
        serde_json::from_str(&trial.ok(&["show", step, "--json"])).expect("JSON");
    shown["manifest"]["notes"].clone()
}

#[test]
fn world() {
    let notes = notes("world");
    assert!(
        notes["questions"].as_u64() > Some(100) && notes["documents"].as_u64() > Some(100),
        "{notes}"
    );
}

#[test]
fn ingest() {
    let trial = Trial::new();
    trial
        .write("texts/가.jsonl", "{\"id\": \"1\", \"text\": \"안녕하세요\", \"lang\": \"ko\"}\nnot json\n{\"text\": \"Hello\"}\n")
        .write("texts/b.md", "# 제목\n\n나는 학교에 간다.\n")
        .write("texts/c.bin", [0, 1, 2])
        .write("r.toml", "seed = 1\n[inputs]\ntexts = { kind = \"files\" }\n[[step]]\nname = \"corpus\"\nstage = \"ingest\"\ninputs = { files = \"texts\" }\nwith = { read = { stop_past_share = 0.5 } }\n");
    let said = trial.run(&["run", "r.toml", "--input", "texts=texts"]);
    assert!(said.ok, "{}", said.err);
    assert!(
        said.err.contains("broken_json 1") && said.err.contains("skipped c.bin"),
        "{}",
        said.err
    );
    let account =
        fs::read_to_string(trial.artifact("corpus").join("ingested.json")).expect("an account");
    assert!(
        account.contains("not json"),
        "the bad line is sampled with its reason: {account}"
    );
    let why = trial.ok(&["why", "corpus"]);
    assert!(
        why.contains("가.jsonl"),
        "lineage goes back to raw files: {why}"
    );
}

#[test]
fn crawl() {
    const RECIPE: &str = "seed = 1\n[[step]]\nname = \"world\"\nstage = \"world\"\n[[step]]\nname = \"web\"\nstage = \"crawl\"\ninputs = { world = \"world\" }\n\
        [[step]]\nname = \"text\"\nstage = \"extract\"\ninputs = { files = \"web\" }\nwith = { mode = \"fast\" }\n";
    let trial = Trial::new();
    trial.write("r.toml", RECIPE).ok(&["run", "r.toml"]);
    let truth = fs::read_to_string(trial.artifact("web").join("planted.json")).expect("the truth");
    let planted: Vec<serde_json::Value> = truth
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let words = |text: &str| -> std::collections::BTreeSet<String> {
        text.split_whitespace().map(str::to_owned).collect()
    };
    let corpus = corpus::Corpus::open(&trial.artifact("text")).expect("a corpus");
    let texts: std::collections::BTreeMap<String, String> = corpus
        .documents()
        .map(|document| document.expect("a document"))
        .map(|document| (document.id, document.text))
        .collect();
    // Of the good pages nearly all are there, with nearly all of their words and little else.
    let (mut pages, mut there, mut hits, mut said, mut wanted) = (0, 0, 0, 0, 0);
    for page in planted
        .iter()
        .filter(|page| page["grade"] == "good" && page["role"] == "page")
    {
        pages += 1;
        let Some(text) = texts.get(page["id"].as_str().expect("an id")) else {
            continue;
        };
        there += 1;
        let (found, gold) = (words(text), words(page["text"].as_str().expect("a text")));
        hits += found.intersection(&gold).count();
        said += found.len();
        wanted += gold.len();
    }
    let (precision, recall) = (hits as f64 / said as f64, hits as f64 / wanted as f64);
    assert!(there as f64 > 0.9 * pages as f64, "{there} of {pages}");
    assert!(
        precision > 0.85 && recall > 0.85,
        "precision {precision:.3}, recall {recall:.3}"
    );
}

#[test]
fn extract() {
    const PAGE: &str = "<html><head><title>배추</title></head><body><nav><a href='/'>모든 글 보기</a></nav><article><h1>배추</h1>\
        <p>배추는 김치를 담그는 채소이다. 가을에 거두어 소금에 절이고 겨울 내내 두고 먹는 음식이 된다.</p>\
        <p>두 번째 문단에서는 배추를 심는 때와 거두는 때를 자세히 풀어서 이야기하고 글을 마친다.</p></article></body></html>";
    let wet = "오늘은 김장을 하는 날이다.";
    let record = format!(
        "WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Record-ID: <urn:김장>\r\nWARC-Target-URI: http://김치.kr/1\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{wet}\r\n\r\n",
        wet.len()
    );
    let trial = Trial::new();
    trial
        .write("pages/배추.html", PAGE)
        .write("pages/빈.html", "<script></script>")
        .write("pages/a.warc.wet", record.clone() + &record.replace("urn:김장", "urn:스팸").replace("김치.kr", "spam.kr"))
        .write("pages/read.me", "?")
        .write("lists/domains.txt", "spam.kr\n")
        .write("r.toml", "seed = 1\n[inputs]\npages = { kind = \"files\" }\nlists = { kind = \"files\" }\n[[step]]\nname = \"web\"\nstage = \"extract\"\ninputs = { files = \"pages\", lists = \"lists\" }\nwith = { add = { source = \"web\" } }\n");
    let said = trial.run(&[
        "run",
        "r.toml",
        "--input",
        "pages=pages",
        "--input",
        "lists=lists",
    ]);
    assert!(said.ok, "{}", said.err);
    for sentence in [
        "1 pages refused: no_text",
        "1 pages refused: blocked_domain",
        "skipped read.me",
    ] {
        assert!(said.err.contains(sentence), "{sentence}: {}", said.err);
    }
    let corpus = corpus::Corpus::open(&trial.artifact("web")).expect("a corpus");
    let documents: Vec<_> = corpus
        .documents()
        .map(|document| document.expect("a document"))
        .collect();
    let ids: Vec<&str> = documents
        .iter()
        .map(|document| document.id.as_str())
        .collect();
    assert_eq!(ids, ["urn:김장", "배추.html"]);
    assert!(documents[1].text.contains("# 배추") && !documents[1].text.contains("모든 글"));
    assert_eq!(documents[1].source(), Some("web"));
    assert!(
        trial
            .artifact("web")
            .join("refused-00000.jsonl.zst")
            .is_file()
    );
    let said = trial.ok(&["why-dropped", "web"]);
    assert!(
        said.contains("no_text") && said.contains("blocked_domain"),
        "{said}"
    );
    let said = trial.ok(&["why-dropped", "web", "--url", "http://spam.kr/1"]);
    assert!(said.contains("dropped, blocked_domain"), "{said}");
    let deep = trial
        .write(
            "deep.toml",
            fs::read_to_string(trial.path("r.toml"))
                .expect("written above")
                .replace("add =", "caps = { depth = 4000 }, add ="),
        )
        .fails(&[
            "run",
            "deep.toml",
            "--input",
            "pages=pages",
            "--input",
            "lists=lists",
        ]);
    assert!(
        deep.contains("caps.depth = 4000: wanted 1 to 400"),
        "{deep}"
    );
}

#[test]
fn mix() {
    let notes = notes("mixture");
    let tokens = notes["tokens"].as_u64().expect("a count");
    assert!((11_500..12_500).contains(&tokens), "{notes}");
    assert!(notes["held-out documents"].as_u64() > Some(3), "{notes}");
}

#[test]
fn train_tokenizer() {
    let notes = notes("tokenizer");
    assert_eq!(notes["vocabulary"], 600);
    assert!(notes["with Hangul"].as_u64() > Some(50), "{notes}");
}

#[test]
fn a_sample_of_which_nothing_is_drawn_is_told() {
    let trial = Trial::new();
    trial
        .write("texts/one.txt", "오늘은 날이 맑습니다.\n".repeat(400))
        .write("texts/two.txt", "The sky is clear today.\n".repeat(400))
        .write("r.toml", "seed = 1\n[inputs]\ntexts = { kind = \"files\" }\n[[step]]\nname = \"corpus\"\nstage = \"ingest\"\ninputs = { files = \"texts\" }\n[[step]]\nname = \"tokenizer\"\nstage = \"train-tokenizer\"\ninputs = { corpora = [\"corpus\"] }\nwith = { vocabulary = 600, sample_bytes = 1 }\n");
    let said = trial.fails(&["run", "r.toml", "--input", "texts=texts"]);
    assert!(
        said.contains("no text was drawn") && said.contains("sample_bytes = 1 asks for too few"),
        "{said}"
    );
}

#[test]
fn tokenize() {
    let notes = notes("tokens");
    assert!(notes["bytes per token"].as_f64() > Some(1.5), "{notes}");
}

#[test]
fn init() {
    assert!(notes("untrained")["parameters"].as_u64() > Some(30_000));
}

#[test]
fn pretrain() {
    let trial = Trial::new();
    trial
        .write("life.toml", LIFE)
        .ok(&["run", "life.toml", "--only", "second"]);
    let read = |step: &str| -> serde_json::Value {
        let text = fs::read_to_string(trial.artifact(step).join("training.json")).expect("a curve");
        serde_json::from_str(&text).expect("JSON")
    };
    let bits = |curve: &serde_json::Value, index: usize| {
        curve["validations"][index]["total"]["bits_per_byte"]
            .as_f64()
            .expect("a number")
    };
    let (first, second) = (read("first"), read("second"));
    let last = |curve: &serde_json::Value| {
        bits(
            curve,
            curve["validations"].as_array().expect("validations").len() - 1,
        )
    };
    assert!(
        last(&first) < 0.9 * bits(&first, 0),
        "it learns: {} from {}",
        last(&first),
        bits(&first, 0)
    );
    assert!(
        (bits(&second, 0) - last(&first)).abs() < 1e-9,
        "stage 2 starts where stage 1 ended"
    );
    let config: serde_json::Value = serde_json::from_slice(
        &fs::read(trial.artifact("second").join("config.json")).expect("a file"),
    )
    .expect("JSON");
    assert_eq!(config["architectures"][0], "LlamaForCausalLM");
    assert!(
        config["rope_theta"].is_number() && config["rope_parameters"].is_object(),
        "both spellings: {config}"
    );
}

#[test]
fn evaluate() {
    let notes = notes("accuracy");
    let accuracy = notes["accuracy all"].as_f64().expect("a number");
    assert!((0.0..=1.0).contains(&accuracy));
}

#[test]
fn report() {
    let trial = Trial::new();
    let text = trial.write("life.toml", LIFE).ok(&["run", "life.toml"]);
    for word in [
        "Loss",
        "Held-out text",
        "Right answers",
        "Where it came from",
        "told in Korean only",
    ] {
        assert!(
            text.contains(word),
            "the text version lacks {word:?}:\n{text}"
        );
    }
    let page = fs::read_to_string(trial.artifact("report").join("report.html")).expect("a page");
    assert!(page.matches("<svg").count() >= 4, "pictures");
    assert!(
        !page.contains("http://")
            || page.matches("http://").count() == page.matches("http://www.w3.org").count(),
        "nothing from outside"
    );
}

#[test]
fn a_checkpoint_from_outside_is_an_input_like_any_other() {
    let trial = Trial::new();
    trial
        .write("life.toml", LIFE)
        .ok(&["run", "life.toml", "--only", "first"]);
    let model = trial.artifact("first");
    let tokens = trial.artifact("tokens");
    trial.write(
        "go-on.toml",
        "seed = 9\n[inputs]\nbase = { kind = \"model\" }\ntext = { kind = \"tokens\" }\n[[step]]\nname = \"more\"\nstage = \"pretrain\"\n\
         inputs = { model = \"base\", tokens = \"text\" }\nwith = { dtype = \"bf16\", train = { tokens = 512, sequence = 32, batch_tokens = 256 } }\n",
    );
    let base = format!("base={}", model.display());
    let text = format!("text={}", tokens.display());
    trial.ok(&[
        "run",
        "go-on.toml",
        "--store",
        "other",
        "--input",
        &base,
        "--input",
        &text,
    ]);
    let why = trial.ok(&["why", "more", "--store", "other"]);
    assert!(
        why.contains("model.safetensors"),
        "lineage ends at the raw files: {why}"
    );
    let wrong = trial.fails(&[
        "run",
        "go-on.toml",
        "--store",
        "other",
        "--input",
        &base,
        "--input",
        &text.replace("tokens-", "untrained-"),
    ]);
    assert!(wrong.contains("text"), "{wrong}");
}
