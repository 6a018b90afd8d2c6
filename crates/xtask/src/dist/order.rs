//! From what valgrind counted to the order in which functions are linked.

use std::collections::HashMap;

/// Functions that ran, and how many instructions of theirs.
#[derive(Debug)]
pub(crate) struct Seen {
    program: String,
    at_start: HashMap<String, u64>,
    at_work: HashMap<String, u64>,
}

// === impl Seen ===

impl Seen {
    /// Of this program only, which stands here.
    pub(crate) fn new(program: String) -> Self {
        Self { program, at_start: HashMap::new(), at_work: HashMap::new() }
    }

    /// Takes in one file of callgrind's, with nothing abbreviated.
    pub(crate) fn read(&mut self, text: &str, start: bool) {
        let (mut ours, mut function, mut is_called) = (false, None, false);
        for line in text.lines() {
            if let Some(object) = line.strip_prefix("ob=") {
                (ours, function) = (object == self.program, None);
            } else if let Some(name) = line.strip_prefix("fn=") {
                // Recursion has a count behind the name.
                function = ours.then(|| name.split('\'').next().unwrap_or(name));
            } else if line.starts_with("calls=") {
                is_called = true;
            } else if line.starts_with(|first: char| first.is_ascii_digit()) {
                // The line after `calls=` is what the function called cost.
                if std::mem::take(&mut is_called) {
                    continue;
                }
                let cost = line.split_ascii_whitespace().nth(1).and_then(|cost| cost.parse::<u64>().ok());
                let (Some(name), Some(cost)) = (function, cost) else { continue };
                let all = if start { &mut self.at_start } else { &mut self.at_work };
                *all.entry(name.to_owned()).or_default() += cost;
            }
        }
    }

    /// What works, the busiest first; behind that what is needed for the start only. What was not seen follows.
    pub(crate) fn order(&self) -> Vec<&str> {
        let mut working: Vec<(&str, u64)> = self.at_work.iter().map(|(name, cost)| (name.as_str(), *cost)).collect();
        working.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(other.0)));
        let starting = self.at_start.keys().filter(|name| !self.at_work.contains_key(*name));
        let mut starting: Vec<&str> = starting.map(String::as_str).collect();
        starting.sort_unstable();
        working.into_iter().map(|(name, _)| name).chain(starting).collect()
    }
}

#[cfg(test)]
mod tests;
