//! Counted things, as people say them.

/// `1 tool`, `2 tools`. For words whose plural takes an `s`.
pub fn counted(count: usize, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

/// `1 person, 2 agents, 0 apps`.
pub fn who(people: usize, agents: usize, apps: usize) -> String {
    let people = if people == 1 { "1 person".to_owned() } else { format!("{people} people") };
    format!("{people}, {}, {}", counted(agents, "agent"), counted(apps, "app"))
}
