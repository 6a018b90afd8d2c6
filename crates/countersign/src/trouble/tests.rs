use super::*;

/// What is told at these seconds.
fn told(looks: &[(u64, bool)]) -> Vec<(u64, News)> {
    #[expect(clippy::disallowed_methods, reason = "any moment will do: the seconds are counted from it")]
    let begun = Instant::now();
    let mut trouble = Trouble::default();
    let look = |&(second, lasts)| Some((second, trouble.look(lasts, begun + Duration::from_secs(second))?));
    looks.iter().filter_map(look).collect()
}

#[test]
fn it_is_told_when_it_begins_each_minute_and_when_it_is_over() {
    assert_eq!(told(&[(0, false), (1, false)]), []);
    let lasting: Vec<(u64, bool)> =
        (5..=130).map(|second| (second, true)).chain([(131, false), (132, false)]).collect();
    assert_eq!(told(&lasting), [(5, News::Lasts), (65, News::Lasts), (125, News::Lasts), (131, News::Over)]);
}

#[test]
fn what_comes_and_goes_is_told_once_a_minute() {
    let flickering: Vec<(u64, bool)> = (0..=61).map(|second| (second, second % 2 == 0)).collect();
    assert_eq!(told(&flickering), [(0, News::Lasts), (1, News::Over), (60, News::Lasts), (61, News::Over)]);
}
