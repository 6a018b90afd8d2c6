//! Rules as plain Cedar, for whoever wants to leave or to look with other tools.
//!
//! What stock Cedar makes of them is at most as permissive where no rule errs: an outcome stands in an annotation, which
//! Cedar does not read, so that `hold` and `defer` are plain refusals to it. A rule that errs is skipped by Cedar, and
//! refuses here.

use cedar_policy::Policy;
use model::RuleInfo;

/// The rules as one text, each with its id. `elsewhere`: rules that are no Cedar, and stand there as a comment.
pub(crate) fn cedar<'a>(
    rules: impl Iterator<Item = (&'a RuleInfo, &'a Policy)>,
    elsewhere: impl Iterator<Item = &'a RuleInfo>,
) -> String {
    let mut text = String::new();
    for info in elsewhere {
        text.push_str(&format!("// not here, for it is written in Rego: {} ({})\n\n", info.source, info.id));
    }
    for (info, policy) in rules {
        text.push_str(&format!("// {}\n", info.source));
        if policy.annotation("id").is_none() {
            text.push_str(&format!("@id(\"{}\")\n", info.id.as_str().escape_default()));
        }
        text.push_str(policy.to_string().trim());
        text.push_str("\n\n");
    }
    text
}

#[cfg(test)]
mod tests;
