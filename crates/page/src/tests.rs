//! What holds for every page: nothing acts that was only text, nothing is loaded, nothing overflows.

use crate::terminal::{Ink, bars, line_chart, table};
use crate::text::{fit, pad, visible, width, wrap};
use crate::*;

/// A page with `text` in every place that takes text.
fn everywhere(text: &str) -> Page {
    let axis = || Axis::new(text, text);
    let mut page = Page::new(text);
    page.lead(text)
        .heading(text)
        .heading(text)
        .heading(text)
        .subheading(text)
        .paragraph(text);
    page.figures([Figure::new(text, text, text).note(text)]);
    let mut one = Table::new([Column::text(text), Column::number(text, 2)]).caption(text);
    one.row([text.into(), 1.5.into()])
        .row([Cell::Missing, text.into()]);
    page.table(one);
    page.lines(
        LineChart::new(text, axis(), axis())
            .note(text)
            .series(Series::new(text, [(0.0, 1.0), (1.0, 2.0)]))
            .series(
                Series::new(text, [(0.2, 1.0), (0.9, 2.0)]).scattered([text.into(), text.into()]),
            )
            .area(0.0, 1.0, text)
            .mark(0.5, text),
    );
    page.bars(
        BarChart::new(text, axis(), [text, text])
            .note(text)
            .group(text, [Some(Bar::new(1.0).interval(0.5, 1.5)), None])
            .reference(0.5, text),
    );
    page.samples([
        Sample::new(text, text, text).note(text),
        Sample::new(text, "", text).monospace(),
    ]);
    let mut lineage = Lineage::new();
    let first = lineage.push(Node::new(text, text).detail(text));
    lineage.push(Node::new(text, text).inputs([first]));
    page.lineage(lineage);
    page.fold(text, |inside| {
        inside.paragraph(text).heading(text);
    });
    page
}

#[test]
fn text_never_becomes_markup() {
    let attacks = [
        "<script>alert(1)</script>",
        "<script>alert('한국어로')</script>",
        "</title></style></svg><img src=x onerror=alert(1)>",
        "\"><a href='javascript:alert(1)'>눌러</a>",
        "한글 & English <b>굵게</b> 'quoted' \"인용\"",
        "\u{0}\u{1b}]0;title\u{7}\u{202e}뒤집기",
    ];
    let plain = elements(&everywhere("무해한 text").finish());
    for attack in attacks {
        let html = everywhere(attack).finish();
        assert_eq!(elements(&html), plain, "{attack}");
        for word in [
            "<script",
            "<img",
            "<b>굵",
            "<a href='",
            "</title></style>",
            "\u{1b}",
            "\u{0}",
            "\u{202e}",
        ] {
            assert!(
                !html.contains(word),
                "{word:?} of {attack:?} reached the page"
            );
        }
    }
}

/// Names of all elements in their order; panics where tags do not balance.
fn elements(html: &str) -> Vec<String> {
    let (mut all, mut open) = (Vec::new(), Vec::new());
    for tag in html.split('<').skip(1) {
        let tag = tag.split('>').next().unwrap();
        let name: String = tag
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '/' || *c == '!')
            .collect();
        if let Some(closing) = name.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(closing), "unbalanced tags");
        } else if !tag.ends_with('/') && !["!doctype", "meta", "link"].contains(&name.as_str()) {
            open.push(name.clone());
        }
        all.push(name);
    }
    assert!(open.is_empty(), "{open:?} stay open");
    all
}

#[test]
fn nothing_is_loaded_from_anywhere() {
    let html = everywhere("글").finish();
    for word in [
        "http:",
        "https:",
        "url(",
        "@import",
        "src=",
        "<script",
        "javascript:",
        "@font-face",
    ] {
        assert!(!html.contains(word), "{word}");
    }
    assert!(html.contains("default-src 'none'"));
    assert!(html.contains("prefers-color-scheme: dark"));
    assert!(html.contains("word-break: keep-all"));
    assert!(html.contains("@media print"));
}

#[test]
fn the_frame_of_a_page() {
    let mut page = Page::new("제목").language(Language::Korean);
    page.heading("하나").paragraph("글");
    let html = page.finish();
    let start = html.find("<style>").unwrap();
    let end = html.find("</style>").unwrap();
    let html = format!("{}…{}", &html[..start + 7], &html[end..]);
    insta::assert_snapshot!(html, @r#"
    <!doctype html>
    <html lang="ko"><head><meta charset="utf-8">
    <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <link rel="icon" href="data:,">
    <title>제목</title><style>…</style></head><body><header><h1>제목</h1></header><main>
    <h2 id="s1">하나</h2>
    <p>글</p></main></body></html>
    "#);
}

#[test]
fn figures_and_tables_in_markup() {
    let mut page = Page::new("");
    page.figures([Figure::new("속도", "1,200", "토큰/초").note("bf16")]);
    let mut one = Table::new([Column::text("이름"), Column::number("값", 1)]);
    one.row(["가".into(), 1234.56.into()]);
    page.table(one);
    let html = page.finish();
    let main = &html[html.find("<main>").unwrap()..html.find("</main>").unwrap()];
    insta::assert_snapshot!(main, @r#"
    <main>
    <dl class="figures"><div><dt>속도</dt><dd><b>1,200</b> <span>토큰/초</span></dd><dd class="note">bf16</dd></div></dl>
    <div class="table" tabindex="0"><table><thead><tr><th scope="col" class="words">이름</th><th scope="col" class="number">값</th></tr></thead><tbody><tr><td class="words">가</td><td class="number">1,234.6</td></tr></tbody></table></div>
    "#);
}

#[test]
fn charts_of_anything_are_drawn() {
    let (nan, infinity) = (f64::NAN, f64::INFINITY);
    let cases: [&[(f64, f64)]; 8] = [
        &[],
        &[(1.0, 1.0)],
        &[(0.0, 0.0), (0.0, 0.0)],
        &[(nan, 1.0), (1.0, nan), (2.0, infinity), (3.0, -infinity)],
        &[(-1.0, -5.0), (1.0, 5.0)],
        &[(1e-300, 1e300), (2e-300, 2e300)],
        &[(0.0, 1e-9), (1e12, 2e-9)],
        &[(f64::MIN, f64::MAX), (f64::MAX, f64::MIN)],
    ];
    for points in cases {
        for log in [false, true] {
            let axis = || {
                if log {
                    Axis::new("축", "").log()
                } else {
                    Axis::new("축", "")
                }
            };
            let chart = LineChart::new("그림", axis(), axis())
                .series(Series::new("선", points).band([(0.0, nan, 1.0), (1.0, 0.5, infinity)]))
                .area(nan, infinity, "영역")
                .mark(nan, "표시");
            let text = line_chart(&chart, 60, 8, Ink::Plain);
            assert!(text.lines().all(|l| width(l) <= 60), "{text}");
            let mut page = Page::new("");
            page.lines(chart);
            let values = points
                .iter()
                .map(|p| Some(Bar::new(p.1).interval(p.0, p.1)));
            let chart = BarChart::new("막대", axis(), ["선"])
                .group("무리", values)
                .reference(nan, "기준");
            bars(&chart, 60, Ink::Plain);
            page.bars(chart);
            let html = page.finish();
            elements(&html);
            for attribute in ["x=\"NaN", "y=\"NaN", "d=\"NaN", "MNaN", "LNaN", "inf"] {
                assert!(!html.contains(attribute), "{attribute} from {points:?}");
            }
        }
    }
}

#[test]
fn what_is_not_drawn_is_counted() {
    let mut page = Page::new("").language(Language::English);
    page.lines(
        LineChart::new("loss", Axis::default(), Axis::default().log()).series(Series::new(
            "a",
            [(0.0, 1.0), (1.0, 0.0), (2.0, f64::NAN), (3.0, 2.0)],
        )),
    );
    assert!(page.finish().contains("Not drawn: 2 "));
}

#[test]
fn scattered_points_are_named_and_not_joined() {
    let chart = |series: Series| {
        let mut page = Page::new("점");
        page.lines(LineChart::new("", Axis::new("x", "").log(), Axis::new("y", "")).series(series));
        page
    };
    let points = [(1e20, 30.0), (1e22, 60.0), (1e24, 80.0)];
    let names = ["작은 것", "b", "c"].map(str::to_owned);
    let page = chart(Series::new("가족", points).scattered(names));
    let html = page.finish();
    // the picture is drawn for a wide and for a narrow page
    let drawn = html.matches("<svg").count();
    assert!(
        drawn > 0 && html.matches("<circle").count() == 3 * drawn,
        "{html}"
    );
    assert_eq!(
        html.matches("가족 작은 것").count(),
        drawn,
        "each dot says what it is"
    );
    assert!(!html.contains("class=\"line "), "nothing is joined");
    // far apart in the terminal, so that a joined line would fill the columns between
    let cells = |series: Series| {
        let text = line_chart(
            &LineChart::new("", Axis::new("x", "").log(), Axis::new("y", "")).series(series),
            80,
            12,
            Ink::Plain,
        );
        text.chars()
            .filter(|c| ('\u{2801}'..='\u{28ff}').contains(c))
            .count()
    };
    let names = ["a", "b", "c"].map(str::to_owned);
    assert!(cells(Series::new("", points).scattered(names)) <= 3);
    assert!(cells(Series::new("", points)) > 10);
}

#[test]
fn thinning_keeps_the_spike() {
    let mut points: Vec<(f64, f64)> = (0..100_000).map(|i| (f64::from(i), 1.0)).collect();
    points[54_321].1 = 9.0;
    let mut page = Page::new("");
    page.lines(
        LineChart::new("", Axis::default(), Axis::default()).series(Series::new("", points)),
    );
    let html = page.finish();
    assert!(html.len() < 120_000, "{} bytes", html.len());
    // The top of the plot is 24 pixels down, where 9 is drawn on an axis that ends at 9 or 10.
    let path = html.split("d=\"").nth(1).unwrap();
    let highest = path.split('"').next().unwrap().split(['M', 'L']).skip(1);
    let highest = highest.map(|p| p.split(' ').nth(1).unwrap().parse::<f64>().unwrap());
    let highest = highest.fold(f64::INFINITY, f64::min);
    assert!(highest < 60.0, "the spike is drawn at {highest}");
}

#[test]
fn the_terminal_is_never_driven_by_text_nor_overflowed() {
    let evil = "\u{1b}[2J\u{1b}]0;제목\u{7} 아주 길고 긴 한국어 글과 English words 👩‍👩‍👧 \u{202e}끝 \r\n둘째 줄";
    for columns in [40, 61, 100] {
        let text = everywhere(evil).terminal(columns, Ink::Plain);
        assert!(!text.contains(['\u{1b}', '\u{7}', '\r', '\u{202e}']));
        for line in text.lines() {
            assert!(
                width(line) <= columns,
                "{} > {columns}: {line}",
                width(line)
            );
        }
        // With colours the same text, between sequences of ours.
        let colour = everywhere(evil).terminal(columns, Ink::Colour);
        let mut bare = String::new();
        for (i, part) in colour.split('\u{1b}').enumerate() {
            let part = if i == 0 {
                part
            } else {
                part.split_once('m').unwrap().1
            };
            bare.push_str(part);
        }
        assert!(!bare.contains("[2J") || bare.contains("␛[2J"));
    }
}

#[test]
fn columns_of_a_table_line_up_in_cells() {
    let mut one = Table::new([
        Column::text("집합"),
        Column::number("토큰", 0),
        Column::text("끝"),
    ]);
    one.row(["한국어".into(), 12_345u64.into(), "a".into()]);
    one.row(["English".into(), 7u64.into(), "b".into()]);
    one.row(["👩 이모지".into(), Cell::Missing, "c".into()]);
    insta::assert_snapshot!(table(&one, 80, Ink::Plain), @r"
    집합         토큰  끝
    ─────────────────────
    한국어     12,345  a
    English         7  b
    👩 이모지       –  c
    ");
    assert!(table(&one, 20, Ink::Plain).lines().all(|l| width(l) <= 20));
}

#[test]
fn bars_in_the_terminal() {
    let chart = BarChart::new(
        "정확도",
        Axis::new("", "").percent().to(1.0),
        ["한국어", "English"],
    )
    .group(
        "둘 다",
        [Some(Bar::new(0.75).interval(0.7, 0.8)), Some(Bar::new(0.5))],
    )
    .group("없음", [Some(Bar::new(0.1)), None])
    .reference(0.25, "우연 25 %");
    insta::assert_snapshot!(bars(&chart, 60, Ink::Plain), @r"
    정확도
    둘 다
      한국어  ██████▒███████████▊       75.0 % (70.0 % – 80.0 %)
      English ██████▒█████▌             50.0 %
    없음
      한국어  ██▌   ┊                   10.0 %
      English –
    ┊ 우연 25 %
    ");
}

#[test]
fn lines_in_the_terminal() {
    let rising: Vec<(f64, f64)> = (0..=10)
        .map(|i| (f64::from(i) * 1e5, f64::from(i)))
        .collect();
    let falling: Vec<(f64, f64)> = (0..=10)
        .map(|i| (f64::from(i) * 1e5, 10.0 - f64::from(i)))
        .collect();
    let chart = LineChart::new("손실", Axis::new("토큰", "tokens"), Axis::new("", "nats"))
        .series(Series::new("한국어", rising))
        .series(Series::new("English", falling))
        .area(0.0, 5e5, "1단계")
        .area(5e5, 1e6, "2단계");
    insta::assert_snapshot!(line_chart(&chart, 50, 6, Ink::Plain), @r"
    손실
    * 한국어 10   + English 0
    nats
     10┤+++++++               ┊               *******
       │       ++++++++       ┊       ********
      5┤               ++++++++*******
       │               *******++++++++
       │       ********       ┊       ++++++++
      0┤*******               ┊               +++++++
       └─────────────────────────────────────────────
        0                   0.5M                 1.0M
                 1단계                 2단계
                                         토큰 (tokens)
    ");
}

#[test]
fn numbers_as_people_read_them() {
    let cases = [
        (0.0, "0"),
        (3.0, "3"),
        (1234.0, "1,234"),
        (9999.0, "9,999"),
        (10_000.0, "10k"),
        (21_400.0, "21.4k"),
        (999_999.0, "1M"),
        (8_030_261_248.0, "8.03B"),
        (3e12, "3T"),
        (1.23456, "1.235"),
        (0.00123456, "0.001235"),
        (0.5, "0.5000"),
        (-2.5, "−2.500"),
        (1.2e-7, "1.20e−7"),
        (f64::NAN, "NaN"),
        (f64::NEG_INFINITY, "−∞"),
    ];
    for (value, written) in cases {
        assert_eq!(quantity(value), written);
    }
    assert_eq!(fixed(-0.0001, 2), "0.00");
    assert_eq!(fixed(-1_234_567.891, 1), "−1,234,567.9");
    assert_eq!(percent(0.2571, 1), "25.7 %");
}

#[test]
fn widths_of_text() {
    assert_eq!(width("한글 ab"), 7);
    assert_eq!(pad("한", 4), "한  ");
    assert_eq!(fit("한국어 모델", 8), "한국어…");
    assert_eq!(fit("abc", 3), "abc");
    assert_eq!(fit("한", 1), "…");
    assert_eq!(wrap("가나다 라마바 사", 8), ["가나다", "라마바", "사"]);
    assert_eq!(wrap("띄어쓰기없는긴말", 6), ["띄어쓰", "기없는", "긴말"]);
    assert_eq!(wrap("", 6), [""]);
    assert_eq!(visible("줄\r\n바꿈\u{1b}"), "줄\n바꿈␛");
}
