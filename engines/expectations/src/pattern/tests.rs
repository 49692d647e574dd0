use super::*;

const UUID: &str = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$";

fn pattern(pattern: &str) -> Pattern {
    Pattern::new(pattern).unwrap_or_else(|reason| panic!("{pattern}: {reason}"))
}

#[test]
fn sequences_agree_with_the_general_engine() {
    let texts = [
        "",
        "a",
        "ab",
        "abc",
        "CUS1",
        "CUS1234",
        "CUS12345678",
        "CUS123x",
        "xCUS1234",
        "CUS1234\n",
        "CUS1234\n\n",
        "\n",
        "KR",
        "kr",
        "KRW",
        "K\u{e9}",
        "0b3ce2d1-4f5a-4b6c-8d7e-9f0a1b2c3d4e",
        "0b3ce2d1-4f5a-4b6c-8d7e-9f0a1b2c3d4",
        "0b3ce2d1-4f5a-4b6c-8d7e-9f0a1b2c3d4E",
        "7",
        "77",
        "김하늘",
    ];
    for text_pattern in [
        "^CUS[0-9]{4,}$",
        "^[A-Z]{2}$",
        UUID,
        "^a+$",
        "^[0-9]+$",
        "^ab$",
        "^a[b-c]{2}$",
        r"^[A-Z]R\Z",
        r"\A[0-9\n]{2}$",
    ] {
        let general = Regex::new(&text_pattern.replace('$', "\\n?\\z").replace("\\Z", "\\z")).unwrap();
        let ours = pattern(text_pattern);
        assert!(matches!(ours, Pattern::Sequence { .. }), "{text_pattern}");
        for text in texts {
            let expected = general.is_match(text);
            assert_eq!(ours.is_match(text).unwrap(), expected, "{text_pattern} {text:?}");
        }
    }
}

#[test]
fn everything_else_is_left_to_the_general_engine() {
    for text_pattern in [
        "CUS", "^CUS", "CUS$", "^a*$", "^a{1,2}$", "^a+b$", "^a|b$", "^é$", r"^\d$", "(?i)^a$", "(?m)^a$", "^(ab)+$",
        "^$", "^.$",
    ] {
        // Without regard to case a letter is a set of two.
        let expected = text_pattern == "(?i)^a$";
        assert_eq!(
            matches!(pattern(text_pattern), Pattern::Sequence { .. }),
            expected,
            "{text_pattern}"
        );
    }
}

#[test]
fn only_what_needs_it_backtracks() {
    for (text_pattern, backtracks) in [
        ("^a|b$", false),
        ("(a|b$)", false),
        (r"^(\w+@\w+|-)$", false),
        (r"(?P<name>\d+)[^]&&--~~]$", false),
        ("a(?=b)", true),
        (r"(a)\1", true),
        ("a$\n", true),
        ("(a$)+", true),
        ("a++b", true),
    ] {
        let ours = pattern(text_pattern);
        assert_eq!(matches!(ours, Pattern::Backtracking(_)), backtracks, "{text_pattern}");
    }
}

/// What `re.search` of Python 3.11 finds.
#[test]
fn patterns_mean_what_they_mean_in_python() {
    for (text_pattern, matching, others) in [
        ("^[a&&b]$", &["a", "&", "b"][..], &["", "c"][..]),
        ("^[!--]$", &["!", "+", "-"], &["."]),
        ("^[a~~b|]$", &["~", "a", "|"], &["c"]),
        ("^[[a]$", &["[", "a"], &["]"]),
        ("^[]a]$", &["]", "a"], &["b"]),
        ("^[^]a]$", &["b"], &["]", "a"]),
        (
            r"^[\w-]$",
            &["a", "-", "_", "é", "Ⅷ", "½"],
            &["\u{200d}", "\u{301}", " "],
        ),
        (r"^\w$", &["é", "٣"], &["\u{200d}", "\u{301}"]),
        (r"^\s$", &["\x1c", "\x1f", "\u{85}", "\u{a0}", " "], &["a", "\u{200b}"]),
        (r"^[\S]$", &["a"], &["\x1d"]),
        (r"(?a)^\w$", &["a"], &["é"]),
        (r"a$", &["a", "a\n", "ba"], &["a\n\n", "ab"]),
        (r"a\Z", &["a"], &["a\n"]),
        ("(?m)a$", &["a\nb", "a"], &["ab"]),
        ("(?m)^b", &["a\nb"], &["ab"]),
        ("a(?!b)", &["ac", "a"], &["ab"]),
        ("(?<=a)b", &["ab"], &["b"]),
        (r"^(.)\1$", &["aa"], &["ab"]),
        (r"^(?P<x>.)(?P=x)$", &["aa"], &["ab"]),
        (r"^(a)?b(?(1)c|d)$", &["abc", "bd"], &["abd", "bc"]),
        ("^a{,2}$", &["", "aa"], &["aaa"]),
        ("^a{2$", &["a{2"], &["aa"]),
        ("^{}]$", &["{}]"], &[""]),
        ("^a++a$", &[], &["aa"]),
        ("^(?>a+)a$", &[], &["aa"]),
        (r"^\<\>$", &["<>"], &[""]),
        (r"^\x41\u0042\103\0$", &["ABC\0"], &["ABC"]),
        (r"^[\x41\b]$", &["A", "\x08"], &["b"]),
        ("(?x) ^ a b # note\n [ ] $", &["ab "], &["ab"]),
        ("(?i)^STRASSE$", &["strasse"], &["straße"]),
        ("(?s)^a.b$", &["a\nb"], &["ab"]),
        ("^a.b$", &["a b"], &["a\nb"]),
        ("a(?#note)b", &["ab"], &["a"]),
        ("(?i:A)b", &["ab", "Ab"], &["aB"]),
        (r"\bb", &["a b", "e\u{301}b"], &["ab"]),
        (r"a\B", &["ab"], &["a", "a\u{301}"]),
        (r"\B", &["ab", "-"], &["", "a"]),
        (r"(?a)a\b", &["a", "aé"], &["ab"]),
        (r"(?a)(?<!\B)a", &["a", "éa"], &["ba"]),
        ("^(a$|b)", &["a", "a\n", "b"], &["ac"]),
        ("a$\n", &["a\n"], &["a"]),
        ("x(?<=x)(?<=$)", &["x", "x\n"], &["xa"]),
    ] {
        let ours = pattern(text_pattern);
        for (texts, expected) in [(matching, true), (others, false)] {
            for text in texts {
                assert_eq!(ours.is_match(text).unwrap(), expected, "{text_pattern} {text:?}");
            }
        }
    }
}

#[test]
fn what_python_refuses_is_refused() {
    for wrong in [
        "(",
        ")",
        "[a",
        "*a",
        "a**",
        "a|*",
        "^*",
        "a(?i)b",
        r"\y",
        r"\x4",
        "[b-a]",
        r"[\w-a]",
        "(?P<a",
        "a\\",
        r"\N{BULLET}",
        "(?<a>b)",
        "(?L)a",
        r"\400",
        r"\1",
    ] {
        assert!(Pattern::new(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn backtracking_is_limited() {
    let error = pattern(r"^(a|aa|aaa)+(?=b)$").is_match(&"a".repeat(80)).unwrap_err();
    assert!(error.to_string().contains("backtracking limit"), "{error}");
}
