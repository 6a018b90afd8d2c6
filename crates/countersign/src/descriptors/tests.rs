use super::*;

#[test]
fn whoever_takes_all_connections_leaves_descriptors_for_the_operator() {
    for (descriptors, listeners, calls, expected) in [
        (65_536, 1, 4_096, CONNECTIONS_MAX),
        (65_536, 3, 4_096, CONNECTIONS_MAX),
        (20_000, 2, 4_096, 5_392),
        (4_096, 3, 4_096, 341),
        (1_024, 3, 4_096, 85),
        (0, 1, 0, 1),
        (usize::MAX, 0, usize::MAX, CONNECTIONS_MAX),
    ] {
        let each = each(descriptors, listeners, calls);
        assert_eq!(each, expected, "{descriptors} {listeners} {calls}");
        let kept = calls.saturating_mul(2).saturating_add(DESCRIPTORS_KEPT).min(descriptors - descriptors / 4);
        assert!(descriptors.saturating_sub(listeners * each) >= kept, "{descriptors}");
    }
}
