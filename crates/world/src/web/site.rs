//! Sites: addresses, and six ways of putting a text among navigation, adverts and notices.

use crate::Language;
use crate::random::Random;

/// Words of a site's furniture in one language.
struct Words {
    site: [&'static str; 6],
    menu: [&'static str; 8],
    adverts: [&'static str; 6],
    related: [&'static str; 6],
    notices: [&'static str; 3],
    footer: &'static str,
}

const KOREAN: Words = Words {
    site: [
        "누리마당",
        "하늘소식",
        "배움터",
        "골목이야기",
        "온누리신문",
        "책갈피",
    ],
    menu: [
        "처음",
        "새 글",
        "인기 글",
        "로그인",
        "회원 가입",
        "공지 사항",
        "자유 게시판",
        "찾아오시는 길",
    ],
    adverts: [
        "지금 구독하면 첫 달 무료",
        "오늘만 반값 할인",
        "앱에서 더 편하게 보기",
        "친구를 초대하고 선물 받기",
        "광고 문의",
        "이벤트 참여하기",
    ],
    related: [
        "함께 읽으면 좋은 글",
        "이 달의 인기 글",
        "최근에 본 글",
        "댓글이 많은 글",
        "편집자 추천",
        "다음 글 보기",
    ],
    notices: [
        "이 사이트는 쿠키를 사용합니다. 계속 이용하면 동의하는 것으로 봅니다.",
        "더 나은 서비스를 위하여 알림을 켜 주세요.",
        "로그인하면 모든 글을 볼 수 있습니다.",
    ],
    footer: "모든 권리를 가집니다. 이용 약관 | 개인 정보 처리 방침 | 청소년 보호 정책",
};

const ENGLISH: Words = Words {
    site: [
        "Daily Lantern",
        "Harbour Notes",
        "The Old Map",
        "Field Letters",
        "Open Almanac",
        "Quiet Corner",
    ],
    menu: [
        "Home", "Latest", "Popular", "Log in", "Sign up", "Notices", "Forum", "Find us",
    ],
    adverts: [
        "Subscribe now, first month free",
        "Half price today only",
        "Read better in our app",
        "Invite a friend and win",
        "Advertise with us",
        "Enter the raffle",
    ],
    related: [
        "You may also like",
        "Popular this month",
        "Recently viewed",
        "Most discussed",
        "Editor's picks",
        "Next story",
    ],
    notices: [
        "This site uses cookies. By going on you agree to them.",
        "Turn on notifications for a better service.",
        "Log in to read every story.",
    ],
    footer: "All rights reserved. Terms of use | Privacy policy | Contact",
};

fn words(language: Language) -> &'static Words {
    match language {
        Language::Korean => &KOREAN,
        Language::English => &ENGLISH,
    }
}

/// An address on one of forty sites.
pub(super) fn address(language: Language, number: usize, random: &mut Random) -> String {
    let site = random.below(20);
    match language {
        Language::Korean => format!("https://www.site{site:02}.co.kr/글/{number}"),
        Language::English => format!("https://site{site:02}.example.com/story/{number}.html"),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn menu(words: &Words, random: &mut Random) -> String {
    let items: String = (0..4 + random.below(5))
        .map(|number| {
            format!(
                "<li><a href=\"/{number}\">{}</a></li>",
                words.menu[number % words.menu.len()]
            )
        })
        .collect();
    format!("<ul class=\"menu\">{items}</ul>")
}

fn related(words: &Words, random: &mut Random) -> String {
    let items: String = (0..5)
        .map(|number| {
            let title = words.related[random.below(words.related.len())];
            format!("<li><a href=\"/related/{number}\">{title} {number}</a></li>")
        })
        .collect();
    format!("<ul>{items}</ul>")
}

/// A page with this text as its main text.
pub(super) fn render(lines: &[String], language: Language, random: &mut Random) -> String {
    let words = words(language);
    let site = words.site[random.below(words.site.len())];
    let title = lines
        .first()
        .map_or("", String::as_str)
        .chars()
        .take(30)
        .collect::<String>();
    let title = escape(&title);
    let style = random.below(6);
    let mut body = String::new();
    let mut list = false;
    for line in lines {
        let item = line.strip_prefix("- ");
        if item.is_some() != list {
            body.push_str(if list { "</ul>\n" } else { "<ul>\n" });
            list = item.is_some();
        }
        let text = escape(item.unwrap_or(line));
        body.push_str(&match (list, style) {
            (true, _) => format!("<li>{text}</li>\n"),
            (_, 3) => format!("{text}<br><br>\n"),
            (_, 4) => format!("<div>{text}</div>\n"),
            _ => format!("<p>{text}</p>\n"),
        });
    }
    if list {
        body.push_str("</ul>\n");
    }
    let advert = format!(
        "<div class=\"advert banner\"><a href=\"/ad\">{}</a></div>",
        words.adverts[random.below(words.adverts.len())]
    );
    let (menu, related) = (menu(words, random), related(words, random));
    let notice = words.notices[random.below(words.notices.len())];
    let footer = words.footer;
    let page = match style {
        0 => format!(
            "<header><h2>{site}</h2><nav>{menu}</nav></header><main><article><h1>{title}</h1>\n{body}</article></main><aside>{advert}{related}</aside><footer>© {site}. {footer}</footer>"
        ),
        1 => format!(
            "<div id=\"top\" class=\"navigation\">{menu}</div><div class=\"wrap\"><div class=\"content\"><h1>{title}</h1>{body}</div><div class=\"sidebar\">{related}{advert}</div></div><div class=\"footer\">© {site}. {footer}</div>"
        ),
        2 => format!(
            "<div class=\"cookie-notice\">{notice}</div><nav>{menu}</nav><div id=\"post\" class=\"post entry-content\">\n{body}</div>{advert}<div class=\"related\">{related}</div><footer>{footer}</footer>"
        ),
        3 => format!(
            "<table width=\"100%\"><tr><td colspan=\"2\">{menu}</td></tr><tr><td width=\"20%\">{related}{advert}</td><td>{body}</td></tr><tr><td colspan=\"2\">© {site}. {footer}</td></tr></table>"
        ),
        4 => format!(
            "<div class=\"header\">{site} {menu}</div><div class=\"article-body\" itemprop=\"articleBody\">{body}</div><div class=\"share\"><a href=\"#\">SNS</a></div><div class=\"banner\">{advert}</div><div class=\"footer\">{footer}</div>"
        ),
        _ => format!(
            "<nav class=\"breadcrumb\">{menu}</nav><section class=\"story\"><h1>{title}</h1>{body}</section><section class=\"comments\">{related}</section><div class=\"popup\">{notice}</div><footer>© {site}. {footer}</footer>"
        ),
    };
    format!(
        "<!DOCTYPE html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\"><title>{title} - {site}</title><script>var page = {{\"ad\": true}};</script><style>.menu {{ color: red }}</style></head><body>{page}</body></html>\n",
        language.code()
    )
}

/// A page of links.
pub(super) fn links(language: Language, random: &mut Random) -> String {
    let words = words(language);
    let lists: String = (0..6)
        .map(|_| {
            format!(
                "<h3>{}</h3>{}",
                words.related[random.below(words.related.len())],
                related(words, random)
            )
        })
        .collect();
    format!(
        "<!DOCTYPE html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\"><title>{}</title></head><body>{}{lists}<footer>{}</footer></body></html>\n",
        language.code(),
        words.site[random.below(words.site.len())],
        menu(words, random),
        words.footer
    )
}
