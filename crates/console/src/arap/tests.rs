use super::*;

#[test]
fn whoever_may_not_decide_is_told_apart_from_what_cannot_follow_any_more() {
    let status = |code: &'static str| problem(&Fault::new(Blame::Caller, code, "no")).status().as_u16();
    for code in [
        "hold.requester",
        "hold.delegator",
        "hold.agents_owner",
        "hold.of_the_vendor",
        "hold.same_person",
        "hold.not_eligible",
        "hold.left",
        "hold.unknown_person",
    ] {
        assert_eq!(status(code), 403, "{code}");
    }
    for code in ["hold.approved", "hold.denied", "hold.expired", "hold.claimed", "hold.approved_before"] {
        assert_eq!(status(code), 409, "{code}");
    }
}
