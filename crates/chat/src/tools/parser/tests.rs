use super::super::{Choice, grammar, written};
use super::*;
use crate::Tool;
use llguidance::api::TopLevelGrammar;
use llguidance::{Matcher, ParserFactory};
use proptest::prelude::*;
use serde_json::{Value, json};

const ALL: [Format; 3] = [Format::KANANA, Format::HERMES, Format::LLAMA3];

/// Words, and calls as (name, arguments), in their order.
#[derive(Debug, PartialEq, Eq, Clone)]
enum Part {
    Words(String),
    Call(String, String),
}

fn joined(pieces: Vec<Piece>) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut calls = 0;
    for piece in pieces {
        match (piece, parts.last_mut()) {
            (Piece::Text(more), Some(Part::Words(words))) => words.push_str(&more),
            (Piece::Text(more), _) => parts.push(Part::Words(more)),
            (Piece::Call { index, name }, _) => {
                assert_eq!(index, calls);
                calls += 1;
                parts.push(Part::Call(name, String::new()));
            }
            (Piece::Arguments { index, json }, Some(Part::Call(_, arguments))) => {
                assert_eq!(index + 1, calls);
                arguments.push_str(&json);
            }
            (piece, last) => panic!("{piece:?} after {last:?}"),
        }
    }
    parts
}

fn read(format: Format, text: &str, cuts: &[usize], promised: bool) -> Vec<Part> {
    let names = ["weather", "weather_week", "clock"].map(str::to_owned);
    let mut parser = Parser::new(format, names.to_vec(), promised);
    let mut pieces = Vec::new();
    let mut piece = String::new();
    for (i, c) in text.chars().enumerate() {
        if cuts.contains(&i) {
            pieces.extend(parser.push(&std::mem::take(&mut piece)));
        }
        piece.push(c);
    }
    pieces.extend(parser.push(&piece));
    pieces.extend(parser.finish());
    joined(pieces)
}

fn words(text: &str) -> Part {
    Part::Words(text.to_owned())
}

fn call(name: &str, arguments: &str) -> Part {
    Part::Call(name.to_owned(), arguments.to_owned())
}

#[test]
fn calls_and_words_are_told_apart() {
    let seoul = "{\"city\": \"서울 </function>\"}";
    for (format, text, parts) in [
        (Format::KANANA, "안녕하세요.".to_owned(), vec![words("안녕하세요.")]),
        (Format::KANANA, format!("<function=weather>{seoul}</function>"), vec![call("weather", seoul)]),
        (
            Format::KANANA,
            format!("\n볼게요. \n<function=weather>{seoul}</function>\n<function=clock>{{}}</function> 됐다\n"),
            vec![words("\n볼게요."), call("weather", seoul), call("clock", "{}"), words(" 됐다\n")],
        ),
        (Format::KANANA, "<function=weather_week>{}</function>".to_owned(), vec![call("weather_week", "{}")]),
        (
            Format::HERMES,
            format!("네.\n<tool_call>\n{{\"name\": \"weather\", \"arguments\": {seoul}}}\n</tool_call>"),
            vec![words("네."), call("weather", seoul)],
        ),
        (
            Format::HERMES,
            "<tool_call>{ \"name\":\"clock\",\n\"arguments\":{ }\n}</tool_call>\n<tool_call>{\"name\" : \"clock\" , \"arguments\" : {}}</tool_call>".to_owned(),
            vec![call("clock", "{ }"), call("clock", "{}")],
        ),
        (Format::LLAMA3, format!(" {{\"name\": \"weather\", \"parameters\": {seoul}}}"), vec![call("weather", seoul)]),
        // In this format an answer is a call or it is none.
        (
            Format::LLAMA3,
            "예: {\"name\": \"clock\", \"parameters\": {}}".to_owned(),
            vec![words("예: {\"name\": \"clock\", \"parameters\": {}}")],
        ),
    ] {
        for promised in [true, false] {
            assert_eq!(read(format, &text, &[], promised), parts, "{text}");
            let each: Vec<usize> = (0..text.len()).collect();
            assert_eq!(read(format, &text, &each, promised), parts, "{text}");
        }
    }
}

#[test]
fn what_is_no_call_comes_out_as_words_to_the_byte() {
    for text in [
        "a < b, <function, <function=",
        "<function=weather",
        "<function=weather>",
        "<function=weather>{\"city\": \"서",
        "<function=weather>{\"city\": \"서울\"}",
        "<function=weather>{\"city\": \"서울\"}</functio",
        "<function=weather>{\"city\": \"서울\"}</funk>",
        "<function=날씨>{}</function>",
        "<function=storm>{}</function> 뒤",
        "<function=weather>[1]</function>",
        "<function=weather>{city}</function>",
        "<function=clock>{}}</function>",
        "  \n ",
        "",
    ] {
        let parts = read(Format::KANANA, text, &[], false);
        let expected = if text.is_empty() {
            vec![]
        } else {
            vec![words(text)]
        };
        assert_eq!(parts, expected);
    }
    // And a call after what is none is still found.
    let text = "<function=<function=clock>{}</function><function=storm>{}</function><function=clock>{\"a\": 1}</function>";
    let middle = "<function=storm>{}</function>";
    let parts = [
        words("<function="),
        call("clock", "{}"),
        words(middle),
        call("clock", "{\"a\": 1}"),
    ];
    assert_eq!(read(Format::KANANA, text, &[], false), parts);
}

#[test]
fn promised_arguments_come_as_they_are_written() {
    let mut parser = Parser::new(Format::KANANA, vec!["clock".to_owned()], true);
    assert_eq!(parser.push("<function=clock"), []);
    assert_eq!(parser.push(">"), []);
    let begun = parser.push("{\"a");
    assert_eq!(
        begun,
        [
            Piece::Call {
                index: 0,
                name: "clock".to_owned()
            },
            Piece::Arguments {
                index: 0,
                json: "{\"a".to_owned()
            },
        ]
    );
    assert_eq!(
        parser.push("\": 1}</f"),
        [Piece::Arguments {
            index: 0,
            json: "\": 1}".to_owned()
        }]
    );
    assert_eq!(parser.push("unction>"), []);
    assert_eq!(parser.finish(), []);
}

#[test]
fn a_long_unfinished_call_is_read_in_time() {
    let text = "<function=clock>{\"a\": \"".repeat(400);
    assert_eq!(read(Format::KANANA, &text, &[], false), [words(&text)]);
}

fn tools() -> Vec<Tool> {
    let weather = json!({"type": "object", "properties": {
        "city": {"type": "string", "maxLength": 6},
        "days": {"type": "integer", "minimum": 1, "maximum": 7},
        "more": {"type": "array", "items": {"enum": ["비", "눈"]}, "maxItems": 2},
    }, "required": ["city"], "additionalProperties": false});
    let none = json!({"type": "object", "properties": {}, "additionalProperties": false});
    [("weather", weather), ("weather_week", none.clone()), ("clock", none)]
        .map(|(name, parameters)| {
            let tool = json!({"type": "function", "function": {"name": name, "parameters": parameters, "strict": true}});
            serde_json::from_value(tool).unwrap()
        })
        .to_vec()
}

/// A walk through the grammar that takes bytes at random; those that end words or calls a little more often.
fn walk(lark: &str, mut noise: u64, most: usize) -> Option<String> {
    let environment = toktrie::ApproximateTokEnv::single_byte_env();
    let factory = ParserFactory::new_simple(&environment).unwrap();
    let parser = factory.create_parser(TopLevelGrammar::from_lark(lark.to_owned()));
    let mut matcher = Matcher::new(parser);
    let mut bytes = Vec::new();
    for _ in 0..most {
        let mask = matcher
            .compute_mask_or_eos()
            .unwrap_or_else(|error| panic!("{error}\n{lark}"));
        if matcher.is_stopped() {
            break;
        }
        noise = noise
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        let draw = (noise >> 33) as usize;
        let eos = environment.eos_token();
        let liked: Vec<u32> = "<fcw\"}>{가나 \n"
            .bytes()
            .map(u32::from)
            .filter(|id| mask.is_allowed(*id))
            .collect();
        let legal: Vec<u32> = (0..256).filter(|id| mask.is_allowed(*id)).collect();
        let id = match draw % 8 {
            0 if mask.is_allowed(eos) => break,
            _ if legal.is_empty() => break,
            1..=4 if !liked.is_empty() => liked[draw / 8 % liked.len()],
            _ => legal[draw / 8 % legal.len()],
        };
        matcher.consume_token(id).unwrap();
        bytes.push(id as u8);
    }
    let whole = matcher.is_stopped() || matcher.is_accepting().unwrap();
    let text = String::from_utf8(bytes).ok()?;
    whole.then_some(text)
}

#[test]
fn whatever_the_grammar_allows_the_parser_reads() {
    let tools = tools();
    let mut calls = 0;
    let mut whole = 0;
    for format in ALL {
        for (choice, several) in [
            (Choice::Auto, true),
            (Choice::Auto, false),
            (Choice::Required, true),
            (Choice::Required, false),
            (Choice::Named("weather"), true),
        ] {
            let lark = grammar(format, &tools, choice, several).unwrap();
            for seed in 0..24 {
                let Some(text) = walk(&lark, seed * 77 + 1, 600) else {
                    continue;
                };
                whole += 1;
                let each: Vec<usize> = (0..text.len()).collect();
                let parts = read(format, &text, &each, true);
                assert_eq!(parts, read(format, &text, &[], false), "{text}");
                let mut here = 0;
                for part in &parts {
                    match part {
                        Part::Words(said) => {
                            assert!(choice == Choice::Auto, "{text}");
                            assert!(format.alone || !said.contains(format.trigger()), "{text}");
                        }
                        Part::Call(name, arguments) => {
                            here += 1;
                            let arguments: Value = serde_json::from_str(arguments).unwrap();
                            assert!(arguments.is_object());
                            assert!(name != "weather" || arguments["city"].is_string(), "{text}");
                        }
                    }
                }
                assert!(several || here <= 1, "{text}");
                assert!(choice == Choice::Auto || here >= 1, "{text}");
                calls += here;
            }
        }
    }
    assert!(
        whole > 100 && calls > 50,
        "{whole} whole answers, {calls} calls: the walk shows too little"
    );
}

#[test]
fn grammars_that_make_no_sense_are_refused() {
    let tools = tools();
    let twice = [tools[0].clone(), tools[0].clone()];
    for (tools, choice, sentence) in [
        (&[][..], Choice::Auto, "no tool to choose from"),
        (
            &tools,
            Choice::Named("storm"),
            "names the function \"storm\", which is not among",
        ),
        (&twice, Choice::Auto, "two tools are called \"weather\""),
    ] {
        let error = grammar(Format::KANANA, tools, choice, true)
            .unwrap_err()
            .to_string();
        assert!(error.contains(sentence), "{error}");
    }
}

#[test]
fn the_format_is_the_one_that_the_template_teaches() {
    for (source, format) in [
        ("write <function=NAME>", Format::KANANA),
        ("<tool_call> <function=f> <parameter=x>", Format::HERMES),
        ("<tool_call>", Format::HERMES),
        ("{\"name\": f, \"parameters\": p}", Format::LLAMA3),
        ("hello", Format::KANANA),
    ] {
        let template = crate::Template::new(source, serde_json::Map::new()).unwrap();
        assert_eq!(Format::of(&template), format, "{source}");
    }
}

proptest! {
    #[test]
    fn cuts_do_not_matter(
        parts in prop::collection::vec(prop::sample::select(vec![
            "<function=", "clock", "weather", ">", "{\"a\": \"", "값\\n", "\"}", "</function>", "<", " ", "\n", "말", "{", "}",
            "<function=clock>{}</function>", "<tool_call>\n{\"name\": \"", "\", \"arguments\": ", "}\n</tool_call>", "{\"name\": \"", "\", \"parameters\": ",
        ]), 0..10),
        cuts in prop::collection::vec(0usize..90, 0..8),
    ) {
        let text = parts.concat();
        for format in ALL {
            let whole = read(format, &text, &[], false);
            prop_assert_eq!(&read(format, &text, &cuts, false), &whole);
            // Nothing is lost: with its marks put back, all of it is there but for white space.
            let back: String = whole.iter().map(|part| match part {
                Part::Words(said) => said.clone(),
                Part::Call(name, arguments) => written(format.begin) + name + &written(format.middle) + arguments + &written(format.end),
            }).collect();
            let bare = |text: &str| text.split_whitespace().collect::<String>();
            prop_assert_eq!(bare(&back), bare(&text));
        }
    }
}
