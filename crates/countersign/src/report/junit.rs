//! JUnit XML: what CI servers show of a run, one case each.

/// A list of cases under one name.
pub struct Suite {
    /// Its name.
    pub name: String,
    /// What was looked at.
    pub cases: Vec<Case>,
}

/// One thing that was looked at.
pub struct Case {
    /// Which group it belongs to, mostly a file.
    pub group: String,
    /// Its name.
    pub name: String,
    /// Where it stands, for servers that link to it.
    pub file: Option<String>,
    /// The line there.
    pub line: Option<u64>,
    /// What is wrong with it: a sentence, and everything there is to say. Nothing: it is in order.
    pub failure: Option<(String, String)>,
}

/// The whole document.
pub fn document(suites: &[Suite]) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let cases = || suites.iter().flat_map(|suite| &suite.cases);
    out.push_str(&format!(
        "<testsuites name=\"countersign\" tests=\"{}\" failures=\"{}\" errors=\"0\">\n",
        cases().count(),
        failures(cases())
    ));
    for suite in suites {
        out.push_str(&format!(
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"0\">\n",
            escaped(&suite.name),
            suite.cases.len(),
            failures(suite.cases.iter())
        ));
        for case in &suite.cases {
            write(&mut out, case);
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

fn failures<'c>(cases: impl Iterator<Item = &'c Case>) -> usize {
    cases.filter(|case| case.failure.is_some()).count()
}

fn write(out: &mut String, case: &Case) {
    out.push_str(&format!("    <testcase classname=\"{}\" name=\"{}\"", escaped(&case.group), escaped(&case.name)));
    if let Some(file) = &case.file {
        out.push_str(&format!(" file=\"{}\"", escaped(file)));
    }
    if let Some(line) = case.line {
        out.push_str(&format!(" line=\"{line}\""));
    }
    match &case.failure {
        None => out.push_str("/>\n"),
        Some((sentence, all)) => out.push_str(&format!(
            ">\n      <failure message=\"{}\" type=\"failure\">{}</failure>\n    </testcase>\n",
            escaped(sentence),
            escaped(all)
        )),
    }
}

/// For text and attributes of XML 1.0. What it cannot hold at all stands as the sign for that.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}
