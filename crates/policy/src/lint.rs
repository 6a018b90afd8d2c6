//! Mistakes that Cedar's validator lets through: words no attribute ever has, ids that no app can have, questions about
//! people of whom only the identity is known.

use cedar_policy::pst::{BinaryOp, Expr, Literal};
use cedar_policy::{Policy, ResourceConstraint};
use model::{AgentId, AppId, HumanId, IdError, ToolName};

use crate::error::Complaint;
use crate::tree;
use crate::vocabulary::{attribute_hint, is_attribute, values_of};
use spelling::{did_you_mean, listed};

/// A test or a budget by its name.
pub(crate) struct Mention {
    /// The set of the context that is asked: `every`, `some` or `spent`.
    pub(crate) set: String,
    pub(crate) word: String,
    pub(crate) at: usize,
}

/// The tests and budgets that a rule asks for by name.
pub(crate) fn mentions(policy: &Policy, text: &str) -> Vec<Mention> {
    let mut found = Vec::new();
    let walked = tree::each(policy, &mut |expression| {
        let Expr::BinaryOp { op: BinaryOp::Contains | BinaryOp::ContainsAll | BinaryOp::ContainsAny, left, right } =
            expression
        else {
            return;
        };
        for (asked, words) in [(left, right), (right, left)] {
            let Expr::GetAttr { attr, .. } = asked.as_ref() else { continue };
            if !matches!(attr.as_str(), "every" | "some" | "spent") {
                continue;
            }
            for word in texts(words) {
                let at = last_place(&format!("\"{word}\""), text);
                found.push(Mention { set: attr.to_string(), word: word.to_owned(), at });
            }
        }
    });
    // What cannot be read is told by `lint`.
    walked.map_or_else(|_| Vec::new(), |()| found)
}

/// The app whose tools and other things a rule is about, as its head says; none: any.
pub(crate) fn app_of_head(policy: &Policy) -> Option<AppId> {
    let uid = match policy.resource_constraint() {
        ResourceConstraint::Eq(uid) | ResourceConstraint::In(uid) | ResourceConstraint::IsIn(_, uid) => uid,
        ResourceConstraint::Any | ResourceConstraint::Is(_) => return None,
    };
    let id = uid.id().unescaped();
    let app = if uid.type_name().basename() == "App" { Some(id) } else { app_of_tool(id).map(|(app, _)| app) };
    app.and_then(|app| AppId::parse(app).ok())
}

/// Looks at one rule whose text is `text`.
pub(crate) fn lint(policy: &Policy, text: &str, complaints: &mut Vec<Complaint>) {
    for literal in policy.entity_literals() {
        identity(&literal.type_name().to_string(), literal.id().unescaped(), text, complaints);
    }
    let mut found = Vec::new();
    if tree::each(policy, &mut |expression| look(expression, text, &mut found)).is_err() {
        found.push(Complaint::new(0, "this rule cannot be read"));
    }
    complaints.append(&mut found);
}

/// Splits the id of what is asked for: the app's id, a slash, its name.
pub(crate) fn app_of_tool(id: &str) -> Option<(&str, &str)> {
    id.split_once('/')
}

/// A text, or those of a set that is written out.
fn texts(expression: &Expr) -> Vec<&str> {
    let text = |expression| match expression {
        &Expr::Literal(Literal::String(ref word)) => Some(word.as_str()),
        _ => None,
    };
    match expression {
        Expr::Set(members) => members.iter().filter_map(|member| text(member.as_ref())).collect(),
        one => text(one).into_iter().collect(),
    }
}

fn look(expression: &Expr, text: &str, complaints: &mut Vec<Complaint>) {
    match expression {
        Expr::BinaryOp { op: BinaryOp::Eq | BinaryOp::NotEq, left, right } => {
            compared(left, right, text, complaints);
            compared(right, left, text, complaints);
        }
        Expr::BinaryOp { op: BinaryOp::Contains, left, right } => {
            if let Expr::Set(members) = left.as_ref() {
                for member in members {
                    compared(right, member, text, complaints);
                }
            }
        }
        Expr::GetAttr { expr, attr } => only_identity(expr, attr, text, complaints),
        Expr::HasAttr { expr, attrs } => {
            only_identity(expr, attrs.first(), text, complaints);
            for attribute in attrs {
                if !is_attribute(attribute) {
                    complaints.push(
                        Complaint::new(last_place(attribute, text), format!("unknown attribute `{attribute}`"))
                            .maybe_hint(attribute_hint(attribute)),
                    );
                }
            }
        }
        _ => {}
    }
}

fn compared(side: &Expr, other: &Expr, text: &str, complaints: &mut Vec<Complaint>) {
    let (Expr::GetAttr { attr, .. }, Expr::Literal(Literal::String(word))) = (side, other) else { return };
    let Some(values) = values_of(attr) else { return };
    if values.contains(&word.as_str()) {
        return;
    }
    let hint = did_you_mean(word, values.iter().copied()).unwrap_or_else(|| format!("it is {}", listed(&values)));
    complaints.push(
        Complaint::new(last_place(&format!("\"{word}\""), text), format!("`{attr}` is never `{word}`")).hint(hint),
    );
}

fn only_identity(of: &Expr, attribute: &str, text: &str, complaints: &mut Vec<Complaint>) {
    let Expr::GetAttr { attr: person, .. } = of else { return };
    if matches!(person.as_str(), "owner" | "manager") {
        complaints.push(
            Complaint::new(
                last_place(attribute, text),
                format!("of `{person}` only the identity is known here, not `{attribute}`"),
            )
            .hint(format!("compare it with a human: `….{person} == Human::\"…\"`")),
        );
    }
}

fn identity(kind: &str, id: &str, text: &str, complaints: &mut Vec<Complaint>) {
    let parsed: Result<(), IdError> = match kind {
        "Agent" => AgentId::parse(id).map(drop),
        "App" => AppId::parse(id).map(drop),
        "Human" => HumanId::parse(id).map(drop),
        "Tool" | "Resource" | "Prompt" | "Request" => match app_of_tool(id) {
            Some((app, tool)) => AppId::parse(app).and_then(|_| ToolName::parse(tool)).map(drop),
            None => {
                complaints.push(
                    Complaint::new(last_place(&format!("\"{id}\""), text), format!("`{kind}::\"{id}\"` names no app"))
                        .hint(format!("write `{kind}::\"app/{id}\"` with the id of its app")),
                );
                return;
            }
        },
        _ => return,
    };
    if let Err(error) = parsed {
        complaints.push(Complaint::new(last_place(&format!("\"{id}\""), text), error.to_string()));
    }
}

/// The syntax tree has no places. The last one is nearest: annotations come first and may say the same word.
fn last_place(word: &str, text: &str) -> usize {
    text.rfind(word).unwrap_or_default()
}
