use super::*;

const PAGE: &str = r##"<!DOCTYPE html><html lang="ko"><head><title>김치 담그는 법 - 부엌</title>
<link rel="license" href="https://creativecommons.org/licenses/by/4.0/"></head><body>
<nav><ul><li><a href="/">처음</a></li><li><a href="/all">모든 글</a></li></ul></nav>
<main><article><h1>김치 담그는 법<a class="headerlink" href="#top">¶</a></h1>
<p>배추김치는 겨울이 오기 전에 온 가족이 모여서 함께 담그는 음식이다. 배추를 소금에 절이고 하룻밤을 기다린다.</p>
<h2>재료</h2>
<table><thead><tr><th>재료</th><th>양</th></tr></thead><tbody><tr><td>배추</td><td>10 포기</td></tr><tr><td>소금</td><td>2 kg</td></tr></tbody></table>
<p>소금물의 농도는 <span class="math">\(c = \frac{m}{V}\)</span> 로 셈하고, 물은 H<sub>2</sub>O 이며 넓이는 x<sup>2</sup> 이다.</p>
<ul><li>배추를 절인다.<ul><li>여섯 시간 이상 절여야 한다.</li></ul></li><li>속을 넣는다.</li></ul>
<ol><li>항아리에 담는다.</li><li>기다린다.</li></ol>
<div class="highlight-python"><div class="highlight"><pre><span></span><span class="k">def</span> <span class="nf">salt</span>(water):
    <span class="k">return</span> water * 0.1
</pre></div></div>
<blockquote><p>손맛이 제일이라고 할머니는 말씀하셨다.</p></blockquote>
<p>마지막으로 김치를 시원한 곳에 두고 한 달쯤 익힌 다음에 꺼내 먹으면 가장 맛이 좋다고 한다.</p>
</article></main><footer>저작권 2024 부엌 주식회사</footer></body></html>"##;

fn text(html: &str, mode: Mode) -> String {
    main_text(html, mode, &Caps::default())
        .expect("a text")
        .text
}

#[test]
fn both_modes_keep_the_shape_of_a_korean_page() {
    for mode in [Mode::Quality, Mode::Fast] {
        let text = text(PAGE, mode);
        for wanted in [
            "## 재료",
            "| 재료 | 양 |\n| --- | --- |\n| 배추 | 10 포기 |\n| 소금 | 2 kg |",
            "$c = \\frac{m}{V}$",
            "H2O",
            "x^2",
            "```python\ndef salt(water):\n    return water * 0.1\n```",
            "- 배추를 절인다.\n  - 여섯 시간 이상 절여야 한다.\n- 속을 넣는다.",
            "1. 항아리에 담는다.\n2. 기다린다.",
            "> 손맛이 제일이라고",
        ] {
            assert!(text.contains(wanted), "{mode:?} lacks {wanted:?}:\n{text}");
        }
        for unwanted in ["모든 글", "저작권", "¶", "\u{E000}"] {
            assert!(
                !text.contains(unwanted),
                "{mode:?} keeps {unwanted:?}:\n{text}"
            );
        }
    }
}

/// As Hexo sets code, with its line numbers, and as others do without.
#[test]
fn code_in_a_figure_is_kept() {
    let numbered = r#"<figure class="highlight python"><table><tr><td class="gutter"><pre><span class="line">1</span><br><span class="line">2</span><br></pre></td><td class="code"><pre><span class="line">def salt(water):</span><br><span class="line">    return water * 0.1</span><br></pre></td></tr></table></figure>"#;
    let plain =
        "<figure><pre><code>def salt(water):\n    return water * 0.1\n</code></pre></figure>";
    let (before, rest) = PAGE.split_once("<div class=\"highlight-python\">").unwrap();
    let (_, after) = rest.split_once("</div></div>").unwrap();
    for mode in [Mode::Quality, Mode::Fast] {
        for figure in [numbered, plain] {
            let text = text(&format!("{before}{figure}{after}"), mode);
            let code = "\ndef salt(water):\n    return water * 0.1\n```";
            assert!(text.contains(code), "{mode:?}: {text}");
        }
    }
}

/// A caption, a paragraph beside it, and all that follows a figure without an end: none goes with the code.
#[test]
fn a_figure_with_code_loses_nothing_else() {
    let code =
        "<pre><code class=language-python>def salt(water):\n    return water * 0.1\n</code></pre>";
    let fence = "```python\ndef salt(water):\n    return water * 0.1\n```";
    let table =
        "<table><tr><th>달</th><th>온도</th></tr><tr><td>십이월</td><td>4도</td></tr></table>";
    let rows = "| 달 | 온도 |\n| --- | --- |\n| 십이월 | 4도 |";
    let said = "소금물의 세기를 셈하는 짧은 프로그램";
    let (before, rest) = PAGE.split_once("<div class=\"highlight-python\">").unwrap();
    let (_, after) = rest.split_once("</div></div>").unwrap();
    let caption = format!("<figcaption>{said}</figcaption>");
    let long = format!("<figcaption><div><p>{said}</p></div></figcaption>");
    let nested =
        format!("<figure><div>{caption}</div>").repeat(50) + code + &"</figure>".repeat(50);
    let cases = [
        (
            format!("<figure class=highlight>{caption}{code}</figure>"),
            fence,
            said,
        ),
        (
            format!("<figure>{code}<ul><li>{said}</li></ul></figure>"),
            fence,
            said,
        ),
        (
            format!("<figure><img src=a>{code}{long}</figure>"),
            fence,
            said,
        ),
        (
            format!("<figure class=wp-block-table>{table}{caption}</figure>"),
            rows,
            said,
        ),
        (format!("<figure>{code}"), fence, "손맛이 제일이라고"),
        (nested, fence, said),
        // No code, but a figure that holds the rest of the page.
        (
            format!("<figure><img src=a><p>{said}</p><p>{said}.</p><p>{said}!</p>{code}"),
            fence,
            said,
        ),
        (
            "<figure><img src=a>".to_owned(),
            "손맛이 제일이라고",
            "한 달쯤 익힌 다음에",
        ),
    ];
    for mode in [Mode::Quality, Mode::Fast] {
        for (number, (figure, shown, beside)) in cases.iter().enumerate() {
            let filler =
                format!("<p>{}</p>", "이 이야기는 아직 끝나지 않았다. ".repeat(3)).repeat(3);
            let text = text(&format!("{before}{figure}{filler}{after}"), mode);
            for wanted in [*shown, *beside, "속을 넣는다", "한 달쯤 익힌 다음에"] {
                assert!(
                    text.contains(wanted),
                    "{mode:?}, {number}: no {wanted}:\n{text}"
                );
            }
        }
    }
}

fn table(rows: &str) -> Option<String> {
    let document = dom_query::Document::from(format!("<table>{rows}</table>").as_str());
    let found = document.select_single("table");
    blocks::table(found.nodes().first()?).map(|(markdown, _)| markdown)
}

/// Where a cell of a row above reaches down, the cells of a row stand beside it, each under its own heading.
#[test]
fn a_cell_may_be_rows_high() {
    for (rows, expected) in [
        (
            "<tr><th>연도<th>작품<th>역할<tr><td rowspan=2>2019<td>영화 A<td>주연<tr><td>영화 B<td>조연",
            "| 연도 | 작품 | 역할 |\n| 2019 | 영화 A | 주연 |\n|  | 영화 B | 조연 |",
        ),
        (
            "<tr><th rowspan=2>연도<th colspan=2>수상<tr><th>부문<th>결과<tr><td>2020<td>감독상<td>후보",
            "| 연도 | 수상 |  |\n|  | 부문 | 결과 |\n| 2020 | 감독상 | 후보 |",
        ),
        (
            "<tr><td>가<td rowspan=2>공통<tr><td>나",
            "| 가 | 공통 |\n| 나 |  |",
        ),
        (
            "<tr><td rowspan=2 colspan=2>합<td>1<tr><td>2<tr><td>가<td>나<td>3",
            "| 합 |  | 1 |\n|  |  | 2 |\n| 가 | 나 | 3 |",
        ),
        // To the end of the section, and no further.
        (
            "<tbody><tr><td rowspan=0>봄<td>사월<tr><td>오월<tr><td>유월<tbody><tr><td>가을<td>시월",
            "| 봄 | 사월 |\n|  | 오월 |\n|  | 유월 |\n| 가을 | 시월 |",
        ),
        (
            "<thead><tr><th rowspan=9>달<th>온도<tbody><tr><td>일월<td>3도",
            "| 달 | 온도 |\n| 일월 | 3도 |",
        ),
        // A row without a cell is a row, too.
        (
            "<tr><td rowspan=3>2019<td>영화 A<tr><tr><td>영화 B<tr><td>2020<td>영화 C",
            "| 2019 | 영화 A |\n|  | 영화 B |\n| 2020 | 영화 C |",
        ),
        (
            "<tr><td rowspan=18446744073709551615>봄<td>사월<tr><td>오월",
            "| 봄 | 사월 |\n|  | 오월 |",
        ),
        (
            "<tr><td rowspan=-1>봄<td rowspan=two>사월<tr><td>가을<td>시월",
            "| 봄 | 사월 |\n| 가을 | 시월 |",
        ),
    ] {
        let found = table(rows).unwrap_or_default();
        let lines = found.lines().filter(|line| !line.contains("---"));
        assert_eq!(lines.collect::<Vec<_>>().join("\n"), expected, "{rows}");
    }
}

/// What is too large is left to the extractor, and not cut off.
#[test]
fn no_row_of_a_table_is_lost() {
    let long = |rows| "<tr><th>달<th>온도".to_owned() + &"<tr><td>일월<td>3도".repeat(rows);
    // The rows and the line under the first.
    let lines = table(&(long(1_999) + "<tr><td>")).map(|found| found.lines().count());
    assert_eq!(lines, Some(2_001));
    assert_eq!(table(&long(2_000)), None);
    assert_eq!(table(&long(5_000)), None);
    let wide = |cells| format!("<tr>{}", "<td>가".repeat(cells)).repeat(2);
    assert!(table(&wide(64)).is_some());
    assert_eq!(table(&wide(65)), None);
    assert_eq!(
        table(&"<tr><td colspan=64 rowspan=0>가<td>나".repeat(2)),
        None
    );
}

/// A page cannot ask for a block of code by the marks that stand for it, in no spelling.
#[test]
fn the_marks_of_blocks_are_nobodys_but_ours() {
    let code = format!("<pre>{}</pre>", "salt(water, 0.1)\n".repeat(200));
    let spellings = [
        "\u{E000}0\u{E001}\u{E002}",
        "&#57344;0&#57345;&#57346;",
        "&#xE000;3&#xe001 소금&#xE002;",
        "<math alttext='&#57344;3&#57345;&#57346;'><mi>x</mi></math>",
    ];
    let (before, after) = PAGE.split_once("<blockquote>").unwrap();
    for spelling in spellings {
        let asked = format!("<p>소금을 조금씩 더 넣는다 {}</p>", spelling.repeat(200));
        let articles = spelling
            .replace("&#57344;", "\\uE000")
            .replace("&#57345;", "\\uE001");
        let linked = format!(
            "<script type='application/ld+json'>{{\"@type\":\"Article\",\"articleBody\":\"{}\"}}</script>",
            articles.repeat(300).replace('<', "")
        );
        for mode in [Mode::Quality, Mode::Fast] {
            for page in [
                format!("{before}{code}{asked}<blockquote>{after}"),
                format!("<html><head>{linked}</head><body>{code}{asked}</body></html>"),
            ] {
                let text = text(&page, mode);
                let times = text.matches("```\nsalt(water").count();
                assert!(times <= 1, "{mode:?}, {spelling}: {times} times");
                assert!(text.len() <= longest_text(page.len()));
            }
        }
    }
}

/// Lines that are short in the page and long in Markdown: what grows beyond measure is refused, not written.
#[test]
fn a_text_is_no_longer_than_its_page_allows() {
    let head = (0..64)
        .map(|number| format!("<th>{number}"))
        .collect::<String>();
    let tables = format!(
        "<table><tr>{head}{}</table>",
        "<tr><td>가<td>나".repeat(1_500)
    )
    .repeat(3);
    let quoted = "<blockquote>".repeat(300) + &"<p>가나다 마바사.".repeat(3_000);
    for mode in [Mode::Quality, Mode::Fast] {
        for page in [&tables, &quoted] {
            let page = format!(
                "<article><p>{}</p>{page}</article>",
                "긴 글이다. ".repeat(60)
            );
            match main_text(&page, mode, &Caps::default()) {
                Ok(found) => assert!(found.text.len() <= longest_text(page.len())),
                Err(refused) => assert_eq!(refused.refusal, Refusal::TooLarge, "{refused:?}"),
            }
        }
    }
    let document = dom_query::Document::fragment("<p>가나다</p><p>라마바</p>");
    let written = |most| markdown::of_tree(&document.root(), &[], most);
    assert_eq!(written(22).as_deref(), Some("가나다\n\n라마바"));
    assert_eq!(written(21), None);
}

#[test]
fn a_page_is_asked_about_itself() {
    let about = main_text(PAGE, Mode::Fast, &Caps::default()).unwrap().about;
    assert_eq!(about.title.as_deref(), Some("김치 담그는 법 - 부엌"));
    assert_eq!(about.language.as_deref(), Some("ko"));
    assert!(about.licence.unwrap().contains("creativecommons"));
    assert!(!about.opts_out);
}

#[test]
fn bad_pages_are_refused_and_never_panic() {
    let nested = "<table><tr><td>".repeat(1_000) + "안" + &"</td></tr></table>".repeat(1_000);
    let huge = format!("<p>{}</p>", "가나다 ".repeat(1 << 20));
    for mode in [Mode::Quality, Mode::Fast] {
        let verdict =
            |html: &str| main_text(html, mode, &Caps::default()).map_err(|refused| refused.refusal);
        assert_eq!(verdict(&nested), Err(Refusal::TooDeep));
        assert_eq!(verdict(&huge), Err(Refusal::TooLarge));
        assert_eq!(verdict(""), Err(Refusal::NoText));
        assert_eq!(verdict("<script>alert(1)</script>"), Err(Refusal::NoText));
        let nul = PAGE.replace("배추를", "배\0추를");
        assert!(verdict(&nul).unwrap().text.contains("재료"));
    }
}

#[test]
fn formulas_come_back_as_they_were_written() {
    let katex = r#"<article><p>피타고라스의 정리는 <span class="katex"><span class="katex-mathml"><math><semantics><mrow><mi>a</mi></mrow><annotation encoding="application/x-tex">a^2+b^2=c^2</annotation></semantics></math></span><span class="katex-html" aria-hidden="true">a2+b2=c2</span></span> 라고 쓴다. 직각삼각형이라면 언제나 성립하는 아주 오래된 정리이다.</p>
<p>또한 <math><mfrac><mi>x</mi><mn>2</mn></mfrac><mo>=</mo><msup><mi>y</mi><mn>3</mn></msup></math> 이고, <script type="math/tex">e=mc^2</script> 이다. 이것도 아주 널리 알려진 식이라고 모두가 말한다.</p></article>"#;
    for mode in [Mode::Quality, Mode::Fast] {
        let text = text(katex, mode);
        for wanted in ["$a^2+b^2=c^2$", "$\\frac{x}{2}={y}^{3}$", "$e=mc^2$"] {
            assert!(text.contains(wanted), "{mode:?}: {text}");
        }
    }
}

/// Pages broken at random, from a fixed seed: no panic escapes, and none takes long.
#[test]
fn mutated_pages_never_panic() {
    let mut state = 7u64;
    let mut random = move |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as usize % below.max(1)
    };
    let pieces: Vec<char> = PAGE.chars().collect();
    for round in 0..300 {
        let mut page = pieces.clone();
        for _ in 0..1 + random(30) {
            let (at, other) = (random(page.len()), random(page.len()));
            match random(4) {
                0 => page.truncate(at.max(1)),
                1 => page.swap(at, other),
                2 => {
                    let piece: Vec<char> = page[at.min(other)..at.max(other)].to_vec();
                    let place = random(page.len());
                    page.splice(place..place, piece.into_iter().take(200));
                }
                _ => {
                    page.drain(at.min(other)..at.max(other).min(at.min(other) + 50));
                }
            }
        }
        let page: String = page.into_iter().collect();
        let mode = if round % 2 == 0 {
            Mode::Quality
        } else {
            Mode::Fast
        };
        let _ = main_text(&page, mode, &Caps::default());
    }
}
