//! A page with every piece on it, from made-up numbers: `cargo run --release -p page --example sample > sample.html`
//! (`-- terminal 100` shows the same in the terminal).

use page::terminal::Ink;
use page::{
    Axis, Bar, BarChart, Cell, Column, Figure, Language, LineChart, Lineage, Node, Page, Sample,
    Series, Table,
};
use std::io::Write;

fn main() -> std::io::Result<()> {
    let page = page();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let text = match arguments.first().map(String::as_str) {
        Some("terminal") => {
            let width = arguments.get(1).and_then(|w| w.parse().ok()).unwrap_or(100);
            page.terminal(width, Ink::Colour)
        }
        _ => page.finish(),
    };
    std::io::stdout().write_all(text.as_bytes())
}

fn page() -> Page {
    let mut page = Page::new("작은 두 언어 모델, 두 단계로").language(Language::Korean);
    page.lead("A small Korean–English model, trained in two stages from raw text. 원문에서 보고서까지 한 번의 명령으로.");
    page.figures([
        Figure::new("매개변수 Parameters", "2.36M", "").note("임베딩 제외 1.31M"),
        Figure::new("학습한 토큰 Tokens", "4.8M", "").note("1단계 3.2M · 2단계 1.6M"),
        Figure::new("네 선택지 정확도", "57.3", "%").note("우연이면 25 %"),
        Figure::new("속도 Speed", "21,400", "토큰/초").note("스레드 2개, bf16"),
    ]);
    page.heading("학습 Training");
    page.paragraph("검증 손실은 언어마다 따로 잰다. 2단계는 질 좋은 문서의 비율을 높인 혼합이며, 경계에서 두 곡선이 함께 꺾인다.");
    let wave = |k: f64, height: f64| (k * 12.9898).sin() * (k * 3.1).cos() * height;
    let curve = |floor: f64, noise: f64| -> Vec<(f64, f64)> {
        (1..=480)
            .map(|k| {
                let tokens = k as f64 * 1e4;
                let late = if tokens > 3.2e6 {
                    0.06 * (1.0 - (-(tokens - 3.2e6) / 4e5).exp())
                } else {
                    0.0
                };
                let bits = floor + 2.9 / (1.0 + tokens / 2.4e5) - late * 3.0;
                (tokens, bits + wave(k as f64, noise))
            })
            .collect()
    };
    let tokens = || Axis::new("학습한 토큰", "tokens");
    page.lines(
        LineChart::new(
            "검증 비트/바이트 — Validation bits per byte",
            tokens(),
            Axis::new("", "bits per byte"),
        )
        .series(Series::new("한국어", curve(0.82, 0.0)))
        .series(Series::new("English", curve(0.97, 0.0)))
        .area(0.0, 3.2e6, "1단계 Stage 1")
        .area(3.2e6, 4.8e6, "2단계 Stage 2")
        .note("낮을수록 좋다. UTF-8 바이트로 나누므로 언어끼리 견줄 수 있다."),
    );
    let mut raw = curve(1.1, 0.25);
    raw[200].1 = f64::NAN;
    raw[201].1 = 3.4;
    page.lines(
        LineChart::new(
            "훈련 손실 — Training loss",
            tokens(),
            Axis::new("손실", "nats per token").log(),
        )
        .series(Series::new("배치마다", raw).faint())
        .series(Series::new("평활", curve(1.1, 0.0)).colour(0))
        .series(
            Series::new(
                "섞은 한 단계 (시드 5개)",
                curve(1.22, 0.0).into_iter().step_by(20).collect::<Vec<_>>(),
            )
            .colour(3)
            .dashed()
            .band(
                curve(1.22, 0.0)
                    .into_iter()
                    .step_by(20)
                    .map(|(x, y)| (x, y * 0.96, y * 1.04))
                    .collect::<Vec<_>>(),
            ),
        )
        .mark(2.0e6, "되감기 rewind")
        .mark(2.2e6, "이어서 resumed"),
    );
    page.heading("무엇을 배웠나 What it learned");
    let percent = || Axis::new("정확도 accuracy", "").percent().from(0.0).to(1.0);
    let bar = |v: f64, w: f64| Some(Bar::new(v).interval(v - w, v + w));
    page.bars(
        BarChart::new(
            "사실을 어느 언어로 읽었는가에 따른 정확도",
            percent(),
            ["한국어로 물음", "asked in English"],
        )
        .group(
            "두 언어로 읽은 사실 told in both",
            [bar(0.71, 0.03), bar(0.684, 0.031)],
        )
        .group(
            "한국어로만 told in Korean only",
            [bar(0.642, 0.034), bar(0.386, 0.035)],
        )
        .group(
            "영어로만 told in English only",
            [bar(0.402, 0.036), bar(0.61, 0.034)],
        )
        .group("한 번도 읽지 않은 never told", [bar(0.247, 0.03), None])
        .reference(0.25, "우연 chance 25 %")
        .note("수염은 95 % 구간. 훈련에 쓰지 않은 표현으로만 물었다."),
    );
    page.bars(
        BarChart::new(
            "소스별 토큰 비율",
            Axis::new("share", "").percent(),
            ["share"],
        )
        .group("의안 bills", [Some(Bar::new(0.42))])
        .group("책 books", [Some(Bar::new(0.33))])
        .group("청원 petitions", [Some(Bar::new(0.25))]),
    );
    let mut table = Table::new([
        Column::text("검증 집합"),
        Column::text("언어"),
        Column::number("토큰", 0),
        Column::number("1단계 뒤", 3),
        Column::number("2단계 뒤", 3),
        Column::number("차이", 3),
    ])
    .caption("비트/바이트");
    for (name, language, tokens, first, second) in [
        ("world/good", "한국어", 182_003u64, 0.9241, 0.8517),
        ("world/good", "English", 171_220, 1.0413, 0.9922),
        ("world/poor", "한국어", 64_881, 1.2219, 1.2304),
        (
            "세계/아주 긴 이름의 검증 집합",
            "English",
            1_064_881,
            11.5,
            f64::NAN,
        ),
    ] {
        table.row([
            name.into(),
            language.into(),
            tokens.into(),
            first.into(),
            second.into(),
            Cell::Number(second - first),
        ]);
    }
    page.table(table);
    page.heading("글 Samples");
    page.samples([
        Sample::new("2단계 뒤 · 한국어 · 온도 0", "하늬마을의 특산물은", " 감귤이다. 하늬마을은 1923년에 세워졌으며, 지금은 1,240명이 산다. 마을 한가운데에는 오래된 느티나무가 서 있다.")
            .note("마침: 문서의 끝"),
        Sample::new("after stage 1 · English · temperature 0.8", "The bridge of Marlow was built by", " the architect Hana Seo in 1931. It is 212 metres long, and <b>nobody</b> & nothing has ever crossed it at night.\n\nIn winter it is closed.")
            .note("finish: length (64 tokens)"),
        Sample::new("<script>alert('라벨')</script>", "let 합 =", " 1 + 2; // \u{1b}[31m<script>alert('스크립트')</script>\n\treturn 합;").monospace(),
    ]);
    page.heading("계보 Lineage");
    let mut lineage = Lineage::new();
    let world = lineage.push(Node::new("world", "world").detail("3f2a91c0b7de"));
    let tokenizer = lineage.push(
        Node::new("tokenizer", "train_tokenizer")
            .detail("91be02aa417c")
            .inputs([world]),
    );
    let broad = lineage.push(
        Node::new("broad", "mix")
            .detail("0c77d1e0934f")
            .inputs([world, tokenizer]),
    );
    let choice = lineage.push(
        Node::new("choice", "mix")
            .detail("a1e5520c88b1")
            .inputs([world, tokenizer]),
    );
    let tokens_1 = lineage.push(
        Node::new("broad-tokens", "tokenize")
            .detail("77ab")
            .inputs([broad, tokenizer]),
    );
    let tokens_2 = lineage.push(
        Node::new("choice-tokens", "tokenize")
            .detail("78ab")
            .inputs([choice, tokenizer]),
    );
    let first = lineage.push(
        Node::new("stage-1", "pretrain")
            .detail("5d0eab127e33")
            .inputs([tokens_1]),
    );
    let second = lineage.push(
        Node::new("stage-2", "pretrain")
            .detail("e8aa0193cd20")
            .inputs([first, tokens_2]),
    );
    lineage.push(
        Node::new("report", "report")
            .detail("c0ffee12ab34")
            .inputs([first, second, world]),
    );
    page.lineage(lineage);
    page.fold("설정 Settings", |inside| {
        inside.paragraph("접힌 자리에도 무엇이든 들어간다.");
        let mut table = Table::new([Column::text("설정"), Column::text("값")]);
        table.row(["schedule.peak".into(), "2e-3".into()]);
        table.row(["batch".into(), "32,768 tokens".into()]);
        inside.table(table);
    });
    page
}
