use super::*;

fn path(text: &str) -> FieldPath {
    text.parse().unwrap()
}

#[test]
fn a_path_speaks_of_all_below_it() {
    assert!(path("employment").covers(&path("employment.salary")));
    assert!(path("jobs").covers(&path("jobs[].salary")));
    assert!(path("jobs[]").covers(&path("jobs.salary")));
    assert!(!path("employment.salary").covers(&path("employment")));
    assert!(!path("employment").covers(&path("employments")));
    assert!(!path("salary").covers(&path("Salary")));
    assert!(path("salary").covers_in_any_case(&path("Salary.base")));
}

#[test]
fn both_ways_to_write_one_are_read() {
    assert_eq!(path("$.jobs[*].salary"), path("jobs[].salary"));
    assert_eq!(path("jobs[].salary").to_string(), "jobs[].salary");
    for wrong in ["", "a.", ".a", "a..b", "$", "a[0]", "a b", "*", "a['b']", "$..a", &"a".repeat(513)] {
        assert!(wrong.parse::<FieldPath>().is_err(), "{wrong}");
    }
}
