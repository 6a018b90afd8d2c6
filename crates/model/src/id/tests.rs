use super::*;

fn check<T>(parse: fn(&str) -> Result<T, IdError>, good: &[&str], bad: &[&str]) {
    for text in good {
        assert!(parse(text).is_ok(), "`{text}` should parse");
    }
    for text in bad {
        assert!(parse(text).is_err(), "`{text}` should be refused");
    }
}

#[test]
fn ids_take_what_they_say() {
    check(AppId::parse, &["crm", "a", "git-hub-2", &"a".repeat(32)], &["", "CRM", "a_b", "a b", "é", &"a".repeat(33)]);
    check(HumanId::parse, &["ana", "ana@example.com", "A.B+c_d-e"], &["", "ana diaz", "a/b", "a\n", &"a".repeat(129)]);
    check(ToolName::parse, &["get_it", "a.b-c/d", "demo://x/%20y?z"], &["", "a b", "ünï", "a\n", &"a".repeat(2_049)]);
    check(ToolName::of_list, &["get_it", "a.b-c/d"], &["", "a b", "a:b", "ünï", &"a".repeat(129)]);
    check(TaskId::parse, &["t:1/2"], &["", "t 1", "\u{7f}"]);
}

#[test]
fn call_ids_sort_by_time_and_parse_again() {
    let early = CallId::new(1_790_000_000_000, [0xFF; 10]);
    let late = CallId::new(1_790_000_000_001, [0; 10]);
    assert!(early < late);
    assert_eq!(CallId::parse(late.as_str()), Ok(late));
}

#[test]
fn a_refusal_quotes_a_short_piece() {
    let error = AppId::parse(&"X".repeat(500)).err().map(|e| e.to_string()).unwrap_or_default();
    assert!(error.contains("an app's id") && error.len() < 160, "{error}");
}

#[test]
fn a_call_id_is_128_bits() {
    for bits in [0, 1, u128::MAX, 0x0123_4567_89AB_CDEF_0F1E_2D3C_4B5A_6978] {
        let id = CallId::from_bits(bits);
        assert_eq!((id.bits(), CallId::parse(id.as_str())), (bits, Ok(id.clone())));
    }
    assert_eq!(CallId::from_bits(u128::MAX).as_str(), "c_7zzzzzzzzzzzzzzzzzzzzzzzzz");
    assert!(CallId::parse("c_80000000000000000000000000").is_err());
    assert_eq!((crockford_bits("z0"), crockford_bits(""), crockford_bits("u")), (Some(31 << 5), Some(0), None));
}
