use super::*;

/// Opens tasks of one's own: each a file and the name in it.
fn opened(tasks: &[(&str, &str)]) -> Result<Vec<String>> {
    let data = tempfile::tempdir()?;
    for (file, name) in tasks {
        let text = format!(
            "name = {name:?}\nkind = \"measure\"\ndata = \"글.jsonl\"\nprompt = \"{{{{ text }}}}\"\n"
        );
        disk::write(&data.path().join(file), text.as_bytes())?;
    }
    let wanted = Wanted {
        tasks: tasks.iter().map(|(file, _)| (*file).to_owned()).collect(),
        draws: 1,
        ..Wanted::default()
    };
    wanted.check()?;
    let tasks = wanted.open(data.path(), Protocol::Base)?;
    let names = tasks.iter().map(|task| task.about().name.clone());
    Ok(names.collect())
}

#[test]
fn two_tasks_of_one_name_are_refused() {
    let names = opened(&[("a.toml", "퀴즈"), ("b.toml", "quiz")]).unwrap();
    assert_eq!(names, ["퀴즈", "quiz"]);
    for second in ["퀴즈/하나", "퀴즈_하나"] {
        let asked = [
            ("x.toml", "x"),
            ("a.toml", "퀴즈_하나"),
            ("나.toml", second),
        ];
        let error = opened(&asked).unwrap_err().to_string();
        assert!(
            error.contains("a.toml and 나.toml") && error.contains(second),
            "{error}"
        );
    }
    let error = opened(&[("a.toml", "quiz"), ("./a.toml", "quiz")]).unwrap_err();
    assert!(
        error.to_string().contains("a.toml and ./a.toml"),
        "{error:#}"
    );
}
