use super::*;
use jiff::civil::date;
use serde::Deserialize;

fn noon() -> DateTime {
    date(2025, 2, 26).at(13, 5, 9, 0)
}

fn fixture(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fixtures/chat")
        .join(name)
}

#[derive(Deserialize)]
struct Case {
    template: String,
    messages: Vec<Message>,
    tools: Vec<Tool>,
    extra: Map<String, Value>,
    prompt: bool,
    text: Option<String>,
    error: Option<String>,
}

fn bos() -> Map<String, Value> {
    Map::from_iter([("bos_token".to_owned(), json!("<|begin_of_text|>"))])
}

#[test]
fn rendering_is_that_of_transformers_byte_for_byte() {
    let cases = read(&fixture("cases.json")).unwrap();
    let cases: Vec<Case> = serde_json::from_str(&cases).unwrap();
    assert!(cases.len() >= 80);
    for case in cases {
        let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/template");
        let file = format!("{}.jinja", case.template);
        let own = ours.join(&file);
        let path = if own.is_file() { own } else { fixture(&file) };
        let template = Template::new(&read(&path).unwrap(), bos())
            .unwrap()
            .with_clock(noon);
        let rendered = template.render(&case.messages, &case.tools, case.prompt, &case.extra);
        match (case.text, case.error) {
            (Some(text), _) => assert_eq!(rendered.unwrap(), text, "{file}"),
            (None, Some(error)) => assert_eq!(
                rendered.unwrap_err().to_string(),
                format!("the chat template refuses this conversation: {error}")
            ),
            (None, None) => panic!("a case without an answer"),
        }
    }
}

fn fails(source: &str) -> String {
    let template = Template::new(source, Map::new()).unwrap();
    let error = template.render(&[Message::user("안녕")], &[], true, &Map::new());
    error.unwrap_err().to_string()
}

#[test]
fn templates_without_end_end_with_a_sentence() {
    for source in [
        "{% macro again(n) %}{{ again(n + 1) }}{% endmacro %}{{ again(0) }}",
        "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}",
        "{% for m in messages recursive %}{{ loop(messages) }}{% endfor %}",
    ] {
        let error = fails(source);
        assert!(
            error.starts_with("the chat template calls itself without end"),
            "{error}"
        );
    }
    for source in [
        "{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}{% endfor %}{% endfor %}{% endfor %}",
        // A text that doubles: forty lines would be a terabyte.
        "{% set ns = namespace(x='하나') %}{% for i in range(64) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}",
        "{{ 'x' * 99999999999 }}",
        // Lists that hold a list twice.
        "{% set ns = namespace(x=[1]) %}{% for i in range(64) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x | tojson }}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(64) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}",
        "{% for i in range(99999) %}{{ 'long enough to be seen ' * 999 }}{% endfor %}",
    ] {
        let error = fails(source);
        assert!(
            error.contains("within its budget of steps"),
            "{source}: {error}"
        );
    }
}

#[test]
fn templates_that_fail_say_where() {
    let missing = fails("{{ bos_token }}\n{{ messages[0].nothing.at_all }}");
    assert!(
        missing.contains("cannot render this conversation (line 2)"),
        "{missing}"
    );
    let files = fails("{% include 'passwords' %}");
    assert!(files.contains("cannot render"), "{files}");
    let broken = Template::new("{% for x in %}", Map::new())
        .err()
        .unwrap()
        .to_string();
    assert!(broken.starts_with("it is no Jinja template"), "{broken}");
    let endless = Template::new(&"x".repeat(LONGEST + 1), Map::new())
        .err()
        .unwrap();
    assert!(endless.to_string().contains("are not read"));
    let deep = "{{ ".to_owned() + &"(".repeat(5000) + &")".repeat(5000) + " }}";
    assert!(Template::new(&deep, Map::new()).is_err());
}

#[test]
fn a_long_conversation_is_within_the_budget() {
    let template = Template::usual(|_| true);
    let messages: Vec<_> = (0..5000)
        .map(|i| Message::user(format!("{i} 번째 말")))
        .collect();
    let text = template.render(&messages, &[], true, &Map::new()).unwrap();
    assert!(text.contains("4999 번째 말"));
    let long = [Message::user("가".repeat(3_000_000))];
    assert!(
        template
            .render(&long, &[], true, &Map::new())
            .unwrap()
            .len()
            > 9_000_000
    );
}

#[test]
fn checkpoints_keep_their_template_in_several_places() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        // A file for a test needs no ceremony.
        #[allow(clippy::disallowed_methods)]
        std::fs::write(path, text).unwrap();
    };
    let render = || {
        let template = Template::load(folder.path()).unwrap().unwrap();
        let tool: Tool =
            serde_json::from_value(json!({"type": "function", "function": {"name": "f"}})).unwrap();
        let user = [Message::user("u")];
        let plain = template.render(&user, &[], false, &Map::new()).unwrap();
        (
            plain,
            template.render(&user, &[tool], false, &Map::new()).unwrap(),
        )
    };
    assert!(Template::load(folder.path()).unwrap().is_none());
    write(
        "tokenizer_config.json",
        r#"{"bos_token": {"content": "<s>"}, "chat_template": "{{ bos_token }}A"}"#,
    );
    assert_eq!(render(), ("<s>A".to_owned(), "<s>A".to_owned()));
    write(
        "tokenizer_config.json",
        r#"{"bos_token": "<b>", "chat_template": [{"name": "default", "template": "{{ bos_token }}B"}, {"name": "tool_use", "template": "T{{ tools[0].function.name }}"}]}"#,
    );
    assert_eq!(render(), ("<b>B".to_owned(), "Tf".to_owned()));
    write("chat_template.jinja", "C{{ bos_token }}");
    assert_eq!(render(), ("C<b>".to_owned(), "C<b>".to_owned()));
    write("additional_chat_templates/tool_use.jinja", "D");
    assert_eq!(render(), ("C<b>".to_owned(), "D".to_owned()));
    assert_eq!(
        Template::load(folder.path()).unwrap().unwrap().origin(),
        "chat_template.jinja"
    );
    write("additional_chat_templates/tool_use.jinja", "{% if %}");
    let template = Template::load(folder.path()).unwrap().unwrap();
    let user = [Message::user("u")];
    let plain = template.render(&user, &[], false, &Map::new());
    assert_eq!(plain.unwrap(), "C<b>");
    write("chat_template.jinja", "{% if %}");
    let error = format!("{:#}", Template::load(folder.path()).err().unwrap());
    assert!(
        error.contains("chat_template.jinja: it is no Jinja template"),
        "{error}"
    );
    write("tokenizer_config.json", "[]");
    assert!(Template::load(folder.path()).is_err());
}

#[test]
fn without_a_template_the_tokenizer_decides() {
    let llama = Template::usual(|name| name.contains("header_id") || name == "<|eot_id|>");
    assert!(llama.origin().starts_with("Kanana's format"));
    assert_eq!(llama.end_tokens(), ["<|eot_id|>", "<|eom_id|>"]);
    let chatml = Template::usual(|name| name.starts_with("<|im_"));
    assert!(chatml.origin().starts_with("ChatML") && chatml.end_tokens() == ["<|im_end|>"]);
    let words = Template::usual(|_| false);
    assert!(words.origin().starts_with("plain words") && words.stops().contains(&"\nuser:"));
    let text = words
        .render(&[Message::user("안녕")], &[], true, &Map::new())
        .unwrap();
    assert_eq!(text, "user: 안녕\nassistant:");
}

#[test]
fn a_developer_is_the_system_where_the_template_knows_none() {
    let message: Message =
        serde_json::from_value(json!({"role": "developer", "content": "짧게"})).unwrap();
    let template = Template::usual(|_| false);
    let text = template
        .render(&[message], &[], false, &Map::new())
        .unwrap();
    assert_eq!(text, "system: 짧게\n");
}

/// As DeepSeek's templates have it: calls are shown where nothing is said, their arguments as text.
#[test]
fn calls_without_words_reach_templates_that_look_for_none() {
    let call = |name: &str, arguments: Value| json!({"type": "function", "function": {"name": name, "arguments": arguments}});
    let message = |content: Value| {
        let calls = [
            call("날씨", json!("{\"도시\":  \"부산\"}")),
            call("f", json!({"a": 1})),
        ];
        let message = json!({"role": "assistant", "content": content, "tool_calls": calls});
        serde_json::from_value::<Message>(message).unwrap()
    };
    let render = |source: &str, content: Value| {
        let template = Template::new(source, Map::new()).unwrap();
        template.render(&[message(content)], &[], false, &Map::new())
    };
    let source = read(&fixture("null.jinja")).unwrap();
    let shown = "<call>날씨\n{\"도시\":  \"부산\"}</call><call>f\n{\"a\":1}</call>";
    assert_eq!(render(&source, Value::Null).unwrap(), shown);
    assert_eq!(render(&source, json!("네")).unwrap(), "네");
    for asked in [
        "content is none",
        "['content'] is not none",
        "[\"content\"]  is  none",
        ".content == None",
        "content != none",
        "message.get('content') is none",
    ] {
        assert!(tells_nulls(asked), "{asked}");
    }
    for other in [
        "message.reasoning_content is not none",
        "content is string",
        "content is defined and x is none",
        "content",
        "내용 is none, content 은",
    ] {
        assert!(!tells_nulls(other), "{other}");
    }
    // Whoever does not ask gets a text, and objects where they do.
    let source = "[{{ messages[0].content ~ messages[0].tool_calls[1].function.arguments.a }}]";
    assert_eq!(render(source, Value::Null).unwrap(), "[1]");
    // What fails either way fails for its first reason.
    let source = "{% if messages[0].tool_calls[0].function.arguments is string %}{{ raise_exception('글') }}{% endif %}{{ raise_exception('객체') }}";
    let error = render(source, Value::Null).unwrap_err().to_string();
    assert!(error.ends_with("객체"), "{error}");
}

/// Two templates ask for different things of the same conversation.
#[test]
fn what_the_template_for_tools_looks_for_changes_nothing_without_tools() {
    let messages: Vec<Message> = serde_json::from_value(json!([
        {"role": "developer", "content": "짧게"},
        {"role": "assistant", "content": null, "tool_calls":
            [{"type": "function", "function": {"name": "날씨", "arguments": "{}"}}]},
    ]))
    .unwrap();
    let tool: Tool =
        serde_json::from_value(json!({"type": "function", "function": {"name": "f"}})).unwrap();
    let usual =
        "{% for message in messages %}[{{ message['role'] }} {{ message['content'] }}]{% endfor %}";
    let for_tools = "{% for message in messages %}[{{ message.role }}{% if message.content is not none %} {{ message.content }}{% endif %}]{% endfor %}{# developer #}";
    let render = |usual: &str, for_tools: &str| {
        let template = Template::new(usual, Map::new()).unwrap();
        let template = template.for_tools(for_tools, "도구.jinja");
        let none: &[Tool] = &[];
        [none, std::slice::from_ref(&tool)].map(|tools| {
            let rendered = template.render(&messages, tools, false, &Map::new());
            rendered.unwrap()
        })
    };
    let (filled, asked) = ("[system 짧게][assistant ]", "[developer 짧게][assistant]");
    assert_eq!(render(usual, for_tools), [filled, asked]);
    assert_eq!(render(for_tools, usual), [asked, filled]);
}

#[test]
fn a_broken_template_for_tools_is_told_where_there_are_tools() {
    let template = Template::new("{{ messages[0].content }}", Map::new()).unwrap();
    let template = template
        .for_tools("{% if %}", "도구.jinja")
        .with_clock(noon);
    let render = |tools: &[Tool]| {
        let user = [Message::user("안녕")];
        template.render(&user, tools, false, &Map::new())
    };
    assert_eq!(render(&[]).unwrap(), "안녕");
    let tool = json!({"type": "function", "function": {"name": "f"}});
    let error = render(&[serde_json::from_value(tool).unwrap()]).unwrap_err();
    let error = error.to_string();
    assert!(
        error.starts_with("the chat template for tools, 도구.jinja: it is no Jinja template"),
        "{error}"
    );
}

#[test]
fn without_a_clock_there_is_no_now() {
    let template = Template::new("{{ strftime_now is defined }}", Map::new()).unwrap();
    assert_eq!(
        template.render(&[], &[], false, &Map::new()).unwrap(),
        "False"
    );
    let template = template.with_clock(noon);
    assert_eq!(
        template.render(&[], &[], false, &Map::new()).unwrap(),
        "True"
    );
}
