//! Numbers out of many.

/// The middle one; zero of none.
pub(super) fn median(numbers: impl IntoIterator<Item = f64>) -> f64 {
    let mut numbers: Vec<f64> = numbers.into_iter().collect();
    numbers.sort_by(f64::total_cmp);
    let (upper, lower) = (numbers.len() / 2, numbers.len().saturating_sub(1) / 2);
    match (numbers.get(lower), numbers.get(upper)) {
        (Some(one), Some(other)) => (one + other) / 2.0,
        _ => 0.0,
    }
}

/// Three digits that matter.
pub(super) fn shown(number: f64) -> String {
    match number.abs() {
        size if size >= 100.0 => format!("{number:.0}"),
        size if size >= 10.0 => format!("{number:.1}"),
        size if size >= 1.0 => format!("{number:.2}"),
        _ => format!("{number:.3}"),
    }
}
