//! What must be so for a rule to match, as far as it can be told by looking something up.
//!
//! A rule's scope and conditions are read as one row of conjuncts, in the order Cedar evaluates them. A conjunct that
//! compares one fact with fixed words is a [`Pin`]: where the fact is known and none of those words, the rule is false
//! and cannot err, so that nobody need ask it. The row ends at the first conjunct that may err on any facts at all.

use std::collections::HashSet;
use std::sync::Arc;

use cedar_policy::Policy;
use cedar_policy::pst::{
    ActionConstraint, BinaryOp, Clause, EntityOrSlot, EntityUID, Expr, Literal, PrincipalConstraint,
    PstConstructionError, ResourceConstraint, UnaryOp, Var,
};

/// Where a value stands: a variable, and attributes down from it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Path {
    pub(crate) root: Root,
    pub(crate) attributes: Vec<String>,
}

/// The variables of Cedar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Root {
    Principal,
    Action,
    Resource,
    Context,
}

/// What is compared of a value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Slot {
    /// The value itself.
    Is(Path),
    /// The entity or anything it is in.
    Within(Root),
    /// The entity's type.
    Kind(Root),
    /// The members of a set.
    Holds(Path),
    /// Whether the value is true; anything else than true or false counts as missing.
    Truth(Path),
    /// The moment that the value is, in milliseconds since 1970.
    Moment(Path),
}

/// What a slot is compared with.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Word {
    Text(String),
    Whole(i64),
    Truth(bool),
    Entity { kind: String, id: String },
    Kind(String),
}

/// A conjunct: the rule is false unless the slot has one of these words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pin {
    pub(crate) slot: Slot,
    pub(crate) words: Vec<Word>,
    /// A slot without a value makes the rule err; else (an earlier conjunct asked whether there is one) false.
    pub(crate) errs: bool,
}

/// What is known of every question, whatever its facts.
pub(crate) trait Language {
    /// Whether there is a way to look this up.
    fn knows(&self, slot: &Slot) -> bool;
    /// Whether this is there in every question.
    fn always(&self, path: &Path) -> bool;
    /// Whether rules were checked against a schema, so that none compares what cannot be compared.
    fn checked(&self) -> bool;
}

/// Reads the pins of a rule, in the order of evaluation. Error: the rule has no syntax tree.
pub(crate) fn pins(policy: &Policy, language: &dyn Language) -> Result<Vec<Pin>, Box<PstConstructionError>> {
    let tree = policy.to_pst().map_err(Box::new)?;
    let body = tree.body();
    let mut row = Row { language, pins: Vec::new(), there: HashSet::new() };
    match &body.principal {
        PrincipalConstraint::Any => {}
        PrincipalConstraint::Eq(entity) => row.equal(Root::Principal, entity),
        PrincipalConstraint::In(entity) => row.within(Root::Principal, entity),
        PrincipalConstraint::Is(kind) => row.kind(Root::Principal, kind.to_string()),
        PrincipalConstraint::IsIn(kind, entity) => {
            row.kind(Root::Principal, kind.to_string());
            row.within(Root::Principal, entity);
        }
    }
    match &body.action {
        ActionConstraint::Any => {}
        ActionConstraint::Eq(uid) => row.pin(Slot::Is(Path::of(Root::Action)), vec![entity(uid)], false),
        ActionConstraint::In(uids) => row.pin(Slot::Within(Root::Action), uids.iter().map(entity).collect(), false),
    }
    match &body.resource {
        ResourceConstraint::Any => {}
        ResourceConstraint::Eq(entity) => row.equal(Root::Resource, entity),
        ResourceConstraint::In(entity) => row.within(Root::Resource, entity),
        ResourceConstraint::Is(kind) => row.kind(Root::Resource, kind.to_string()),
        ResourceConstraint::IsIn(kind, entity) => {
            row.kind(Root::Resource, kind.to_string());
            row.within(Root::Resource, entity);
        }
    }
    for clause in body.clauses() {
        let goes_on = match clause {
            Clause::When(condition) => row.take(condition),
            Clause::Unless(condition) => row.take_not(condition),
        };
        if !goes_on {
            break;
        }
    }
    Ok(row.pins)
}

/// The conjuncts so far.
struct Row<'l> {
    language: &'l dyn Language,
    pins: Vec<Pin>,
    /// What earlier conjuncts asked for: it is there, or the rule is false.
    there: HashSet<Path>,
}

// === impl Path ===

impl Path {
    pub(crate) fn of(root: Root) -> Self {
        Self { root, attributes: Vec::new() }
    }

    pub(crate) fn below(mut self, attribute: &str) -> Self {
        self.attributes.push(attribute.to_owned());
        self
    }

    pub(crate) fn read(expression: &Expr) -> Option<Self> {
        match expression {
            Expr::Var(variable) => Some(Self::of(Root::read(variable))),
            Expr::GetAttr { expr, attr } => Self::read(expr).map(|path| path.below(attr)),
            _ => None,
        }
    }
}

impl Root {
    fn read(variable: &Var) -> Self {
        match variable {
            Var::Principal => Self::Principal,
            Var::Action => Self::Action,
            Var::Resource => Self::Resource,
            Var::Context => Self::Context,
        }
    }
}

impl Slot {
    /// What must be there for the slot to have a value; none: it always has one.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::Is(path) | Self::Holds(path) | Self::Truth(path) | Self::Moment(path) => {
                (!path.attributes.is_empty()).then_some(path)
            }
            Self::Within(_) | Self::Kind(_) => None,
        }
    }

    /// Whether one question has several words for it.
    pub(crate) fn is_wide(&self) -> bool {
        matches!(self, Self::Within(_) | Self::Holds(_))
    }
}

// === impl Row ===

impl Row<'_> {
    fn pin(&mut self, slot: Slot, words: Vec<Word>, errs: bool) {
        if self.language.knows(&slot) {
            self.pins.push(Pin { slot, words, errs });
        }
    }

    fn attribute(&mut self, slot: Slot, words: Vec<Word>) {
        let of_its_kind = self.language.checked() || !matches!(slot, Slot::Holds(_) | Slot::Truth(_));
        let errs = slot.path().is_some_and(|path| !(of_its_kind && self.is_there(path)));
        self.pin(slot, words, errs);
    }

    fn equal(&mut self, root: Root, to: &EntityOrSlot) {
        if let EntityOrSlot::Entity(uid) = to {
            self.pin(Slot::Is(Path::of(root)), vec![entity(uid)], false);
        }
    }

    fn within(&mut self, root: Root, of: &EntityOrSlot) {
        if let EntityOrSlot::Entity(uid) = of {
            self.pin(Slot::Within(root), vec![entity(uid)], false);
        }
    }

    fn kind(&mut self, root: Root, kind: String) {
        self.pin(Slot::Kind(root), vec![Word::Kind(kind)], false);
    }

    /// Takes one conjunct in. False: what stands behind it may never be reached, for it may err.
    fn take(&mut self, condition: &Expr) -> bool {
        if let Expr::BinaryOp { op: BinaryOp::And, left, right } = condition {
            return self.take(left) && self.take(right);
        }
        if let Expr::UnaryOp { op: UnaryOp::Not, expr } = condition {
            return self.take_not(expr);
        }
        if let Expr::HasAttr { expr, attrs } = condition {
            return self.take_has(expr, attrs.iter().map(|attribute| attribute.as_str()));
        }
        if let Some((slot, words)) = comparison(condition)
            && self.language.knows(&slot)
        {
            // Where the slot has a value, it can be compared with the words; where it has none, the pin says so.
            self.attribute(slot, words);
            return true;
        }
        self.never_errs(condition) && self.is_truth(condition)
    }

    /// Takes one conjunct in that must be false.
    fn take_not(&mut self, condition: &Expr) -> bool {
        match condition {
            Expr::UnaryOp { op: UnaryOp::Not, expr } => self.take(expr),
            Expr::GetAttr { .. } => {
                let Some(slot) = Path::read(condition).map(Slot::Truth) else { return false };
                if self.language.knows(&slot) {
                    self.attribute(slot, vec![Word::Truth(false)]);
                    return true;
                }
                self.never_errs(condition) && self.is_truth(condition)
            }
            _ => self.never_errs(condition) && self.is_truth(condition),
        }
    }

    fn take_has<'a>(&mut self, of: &Expr, mut attributes: impl Iterator<Item = &'a str>) -> bool {
        let Some(mut path) = Path::read(of).filter(|path| self.is_there(path)) else { return false };
        // The type of what is looked into is known to be right only where rules were checked.
        if !path.attributes.is_empty() && !self.language.checked() {
            return false;
        }
        // `has a.b` errs where `a` is there and has no attributes.
        let (Some(attribute), None) = (attributes.next(), attributes.next()) else { return false };
        path = path.below(attribute);
        self.there.insert(path);
        true
    }

    fn is_there(&self, path: &Path) -> bool {
        path.attributes.is_empty() || self.language.always(path) || self.there.contains(path)
    }

    /// Whether this has a value on all facts that come so far.
    fn never_errs(&self, expression: &Expr) -> bool {
        match expression {
            Expr::Literal(_) | Expr::Var(_) => true,
            Expr::GetAttr { .. } => Path::read(expression).is_some_and(|path| self.is_there(&path)),
            Expr::HasAttr { expr, attrs } => {
                attrs.tail().is_empty()
                    && self.never_errs(expr)
                    && (self.language.checked() || matches!(expr.as_ref(), Expr::Var(_)))
            }
            Expr::Set(members) => members.iter().all(|member| self.never_errs(member)),
            Expr::BinaryOp { op: BinaryOp::Eq | BinaryOp::NotEq, left, right } => {
                self.never_errs(left) && self.never_errs(right)
            }
            Expr::BinaryOp { op: BinaryOp::And | BinaryOp::Or, left, right } => {
                [left, right].iter().all(|side| self.never_errs(side) && self.is_truth(side))
            }
            Expr::UnaryOp { op: UnaryOp::Not, expr } => self.never_errs(expr) && self.is_truth(expr),
            Expr::BinaryOp { op: BinaryOp::In, left, right } => {
                self.never_errs(left)
                    && self.never_errs(right)
                    && (self.language.checked() || (is_entity_variable(left) && entities(right).is_some()))
            }
            Expr::BinaryOp { op: BinaryOp::Contains, left, right } => {
                self.never_errs(left)
                    && self.never_errs(right)
                    && (self.language.checked() || matches!(left.as_ref(), Expr::Set(_)))
            }
            Expr::BinaryOp {
                op:
                    BinaryOp::ContainsAll
                    | BinaryOp::ContainsAny
                    | BinaryOp::Less
                    | BinaryOp::LessEq
                    | BinaryOp::Greater
                    | BinaryOp::GreaterEq,
                left,
                right,
            } => self.language.checked() && self.never_errs(left) && self.never_errs(right),
            // Checked rules make these of words that can be read.
            Expr::UnaryOp { op: UnaryOp::Datetime | UnaryOp::Duration | UnaryOp::Decimal | UnaryOp::Ip, expr } => {
                self.language.checked() && matches!(expr.as_ref(), Expr::Literal(_))
            }
            Expr::Like { expr, .. } => self.language.checked() && self.never_errs(expr),
            Expr::Is { expr, in_expr: None, .. } => is_entity_variable(expr),
            _ => false,
        }
    }

    /// Whether this is true or false whenever it has a value.
    fn is_truth(&self, expression: &Expr) -> bool {
        self.language.checked()
            || matches!(
                expression,
                Expr::Literal(Literal::Bool(_))
                    | Expr::HasAttr { .. }
                    | Expr::Like { .. }
                    | Expr::Is { .. }
                    | Expr::UnaryOp { op: UnaryOp::Not | UnaryOp::IsEmpty, .. }
                    | Expr::BinaryOp {
                        op: BinaryOp::Eq
                            | BinaryOp::NotEq
                            | BinaryOp::And
                            | BinaryOp::Or
                            | BinaryOp::In
                            | BinaryOp::Contains
                            | BinaryOp::ContainsAll
                            | BinaryOp::ContainsAny
                            | BinaryOp::HasTag
                            | BinaryOp::Less
                            | BinaryOp::LessEq
                            | BinaryOp::Greater
                            | BinaryOp::GreaterEq,
                        ..
                    }
            )
    }
}

/// One fact compared with fixed words, if that is what this is.
pub(crate) fn comparison(condition: &Expr) -> Option<(Slot, Vec<Word>)> {
    match condition {
        Expr::GetAttr { .. } => Some((Slot::Truth(Path::read(condition)?), vec![Word::Truth(true)])),
        Expr::BinaryOp { op: BinaryOp::Eq, left, right } => {
            let (path, literal) = match (literal(left), literal(right)) {
                (None, Some(word)) => (Path::read(left)?, word),
                (Some(word), None) => (Path::read(right)?, word),
                _ => return None,
            };
            Some((Slot::Is(path), vec![literal]))
        }
        Expr::BinaryOp { op: BinaryOp::Contains, left, right } => match left.as_ref() {
            Expr::Set(members) => {
                let words: Option<Vec<Word>> = members.iter().map(|member| literal(member)).collect();
                Some((Slot::Is(Path::read(right)?), words?))
            }
            _ => Some((Slot::Holds(Path::read(left)?), vec![literal(right)?])),
        },
        Expr::BinaryOp { op: BinaryOp::In, left, right } if is_entity_variable(left) => {
            Some((Slot::Within(Path::read(left)?.root), entities(right)?))
        }
        Expr::Is { expr, entity_type, in_expr: None } if is_entity_variable(expr) => {
            Some((Slot::Kind(Path::read(expr)?.root), vec![Word::Kind(entity_type.to_string())]))
        }
        Expr::BinaryOp { op: BinaryOp::Or, left, right } => {
            let ((slot, mut words), (other, more)) = (comparison(left)?, comparison(right)?);
            words.extend(more);
            (slot == other).then_some((slot, words))
        }
        _ => None,
    }
}

pub(crate) fn literal(expression: &Expr) -> Option<Word> {
    let Expr::Literal(literal) = expression else { return None };
    Some(match literal {
        Literal::Bool(truth) => Word::Truth(*truth),
        Literal::Long(whole) => Word::Whole(*whole),
        Literal::String(text) => Word::Text(text.to_string()),
        Literal::EntityUID(uid) => entity(uid),
        _ => return None,
    })
}

pub(crate) fn entities(expression: &Expr) -> Option<Vec<Word>> {
    let one = |expression: &Expr| literal(expression).filter(|word| matches!(word, Word::Entity { .. }));
    match expression {
        Expr::Set(members) => members.iter().map(|member: &Arc<Expr>| one(member)).collect(),
        _ => one(expression).map(|word| vec![word]),
    }
}

pub(crate) fn entity(uid: &EntityUID) -> Word {
    Word::Entity { kind: uid.ty.to_string(), id: uid.eid.to_string() }
}

fn is_entity_variable(expression: &Expr) -> bool {
    matches!(expression, Expr::Var(Var::Principal | Var::Action | Var::Resource))
}
