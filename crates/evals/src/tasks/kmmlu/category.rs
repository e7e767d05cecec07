//! Which subject of KMMLU belongs to which of the four categories, as lm-eval has them.

/// Category and its subjects.
const CATEGORIES: [(&str, &[&str]); 4] = [
    (
        "STEM",
        &[
            "Biology",
            "Chemical-Engineering",
            "Chemistry",
            "Civil-Engineering",
            "Computer-Science",
            "Ecology",
            "Electrical-Engineering",
            "Information-Technology",
            "Materials-Engineering",
            "Math",
            "Mechanical-Engineering",
        ],
    ),
    (
        "applied science",
        &[
            "Aviation-Engineering-and-Maintenance",
            "Electronics-Engineering",
            "Energy-Management",
            "Environmental-Science",
            "Gas-Technology-and-Engineering",
            "Geomatics",
            "Industrial-Engineer",
            "Machine-Design-and-Manufacturing",
            "Maritime-Engineering",
            "Nondestructive-Testing",
            "Railway-and-Automotive-Engineering",
            "Telecommunications-and-Wireless-Technology",
        ],
    ),
    (
        "HUMSS",
        &[
            "Accounting",
            "Criminal-Law",
            "Economics",
            "Education",
            "Korean-History",
            "Law",
            "Management",
            "Political-Science-and-Sociology",
            "Psychology",
            "Social-Welfare",
            "Taxation",
        ],
    ),
    (
        "other",
        &[
            "Agricultural-Sciences",
            "Construction",
            "Fashion",
            "Food-Processing",
            "Health",
            "Interior-Architecture-and-Design",
            "Marketing",
            "Patent",
            "Public-Safety",
            "Real-Estate",
            "Refrigerating-Machinery",
        ],
    ),
];

/// The category of a subject.
pub(super) fn of(subject: &str) -> Option<&'static str> {
    super::super::category_of(&CATEGORIES, subject)
}
