//! The languages that there are Wikipedias in, by the prefixes of links to them.
//!
//! All that Wikimedia lists, those that are closed or were asked for lately too, and the other names that its table
//! of prefixes has for some. A list, because two or three letters before a colon are mostly a title: `CSI: 과학수사대`.

/// Codes of two or three letters, sorted.
const SHORT: [&str; 364] = [
    "aa", "ab", "ace", "ady", "af", "ak", "als", "alt", "am", "ami", "an", "ang", "ann", "anp",
    "ar", "arc", "ary", "arz", "as", "ast", "atj", "av", "avk", "awa", "ay", "az", "azb", "ba",
    "ban", "bar", "bbc", "bcl", "bdr", "be", "bew", "bg", "bh", "bho", "bi", "bjn", "blk", "bm",
    "bn", "bo", "bpy", "br", "bs", "btm", "bug", "bxr", "ca", "cdo", "ce", "ceb", "ch", "cho",
    "chr", "chy", "ckb", "co", "cr", "crh", "cs", "csb", "cu", "cv", "cy", "cz", "da", "dag", "de",
    "dga", "din", "diq", "dk", "dsb", "dtp", "dty", "dv", "dz", "ee", "egl", "el", "eml", "en",
    "eo", "es", "et", "eu", "ext", "fa", "fat", "ff", "fi", "fj", "fo", "fon", "fr", "frp", "frr",
    "fur", "fy", "ga", "gag", "gan", "gcr", "gd", "gl", "glk", "gn", "gom", "gor", "got", "gpe",
    "gsw", "gu", "guc", "gur", "guw", "gv", "ha", "hak", "haw", "he", "hi", "hif", "ho", "hr",
    "hsb", "ht", "hu", "hy", "hyw", "hz", "ia", "iba", "id", "ie", "ig", "igl", "ii", "ik", "ilo",
    "inh", "io", "is", "isv", "it", "iu", "ja", "jam", "jbo", "jp", "jv", "ka", "kaa", "kab",
    "kaj", "kbd", "kbp", "kcg", "kg", "kge", "ki", "kj", "kk", "kl", "km", "kn", "knc", "ko",
    "koi", "kr", "krc", "ks", "ksh", "ku", "kus", "kv", "kw", "ky", "la", "lad", "lb", "lbe",
    "lez", "lfn", "lg", "li", "lij", "lld", "lmo", "ln", "lo", "lrc", "lt", "ltg", "lua", "lv",
    "lzh", "mad", "mai", "mdf", "mg", "mh", "mhr", "mi", "min", "mk", "ml", "mn", "mni", "mnw",
    "mo", "mos", "mr", "mrj", "ms", "mt", "mus", "mwl", "my", "myv", "mzn", "na", "nah", "nan",
    "nap", "nb", "nds", "ne", "new", "ng", "nia", "nl", "nn", "no", "nov", "nqo", "nr", "nrm",
    "nso", "nup", "nv", "ny", "oc", "olo", "om", "or", "os", "pa", "pag", "pam", "pap", "pcd",
    "pcm", "pdc", "pfl", "pi", "pih", "pl", "pms", "pnb", "pnt", "ps", "pt", "pwn", "qu", "rki",
    "rm", "rmy", "rn", "ro", "rsk", "ru", "rue", "rup", "rw", "sa", "sah", "sat", "sc", "scn",
    "sco", "sd", "se", "sg", "sgs", "sh", "shi", "shn", "si", "sk", "skr", "sl", "sm", "smn", "sn",
    "so", "sq", "sr", "srn", "ss", "st", "stq", "su", "sv", "sw", "syl", "szl", "szy", "ta", "tay",
    "tcy", "tdd", "te", "ten", "tet", "tg", "th", "ti", "tig", "tk", "tl", "tly", "tn", "to",
    "tok", "tpi", "tr", "trv", "ts", "tt", "tum", "tw", "ty", "tyv", "udm", "ug", "uk", "ur", "uz",
    "ve", "vec", "vep", "vi", "vls", "vo", "vro", "wa", "war", "wo", "wuu", "xal", "xh", "xmf",
    "yi", "yo", "yue", "za", "zea", "zgh", "zh", "zu",
];
/// The longer ones.
const LONG: [&str; 16] = [
    "bat-smg",
    "be-tarask",
    "be-x-old",
    "cbk-zam",
    "fiu-vro",
    "map-bms",
    "nds-nl",
    "roa-rup",
    "roa-tara",
    "simple",
    "zh-cfr",
    "zh-classical",
    "zh-cn",
    "zh-min-nan",
    "zh-tw",
    "zh-yue",
];

/// Whether a link with this before its colon leads to the article in another language. Upper case is a title's.
pub(super) fn is_code(prefix: &str) -> bool {
    match prefix.len() {
        2 | 3 => SHORT.binary_search(&prefix).is_ok(),
        _ => LONG.contains(&prefix),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_to_be_found() {
        assert!(
            SHORT.is_sorted_by(|a, b| a < b),
            "a code is twice or out of place"
        );
        assert!(SHORT.iter().chain(&LONG).all(|code| is_code(code)));
    }
}
