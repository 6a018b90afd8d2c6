//! What a contract says of a call. The checks have an order, and the first that fails answers: in force, term, tenant, kind of
//! record and what is done with it, state of the record, fields, limits. What only the data shows and has to be known first defers,
//! where nothing else refuses.

use std::sync::Arc;

use model::{ContractFacts, Facts, Layer, Operation, RuleInfo, RuleOutcome, RuleSource, Scalar, Shown, Standing};

use crate::agreement::{Head, Rate};
use crate::compiled::{Permitted, Phase, VolumeOf};
use crate::in_force::{Compiled, InForce};
use crate::path::FieldPath;
use crate::words::{doing, grouped, joined, joined_texts, value_text, values};

type Ruling = Arc<RuleInfo>;

/// One call, under one contract.
struct Call<'c> {
    contract: &'c Compiled,
    phase: &'c Phase,
    facts: &'c Facts,
    asked: &'c ContractFacts,
    /// What the checks that it passed say, in their order.
    passed: Vec<Ruling>,
    /// What has to be known first, where nothing refuses it anyway.
    open: Option<Ruling>,
}

/// The clauses that answer a call: one that refuses it, or those that hold it, or those under which it runs.
pub(crate) fn judge(contracts: &InForce, facts: &Facts, asked: &ContractFacts) -> Vec<Ruling> {
    let Some(contract) = contracts.get(&asked.contract) else {
        let said = format!("there is no contract `{}`", asked.contract);
        return vec![unknown(said)];
    };
    match run(contract, facts, asked) {
        Ok(rulings) => rulings,
        Err(refusal) => vec![refusal],
    }
}

fn run(contract: &Compiled, facts: &Facts, asked: &ContractFacts) -> Result<Vec<Ruling>, Ruling> {
    of_vendor(contract, asked)?;
    in_force(contract, facts, asked)?;
    let phase = contract.phase(facts.now).ok_or_else(|| out_of_term(contract, facts))?;
    let mut call = Call { contract, phase, facts, asked, passed: Vec::new(), open: None };
    call.bound()?;
    call.tenant()?;
    let (permitted, entity, operation) = call.operation()?;
    call.state(entity, operation)?;
    call.fields(permitted, entity)?;
    call.limits(operation)?;
    // INVARIANT: what nothing that the data could show would permit is refused before anybody asks for it (test
    // `what_no_clause_permits_is_refused_before_the_data_is_looked_at`).
    call.open.take().map_or(Ok(()), Err)?;
    Ok(call.settled(permitted, entity, operation))
}

/// The credential is this vendor's.
fn of_vendor(contract: &Compiled, asked: &ContractFacts) -> Result<(), Ruling> {
    let vendor = contract.vendor();
    if asked.vendor == *vendor {
        return Ok(());
    }
    Err(refusal(contract, format!("this contract is with `{vendor}`, and this is `{}`", asked.vendor)))
}

/// Signed by two people as it is, and not suspended or ended.
fn in_force(contract: &Compiled, facts: &Facts, asked: &ContractFacts) -> Result<(), Ruling> {
    let name = &contract.agreement().document.name;
    let over = facts.now >= contract.agreement().term.ends;
    let said = match asked.standing {
        Standing::Active if asked.digest == Some(contract.forms().digest) => return Ok(()),
        // The term has the last word on these, with its clause.
        Standing::NotYet | Standing::Expired if asked.digest == Some(contract.forms().digest) => return Ok(()),
        // Nobody can sign it any more: that its term is over is what there is to know, with the clause that says so.
        Standing::Active | Standing::NotYet | Standing::Expired | Standing::Changed | Standing::Unsigned if over => {
            return Err(out_of_term(contract, facts));
        }
        Standing::Active | Standing::NotYet | Standing::Expired | Standing::Changed => {
            format!("“{name}” is not what was signed any more")
        }
        Standing::Unsigned => format!("“{name}” is not signed by two people"),
        Standing::Suspended => format!("“{name}” is suspended"),
        Standing::Terminated => format!("“{name}” was terminated"),
        Standing::Unknown => format!("nobody knows whether “{name}” is in force"),
    };
    Err(refusal(contract, said))
}

fn out_of_term(contract: &Compiled, facts: &Facts) -> Ruling {
    let (agreement, term) = (contract.agreement(), &contract.agreement().term);
    let said = if facts.now < term.begins {
        format!("“{}” begins on {}", agreement.document.name, term.from)
    } else {
        format!("“{}” ended on {}", agreement.document.name, term.until)
    };
    let nearest = contract.nearest_phase(facts.now);
    match nearest.and_then(|phase| phase.heads.get(&Head::Term)) {
        Some(ruled) => ruled.refusing(said),
        None => refusal(contract, said),
    }
}

impl<'c> Call<'c> {
    /// The credential is for this app and purpose.
    fn bound(&mut self) -> Result<(), Ruling> {
        let agreement = self.contract.agreement();
        if !agreement.apps.contains(&self.facts.app.id) {
            let said = format!("“{}” is not about {}", agreement.document.name, self.facts.app.name);
            return Err(refusal(self.contract, said));
        }
        self.passed.extend(self.phase.heads.get(&Head::Term).map(|ruled| Arc::clone(&ruled.passed)));
        if agreement.purposes.is_empty() {
            return Ok(());
        }
        let for_it = self.asked.purpose.as_ref().is_some_and(|purpose| agreement.purposes.contains(purpose));
        if !for_it {
            let purposes = joined_texts(&agreement.purposes);
            let said = match &self.asked.purpose {
                Some(purpose) => format!("data may be used for {purposes}, and this is for {}", shortened(purpose)),
                None => format!("data may be used for {purposes}, and nobody says what this is for"),
            };
            return Err(self.by_head(Head::Purposes, said));
        }
        self.passed.extend(self.phase.heads.get(&Head::Purposes).map(|ruled| Arc::clone(&ruled.passed)));
        Ok(())
    }

    fn tenant(&mut self) -> Result<(), Ruling> {
        let tenants = &self.contract.agreement().tenants;
        let ours = joined_texts(tenants);
        match &self.asked.tenant {
            Shown::Known(asked) if asked.is_empty() => {
                let said = format!("this contract is about the data of {ours}, and this is about nobody's");
                return Err(self.by_head(Head::Tenants, said));
            }
            Shown::Known(asked) => {
                if let Some(other) = asked.iter().find(|tenant| !tenants.contains(*tenant)) {
                    let said =
                        format!("this contract is about the data of {ours}, and this asks for {}", shortened(other));
                    return Err(self.by_head(Head::Tenants, said));
                }
            }
            Shown::Open if self.only_reads() => {}
            Shown::Open => {
                let said = "nobody knows whose data this is, and this changes something".to_owned();
                self.waits_for(self.by_head(Head::Tenants, said));
            }
        }
        self.passed.extend(self.phase.heads.get(&Head::Tenants).map(|ruled| Arc::clone(&ruled.passed)));
        Ok(())
    }

    /// What only the data shows is judged on the answer to what only reads. Anything else has to be known before.
    fn only_reads(&self) -> bool {
        self.asked.operation.is_none_or(Operation::only_reads)
    }

    /// This has to be known before it can be permitted.
    fn waits_for(&mut self, refusal: Ruling) {
        let defers = RuleInfo { outcome: RuleOutcome::Defer, ..RuleInfo::clone(&refusal) };
        self.open.get_or_insert_with(|| Arc::new(defers));
    }

    fn operation(&mut self) -> Result<(&'c Permitted, &'c str, Operation), Ruling> {
        let asked = self.asked;
        let name = &self.contract.agreement().document.name;
        let Some((entity, operation)) = asked.entity.as_deref().zip(asked.operation) else {
            let said = format!("“{name}” permits kinds of records by name, and nobody knows what this is");
            return Err(refusal(self.contract, said));
        };
        if let Some(ruled) = self.phase.hidden_entities.get(entity) {
            return Err(Arc::clone(&ruled.rule));
        }
        if let Some(ruled) = self.phase.hidden_operations.get(&operation) {
            return Err(Arc::clone(&ruled.rule));
        }
        let Some(permitted) = self.phase.permitting(&self.facts.app.id, entity, operation) else {
            let said = format!("no clause of “{name}” permits {} `{}`", doing(operation), clipped(entity));
            return Err(refusal(self.contract, said));
        };
        self.passed.push(Arc::clone(&permitted.said.passed));
        Ok((permitted, entity, operation))
    }

    fn state(&mut self, entity: &str, operation: Operation) -> Result<(), Ruling> {
        for condition in self.phase.conditions_on(entity) {
            let (path, wanted) = (&condition.path, values(&condition.one_of));
            match self.asked.state.get(path.as_str()).unwrap_or(&Shown::Open) {
                Shown::Known(value) if condition.one_of.iter().any(|one| same(one, value)) => {}
                Shown::Known(value) => {
                    let is = shortened(&value_text(value));
                    let said =
                        format!("its `{path}` is {is}, and clause {} is about {wanted}", number(&condition.said.rule));
                    return Err(condition.said.refusing(said));
                }
                Shown::Open if operation.only_reads() => {}
                Shown::Open => {
                    let said = match operation {
                        Operation::Create => {
                            format!("nothing says its `{path}`, which must be {wanted} before it is made")
                        }
                        _ => format!("nobody knows its `{path}`, which must be {wanted} before it is changed"),
                    };
                    self.waits_for(condition.said.refusing(said));
                }
            }
            self.passed.push(Arc::clone(&condition.said.passed));
        }
        Ok(())
    }

    fn fields(&mut self, permitted: &Permitted, entity: &str) -> Result<(), Ruling> {
        for asked in &self.asked.asks {
            let path = self.field(asked)?;
            self.not_hidden(entity, &path, "asks by")?;
            let conditional = self.phase.conditions_on(entity).any(|condition| condition.path == path);
            let listed = permitted.clause.fields.get(entity);
            if !conditional && listed.is_some_and(|listed| !listed.iter().any(|field| field.covers(&path))) {
                let clause = number(&permitted.said.rule);
                let said =
                    format!("this asks by `{path}` of `{entity}`, which is not among the fields of clause {clause}");
                return Err(permitted.said.refusing(said));
            }
        }
        let may_send = permitted.clause.sends.get(entity);
        for sent in &self.asked.sends {
            let path = self.field(sent)?;
            self.not_hidden(entity, &path, "sends")?;
            if !may_send.is_some_and(|listed| listed.iter().any(|field| field.covers(&path))) {
                let clause = number(&permitted.said.rule);
                let said =
                    format!("this sends `{path}` of `{entity}`, which is not among what clause {clause} lets be sent");
                return Err(permitted.said.refusing(said));
            }
        }
        self.passed.extend(self.phase.hidden_of(entity).map(|hidden| Arc::clone(&hidden.said.passed)));
        Ok(())
    }

    fn field(&self, text: &str) -> Result<FieldPath, Ruling> {
        let path = text.parse::<FieldPath>();
        path.map_err(|_| refusal(self.contract, format!("this names {}, which is no field", shortened(text))))
    }

    /// Asking by what is kept back tells what it is; so does asking by what it stands in. A name by itself is kept back at any
    /// depth of an answer, so nothing is asked by it at any depth either.
    fn not_hidden(&self, entity: &str, path: &FieldPath, how: &str) -> Result<(), Ruling> {
        let hidden = self.phase.hidden_of(entity).find(|hidden| hidden.path.is_told_by(path));
        match hidden {
            None => Ok(()),
            Some(hidden) => {
                let clause = number(&hidden.said.rule);
                let said = format!(
                    "this {how} `{}`, and clause {clause} keeps `{}` back",
                    clipped(path.as_str()),
                    hidden.path
                );
                Err(hidden.said.refusing(said))
            }
        }
    }

    fn limits(&mut self, operation: Operation) -> Result<(), Ruling> {
        if let Some((most, ruled)) = &self.phase.at_once {
            match self.asked.records {
                Some(records) if records <= *most => {}
                Some(records) => {
                    let said =
                        format!("{} records are asked for, and {} may be at once", grouped(records), grouped(*most));
                    return Err(ruled.refusing(said));
                }
                // Whatever else is done, its answer is counted.
                None if operation != Operation::List => {}
                None => {
                    let said = format!(
                        "nobody knows how many records this brings back, and {} may be at once",
                        grouped(*most)
                    );
                    return Err(ruled.refusing(said));
                }
            }
            if operation == Operation::List {
                self.passed.push(Arc::clone(&ruled.passed));
            }
        }
        self.countable(operation)?;
        for requests in &self.phase.requests {
            if self.facts.spent.contains(&requests.budget.rule) {
                return Err(self.used_up(&requests.said.rule));
            }
            self.passed.push(Arc::clone(&requests.said.passed));
        }
        for volume in &self.phase.volumes {
            if self.facts.spent.contains(&volume.budget.rule) || self.asked.spent.contains(&volume.clause) {
                return Err(self.used_up(&volume.said.rule));
            }
            self.passed.push(Arc::clone(&volume.said.passed));
        }
        Ok(())
    }

    /// Of a list of which nobody knows how long it is, nothing can be taken from a limit on records, and no waiting helps.
    fn countable(&self, operation: Operation) -> Result<(), Ruling> {
        if operation != Operation::List || self.asked.records.is_some() {
            return Ok(());
        }
        let Some(volume) = self.phase.volumes.iter().find(|volume| volume.of == VolumeOf::Records) else {
            return Ok(());
        };
        let stretch = Rate { most: volume.most, seconds: volume.within.as_secs() }.stretch();
        let most = grouped(volume.most);
        let said = format!("nobody knows how many records this brings back, and {most} may be in {stretch}");
        Err(volume.said.refusing(said))
    }

    /// Of several limits of one clause nobody knows which one is used up.
    fn used_up(&self, rule: &RuleInfo) -> Ruling {
        let requests = self.phase.requests.iter().map(|requests| &requests.said.rule);
        let limits = requests.chain(self.phase.volumes.iter().map(|volume| &volume.said.rule));
        let of_it: Vec<&str> =
            limits.filter(|limit| limit.id == rule.id).map(|limit| limit.sentence.as_str()).collect();
        let sentence = match of_it.as_slice() {
            [_, _, ..] => format!("{}, and one of these is used up", joined(&of_it, "and")),
            _ => format!("{}, and they are used up", rule.sentence),
        };
        let instead = Some("wait, and ask for less at a time".to_owned());
        Arc::new(RuleInfo { outcome: RuleOutcome::Deny, sentence, instead, ..rule.clone() })
    }

    /// The clause that permits it first, what waits for people, and all that it passed.
    fn settled(self, permitted: &Permitted, entity: &str, operation: Operation) -> Vec<Ruling> {
        let waits = self.phase.holds.iter().filter(|held| {
            let among = held.entities.is_empty() || held.entities.contains(entity);
            among && (held.operations.is_empty() || held.operations.contains(&operation))
        });
        let holds = waits.map(|held| Arc::clone(&held.said.rule));
        let first = [Arc::clone(&permitted.said.rule), Arc::clone(&permitted.said.passed)];
        let is_first = |rule: &Ruling| rule.id == permitted.said.rule.id;
        first.into_iter().chain(holds).chain(self.passed.into_iter().filter(|rule| !is_first(rule))).collect()
    }

    /// Refused by the clause that says this part of the head; by the contract where none does.
    fn by_head(&self, head: Head, said: String) -> Ruling {
        match self.phase.heads.get(&head) {
            Some(ruled) => ruled.refusing(said),
            None => refusal(self.contract, said),
        }
    }
}

/// The contract itself refuses, without a clause.
fn refusal(contract: &Compiled, said: String) -> Ruling {
    let text = Arc::from(contract.agreement().document.name.as_str());
    let source = RuleSource { file: Arc::clone(&contract.agreement().file), line: 1, column: 1, text };
    Arc::new(RuleInfo::new(contract.rule.clone(), RuleOutcome::Deny, Layer::Organisation, source, said))
}

fn unknown(said: String) -> Ruling {
    let source = RuleSource { file: Arc::from("contracts"), line: 1, column: 1, text: Arc::from("") };
    let id = model::RuleId::builtin("contract:unknown");
    Arc::new(RuleInfo::new(id, RuleOutcome::Deny, Layer::Organisation, source, said))
}

/// A number and a text that are written alike are the same: what comes in an address is text.
fn same(one: &Scalar, other: &Scalar) -> bool {
    one == other || value_text(one) == value_text(other)
}

fn number(rule: &RuleInfo) -> &str {
    rule.clause.as_ref().map_or("", |clause| clause.number.as_str())
}

/// What a caller wrote, in quotes and not longer than somebody reads.
fn shortened(text: &str) -> String {
    format!("`{}`", clipped(text))
}

fn clipped(text: &str) -> String {
    let plain = |letter: char| if letter.is_control() || letter == '`' { '·' } else { letter };
    let mut clipped: String = text.chars().take(CLIPPED_CHARS).map(plain).collect();
    if text.chars().count() > CLIPPED_CHARS {
        clipped.push('…');
    }
    clipped
}

const CLIPPED_CHARS: usize = 48;
