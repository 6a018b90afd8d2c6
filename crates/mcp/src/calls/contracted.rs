//! Calls of a vendor's agent: what they change is looked at first, and what it may not see and what is not there look alike.

use std::sync::Arc;

use bytes::Bytes;
use decide::{AnswerKind, Outgoing, Permit, SendFault, Upstream, UpstreamFuture};
use engine::{CallRequest, Closed, Readable, shows_no_record};
use front::Known;
use json::Document;
use model::{Blame, CallId, ContractFacts, Fault, Form, Operation, Shown, ToolName, Verdict};
use openapi::{SaysOfItself, Tool};
use serde_json::json;

use super::{Call, Looked, Runs};
use crate::answer::DECISION_KEY;
use crate::app_link::{Carried, Looks, pair_of};
use crate::param;
use crate::release::{OUTSIDE, Said, WENT_WRONG, data};
use crate::upstream::{Along, AskFirst, Asked, Sending};

/// Where a change goes whose record was not looked at. Nothing ever leaves.
pub(super) struct Nowhere;

/// The tool that looks up a record.
struct Resolver<'c> {
    name: ToolName,
    tool: &'c Tool,
    /// What names the record.
    id: String,
    /// The arguments that ask for it.
    arguments: Bytes,
}

impl Upstream for Nowhere {
    fn send<'a>(&'a self, permit: Permit, _: Outgoing) -> UpstreamFuture<'a> {
        drop(permit);
        let said = "the record that this would change was not looked at";
        let fault = Fault::new(Blame::Rule, OUTSIDE, said);
        Box::pin(std::future::ready(Err(SendFault::before(fault))))
    }
}

fn said_of(tool: &Tool) -> Said {
    Said { form: tool.form, one: tool.does == Operation::Read }
}

/// What is known of a call under a contract. A call of a vendor's agent of which nothing is known is of no kind, so that no
/// contract permits it.
pub(crate) fn facts(known: Option<&Arc<ContractFacts>>, by: &Known) -> Option<Arc<ContractFacts>> {
    let vendor = by.vendor.as_ref()?;
    Some(known.map_or_else(|| Arc::new(vendor.unknown_call()), Arc::clone))
}

impl Call {
    fn mapped(&self) -> Option<&Tool> {
        self.link.spec.mapping.as_ref()?.get(self.tool.name.as_str()).filter(|_| self.asked == Asked::Tool)
    }

    /// What the mapping says of its answer.
    pub(super) fn answers(&self) -> Said {
        self.mapped().map_or(Said { form: Form::Json, one: false }, said_of)
    }

    /// Looks at the record that is to be changed, in a call of its own, and takes what it says of itself among the facts. What is
    /// refused whatever it says is not looked at. Gives how the call ended, where it cannot be looked at or may not be.
    pub(super) async fn look_first(&mut self, runs: &Runs<'_>, along: &Along) -> Option<Closed> {
        let mut facts = ContractFacts::clone(self.contract.as_ref()?);
        // Of what is made under no record, nothing but what is sent says how it stands.
        if facts.operation == Some(Operation::Create)
            && let (Some(tool), Some(arguments)) = (self.mapped(), &self.arguments)
        {
            let (state, unclear) = tool.sent_state(arguments, &runs.engine.conditions(&facts));
            facts.state.extend(state);
            self.contract = Some(Arc::new(facts.clone()));
            // How it would stand stays open, so that it cannot be permitted, and what was wanted is on record as that.
            if let Some(fault) = unclear.any_of(&runs.engine.conditions_now(&facts)) {
                return Some(match self.wanted(runs, along, None).await {
                    Closed::Refused(refusal) if refusal.verdict == Verdict::Defer => {
                        Closed::Failed { call: Some(refusal.call), fault, perhaps_executed: false }
                    }
                    closed => closed,
                });
            }
        }
        self.mapped().filter(|tool| tool.looks_first(&facts))?;
        // The word of whoever asks is not enough.
        let unseen = ContractFacts { tenant: Shown::Open, ..facts.clone() };
        let refused = runs.engine.hides_under(&runs.known.actor, &self.app, self.tool.clone(), &unseen);
        self.contract = Some(Arc::new(unseen));
        if refused {
            return None;
        }
        match Box::pin(self.look(runs, along, &mut facts)).await {
            Ok(Some(looked)) => {
                self.looked = Some(looked);
                self.contract = Some(Arc::new(facts));
                None
            }
            Ok(None) => None,
            // INVARIANT: what an agent wanted to change is on record, also where the record could not be looked at (test
            // `a_change_that_an_agent_wanted_is_on_record_whatever_its_record_says`).
            Err(closed) => match self.wanted(runs, along, closed.call().cloned()).await {
                Closed::Refused(_) => Some(closed),
                unrecorded => Some(unrecorded),
            },
        }
    }

    /// Puts on record that a change was wanted of which nobody knows whose data it is about: it is decided as such, and never leaves.
    async fn wanted(&self, runs: &Runs<'_>, along: &Along, cause: Option<CallId>) -> Closed {
        runs.engine.call(CallRequest { cause, ..self.request(runs, along) }).await
    }

    /// None: nothing tells whose record it is, and no tool looks it up.
    async fn look(&self, runs: &Runs<'_>, along: &Along, facts: &mut ContractFacts) -> Result<Option<Looked>, Closed> {
        let failed = |fault: Fault| Closed::Failed { call: None, fault, perhaps_executed: false };
        let Some(Resolver { name, tool, id, arguments }) = self.resolver() else { return Ok(None) };
        let pair = pair_of(&runs.known.actor);
        let catalog = self.link.tools(Some(&pair)).await.map_err(failed)?;
        let (Some(listed), Some(mapping)) = (catalog.what.tool(name.as_str()), &self.link.spec.mapping) else {
            return Ok(None);
        };
        let unknown = runs.known.vendor.as_ref().map(|vendor| vendor.unknown_call());
        let Some(unknown) = unknown else { return Ok(None) };
        let asks = mapping.asks(name.as_str(), Some(&arguments), unknown).map_err(failed)?;
        let document = Document::parse(&arguments).ok();
        let value = document.as_ref().map(|document| document.root());
        let looks = Arc::new(Looks::default());
        let sending = Sending {
            asked: Asked::Tool,
            headers: param::headers(&listed.params, value),
            along: along.clone(),
            onward: None,
            members: false,
            named: None,
            level: None,
            folders: AskFirst::Nobody,
            in_session: false,
        };
        let request = CallRequest {
            actor: runs.known.actor.clone(),
            app: self.app.clone(),
            method: Asked::Tool.method(),
            tool: runs.hub.assess(&self.app, &self.link, listed, value).facts,
            cause: None,
            arguments: Some(arguments.clone()),
            readable: Some(Readable { arguments: arguments.clone(), reader: self.link.reader(&name) }),
            wire: along.client().revision().wire(),
            trace_parent: along.trace_parent(),
            listed_at: Some(catalog.at()),
            kept: self.link.kept(),
            upstream: Arc::new(Carried {
                to: Arc::clone(&self.link),
                hub: Arc::clone(runs.hub),
                pair,
                sending,
                looks: Some(Arc::clone(&looks)),
                unchanged: None,
                races: false,
                answers: said_of(tool),
            }),
            waiter: None,
            contract: Some(Arc::new(asks)),
            taker: None,
        };
        let call = match runs.engine.call(request).await {
            Closed::Answered { call, answer, .. } if answer.kind == AnswerKind::Result => call,
            closed => return Err(closed),
        };
        let (body, version) = looks.take();
        let entity = tool.entity.as_deref().and_then(|entity| mapping.entity(entity));
        let fields = runs.engine.conditions(facts);
        let says = data(&body)
            .zip(entity)
            .and_then(|(record, entity)| SaysOfItself::read(&record, tool.rows.as_deref(), entity, &fields));
        let Some(says) = says else {
            let said = "the record that this would change does not say whose it is";
            let fault = Fault::new(Blame::Rule, OUTSIDE, said);
            return Err(Closed::Failed { call: Some(call), fault, perhaps_executed: false });
        };
        // INVARIANT: a change is let out on the word of the record that it is of (test
        // `a_change_by_an_agent_is_of_the_record_that_was_looked_at`).
        let failed = |fault: Fault| Closed::Failed { call: Some(call.clone()), fault, perhaps_executed: false };
        says.is_named(&id).map_err(failed)?;
        says.into_facts(facts);
        Ok(Some(Looked { call, version }))
    }

    /// What looks up the record that this call names.
    fn resolver(&self) -> Option<Resolver<'_>> {
        let mapping = self.link.spec.mapping.as_ref()?;
        let tool = self.mapped()?;
        let (name, resolver) = mapping.resolver(self.tool.name.as_str())?;
        let document = Document::parse(self.arguments.as_deref()?).ok()?;
        let id = document.root().get(&tool.id()?.name)?;
        // Nothing but one plain value names a record.
        let named = openapi::text(id)?;
        let mut arguments = vec![b'{'];
        json::write_string(&mut arguments, &resolver.id()?.name);
        arguments.push(b':');
        arguments.extend_from_slice(id.raw());
        arguments.push(b'}');
        let name = ToolName::of_list(name).ok()?;
        Some(Resolver { name, tool: resolver, id: named, arguments: Bytes::from(arguments) })
    }

    /// The one answer where a record is not there, is not the contract's, or cannot be read. None: it is something else.
    pub(super) fn nothing_there(&self, closed: &Closed) -> Option<Vec<u8>> {
        let facts = self.contract.as_ref().filter(|_| self.asked == Asked::Tool)?;
        // Of what was carried out nobody is told that it is not there.
        let looked_in_vain = |tool: &Tool| self.looked.is_none() && tool.looks_first(facts);
        self.mapped().is_none_or(|tool| tool.does.only_reads() || looked_in_vain(tool)).then_some(())?;
        let one = self.mapped().is_some_and(|tool| tool.does == Operation::Read || looked_in_vain(tool));
        let call = match closed {
            Closed::Answered { call, answer, .. }
                if matches!(answer.kind, AnswerKind::ToolError | AnswerKind::ProtocolError) =>
            {
                Some(call)
            }
            Closed::Failed { call, fault, .. } if fault.code() == OUTSIDE => call.as_ref(),
            // INVARIANT: however an app says that it has no such record, it does not look otherwise than one that is somebody else's
            // (test `a_read_that_shows_no_record_is_of_none_that_is_there`).
            Closed::Failed { call, fault, .. } if one && shows_no_record(fault) => call.as_ref(),
            _ => return None,
        };
        let mut result = json!({
            "content": [{ "type": "text", "text": WENT_WRONG }],
            "isError": true,
            "_meta": { DECISION_KEY: { "decision_id": call } },
        });
        if let (true, Some(result)) = (self.shape.modern, result.as_object_mut()) {
            result.insert("resultType".to_owned(), "complete".into());
        }
        Some(result.to_string().into_bytes())
    }
}
