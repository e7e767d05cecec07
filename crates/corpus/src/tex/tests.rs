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
    crate::mutate::mutations(MAIN, (3, 2_000), &signs, |source| {
        let _ = paper(&files(&[
            ("main.tex", source),
            ("sections/intro.tex", "\\input{main} 글"),
        ]));
    });
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
