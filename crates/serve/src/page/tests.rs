use super::*;
use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn every_file_of_the_folder_is_served_under_its_name() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/page");
    let there: BTreeSet<String> = std::fs::read_dir(folder)
        .expect("the folder of the page")
        .map(|entry| {
            entry
                .expect("readable")
                .file_name()
                .into_string()
                .expect("ASCII")
        })
        .filter(|name| !name.ends_with(".rs"))
        .map(|name| match name.as_str() {
            "index.html" => "/".to_owned(),
            _ => format!("/page/{name}"),
        })
        .collect();
    let served = FILES.iter().map(|file| file.path.to_owned()).collect();
    assert_eq!(there, served);
}

/// What a file has the browser load: quoted words after `src=`, `href=` and `from`.
fn loads(text: &str) -> Vec<&str> {
    ["src=\"", "href=\"", "from \""]
        .iter()
        .flat_map(|mark| text.split(mark).skip(1))
        .filter_map(|rest| rest.split('"').next())
        .collect()
}

#[test]
fn what_a_file_loads_is_one_of_the_files() {
    for file in &FILES {
        for word in loads(file.text) {
            if word.starts_with('#') {
                continue;
            }
            let path = match word.strip_prefix("./") {
                Some(sibling) => format!("/page/{sibling}"),
                None => format!("/{word}"),
            };
            assert!(
                FILES.iter().any(|file| file.path == path),
                "{} loads {word}",
                file.path
            );
        }
    }
}

#[test]
fn nothing_in_the_page_needs_what_the_policy_forbids() {
    let page = FILES[0].text;
    for word in ["<style", "style=", "onclick", "onload", "<iframe", "<img"] {
        assert!(!page.contains(word), "index.html has {word}");
    }
    assert_eq!(
        page.matches("<script").count(),
        page.matches("<script src=\"page/").count()
            + page.matches("<script type=\"module\" src=\"page/").count()
    );
    for file in &FILES {
        for word in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            "url(",
        ] {
            assert!(!file.text.contains(word), "{} has {word}", file.path);
        }
    }
}

/// The text of a file of the page. What it does is driven in a browser (`benches/page/run.mjs`); here only that
/// what was mended is not undone unseen.
fn text(path: &str) -> &'static str {
    let file = FILES.iter().find(|file| file.path == path);
    file.expect("a file of the page").text
}

#[test]
fn an_error_within_a_stream_is_not_told_with_the_status_of_its_beginning() {
    let api = text("/page/api.js");
    assert!(!api.contains("?? response.status"));
    assert!(api.contains("if (event.error) throw told(event.error);"));
    let words = text("/page/words.js");
    for key in api.split("new Refusal(\"").skip(1) {
        let key = key.split('"').next().expect("a word");
        assert!(
            words.contains(&format!("\n  {key}: [")),
            "{key} has no words"
        );
    }
}

#[test]
fn the_page_waits_for_no_fingerprint() {
    let api = text("/page/api.js");
    assert!(api.contains("call(\"v1/models?fingerprint=false\", "));
    assert!(!api.contains("\"v1/models\""));
}

#[test]
fn a_question_that_was_not_answered_is_not_put_beside_the_next_one() {
    let settings = text("/page/settings.js");
    let (_, rest) = settings
        .split_once("export function messagesOf")
        .expect("it is there");
    assert!(rest.contains("at === turns.length - 1 || answered(turns[at + 1])"));
    assert!(!rest.contains("turn.role === \"user\" || turn.content"));
}

#[test]
fn a_browser_that_has_a_file_is_told_so() {
    for file in &FILES {
        let first = answer(file, &HeaderMap::new());
        assert_eq!(first.status(), StatusCode::OK);
        assert_eq!(first.headers()[header::CONTENT_SECURITY_POLICY], POLICY);
        assert_eq!(first.headers()[header::CONTENT_TYPE], file.kind);
        let mut asked = HeaderMap::new();
        asked.insert(header::IF_NONE_MATCH, first.headers()[header::ETAG].clone());
        assert_eq!(answer(file, &asked).status(), StatusCode::NOT_MODIFIED);
        asked.insert(
            header::IF_NONE_MATCH,
            "\"other\"".parse().expect("a header"),
        );
        assert_eq!(answer(file, &asked).status(), StatusCode::OK);
    }
}

#[test]
fn routes_do_not_clash() {
    let _: Router = routes();
}
