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
        "<ref></refs".repeat(50_000),
        "<poem>".repeat(50_000),
        format!("{}</poem>", "<poem>\n".repeat(50_000)),
        "<!--".repeat(50_000),
        "<nowiki><!--</nowiki>".repeat(50_000),
        "<b ".repeat(50_000),
        "&a".repeat(100_000),
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

#[test]
fn titles_before_a_colon_are_no_languages() {
    let text = |source: &str| article("", source).text;
    for (source, shown) in [
        ("[[CSI: 과학수사대]]에 나온다", "CSI: 과학수사대에 나온다"),
        (
            "[[Re:제로부터 시작하는 이세계 생활]]",
            "Re:제로부터 시작하는 이세계 생활",
        ),
        ("[[IT: 웰컴 투 데리]]", "IT: 웰컴 투 데리"),
        ("[[en :서울]]", "en :서울"),
        ("[[xyz:서울]]", "xyz:서울"),
        ("글[[ja:ソウル特別市]][[zh-min-nan:Seoul]]", "글"),
        ("글[[simple:Seoul]][[be-tarask:Сэул]][[en: Seoul]]", "글"),
        ("[[:en:Seoul]]", "en:Seoul"),
    ] {
        assert_eq!(text(source), shown, "{source}");
    }
}

#[test]
fn what_looks_like_a_tag_is_text_unless_it_is_one() {
    let text = |source: &str| article("", source).text;
    for (source, shown) in [
        (
            "KBS <1박 2일>, SBS <K팝스타>, 영화 <1987>, <기생충>, <Parasite>",
            "KBS <1박 2일>, SBS <K팝스타>, 영화 <1987>, <기생충>, <Parasite>",
        ),
        (
            "p<0.05이고, 표본이 충분하며 n>30이다",
            "p<0.05이고, 표본이 충분하며 n>30이다",
        ),
        (
            "<code>#include <stdio.h></code> <code>List<String> a</code>",
            "#include <stdio.h> List<String> a",
        ),
        (
            "x<a이고 <math>y^2</math>이면 z>b이다",
            "x<a이고 $y^2$이면 z>b이다",
        ),
        // A tag holds no other, and its name is all of it.
        ("가 <b 나 <i>다</i>", "가 <b 나 다"),
        (
            "<b가> <sub-1> <math-lab> <pre.c>",
            "<b가> <sub-1> <math-lab> <pre.c>",
        ),
        // What is a tag goes as ever, however it is spelled.
        (
            "<B>가</B><span lang=\"ko\">나</span ><wbr/><S\n>다</S>",
            "가나다",
        ),
        ("가<BR/>나<br />다</br>라", "가\n나\n다\n라"),
        (
            "<noinclude>가</noinclude><onlyinclude>나</onlyinclude></ref>",
            "가나",
        ),
        ("<ruby>漢<rp>(</rp><rt>한</rt><rp>)</rp></ruby>", "漢(한)"),
        ("<code>*p</code>는 가리키는 것이다", "*p는 가리키는 것이다"),
        ("<h2>제목</h2>글<hr>끝", "제목\n글\n끝"),
    ] {
        assert_eq!(text(source), shown, "{source}");
    }
}

#[test]
fn a_mark_behind_a_tag_is_text() {
    let text = |source: &str| article("", source).text;
    for (source, shown) in [
        (
            "*<code>#define X</code>는 매크로이다",
            "- #define X는 매크로이다",
        ),
        (":<code>*p</code>는 값이다", "*p는 값이다"),
        ("<small>* 별표</small>", "* 별표"),
        ("<span>== 제목 ==</span>", "== 제목 =="),
        ("<code>'''SELECT'''</code>는 질의이다", "SELECT는 질의이다"),
        ("<nowiki/># 5", "# 5"),
        ("<nowiki></nowiki>: 쌍점", ": 쌍점"),
        ("'<nowiki/>''가''", "'가"),
        ("[<nowiki/>[서울]]", "[[서울]]"),
        // Tags that are gone before marks are read.
        ("<onlyinclude>* 가</onlyinclude>", "- 가"),
        ("<translate>== 제목 ==</translate>", "## 제목"),
    ] {
        assert_eq!(text(source), shown, "{source}");
    }
    let cells = "|가\n|<span style=\"color:blue\">-3.2%</span>\n|-\n|<small>-</small>||<code>-1</code>\n|-\n|<nowiki/>-5\n|다섯\n|-\n|<code>}</code> || 닫는 괄호\n|-\n|<code>+</code> || 더하기";
    assert_eq!(
        text(&format!("{{|\n!<b>종목</b>!!<b>변동</b>\n|-\n{cells}\n|}}")),
        "| 종목 | 변동 |\n| --- | --- |\n| 가 | -3.2% |\n| - | -1 |\n| -5 | 다섯 |\n| } | 닫는 괄호 |\n| + | 더하기 |"
    );
}

#[test]
fn a_tag_around_nothing_leaves_nothing() {
    let text = |source: &str| article("", source).text;
    for (source, shown) in [
        (
            "앞\n\n<span id=\"a\"></span>\n\n*<b></b>\n*<nowiki></nowiki>\n뒤",
            "앞\n\n뒤",
        ),
        ("앞\n<small>\n작은 글\n</small>\n뒤", "앞\n\n작은 글\n\n뒤"),
        ("<small> 작은 글</small>", "작은 글"),
        ("보라!<b>끝</b>:<i></i>", "보라!끝:"),
        ("<small>__목차__</small>\n글", "글"),
        (
            "{|\n|+<b></b>\n! 가 !! 나\n|-\n|<b></b>||<nowiki/>\n|-\n| 1 || 2\n|}",
            "| 가 | 나 |\n| --- | --- |\n| 1 | 2 |",
        ),
    ] {
        assert_eq!(text(source), shown, "{source}");
    }
}

#[test]
fn an_end_tag_is_of_its_own_name() {
    let text = |source: &str| article("", source).text;
    assert_eq!(
        text("가<ref>주</references>나</ref >다<ref name=\"a\">주</ref 라"),
        "가다 라"
    );
    assert_eq!(text("가<math>x</math\n>나"), "가$x$나");
}

#[test]
fn comments_open_where_nothing_else_is_open() {
    let text = |source: &str| article("", source).text;
    for (source, shown) in [
        ("앞 <nowiki><!--</nowiki> 뒤", "앞 <!-- 뒤"),
        ("앞<!-- <nowiki> -->뒤 <!-- </nowiki> -->끝", "앞뒤 끝"),
        ("앞<!-->가-->뒤<!-- 끝이 없다", "앞뒤"),
        ("앞<!-- <ref> -->가<ref><!-- 나 --></ref>뒤", "앞가뒤"),
        (
            "<syntaxhighlight lang=\"html\">\n<!-- 머리 -->\n<p>A&amp;B &eacute;</p>\n</syntaxhighlight>",
            "```html\n<!-- 머리 -->\n<p>A&amp;B &eacute;</p>\n```",
        ),
        (
            "<pre>\n<!-- 그대로 --> &lt;p&gt;\n</pre>",
            "```\n<!-- 그대로 --> <p>\n```",
        ),
    ] {
        assert_eq!(text(source), shown, "{source}");
    }
}

#[test]
fn entities_are_those_of_html_and_read_once() {
    let text = |source: &str| article("", source).text;
    for (source, shown) in [
        (
            "&gamma;선과 &lambda;, A &rarr; B, &infin;, 5 m&sup2;, caf&eacute;",
            "γ선과 λ, A → B, ∞, 5 m², café",
        ),
        ("&amp;lt;p&amp;gt;는 &lt;p&gt;이다", "&lt;p&gt;는 <p>이다"),
        ("&amp;amp;nbsp; &#38;gamma;", "&amp;nbsp; &gamma;"),
        ("가&nbsp;나&emsp;다&#160;라&#x3000;마", "가 나 다 라 마"),
        (
            "&Gamma;&ne;&gamma; &fjlig; &CounterClockwiseContourIntegral;",
            "Γ≠γ fj ∳",
        ),
        ("&#44032;&#x2014;&#150;&#39;", "가—–'"),
        // What HTML does not know, or what does not end, is text.
        (
            "A&B; &nix; &gam; &amp &; &#; &#x; &#0; &#57344; &#x110000;",
            "A&B; &nix; &gam; &amp &; &#; &#x; &#0; &#57344; &#x110000;",
        ),
        ("<nowiki>&gamma;&amp;gamma;</nowiki>", "γ&gamma;"),
    ] {
        assert_eq!(text(source), shown, "{source}");
    }
}

#[test]
fn an_entity_is_no_markup() {
    let text = |source: &str| article("", source).text;
    assert_eq!(
        text(
            "&#42; 별표\n&ast;&num; &equals;\n&#61;&#61; 제목 &#61;&#61;\n&#39;&#39;작은따옴표&apos;&apos;"
        ),
        "* 별표\n*# =\n== 제목 ==\n''작은따옴표''"
    );
    assert_eq!(
        text("{|\n! 기호 !! 뜻\n|-\n| &#124;&vert; || <pre>가\n나</pre> <math>|x|</math>\n|}"),
        "| 기호 | 뜻 |\n| --- | --- |\n| \\|\\| | ``` 가 나 ``` $\\|x\\|$ |"
    );
}

#[test]
fn a_poem_is_wikitext_whose_lines_stay() {
    let text = |source: &str| article("", source).text;
    for (source, shown) in [
        ("<poem>[[링크|이름]] '''굵게'''</poem>", "이름 굵게"),
        (
            "앞이다.\n<poem style=\"a\">\n나 보기가 [[역겨움|역겨워]]<ref>주</ref>\n가실 때에는<!-- 연 -->\n\n말없이 &quot;고이&quot;\n</poem>\n뒤다.",
            "앞이다.\n\n나 보기가 역겨워\n가실 때에는\n\n말없이 \"고이\"\n\n뒤다.",
        ),
        (
            "{{인용문|<poem>\n산에는 꽃 피네\n꽃이 피네\n</poem>|김소월}}",
            "> 산에는 꽃 피네\n꽃이 피네",
        ),
        ("가 <poem>나\n다</poem> 라", "가\n나\n다\n라"),
        ("<poem>가\n<poem>나\n</poem>다\n라", "가\n나\n다\n라"),
        ("<poem/>가 <poem>나", "가 나"),
        ("<poem></poem>가", "가"),
        (
            "<poem><nowiki></poem></nowiki>가\n나</poem>",
            "</poem>가\n나",
        ),
    ] {
        assert_eq!(text(source), shown, "{source}");
    }
}

#[test]
fn cells_over_columns_and_rows_keep_the_others_in_place() {
    let text = |rows: &str| article("", &format!("{{|\n{rows}\n|}}")).text;
    for (rows, shown) in [
        (
            "! 이름 !! colspan=\"2\" | 2019 !! 2020\n|-\n| 가 || 1 || 2 || 3",
            "| 이름 | 2019 |  | 2020 |\n| --- | --- | --- | --- |\n| 가 | 1 | 2 | 3 |",
        ),
        (
            "! 해 !! 영화 !! 배역\n|-\n| rowspan=2 | 2019 || 영화 A || 주연\n|-\n| 영화 B || 조연\n|-\n| 2020 || 영화 C || 단역",
            "| 해 | 영화 | 배역 |\n| --- | --- | --- |\n| 2019 | 영화 A | 주연 |\n|  | 영화 B | 조연 |\n| 2020 | 영화 C | 단역 |",
        ),
        // Both at once, in the middle, over lines, and in the spellings that there are.
        (
            "! 가 !! 나 !! 다 !! 라\n|-\n| 1\n| style=\"color:red\" ROWSPAN = '2' colspan=\"2\" | 2\n이어서\n| 3\n|-\n|-\n| 4\n| 5",
            "| 가 | 나 | 다 | 라 |\n| --- | --- | --- | --- |\n| 1 | 2 이어서 |  | 3 |\n| 4 |  |  | 5 |",
        ),
        (
            "! data-rowspan=3 | 가 !! rowspan=x colspan=0 | 나\n|-\n| 1 || 2",
            "| 가 | 나 |\n| --- | --- |\n| 1 | 2 |",
        ),
        // None is to the end.
        (
            "! 구분 !! 값\n|-\n| rowspan=\"0\" | 가 || 1\n|-\n| 2\n|-\n| 3",
            "| 구분 | 값 |\n| --- | --- |\n| 가 | 1 |\n|  | 2 |\n|  | 3 |",
        ),
        // More columns than there are cells for are none.
        (
            "! colspan=99999999999999999999999 | 표\n|-\n| 가 || rowspan=65000 | 나\n|-\n| 다",
            "| 표 |  |\n| --- | --- |\n| 가 | 나 |\n| 다 |  |",
        ),
    ] {
        assert_eq!(text(rows), shown, "{rows}");
    }
}

#[test]
fn an_indented_table_is_a_table() {
    let shown = "앞\n\n| 가 | 나 |\n| --- | --- |\n| 1 | 2 |\n\n뒤";
    for begin in [":{| class=\"wikitable\"", ":: {|", "{|"] {
        let source = format!("앞\n{begin}\n! 가 !! 나\n|-\n| 1 || 2\n:{{|\n| 안\n|}}\n|}}\n뒤");
        assert_eq!(article("", &source).text, shown, "{begin}");
    }
}

/// Sources broken at random, from a fixed seed.
#[test]
fn mutated_sources_never_panic() {
    let signs = ['{', '}', '[', ']', '|', '<', '>', '=', '\n', '가'];
    crate::mutate::mutations(SOURCE, (11, 3_000), &signs, |source| {
        let _ = article("제목", source);
    });
}
