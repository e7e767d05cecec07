use super::*;

const SOURCE: &str = r#"{{정보상자 수학자
| 이름 = 오일러
| 그림 = [[파일:Euler.jpg|섬네일|초상]]
| 나이 = {{나이|1707|4|15}}
}}
'''레온하르트 오일러'''({{llang|de|Leonhard Euler}}, [[1707년]] [[4월 15일]]~[[1783년]])는 [[스위스]]의 [[수학자|뛰어난 수학자]]이다.<ref name="a">{{서적 인용|제목=책}}</ref><ref name="a" />

== 업적 ==
오일러의 항등식은 다음과 같다.
: <math>e^{i\pi} + 1 = 0</math>
여기서 <math display="inline">i</math>는 허수 단위이고, 넓이는 {{단위 변환|10|km2}}이다. H<sub>2</sub>O, 10<sup>3</sup>.

=== 그래프 이론 ===
* 쾨니히스베르크의 [[다리 (건축)|다리]]
** 일곱 개
# 첫째
# 둘째

{| class="wikitable"
|+ 차례
|-
! 이름 !! 해
|-
| 항등식 || style="color:red" | 1748
|-
| 다리
| [[1736년]]
|}

<syntaxhighlight lang="python">
def f(x):
    return x ** 2  # ''그대로''
</syntaxhighlight>

{{인용문|읽어라, 읽어라, 오일러를.}}

== 같이 보기 ==
* [[가우스]]
=== 더 ===
* [[리만]]
== 영향 ==
[https://example.org 자세한 글]을 보라. <nowiki>[[그대로]]</nowiki> &lt;끝&gt;

== 각주 ==
{{각주}}
[[분류:수학자]]
[[분류:스위스 사람]]
[[en:Leonhard Euler]]
"#;

#[test]
fn formulas_headings_and_tables_survive() {
    let Article { text, categories } = article("레온하르트 오일러", SOURCE);
    assert_eq!(categories, ["수학자", "스위스 사람"]);
    for wanted in [
        "# 레온하르트 오일러\n\n레온하르트 오일러(Leonhard Euler, 1707년 4월 15일~1783년)는 스위스의 뛰어난 수학자이다.",
        "## 업적\n\n오일러의 항등식은 다음과 같다.",
        "$$e^{i\\pi} + 1 = 0$$",
        "여기서 $i$는 허수 단위이고, 넓이는 10 km2이다. H2O, 10^3.",
        "### 그래프 이론\n\n- 쾨니히스베르크의 다리\n  - 일곱 개\n1. 첫째\n2. 둘째",
        "차례\n\n| 이름 | 해 |\n| --- | --- |\n| 항등식 | 1748 |\n| 다리 | 1736년 |",
        "```python\ndef f(x):\n    return x ** 2  # ''그대로''\n```",
        "> 읽어라, 읽어라, 오일러를.",
        "## 영향\n\n자세한 글을 보라. [[그대로]] <끝>",
    ] {
        assert!(text.contains(wanted), "lacks {wanted:?}:\n{text}");
    }
    for unwanted in [
        "가우스",
        "리만",
        "각주",
        "정보상자",
        "Euler.jpg",
        "분류",
        "ref",
        "{{",
        "}}",
        "\u{E000}",
    ] {
        assert!(!text.contains(unwanted), "keeps {unwanted:?}:\n{text}");
    }
}

#[test]
fn what_is_never_closed_ends() {
    for source in [
        "{{".repeat(200_000),
        "[[".repeat(200_000),
        "<ref>".repeat(50_000),
        "<ref ".repeat(50_000),
        "<ref></ref".repeat(50_000),
        "<math>".repeat(50_000),
        "[http://a ".repeat(50_000),
        "<".repeat(200_000),
        "{|\n".repeat(50_000),
        format!("{}가{}", "{{a|".repeat(50_000), "}}".repeat(50_000)),
        "''".repeat(100_000),
        "=".repeat(100_000),
        "&#".repeat(100_000),
    ] {
        let _ = article("끝", &source);
    }
    assert!(
        article("", "앞 문단이다.\n\n{{열린 틀|가\n\n뒤 문단이다.")
            .text
            .contains("앞 문단이다.")
    );
}

#[test]
fn links_of_all_kinds() {
    let text = |source: &str| article("", source).text;
    assert_eq!(text("[[수도 (동음이의)|]]와 [[서울#역사]]"), "수도와 서울");
    assert_eq!(text("[[파일:a.png|섬네일|[[서울]]의 모습]]본문"), "본문");
    assert_eq!(text("[[:분류:도시]]를 보라"), "분류:도시를 보라");
    assert_eq!(text("[[fr:Séoul]]끝"), "끝");
    assert_eq!(text("수도[http://a.kr]이다"), "수도이다");
}

/// Sources broken at random, from a fixed seed.
#[test]
fn mutated_sources_never_panic() {
    let signs = ['{', '}', '[', ']', '|', '<', '>', '=', '\n', '가'];
    crate::mutate::mutations(SOURCE, (11, 3_000), &signs, |source| {
        let _ = article("제목", source);
    });
}
