use super::*;

fn files(files: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
    files
        .iter()
        .map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()))
        .collect()
}

const MAIN: &str = r#"\documentclass{article} % a comment
\usepackage{own}
\newcommand{\R}{\mathbb{R}}
\newcommand{\norm}[1]{\left\lVert #1 \right\rVert}
\newcommand{\pair}[2][x]{(#1, #2)}
\def\eps{\varepsilon}
\DeclareMathOperator{\argmax}{arg\,max}
\newcommand{\be}{\begin{equation}}
\newcommand{\ee}{\end{equation}}
\newtheorem{satz}{정리}
\title{On \emph{Kimchi} in $\R^n$}
\author{A. Author\thanks{Supported by cabbage.}}
\begin{document}
\maketitle
\begin{abstract}
We show that 100\% of all kimchi is ``good''---for every $\eps > 0$ \cite{kim2020}.
\end{abstract}
\input{sections/intro}
\include{./sections/method}
\input{/etc/passwd}
\input{../../outside}
\section*{Results}
\be \label{eq:1} \norm{x} \le \own, \quad x \in \R^n \ee
\begin{align}
 a &= \pair{y} \nonumber \\
 b &= \argmax_z z
\end{align}
\begin{satz}[김치] 모든 배추는 익는다. \end{satz}
\begin{table}[h] \caption{Salt per head.}
\begin{tabular}{l|rr} \hline Head & Salt & \multicolumn{1}{c}{Water} \\ \hline 하나 & 2 & 10 \\[2pt] 둘 & 3 & 20\% \\ \bottomrule \end{tabular}
\end{table}
\begin{figure}\includegraphics[width=3cm]{a.png}\caption{A \textbf{jar}.}\end{figure}
\begin{itemize} \item cut \item salt \begin{enumerate}\item wait\item wash\end{enumerate} \item[then] eat \end{itemize}
\begin{verbatim}
def f(x): % kept
    return x
\end{verbatim}
Erd\H{o}s and G\"odel, na\"{\i}ve, \verb|a_b|, \texttt{x\_y}\footnote{A note.}. See \href{http://a.kr}{here}.
\begin{thebibliography}{9}\bibitem{kim2020} Kim, Kimchi.\end{thebibliography}
\end{document}
ignored"#;

const FILES: [(&str, &str); 5] = [
    ("main.tex", MAIN),
    (
        "sections/intro.tex",
        "\\section{Introduction}\nCabbage is old.\n\n\\input{main}\n\\subsection{History}\nOlder still.",
    ),
    (
        "sections/method.tex",
        "\\section{Method}\nWe wait $t$ days.\\input{sections/method}",
    ),
    ("own.sty", "\\newcommand{\\own}{\\lambda}"),
    ("unused.tex", "\\section{Unused}"),
];

#[test]
fn a_paper_comes_out_in_its_order_with_its_formulas() {
    let paper = paper(&files(&FILES)).unwrap();
    let text = &paper.text;
    assert_eq!(paper.main, "main.tex");
    assert_eq!(paper.title.as_deref(), Some("On Kimchi in $\\mathbb{R}^n$"));
    assert_eq!(paper.missing, ["/etc/passwd", "../../outside"]);
    for wanted in [
        "# On Kimchi in $\\mathbb{R}^n$\n\n## Abstract\n\nWe show that 100% of all kimchi is “good”—for every $\\varepsilon > 0$.",
        "## Introduction\n\nCabbage is old.\n\n### History\n\nOlder still.\n\n## Method\n\nWe wait $t$ days.\n\n## Results",
        "$$\\left\\lVert x \\right\\rVert \\le \\lambda, \\quad x \\in \\mathbb{R}^n$$",
        "$$\\begin{aligned} a &= (x, y) \\\\ b &= \\operatorname{arg\\,max}_z z \\end{aligned}$$",
        "**정리** (김치). 모든 배추는 익는다.",
        "Salt per head.\n\n| Head | Salt | Water |\n| --- | --- | --- |\n| 하나 | 2 | 10 |\n| 둘 | 3 | 20% |",
        "A jar.",
        "- cut\n- salt\n  1. wait\n  2. wash\n- then: eat",
        "```\ndef f(x): % kept\n    return x\n```",
        "Erdős and Gödel, naïve, `a_b`, `x_y` (A note.). See here.",
    ] {
        assert!(text.contains(wanted), "lacks {wanted:?}:\n{text}");
    }
    for unwanted in [
        "comment",
        "Unused",
        "ignored",
        "Author",
        "bibitem",
        "Kim, Kimchi",
        "includegraphics",
        "label",
        "\\R",
        "nonumber",
    ] {
        assert!(!text.contains(unwanted), "keeps {unwanted:?}:\n{text}");
    }
}

#[test]
fn korean_papers_and_plain_tex_are_read() {
    let (bytes, _, _) = encoding_rs::EUC_KR.encode("\\documentclass{article}\\usepackage{hangul}\\begin{document}\\section{서론}배추를 절인다. 김치는 맛이 있다.\\end{document}");
    let text = paper(&[("논문.tex".to_owned(), bytes.into_owned())])
        .unwrap()
        .text;
    assert_eq!(text, "## 서론\n\n배추를 절인다. 김치는 맛이 있다.");
    let refused = paper(&files(&[("readme.txt", "nothing")])).unwrap_err();
    assert_eq!(refused.refusal, Refusal::NoSource);
    assert_eq!(paper(&[]).unwrap_err().refusal, Refusal::NoSource);
}

#[test]
fn macros_that_never_end_end() {
    for source in [
        "\\def\\a{\\a\\a}\\a",
        "\\newcommand{\\a}[1]{\\a{#1#1}}\\a{x}",
        "\\def\\a{\\b}\\def\\b{\\a}\\a",
        "\\def\\a{xxxxxxxxxx}\\def\\b{\\a\\a\\a\\a}\\def\\c{\\b\\b\\b\\b\\b\\b\\b\\b\\b}\\c",
        "$x",
        "\\begin{equation}",
        "{{{{{{{{{{{{{{",
        "\\'",
        "\\newcommand{\\x}[",
        "\\begin{tabular}{",
        "\\verb|",
    ] {
        let body = format!("\\documentclass{{a}}\\begin{{document}}본문 {source}");
        let _ = paper(&files(&[("a.tex", &body)]));
    }
    for piece in [
        "{",
        "\\begin{a}",
        "\\textbf{",
        "\\begin{itemize}\\item ",
        "\\footnote{",
        "$",
        "\\[",
        "\\input{a}",
        "\\input{",
        "\\begin{verbatim}",
        "\\begin{equation}",
        "\\hline",
        "[",
    ] {
        let body = format!(
            "\\documentclass{{a}}\\begin{{document}}{}",
            piece.repeat(20_000)
        );
        let _ = paper(&files(&[("a.tex", &body)]));
    }
}

/// Sources broken at random, from a fixed seed.
#[test]
fn mutated_papers_never_panic() {
    let signs = ['{', '}', '\\', '$', '%', '&', '#', '\n', '[', '김'];
    let renamed = format!(
        "\\documentclass{{a}}{SPACED}\\let\\bg={{\\begin{{document}}{{\\global\\let\\a=\\b\\def\\c#1{{\\bf#1x}}\\c{{\\a}}}}\n\
         $\\left(\\c 김\\right)$ \\url{{a%b}} \\verb|\\c%| \\lstinline[a]!%! \\noindent% 메모\nText%\n\n\\begin{{alltt}}%\\end{{alltt}}"
    );
    for source in [MAIN, &renamed] {
        crate::mutate::mutations(source, (3, 2_000), &signs, |source| {
            let _ = paper(&files(&[
                ("main.tex", source),
                ("sections/intro.tex", "\\input{main} 글"),
            ]));
        });
    }
}

/// What is left out may end on the line that it begins on, and what is commented out begins nothing.
#[test]
fn what_is_left_out_ends_where_it_ends() {
    let source = "\\documentclass{article}\\begin{document}\n\
        \\iffalse 숨은 말 \\fi\n첫째 문장이다.\n\
        \\begin{comment} 또 숨은 말 \\end{comment}\n둘째 문장이다.\n\
        % \\begin{verbatim}\n셋째 문장이다. % 메모\n\
        \\iffalse\n여러 줄\n\\fi\n넷째 문장이다.\n\\end{document}\n";
    let text = paper(&files(&[("main.tex", source)])).unwrap().text;
    for kept in ["첫째", "둘째", "셋째", "넷째"] {
        assert!(text.contains(kept), "{kept}: {text}");
    }
    for left_out in ["숨은", "메모", "여러 줄"] {
        assert!(!text.contains(left_out), "{left_out}: {text}");
    }
}

/// Sixteen files that include each other a thousand times would be millions of readings.
#[test]
fn files_included_again_and_again_end() {
    let many = |name: &str| format!("\\input{{{name}}}\n").repeat(1000);
    let last = format!("{}끝\n", "% 주석 주석 주석\n".repeat(20_000));
    let sources = [
        (
            "main.tex",
            format!(
                "\\documentclass{{article}}\\begin{{document}}{}\\end{{document}}",
                many("b")
            ),
        ),
        ("b.tex", many("c")),
        ("c.tex", many("d")),
        ("d.tex", last),
    ];
    let sources: Vec<(&str, &str)> = sources
        .iter()
        .map(|(name, text)| (*name, text.as_str()))
        .collect();
    assert!(paper(&files(&sources)).unwrap().text.contains('끝'));
}

/// The text of a paper with this head and this body.
fn text_of(head: &str, body: &str) -> String {
    let source = format!(
        "\\documentclass{{article}}\n{head}\n\\begin{{document}}\n{body}\n\\end{{document}}\n"
    );
    paper(&files(&[("main.tex", &source)])).unwrap().text
}

const SPACED: &str = "\\let\\originalleft\\left \\let\\originalright\\right\n\
    \\renewcommand{\\left}{\\mathopen{}\\mathclose\\bgroup\\originalleft}\n\
    \\renewcommand{\\right}{\\aftergroup\\egroup\\originalright}";

/// What a paper makes of a command later is not what its old name means.
#[test]
fn let_takes_the_meaning_of_its_moment() {
    for (head, body, wanted) in [
        (SPACED, "식 $\\left( x \\right)$", "식 $\\left( x \\right)$"),
        (
            "\\newcommand{\\lp}{\\mathopen{}\\mathclose\\bgroup\\left(} \\def\\rp{\\aftergroup\\egroup\\right)}",
            "$f\\lp x \\rp$",
            "$f\\left( x \\right)$",
        ),
        (
            "\\let\\oldvec\\vec \\renewcommand{\\vec}[1]{\\oldvec{\\mathbf{#1}}}",
            "$\\vec{x}$",
            "$\\vec{\\mathbf{x}}$",
        ),
        (
            "\\LetLtxMacro{\\oldsqrt}{\\sqrt}\\renewcommand{\\sqrt}[2][]{\\oldsqrt[#1]{#2}}",
            "$\\sqrt[3]{x}$",
            "$\\sqrt[3]{x}$",
        ),
        (
            "\\let\\temp\\phi \\let\\phi\\varphi \\let\\varphi\\temp \\newcommand{\\twice}[1]{#1+#1}",
            "$\\phi,\\varphi,\\twice{\\phi},\\twice\\varphi$",
            "$\\varphi,\\phi,\\varphi+\\varphi,\\phi +\\phi$",
        ),
        (
            "\\let\\old = \\alpha \\renewcommand{\\alpha}{[\\old x]}",
            "$\\alpha$",
            "$[\\alpha x]$",
        ),
        (
            "\\newcommand{\\eps}{\\epsilon}\\let\\eins\\eps\\renewcommand{\\eps}{\\eins_0}",
            "$\\eps$",
            "$\\epsilon_0$",
        ),
        (
            "\\let\\oldsection\\section \\def\\section{\\clearpage\\oldsection} \\let\\절\\section",
            "\\section*{서론}\n\\oldsection*{본론}",
            "## 서론\n\n## 본론",
        ),
        (
            "\\let\\bi\\begin \\let\\ei\\end \\let\\punkt\\item",
            "\\bi{itemize}\\punkt 하나 \\punkt 둘 \\ei{itemize}",
            "- 하나\n- 둘",
        ),
        (
            "\\let\\fn=\\footnote \\let\\quelle\\cite",
            "김치\\fn{주}\\quelle{kim}.",
            "김치 (주).",
        ),
        (
            "\\let\\nc\\newcommand \\nc{\\R}{\\mathbb{R}}",
            "$\\R$",
            "$\\mathbb{R}$",
        ),
        ("\\let\\iint\\relax", "$\\iint f$", "$\\iint f$"),
        ("\\let\\bg={ \\let\\eg=}", "\\bg 배추\\eg 김치", "배추 김치"),
        (
            "\\expandafter\\let\\csname a\\endcsname\\b \\expandafter\\let\\expandafter\\c\\csname d\\endcsname",
            "\\expandafter 글",
            "글",
        ),
    ] {
        assert_eq!(text_of(head, body), wanted, "{head}");
    }
}

/// Old names used again and again take nothing from the macros behind them.
#[test]
fn old_names_leave_the_other_macros_alone() {
    let head = format!(
        "{SPACED}\\let\\oldvec\\vec \\renewcommand{{\\vec}}[1]{{\\oldvec{{\\mathbf{{#1}}}}}}\n\
         \\newcommand{{\\R}}{{\\mathbb{{R}}}}"
    );
    let body = format!(
        "{}\n\n끝은 $\\R$이다.",
        "$\\left( \\vec{x} \\right)$ ".repeat(3_000)
    );
    let text = text_of(&head, &body);
    assert!(text.starts_with("$\\left( \\vec{\\mathbf{x}} \\right)$ $\\left("));
    assert!(text.ends_with("\n\n끝은 $\\mathbb{R}$이다."));
    assert!(text.len() < body.len() + 3_000 * "\\mathbf{}".len() + 100);
}

#[test]
fn a_definition_lasts_until_its_group_ends() {
    for (body, wanted) in [
        (
            "{\\let\\phi\\varphi $\\phi$} 다음 $\\phi$",
            "$\\varphi$ 다음 $\\phi$",
        ),
        (
            "\\def\\a{하나}{\\def\\a{둘}\\def\\a{셋}{\\renewcommand{\\a}{넷}\\a}\\a}\\a",
            "넷셋하나",
        ),
        (
            "\\def\\a{하나}\\begingroup\\gdef\\a{둘}\\def\\a{셋}\\global\\let\\b\\a\\a\\endgroup\\a\\b",
            "셋둘셋",
        ),
        (
            "\\def\\a{하나}{\\def\\a{둘}\\global\\long\\def\\a{셋}}\\a",
            "셋",
        ),
        (
            "\\def\\a{하나}\\begin{center}\\def\\a{둘}\\a\\end{center}\\a",
            "둘\n\n하나",
        ),
        ("}\\def\\a{하나}{{\\a}", "하나"),
    ] {
        assert_eq!(text_of("", body), wanted, "{body}");
    }
}

/// TeX joins tokens where a program joins letters: `\bf` and `x` are not `\bfx`.
#[test]
fn a_name_ends_where_its_macro_ends() {
    let head = "\\newcommand{\\sys}{Kanana}\\newcommand{\\fett}[1]{{\\bf#1}}\\newcommand{\\x}[1]{#1x}\n\
        \\newcommand{\\grad}{\\nabla}\\newcommand{\\von}[1]{\\grad#1}";
    for (body, wanted) in [
        ("\\noindent\\sys는 빠르다.", "Kanana는 빠르다."),
        ("{\\it\\sys}와 \\fett{word}", "Kanana와 word"),
        ("$\\x{\\alpha}$, $\\von f$", "$\\alpha x$, $\\nabla f$"),
        ("$\\alpha\\mathopen{}x$", "$\\alpha x$"),
        (
            "\\verb|\\sys {|와 \\verb*+\\def\\sys{}+",
            "`\\sys {`와 `\\def\\sys{}`",
        ),
    ] {
        assert_eq!(text_of(head, body), wanted);
    }
}

#[test]
fn what_verb_shows_includes_nothing() {
    let body = "\\verb|\\input{sections/intro}|를 쓴다.\n\\input{sections/intro}\n\
        \\lstinline[language=TeX]|\\include{none}|도 쓴다. \\verb*!\\endinput!로 끝난다.\n\n\
        \\verb+열린 채\n\\input{sections/last}+";
    let main = format!("\\documentclass{{article}}\\begin{{document}}\n{body}\n\\end{{document}}");
    let paper = paper(&files(&[
        ("main.tex", &main),
        ("sections/intro.tex", "서론이다.\n\\endinput\n버린다."),
        ("sections/last.tex", "결론이다."),
    ]))
    .unwrap();
    assert_eq!(paper.missing, [""; 0]);
    let text = &paper.text;
    assert!(
        text.starts_with("`\\input{sections/intro}`를 쓴다.\n\n서론이다.\n\n`\\include{none}`도"),
        "{text}"
    );
    assert!(text.contains("`\\endinput`로 끝난다."), "{text}");
    // What does not end on its line shows nothing.
    assert!(text.contains("결론이다."), "{text}");
    assert!(!text.contains("버린다"), "{text}");
}

#[test]
fn what_listings_show_is_no_macro() {
    let head = "\\newcommand{\\sys}{Kanana}";
    for (body, wanted) in [
        (
            "\\lstinline!\\renewcommand{\\sys}{김치}!와 \\sys",
            "`\\renewcommand{\\sys}{김치}`와 Kanana",
        ),
        ("\\lstinline|\\sys|와 \\sys", "`\\sys`와 Kanana"),
        ("{\\def\\sys{김치}\\lstinline|}|\\sys}", "`}`김치"),
        (
            "\\lstinline[language=TeX]{\\sys}와 \\lstinline[a]+\\sys {+",
            "`\\sys`와 `\\sys {`",
        ),
    ] {
        assert_eq!(text_of(head, body), wanted, "{body}");
    }
}

#[test]
fn what_is_let_be_is_no_text() {
    for (body, wanted) in [
        ("\\let~=\\nobreak \\let*=\\cdot\\let|=\\mid 글", "글"),
        ("\\let~\\relax \\let*=x 가~나", "가 나"),
        ("\\let\\a b글 \\a", "글 b"),
        ("\\def\\a{하나}{\\let\\b{ \\def\\a{둘}\\a}\\a", "둘하나"),
        ("\\def\\a{하나}{\\def\\a{둘}\\let{가}\\a}\\a", "가둘하나"),
        ("{\\let} 글", "글"),
    ] {
        assert_eq!(text_of("", body), wanted, "{body}");
    }
}

/// The title of the head is read after the body.
#[test]
fn groups_that_are_open_at_the_end_of_the_body_end_there() {
    let head = "\\newcommand{\\R}{실수}\\title{\\R}";
    for body in [
        "{\\def\\R{복소수}글",
        "\\begingroup{\\let\\R\\alpha {\\def\\R{복소수}글",
    ] {
        assert_eq!(text_of(head, body), "# 실수\n\n글", "{body}");
    }
}

#[test]
fn a_comment_takes_the_end_of_its_line_and_no_more() {
    for (body, wanted) in [
        ("끝이다. % 메모\n\n다음 문단", "끝이다.\n\n다음 문단"),
        ("끝이다. % 메모\n  \t\n다음 문단", "끝이다.\n\n다음 문단"),
        (
            "끝이다.%\n % 메모\n% 메모\n\n다음 문단",
            "끝이다.\n\n다음 문단",
        ),
        ("배추%\n  % 메모\n  김치 % 메모\n찌개", "배추김치 찌개"),
        ("첫 줄\n  % 메모\n둘째 줄", "첫 줄 둘째 줄"),
        ("첫 문단\n% 메모\n\n둘째 문단", "첫 문단\n\n둘째 문단"),
        ("\\noindent%\nText가 남는다.", "Text가 남는다."),
        (
            "\\noindent% 메모\n% 메모\n  Text가 남는다.",
            "Text가 남는다.",
        ),
        ("\\section%\n{서론}%\n\\emph%\n{본문}", "## 서론\n\n본문"),
        ("말\\\\noindent%\ne", "말\nnoindente"),
        (
            "\\url{https://a.org/x%20y}에 있다. % 메모\n끝.",
            "https://a.org/x%20y에 있다. 끝.",
        ),
        (
            "\\href {https://a.org/{x}%20y}{여기} 보라. % 메모",
            "여기 보라.",
        ),
        (
            "\\nolinkurl{a%b--c} \\path{d%e} 뒤 % \\url{메모}",
            "a%b--c d%e 뒤",
        ),
        ("\\url{https://a.org/%\nx} 뒤", "https://a.org/x 뒤"),
        ("\\verb|a%b| 뒤 \\verb*%c% 뒤% 메모", "`a%b` 뒤 `c` 뒤"),
        ("\\lstinline[language=C]{a%b} 뒤 % 메모", "`a%b` 뒤"),
        ("\\lstinline!a%b! 뒤", "`a%b` 뒤"),
        ("\\path% 메모 {\n{가} \\한% 메모", "가"),
        ("20\\% 소금\\\\% 메모\n물", "20% 소금\n물"),
        (
            "\\begin{verbatim}\na % b\n\n\\end{verbatim} % 메모\n\n뒤",
            "```\na % b\n```\n\n뒤",
        ),
        ("\\begin{alltt}\na % b\n\\end{alltt}", "```\na % b\n```"),
    ] {
        assert_eq!(text_of("", body), wanted, "{body}");
    }
}

/// Each of these was a reading of the whole line, or of all the text, for every sign of it.
#[test]
fn comments_are_found_in_one_reading() {
    for piece in [
        "\\url{",
        "\\verb|\\verb!",
        "\\lstinline[",
        "\\begin{",
        "a%\n",
    ] {
        let source = format!("{}%", piece.repeat(100_000));
        let text = text_of("", &format!("{source}\n\n글"));
        assert!(text.contains('글'), "{piece}");
    }
}
