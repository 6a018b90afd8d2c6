use model::limits::TRACE_PAGE_MAX;

use super::*;

const NOW: UnixMicros = UnixMicros(1_795_255_203_000_000);

#[test]
fn pages_are_asked_for() {
    let check = |asked: &str, expected: &str, (limit, before, after): (usize, Option<u64>, Option<u64>)| {
        let asked = Query::of_address(asked, NOW).unwrap();
        assert_eq!(asked.to_string(), expected);
        assert_eq!((asked.limit, asked.before_sequence, asked.after_sequence), (limit, before, after));
    };
    check("", "kind:intent", (100, None, None));
    check("q=verdict%3Adeny+-app:crm&limit=7", "verdict:deny -app:crm kind:intent", (7, None, None));
    check("cursor=12&q=kind:change", "kind:change", (100, Some(12), None));
    check("order=oldest&cursor=12", "kind:intent", (100, None, Some(12)));
    check(&format!("limit={TRACE_PAGE_MAX}"), "kind:intent", (TRACE_PAGE_MAX, None, None));
    let wrong = |asked: &str| {
        let Err(fault) = Query::of_address(asked, NOW) else { panic!("{asked} was taken") };
        assert_eq!(fault.blame(), Blame::Caller);
        (fault.to_string(), fault.way_out().unwrap_or_default().to_owned())
    };
    assert_eq!(wrong("limit=1001").0, "`limit` does not take `1001`: it takes a number from 1 to 1000");
    assert_eq!(wrong("cursor=x").0, "`cursor` does not take `x`: it takes the `next` of a page");
    assert_eq!(wrong("order=best").0, "`order` does not take `best`: it takes `newest` or `oldest`");
    assert_eq!(wrong("since=1d").1, "it takes `q`, `limit`, `cursor` and `order`");
    assert_eq!(wrong("q=verdit:deny").1, "did you mean `verdict`?");
}
