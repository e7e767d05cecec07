use super::*;

/// Two folders, and the sentence that a file about them is answered with.
fn told(text: &str) -> String {
    let trial = tempfile::tempdir().unwrap();
    for name in ["a", "b"] {
        std::fs::create_dir(trial.path().join(name)).unwrap();
    }
    let text = text.replace("DIR", &trial.path().display().to_string());
    match understand(&text) {
        Ok((config, folders)) => format!(
            "{} {:?}",
            config.merge_method.name(),
            folders.iter().map(|f| &f.0).collect::<Vec<_>>()
        ),
        Err(error) => format!("{error:#}").replace(&trial.path().display().to_string(), "DIR"),
    }
}

#[test]
fn mergekits_own_examples_are_understood() {
    let ties = "
models:
  - model: DIR/a
    parameters:
      density: [1, 0.7, 0.1] # density gradient
      weight: 1.0
  - model: DIR/b
    parameters:
      density: 0.5
      weight: [0, 0.3, 0.7, 1]
merge_method: ties
base_model:
  model:
    path: DIR/a
parameters:
  normalize: true
  int8_mask: true
dtype: float16
tokenizer_source: base
";
    assert_eq!(told(ties), r#"ties ["a", "b"]"#);
    let slerp = "
slices:
  - sources:
      - {model: DIR/a, layer_range: [0, 2]}
      - {model: DIR/b, layer_range: [0, 2]}
merge_method: slerp
base_model: DIR/a
parameters:
  t:
    - filter: self_attn
      value: [0, 0.5, 0.3, 0.7, 1]
    - value: 5e-1
dtype: bfloat16
";
    assert_eq!(told(slerp), r#"slerp ["a", "b"]"#);
}

#[test]
fn what_is_not_supported_is_told_with_what_is() {
    let with = |more: &str| {
        told(&format!(
            "models: [{{model: DIR/a, parameters: {{weight: 1}}}}]\n{more}"
        ))
    };
    for (more, expected) in [
        (
            "merge_method: breadcrumbs",
            "merge_method: breadcrumbs is not supported; there are linear, slerp,",
        ),
        ("dtype: bfloat16", "`merge_method` is missing"),
        (
            "merge_method: linear\nmodules: {text: {}}",
            "`modules` is not supported: models of one module",
        ),
        (
            "merge_method: linear\ntokenizer: {source: union}",
            "`tokenizer` is not supported",
        ),
        (
            "merge_method: linear\ntokenizer_source: union",
            "tokenizer_source: \"union\" is not supported",
        ),
        (
            "merge_method: linear\nchat_template: auto",
            "`chat_template` is not supported",
        ),
        (
            "merge_method: linear\ndtype: int8",
            "dtype: int8 is not supported; there are float32",
        ),
        (
            "merge_method: linear\nout_shard_size: 5B",
            "unknown field `out_shard_size`, expected one of `merge_method`",
        ),
        (
            "merge_method: linear\nbase_model: org/name",
            "the model org/name is not a local directory: nothing is fetched",
        ),
        (
            "merge_method: linear\nbase_model: DIR/a+adapter",
            "means a model with an adapter",
        ),
        (
            "merge_method: linear\nbase_model: {model: {path: DIR/a, revision: main}}",
            "`revision` of a model is not supported",
        ),
        (
            "merge_method: linear\nparameters: {wieght: 1}",
            "no merge method here has a parameter called `wieght`",
        ),
        ("merge_method: [", "it is not valid YAML"),
    ] {
        let said = with(more);
        assert!(said.contains(expected), "wanted {expected:?} in {said:?}");
    }
    assert!(told("just words").contains("wanted `merge_method`"));
}

#[test]
fn folders_of_one_name_get_two() {
    let mut folders = Folders::new();
    let named: Vec<String> = ["x/모델 하나", "y/모델 하나", "x/모델 하나", "merged", "/"]
        .iter()
        .map(|path| name(PathBuf::from(path), &mut folders))
        .collect();
    assert_eq!(
        named,
        ["모델-하나", "모델-하나-2", "모델-하나", "merged-2", "model"]
    );
}
