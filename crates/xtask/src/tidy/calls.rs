//! Call sites that a reviewer wants to see together, and those that may stand in one crate only.

use super::Report;
use super::houses::crate_of;
use super::tree::Tree;

pub(super) fn check(tree: &Tree, report: &mut Report) {
    for file in &tree.rust {
        let home = crate_of(file).unwrap_or_default();
        for (index, line) in file.lines.iter().enumerate() {
            let place = format!("{}:{}", file.path.display(), index + 1);
            if !line.test && LISTED.iter().any(|name| line.code.contains(name)) {
                report.note(format!("listed: {place}: {}", line.text.trim()));
            }
            for guarded in GUARDED {
                let defined = line.code.contains(&format!("fn {}", guarded.call));
                let called = line.code.contains(guarded.call) && !defined;
                if called && !line.test && home != guarded.home {
                    let sentence = format!("`{}` is called outside crates/{}", guarded.call, guarded.home);
                    report.fault("calls", &place, sentence, guarded.hint);
                }
            }
        }
    }
}

struct Guarded {
    call: &'static str,
    home: &'static str,
    hint: &'static str,
}

const LISTED: &[&str] = &[".expose()", "danger_"];
const GUARDED: &[Guarded] = &[
    Guarded {
        call: "danger_confirmed_by_disk",
        home: "trace",
        hint: "only the trace knows that a record is durable: append the record and use the proof it returns",
    },
    Guarded {
        call: "danger_signed_in",
        home: "identity",
        hint: "only `identity` knows who signed in: take the proof it gives",
    },
    Guarded { call: "Permit::issue", home: "engine", hint: "only the engine turns a decision into a permit" },
];
