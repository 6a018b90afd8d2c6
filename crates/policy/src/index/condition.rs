//! Conditions worked out without Cedar.
//!
//! A condition of plain comparisons is a few numbers to compare. What it says is what Cedar says, or that Cedar has to be
//! asked: of anything else than plain comparisons, of a value that is missing, of anything that may be an error. So no
//! sentence about an error is worded twice, and what is not understood here costs time and nothing else.

use cedar_policy::pst::{
    ActionConstraint, BinaryOp, Clause, EntityOrSlot, Expr, Literal, PrincipalConstraint, ResourceConstraint, UnaryOp,
    Var,
};
use cedar_policy::{Context, Entities, EntityUid, EvalResult, Expression, Policy, Request, eval_expression};

use crate::index::pins::{Path, Root, Slot, Word, comparison, entities, entity, literal};
use crate::index::words::{Found, Lookup, Places};

/// What a rule asks of a question. Slots and words are numbers of its [`Places`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Condition {
    /// Whatever the question is.
    Always(bool),
    /// Cedar has to be asked.
    Unclear,
    /// The slot has this word.
    Is { slot: u16, word: u32 },
    /// It has a value, and that is another. This and the like are there so that what most rules say stands in their row.
    IsNot { slot: u16, word: u32 },
    /// The slot has one of these two words.
    Either { slot: u16, words: [u32; 2] },
    /// The slot has one of these words, which are in order.
    Among { slot: u16, words: Box<[u32]> },
    /// The slot has a value.
    There { slot: u16 },
    /// What stands in the one is, or holds, what stands in the other.
    Same { one: u16, other: u16 },
    /// The one neither is nor holds the other.
    Differ { one: u16, other: u16 },
    /// A whole number in a range.
    Between { slot: u16, least: i64, most: i64 },
    /// The other way round.
    Not(Box<Condition>),
    /// Each of these, asked in this order.
    All(Box<[Condition]>),
    /// One of these, asked in this order.
    Any(Box<[Condition]>),
    /// Where the first holds the second, else the third.
    If(Box<[Condition; 3]>),
}

/// The conditions of a rule, scope first, in the order Cedar evaluates them: it matches if all of them hold.
pub(crate) fn conditions<L: Lookup>(policy: &Policy, places: &mut Places<L>) -> Vec<Condition> {
    let Ok(tree) = policy.to_pst() else { return vec![Condition::Unclear] };
    let body = tree.body();
    let mut reader = Reader { places };
    let mut all = Vec::new();
    match &body.principal {
        PrincipalConstraint::Any => {}
        PrincipalConstraint::Eq(of) => all.push(reader.scope(Root::Principal, of, false)),
        PrincipalConstraint::In(of) => all.push(reader.scope(Root::Principal, of, true)),
        PrincipalConstraint::Is(kind) => all.push(reader.kind(Root::Principal, kind.to_string())),
        PrincipalConstraint::IsIn(kind, of) => {
            all.push(reader.kind(Root::Principal, kind.to_string()));
            all.push(reader.scope(Root::Principal, of, true));
        }
    }
    match &body.action {
        ActionConstraint::Any => {}
        ActionConstraint::Eq(uid) => all.push(reader.has(Slot::Is(Path::of(Root::Action)), vec![entity(uid)])),
        ActionConstraint::In(uids) => {
            all.push(reader.has(Slot::Within(Root::Action), uids.iter().map(entity).collect()));
        }
    }
    match &body.resource {
        ResourceConstraint::Any => {}
        ResourceConstraint::Eq(of) => all.push(reader.scope(Root::Resource, of, false)),
        ResourceConstraint::In(of) => all.push(reader.scope(Root::Resource, of, true)),
        ResourceConstraint::Is(kind) => all.push(reader.kind(Root::Resource, kind.to_string())),
        ResourceConstraint::IsIn(kind, of) => {
            all.push(reader.kind(Root::Resource, kind.to_string()));
            all.push(reader.scope(Root::Resource, of, true));
        }
    }
    for clause in body.clauses() {
        match clause {
            Clause::When(condition) => reader.each(condition, BinaryOp::And, &mut all),
            Clause::Unless(condition) => all.push(not(reader.read(condition))),
        }
    }
    all
}

struct Reader<'p, L: Lookup> {
    places: &'p mut Places<L>,
}

// === impl Condition ===

impl Condition {
    /// Whether it holds. None: Cedar has to say.
    pub(crate) fn holds<L: Lookup>(&self, found: &mut Found<'_, '_, L>) -> Option<bool> {
        Some(match self {
            Self::Always(truth) => *truth,
            Self::Unclear => return None,
            Self::Is { slot, word } => found.of(*slot)?.contains(word),
            Self::IsNot { slot, word } => !found.of(*slot)?.contains(word),
            Self::Either { slot, words } => found.of(*slot)?.iter().any(|word| words.contains(word)),
            Self::Among { slot, words } => found.of(*slot)?.iter().any(|word| words.binary_search(word).is_ok()),
            Self::There { slot } => found.of(*slot).is_some(),
            Self::Same { one, other } => found.same(*one, *other)?,
            Self::Differ { one, other } => !found.same(*one, *other)?,
            Self::Between { slot, least, most } => (*least..=*most).contains(&found.whole(*slot)?),
            Self::Not(condition) => !condition.holds(found)?,
            Self::All(conditions) => return all_hold(conditions, found),
            Self::Any(conditions) => {
                for condition in conditions {
                    if condition.holds(found)? {
                        return Some(true);
                    }
                }
                false
            }
            Self::If(parts) => {
                let [condition, then, otherwise] = parts.as_ref();
                let next = if condition.holds(found)? { then } else { otherwise };
                next.holds(found)?
            }
        })
    }
}

/// Whether all of them hold, up to the first that does not. None: Cedar has to say.
pub(crate) fn all_hold<L: Lookup>(conditions: &[Condition], found: &mut Found<'_, '_, L>) -> Option<bool> {
    for condition in conditions {
        if !condition.holds(found)? {
            return Some(false);
        }
    }
    Some(true)
}

// === impl Reader ===

impl<L: Lookup> Reader<'_, L> {
    fn scope(&mut self, root: Root, of: &EntityOrSlot, within: bool) -> Condition {
        let EntityOrSlot::Entity(uid) = of else { return Condition::Unclear };
        let slot = if within { Slot::Within(root) } else { Slot::Is(Path::of(root)) };
        self.has(slot, vec![entity(uid)])
    }

    fn kind(&mut self, root: Root, kind: String) -> Condition {
        self.has(Slot::Kind(root), vec![Word::Kind(kind)])
    }

    /// The slot has one of these words.
    fn has(&mut self, slot: Slot, words: Vec<Word>) -> Condition {
        let Some(slot) = self.places.slot(slot) else { return Condition::Unclear };
        let words = self.places.words(slot, words);
        match words.as_slice() {
            [word] => Condition::Is { slot, word: *word },
            [one, other] => Condition::Either { slot, words: [*one, *other] },
            _ => Condition::Among { slot, words: words.into() },
        }
    }

    /// The sides of an operator that is written several times in a row.
    fn each(&mut self, condition: &Expr, of: BinaryOp, into: &mut Vec<Condition>) {
        match condition {
            Expr::BinaryOp { op, left, right } if *op == of => {
                self.each(left, of, into);
                self.each(right, of, into);
            }
            _ => into.push(self.read(condition)),
        }
    }

    fn read(&mut self, condition: &Expr) -> Condition {
        // Also one fact that may be one of several words: `a == 1 || a == 2`.
        if let Some((slot, words)) = comparison(condition) {
            return self.has(slot, words);
        }
        match condition {
            Expr::Literal(Literal::Bool(truth)) => Condition::Always(*truth),
            Expr::UnaryOp { op: UnaryOp::Not, expr } => not(self.read(expr)),
            Expr::BinaryOp { op, left, right } => self.binary(*op, left, right),
            Expr::HasAttr { expr, attrs } if attrs.tail().is_empty() => self.there(expr, attrs.first()),
            Expr::Is { expr, entity_type, in_expr: Some(within) } => {
                let Some(root) = variable(expr) else { return Condition::Unclear };
                let Some(words) = entities(within) else { return Condition::Unclear };
                let kind = self.kind(root, entity_type.to_string());
                Condition::All([kind, self.has(Slot::Within(root), words)].into())
            }
            Expr::IfThenElse { cond, then_expr, else_expr } => {
                Condition::If(Box::new([self.read(cond), self.read(then_expr), self.read(else_expr)]))
            }
            _ => Condition::Unclear,
        }
    }

    fn binary(&mut self, op: BinaryOp, left: &Expr, right: &Expr) -> Condition {
        match op {
            BinaryOp::And | BinaryOp::Or => {
                let mut sides = Vec::new();
                self.each(left, op, &mut sides);
                self.each(right, op, &mut sides);
                if op == BinaryOp::And { Condition::All(sides.into()) } else { Condition::Any(sides.into()) }
            }
            BinaryOp::NotEq => not(self.equal(left, right)),
            BinaryOp::Eq => self.equal(left, right),
            BinaryOp::Contains => match (Path::read(left), Path::read(right)) {
                (Some(set), Some(member)) => self.same(Slot::Holds(set), Slot::Is(member)),
                _ => Condition::Unclear,
            },
            BinaryOp::ContainsAny | BinaryOp::ContainsAll => {
                let (Some(path), Some(words)) = (Path::read(left), words(right)) else { return Condition::Unclear };
                if op == BinaryOp::ContainsAny {
                    return self.has(Slot::Holds(path), words);
                }
                if words.is_empty() {
                    return Condition::Unclear;
                }
                Condition::All(words.into_iter().map(|word| self.has(Slot::Holds(path.clone()), vec![word])).collect())
            }
            BinaryOp::Less => self.order(left, right, i64::MIN, -1),
            BinaryOp::LessEq => self.order(left, right, i64::MIN, 0),
            BinaryOp::Greater => self.order(left, right, 1, i64::MAX),
            BinaryOp::GreaterEq => self.order(left, right, 0, i64::MAX),
            _ => Condition::Unclear,
        }
    }

    fn equal(&mut self, left: &Expr, right: &Expr) -> Condition {
        match (Path::read(left), Path::read(right)) {
            (Some(one), Some(other)) => self.same(Slot::Is(one), Slot::Is(other)),
            (Some(path), None) => {
                literal(right).map_or(Condition::Unclear, |word| self.has(Slot::Is(path), vec![word]))
            }
            (None, Some(path)) => literal(left).map_or(Condition::Unclear, |word| self.has(Slot::Is(path), vec![word])),
            (None, None) => Condition::Unclear,
        }
    }

    fn same(&mut self, one: Slot, other: Slot) -> Condition {
        match (self.places.slot(one), self.places.slot(other)) {
            (Some(one), Some(other)) => Condition::Same { one, other },
            _ => Condition::Unclear,
        }
    }

    /// A fact before or after a fixed one, `from` to `to` away from it.
    fn order(&mut self, left: &Expr, right: &Expr, from: i64, to: i64) -> Condition {
        let (path, fixed, from, to) = match (Path::read(left), Path::read(right)) {
            (Some(path), None) => (path, right, from, to),
            (None, Some(path)) => (path, left, to.saturating_neg(), from.saturating_neg()),
            _ => return Condition::Unclear,
        };
        let (slot, fixed) = match fixed {
            Expr::Literal(Literal::Long(whole)) => (Slot::Is(path), *whole),
            Expr::UnaryOp { op: UnaryOp::Datetime, expr } => match moment(expr) {
                Some(millis) => (Slot::Moment(path), millis),
                None => return Condition::Unclear,
            },
            _ => return Condition::Unclear,
        };
        // At the very ends of all numbers a bound would be off by one.
        let (Some(least), Some(most)) = (bound(fixed, from), bound(fixed, to)) else { return Condition::Unclear };
        self.places.slot(slot).map_or(Condition::Unclear, |slot| Condition::Between { slot, least, most })
    }

    fn there(&mut self, of: &Expr, attribute: &str) -> Condition {
        let Some(path) = Path::read(of) else { return Condition::Unclear };
        // What is looked into must be there, and be something that has attributes.
        let known =
            path.attributes.is_empty() || (self.places.language().checked() && self.places.language().always(&path));
        match self.places.slot(Slot::Is(path.below(attribute))) {
            Some(slot) if known => Condition::There { slot },
            _ => Condition::Unclear,
        }
    }
}

fn not(condition: Condition) -> Condition {
    match condition {
        Condition::Always(truth) => Condition::Always(!truth),
        Condition::Unclear => Condition::Unclear,
        Condition::Is { slot, word } => Condition::IsNot { slot, word },
        Condition::Same { one, other } => Condition::Differ { one, other },
        condition => Condition::Not(Box::new(condition)),
    }
}

fn bound(fixed: i64, away: i64) -> Option<i64> {
    if away == i64::MIN || away == i64::MAX || away == -i64::MAX {
        return Some(if away > 0 { i64::MAX } else { i64::MIN });
    }
    fixed.checked_add(away)
}

fn variable(expression: &Expr) -> Option<Root> {
    matches!(expression, Expr::Var(Var::Principal | Var::Action | Var::Resource))
        .then(|| Path::read(expression).map(|path| path.root))
        .flatten()
}

/// The members of a set that is written out.
fn words(expression: &Expr) -> Option<Vec<Word>> {
    let Expr::Set(members) = expression else { return None };
    members.iter().map(|member| literal(member)).collect()
}

/// Milliseconds since 1970, as Cedar reads them. None: it does not.
fn moment(text: &Expr) -> Option<i64> {
    let Expr::Literal(Literal::String(text)) = text else { return None };
    let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "-+:.".contains(c));
    let since = format!("datetime(\"{text}\").durationSince(datetime(\"1970-01-01\")).toMilliseconds()");
    let expression: Expression = plain.then(|| since.parse().ok()).flatten()?;
    let nobody: EntityUid = "Action::\"call\"".parse().ok()?;
    let request = Request::new(nobody.clone(), nobody.clone(), nobody, Context::empty(), None).ok()?;
    match eval_expression(&request, &Entities::empty(), &expression) {
        Ok(EvalResult::Long(millis)) => Some(millis),
        _ => None,
    }
}
