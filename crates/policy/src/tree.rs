//! Walking the conditions of a rule.

use std::sync::LazyLock;

use cedar_policy::Policy;
use cedar_policy::pst::{Clause, Expr, PstConstructionError, Var};

use crate::vocabulary::attribute_names;

/// The attributes that some rules read, by name. Building a fact costs more than asking a rule, so facts that no rule of
/// a layer reads are not built. Forgetting one here would make reading it a missing fact: a deferral, never a permit.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Reads {
    /// One bit for each name of the schema, in the order of [`NAMES`].
    names: u128,
    everything: bool,
}

/// Shows every expression of the rule's conditions to `look`; the variable that an attribute is read of is not shown by
/// itself. Error: the rule has no syntax tree, which cannot be for a rule that was parsed from text.
pub(crate) fn each(policy: &Policy, look: &mut dyn FnMut(&Expr)) -> Result<(), Box<PstConstructionError>> {
    let tree = policy.to_pst().map_err(Box::new)?;
    let mut waiting: Vec<&Expr> = Vec::new();
    for clause in tree.body().clauses() {
        match clause {
            Clause::When(condition) | Clause::Unless(condition) => waiting.push(condition),
        }
    }
    while let Some(expression) = waiting.pop() {
        look(expression);
        children(expression, &mut waiting);
    }
    Ok(())
}

impl Reads {
    /// Adds what this rule reads.
    pub(crate) fn add(&mut self, policy: &Policy) {
        let mut reads = *self;
        let walked = each(policy, &mut |expression| match expression {
            Expr::GetAttr { attr, .. } => reads.name(attr),
            Expr::HasAttr { attrs, .. } => attrs.iter().for_each(|attr| reads.name(attr)),
            // The context as a whole, compared with another record.
            Expr::Var(Var::Context) => reads.everything = true,
            _ => {}
        });
        reads.everything |= walked.is_err();
        *self = reads;
    }

    #[cfg(test)]
    pub(crate) fn of_everything() -> Self {
        Self { names: 0, everything: true }
    }

    /// Adds what others read.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.names |= other.names;
        self.everything |= other.everything;
    }

    /// Whether a rule may read an attribute of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.everything || bit(name).is_none_or(|bit| self.names & bit != 0)
    }

    fn name(&mut self, name: &str) {
        match bit(name) {
            Some(bit) => self.names |= bit,
            None => self.everything = true,
        }
    }
}

/// The bit of a name of the schema.
fn bit(name: &str) -> Option<u128> {
    let place = NAMES.binary_search(&name).ok()?;
    1u128.checked_shl(u32::try_from(place).ok()?)
}

fn children<'a>(expression: &'a Expr, into: &mut Vec<&'a Expr>) {
    match expression {
        Expr::GetAttr { expr, .. } | Expr::HasAttr { expr, .. } if matches!(expr.as_ref(), Expr::Var(_)) => {}
        Expr::GetAttr { expr, .. } | Expr::HasAttr { expr, .. } => into.push(expr),
        Expr::UnaryOp { expr, .. } | Expr::Like { expr, .. } => into.push(expr),
        Expr::BinaryOp { left, right, .. } => into.extend([left.as_ref(), right.as_ref()]),
        Expr::Is { expr, in_expr, .. } => {
            into.push(expr);
            into.extend(in_expr.as_deref());
        }
        Expr::IfThenElse { cond, then_expr, else_expr } => {
            into.extend([cond.as_ref(), then_expr.as_ref(), else_expr.as_ref()]);
        }
        Expr::Set(members) => into.extend(members.iter().map(AsRef::as_ref)),
        Expr::Record(fields) => into.extend(fields.values().map(AsRef::as_ref)),
        _ => {}
    }
}

static NAMES: LazyLock<Vec<&'static str>> = LazyLock::new(attribute_names);
