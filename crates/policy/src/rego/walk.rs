//! What a rule refers to: which facts, which other rules, which functions. From the syntax alone.

use std::collections::{BTreeMap, BTreeSet};

use regorus::unstable::{AssignOp, Expr, Literal, LiteralStmt, Module, Query, Rule, RuleHead, Span};

/// A name with its parts, as far as they are written out: `input.human`, of `input.human[x]`.
pub(super) type Path = Vec<String>;

/// Everything that a piece of Rego refers to.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Under `data`, the package included: rules and functions.
    pub(super) refers: BTreeSet<Path>,
    /// Functions that are called.
    pub(super) calls: Vec<Call>,
    /// Facts, without `input`, and where.
    pub(super) facts: Vec<(Path, (u32, u32))>,
    /// Texts as they stand there.
    pub(super) texts: BTreeSet<String>,
}

/// A function that is called.
#[derive(Debug)]
pub(super) struct Call {
    /// As a rule is named. One that is of the language as well is the rule, where there is one.
    pub(super) path: Path,
    /// Whether the language has a function that is written like this.
    pub(super) built_in: bool,
    pub(super) at: (u32, u32),
}

/// What a file imports.
pub(super) struct Import {
    /// The name that it has there.
    pub(super) name: String,
    pub(super) path: Path,
    pub(super) at: (u32, u32),
}

/// Looks through the syntax of a file. All files of a package have the names that one of them imports: the interpreter knows
/// them by package.
pub(super) struct Walk<'m> {
    package: &'m [String],
    imports: &'m BTreeMap<String, Path>,
    pub(super) found: Found,
}

/// What a file imports of facts and rules.
pub(super) fn imported(module: &Module) -> impl Iterator<Item = Import> {
    module.imports.iter().filter_map(|import| {
        let path = written_out(&import.refr)?;
        let name = import.r#as.as_ref().map(|name| name.text().to_owned()).or_else(|| path.last().cloned())?;
        let known = matches!(path.first().map(String::as_str), Some("input" | "data"));
        known.then(|| Import { name, path, at: place(&import.span) })
    })
}

/// The parts of a name that is written out whole.
pub(super) fn written_out(expression: &Expr) -> Option<Path> {
    let mut dynamic = Vec::new();
    let (path, whole) = parts(expression, &mut dynamic)?;
    whole.then_some(path)
}

/// The expression that names what a rule defines.
pub(super) fn head_of(rule: &Rule) -> &Expr {
    match rule {
        Rule::Default { refr, .. } => refr,
        Rule::Spec { head, .. } => match head {
            RuleHead::Compr { refr, .. } | RuleHead::Set { refr, .. } | RuleHead::Func { refr, .. } => refr,
        },
    }
}

/// What a head defines, without what only one of its elements is called.
pub(super) fn name_of(rule: &Rule) -> Path {
    parts(head_of(rule), &mut Vec::new()).map(|(path, _)| path).unwrap_or_default()
}

impl<'m> Walk<'m> {
    pub(super) fn new(package: &'m [String], imports: &'m BTreeMap<String, Path>) -> Self {
        Self { package, imports, found: Found::default() }
    }

    pub(super) fn rule(mut self, rule: &Rule) -> Found {
        match rule {
            Rule::Default { args, value, .. } => {
                args.iter().for_each(|argument| self.expression(argument));
                self.expression(value);
            }
            Rule::Spec { head, bodies, .. } => {
                self.head(head);
                for body in bodies {
                    if let Some(assign) = &body.assign {
                        self.expression(&assign.value);
                    }
                    self.query(&body.query);
                }
            }
        }
        self.found
    }

    fn head(&mut self, head: &RuleHead) {
        let (refr, rest) = match head {
            RuleHead::Compr { refr, assign, .. } => (refr, assign.iter().map(|assign| &assign.value).collect()),
            RuleHead::Set { refr, key, .. } => (refr, key.iter().collect::<Vec<_>>()),
            RuleHead::Func { refr, args, assign, .. } => {
                (refr, args.iter().chain(assign.iter().map(|assign| &assign.value)).collect())
            }
        };
        let mut dynamic = Vec::new();
        parts(refr, &mut dynamic);
        dynamic.into_iter().chain(rest.into_iter().map(|expression| &**expression)).for_each(|e| self.expression(e));
    }

    fn query(&mut self, query: &Query) {
        query.stmts.iter().for_each(|statement| self.statement(statement));
    }

    pub(super) fn statement(&mut self, statement: &LiteralStmt) {
        match &statement.literal {
            Literal::SomeVars { vars, .. } => {
                let named =
                    vars.iter().map(|name| self.package.iter().cloned().chain([name.text().to_owned()]).collect());
                self.found.refers.extend(named);
            }
            Literal::SomeIn { key, value, collection, .. } => {
                key.iter().chain([value, collection]).for_each(|expression| self.expression(expression));
            }
            Literal::Expr { expr, .. } | Literal::NotExpr { expr, .. } => self.expression(expr),
            Literal::Every { domain, query, .. } => {
                self.expression(domain);
                self.query(query);
            }
        }
        for with in &statement.with_mods {
            self.expression(&with.refr);
            self.expression(&with.r#as);
        }
    }

    fn expression(&mut self, expression: &Expr) {
        match expression {
            Expr::String { value, .. } | Expr::RawString { value, .. } => {
                self.found.texts.extend(value.as_string().ok().map(|text| text.to_string()));
            }
            Expr::Number { span, .. } => drop(self.found.texts.insert(span.text().to_owned())),
            Expr::Bool { .. } | Expr::Null { .. } => {}
            Expr::Var { .. } | Expr::RefDot { .. } | Expr::RefBrack { .. } => self.name(expression),
            Expr::Array { items, .. } | Expr::Set { items, .. } => items.iter().for_each(|item| self.expression(item)),
            Expr::Object { fields, .. } => {
                fields.iter().flat_map(|(_, key, value)| [key, value]).for_each(|part| self.expression(part));
            }
            Expr::ArrayCompr { term, query, .. } | Expr::SetCompr { term, query, .. } => {
                self.expression(term);
                self.query(query);
            }
            Expr::ObjectCompr { key, value, query, .. } => {
                self.expression(key);
                self.expression(value);
                self.query(query);
            }
            Expr::Call { fcn, params, .. } => {
                self.call(fcn);
                params.iter().for_each(|parameter| self.expression(parameter));
            }
            Expr::UnaryExpr { expr, .. } => self.expression(expr),
            Expr::BinExpr { lhs, rhs, .. }
            | Expr::BoolExpr { lhs, rhs, .. }
            | Expr::ArithExpr { lhs, rhs, .. }
            | Expr::AssignExpr { lhs, rhs, .. } => {
                self.expression(lhs);
                self.expression(rhs);
            }
            Expr::Membership { key, value, collection, .. } => {
                key.iter().chain([value, collection]).for_each(|part| self.expression(part));
            }
        }
    }

    fn name(&mut self, expression: &Expr) {
        let mut dynamic = Vec::new();
        match parts(expression, &mut dynamic) {
            Some((path, _)) => {
                let path = self.resolved(path);
                match path.split_first() {
                    Some((first, fact)) if first == "input" => {
                        self.found.facts.push((fact.to_vec(), place(root(expression).span())));
                    }
                    Some((first, rule)) if first == "data" => drop(self.found.refers.insert(rule.to_vec())),
                    _ => {}
                }
            }
            None => dynamic.push(root(expression)),
        }
        dynamic.into_iter().for_each(|part| self.expression(part));
    }

    fn call(&mut self, function: &Expr) {
        let path = parts(function, &mut Vec::new()).map(|(path, _)| path).unwrap_or_default();
        let built_in = super::functions::is_built_in(&path.join("."));
        let path = self.resolved(path);
        self.found.calls.push(Call { path, built_in, at: place(root(function).span()) });
    }

    /// The name from its beginning: with `input` or `data` in front. A local variable looks like a rule of its package.
    fn resolved(&self, path: Path) -> Path {
        let Some((first, rest)) = path.split_first() else { return path };
        match (first.as_str(), self.imports.get(first)) {
            (_, Some(import)) => import.iter().chain(rest).cloned().collect(),
            ("input" | "data", None) => path,
            _ => std::iter::once("data".to_owned()).chain(self.package.iter().cloned()).chain(path).collect(),
        }
    }
}

/// The names that a condition may bind by itself.
pub(super) fn locals(statement: &LiteralStmt) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    match &statement.literal {
        Literal::SomeVars { vars, .. } => found.extend(vars.iter().map(|name| name.text().to_owned())),
        Literal::SomeIn { key, value, .. } => key.iter().chain([value]).for_each(|part| variables(part, &mut found)),
        Literal::Every { key, value, .. } => found.extend(key.iter().chain([value]).map(|name| name.text().to_owned())),
        Literal::Expr { expr, .. } | Literal::NotExpr { expr, .. } => {
            if let Expr::AssignExpr { op: AssignOp::ColEq, lhs, .. } = &**expr {
                variables(lhs, &mut found);
            }
        }
    }
    found
}

/// The variables of a pattern.
fn variables(pattern: &Expr, found: &mut BTreeSet<String>) {
    match pattern {
        Expr::Var { span, .. } => drop(found.insert(span.text().to_owned())),
        Expr::Array { items, .. } | Expr::Set { items, .. } => items.iter().for_each(|item| variables(item, found)),
        Expr::Object { fields, .. } => fields.iter().for_each(|(_, _, value)| variables(value, found)),
        _ => {}
    }
}

pub(super) fn place(span: &Span) -> (u32, u32) {
    (span.line, span.col)
}

/// The parts of a name up to the first that is not written out, and whether that is all of it. What is not written out goes
/// to `dynamic`. None: it begins with something that is no name.
fn parts<'e>(expression: &'e Expr, dynamic: &mut Vec<&'e Expr>) -> Option<(Path, bool)> {
    match expression {
        Expr::Var { span, .. } => Some((vec![span.text().to_owned()], true)),
        Expr::RefDot { refr, field: (span, _), .. } => {
            let (mut path, whole) = parts(refr, dynamic)?;
            if whole {
                path.push(span.text().to_owned());
            }
            Some((path, whole))
        }
        Expr::RefBrack { refr, index, .. } => {
            let inner = parts(refr, dynamic);
            match &**index {
                Expr::String { value, .. } | Expr::RawString { value, .. } => {
                    let (mut path, whole) = inner?;
                    if whole {
                        path.extend(value.as_string().ok().map(|text| text.to_string()));
                    }
                    Some((path, whole))
                }
                other => {
                    dynamic.push(other);
                    inner.map(|(path, _)| (path, false))
                }
            }
        }
        _ => None,
    }
}

/// What a chain of fields begins with.
fn root(expression: &Expr) -> &Expr {
    match expression {
        Expr::RefDot { refr, .. } | Expr::RefBrack { refr, .. } => root(refr),
        other => other,
    }
}
