//! What an operator may do to a gateway. The same code runs in the gateway, when a command reaches it over its socket,
//! and in the command itself, when no gateway runs and the data directory could be locked.

use std::sync::Arc;
use std::time::Duration;

use broker::Vault;
use engine::{Change, EmergencyWanted};
use identity::{Certificate, KeyRequest, PublicKey, Registered, StandingChange, TokenRequest};
use mcp::{AppRows, ToolRow};
use model::{
    AgentId, AppId, Blame, Class, ClauseNumber, ContractId, Digest, Directory, EmergencyId, Fault, HumanId, Method,
    Secret, TaskId, ToolName, ToolStatus, VendorId,
};
use profile::{DefinitionKind, Pin, spoken};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use trace::StateWrite;

use crate::auditing::Word;
use crate::erasing;
use crate::gateway::Gateway;
use crate::retaining;

mod contracting;
mod emergencies;
mod holding;
mod signing;
mod standing;
mod vendors;

pub use self::holding::values;
use self::standing::stand;

/// A definition as a person was shown it.
#[derive(Serialize, Deserialize)]
pub struct ShownDefinition {
    app: String,
    /// As people name it inside its app.
    name: String,
    definition: Digest,
}

/// One thing to do.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum Operation {
    /// What runs, and since when.
    Status,
    /// People or agents, with whether they may act.
    People,
    /// Agents, with whether they may act.
    Agents,
    /// A person leaves.
    Offboard { human: HumanId },
    /// A person is back.
    Restore { human: HumanId },
    /// An agent is suspended.
    Suspend { agent: AgentId },
    /// An agent acts again.
    Resume { agent: AgentId },
    /// An app, or everything, is stopped.
    Stop { app: Option<AppId> },
    /// An app, or everything, runs again.
    Start { app: Option<AppId> },
    /// Tools with their classes, and the one that a yes gives them: `class`, where a person names one.
    Tools {
        app: Option<AppId>,
        refresh: bool,
        #[serde(default)]
        class: Option<Class>,
    },
    /// The definitions of an app's tools, as it gave them.
    Definitions { app: AppId },
    /// Yes to what definitions say; `tool` is the name a person uses: `get_item`, `prompt:greet`.
    Pin {
        app: Option<AppId>,
        tool: Option<String>,
        class: Option<Class>,
        /// What a person was shown ([`shown_in`]); none where the yes is to whatever is there.
        #[serde(default)]
        shown: Option<Vec<ShownDefinition>>,
    },
    /// A token.
    Token { agent: AgentId, human: HumanId, app: Option<AppId>, seconds: u64, task: Option<TaskId> },
    /// Names in the vault.
    VaultList,
    /// A secret into the vault.
    VaultSet { name: String, value: String },
    /// A secret out of the vault.
    VaultRemove { name: String },
    /// What is kept of a person: how much.
    Kept { human: HumanId },
    /// What is kept of a person, destroyed.
    Erase { human: HumanId, reason: Option<String> },
    /// Which texts would go if they were kept for so long.
    RetainDue { seconds: u64 },
    /// Those texts, let go.
    Retain { seconds: u64 },
    /// The configuration and rules as they stand in the files now.
    Reload,
    /// Accounts of people.
    Accounts,
    /// A person may choose a password.
    Invite { human: HumanId },
    /// A person's account ends.
    CloseAccount { human: HumanId },
    /// A person signs in at a terminal.
    SignIn { name: String, password: String },
    /// A person who was invited chooses a password, at a terminal.
    ChoosePassword { code: String, password: String },
    /// A person signs in at a terminal with the code that a page lent them.
    SignInWithCode { code: String },
    /// Who is signed in with this token.
    WhoAmI { session: String },
    /// The session of this token ends.
    SignOut { session: String },
    /// What waits for people.
    Holds,
    /// One call that waits: its id, or the last characters of it.
    Hold { hold: String },
    /// Whoever is signed in with this session says yes.
    Approve {
        hold: String,
        session: String,
        #[serde(default)]
        for_task: bool,
    },
    /// What was approved for a task is approved no more.
    RevokeForTask { hold: String },
    /// Whoever is signed in with this session says no.
    Deny { hold: String, session: String, reason: Option<String> },
    /// A call that waits is taken back.
    CancelHold { hold: String },
    /// Emergencies that are open or asked for.
    Emergencies,
    /// Whoever is signed in with this session asks that calls of an agent need no approval for a time.
    AskEmergency { agent: AgentId, app: Option<AppId>, reason: String, seconds: u64, session: String },
    /// Whoever is signed in with this session says yes to that, too.
    CountersignEmergency { emergency: EmergencyId, session: String },
    /// Calls are held again.
    CloseEmergency { emergency: EmergencyId },
    /// Keys of vendors, without what would let anybody in.
    VendorKeys,
    /// A key for a vendor, under a contract.
    IssueVendorKey { vendor: VendorId, contract: ContractId, purpose: Option<String>, seconds: Option<u64> },
    /// A client certificate of a vendor, in PEM.
    RegisterVendorCertificate {
        vendor: VendorId,
        contract: ContractId,
        purpose: Option<String>,
        seconds: Option<u64>,
        pem: String,
    },
    /// The public half of a key with which a vendor signs, in PEM or as a JWK.
    RegisterVendorPublicKey {
        vendor: VendorId,
        contract: ContractId,
        purpose: Option<String>,
        seconds: Option<u64>,
        text: String,
    },
    /// Another key in the place of one, which stays good for so long.
    RotateVendorKey { key: String, seconds: u64 },
    /// A key is good no more.
    RevokeVendorKey { key: String },
    /// Agreements with vendors.
    Contracts,
    /// One of them.
    Contract { contract: ContractId },
    /// Whoever is signed in with this session signs it, as it is with this digest.
    SignContract { contract: ContractId, digest: Digest, session: String },
    /// A contract admits nothing until it is resumed.
    SuspendContract { contract: ContractId, reason: Option<String> },
    /// A contract admits again what it permits.
    ResumeContract { contract: ContractId },
    /// What is checked afterwards of a contract, or of all, is checked now.
    AuditContracts { contract: Option<ContractId> },
    /// Whoever is signed in with this session looked at a clause that people look at.
    LookedAtClause { contract: ContractId, clause: ClauseNumber, kept: bool, note: Option<String>, session: String },
    /// A contract admits nothing any more.
    TerminateContract { contract: ContractId, reason: Option<String> },
}

/// Does it. `by` is who, for the record. Error: nothing was changed. What a disk neither takes nor lets be taken back may be there
/// after a crash.
pub async fn perform(gateway: &Arc<Gateway>, operation: Operation, by: &str) -> Result<Value, Fault> {
    match operation {
        Operation::Status => Ok(status(gateway)),
        Operation::People => Ok(people(gateway)),
        Operation::Agents => Ok(agents(gateway)),
        Operation::Offboard { human } => stand(gateway, StandingChange::Offboard(human), by).await,
        Operation::Restore { human } => stand(gateway, StandingChange::Restore(human), by).await,
        Operation::Suspend { agent } => stand(gateway, StandingChange::Suspend(agent), by).await,
        Operation::Resume { agent } => stand(gateway, StandingChange::Resume(agent), by).await,
        Operation::Stop { app } => stand(gateway, StandingChange::Stop(app), by).await,
        Operation::Start { app } => stand(gateway, StandingChange::Start(app), by).await,
        Operation::Tools { app, refresh, class } => tools(gateway, app.as_ref(), refresh, class).await,
        Operation::Definitions { app } => definitions(gateway, app).await,
        Operation::Pin { app, tool, class, shown } => pin(gateway, app, tool.as_deref(), class, shown, by).await,
        Operation::Token { agent, human, app, seconds, task } => {
            token(gateway, agent, human, app.as_ref(), Duration::from_secs(seconds), task, by).await
        }
        Operation::VaultList => vault_list(gateway),
        Operation::VaultSet { name, value } => vault_set(gateway, &name, Secret::new(value), by).await,
        Operation::VaultRemove { name } => vault_remove(gateway, &name, by).await,
        Operation::Kept { human } => erasing::kept(gateway, human).await,
        Operation::Erase { human, reason } => erasing::erase(gateway, human, reason, by).await,
        Operation::RetainDue { seconds } => retaining::due(gateway, Duration::from_secs(seconds)).await,
        Operation::Retain { seconds } => retaining::let_go(gateway, Duration::from_secs(seconds), by).await,
        Operation::Reload => gateway.reload(by).await,
        Operation::Accounts => Ok(signing::accounts(gateway)),
        Operation::Invite { human } => signing::invite(gateway, &human, by).await,
        Operation::CloseAccount { human } => signing::close(gateway, &human, by).await,
        Operation::SignIn { name, password } => signing::sign_in(gateway, &name, Secret::new(password)).await,
        Operation::ChoosePassword { code, password } => {
            signing::choose_password(gateway, &code, Secret::new(password)).await
        }
        Operation::SignInWithCode { code } => signing::sign_in_with_code(gateway, &code).await,
        Operation::WhoAmI { session } => signing::who_am_i(gateway, &Secret::new(session)).await,
        Operation::SignOut { session } => signing::sign_out(gateway, &Secret::new(session)).await,
        Operation::Holds => Ok(holding::list(gateway)),
        Operation::Hold { hold } => holding::show(gateway, &hold),
        Operation::Approve { hold, session, for_task } => {
            holding::approve(gateway, &hold, &Secret::new(session), for_task).await
        }
        Operation::RevokeForTask { hold } => holding::revoke(gateway, &hold, by).await,
        Operation::Deny { hold, session, reason } => {
            holding::deny(gateway, &hold, &Secret::new(session), reason.as_deref()).await
        }
        Operation::CancelHold { hold } => holding::cancel(gateway, &hold, by).await,
        Operation::Emergencies => Ok(emergencies::list(gateway)),
        Operation::AskEmergency { agent, app, reason, seconds, session } => {
            let lasts = Duration::from_secs(seconds);
            let wanted = EmergencyWanted { agent, app, reason, lasts };
            emergencies::ask(gateway, wanted, &Secret::new(session)).await
        }
        Operation::CountersignEmergency { emergency, session } => {
            emergencies::countersign(gateway, &emergency, &Secret::new(session)).await
        }
        Operation::CloseEmergency { emergency } => emergencies::close(gateway, &emergency, by).await,
        Operation::VendorKeys => Ok(vendors::list(gateway)),
        Operation::IssueVendorKey { vendor, contract, purpose, seconds } => {
            let life = seconds.map(Duration::from_secs);
            let purpose = purpose.map(Arc::from);
            vendors::issue(gateway, KeyRequest { vendor, contract, purpose, life }, by).await
        }
        Operation::RegisterVendorCertificate { vendor, contract, purpose, seconds, pem } => {
            let what = Registered::Certificate(Certificate::from_pem(&pem)?);
            let (life, purpose) = (seconds.map(Duration::from_secs), purpose.map(Arc::from));
            vendors::register(gateway, KeyRequest { vendor, contract, purpose, life }, what, by).await
        }
        Operation::RegisterVendorPublicKey { vendor, contract, purpose, seconds, text } => {
            let what = Registered::PublicKey(PublicKey::read(&text)?);
            let (life, purpose) = (seconds.map(Duration::from_secs), purpose.map(Arc::from));
            vendors::register(gateway, KeyRequest { vendor, contract, purpose, life }, what, by).await
        }
        Operation::RotateVendorKey { key, seconds } => {
            vendors::rotate(gateway, &key, Duration::from_secs(seconds), by).await
        }
        Operation::RevokeVendorKey { key } => vendors::revoke(gateway, &key, by).await,
        Operation::Contracts => contracting::list(gateway),
        Operation::Contract { contract } => contracting::show(gateway, &contract),
        Operation::AuditContracts { contract } => contracting::audit(gateway, contract.as_ref(), by).await,
        Operation::LookedAtClause { contract, clause, kept, note, session } => {
            contracting::looked_at_by(gateway, &contract, Word { clause, kept, note }, &Secret::new(session)).await
        }
        Operation::SignContract { contract, digest, session } => {
            contracting::sign(gateway, &contract, digest, &Secret::new(session)).await
        }
        Operation::SuspendContract { contract, reason } => contracting::suspend(gateway, &contract, reason, by).await,
        Operation::ResumeContract { contract } => contracting::resume(gateway, &contract, by).await,
        Operation::TerminateContract { contract, reason } => {
            contracting::terminate(gateway, &contract, reason, by).await
        }
    }
}

fn status(gateway: &Gateway) -> Value {
    json!({
        "pid": std::process::id(),
        "version": env!("CARGO_PKG_VERSION"),
        "mcp": format!("{}/mcp", gateway.public_url),
        "data": gateway.data().display().to_string(),
        "bundle": gateway.rules_digest().to_string(),
        "stopped": gateway.directory.snapshot().all_stopped,
        "emergencies": emergencies::list(gateway).get("emergencies"),
    })
}

fn people(gateway: &Gateway) -> Value {
    let directory = gateway.directory.snapshot();
    let mut people: Vec<_> = directory.humans.values().collect();
    people.sort_by(|one, other| one.id.cmp(&other.id));
    json!({ "people": people })
}

fn agents(gateway: &Gateway) -> Value {
    let directory = gateway.directory.snapshot();
    let mut agents: Vec<_> = directory.agents.values().collect();
    agents.sort_by(|one, other| one.id.cmp(&other.id));
    json!({ "agents": agents })
}

async fn tools(gateway: &Gateway, app: Option<&AppId>, refresh: bool, class: Option<Class>) -> Result<Value, Fault> {
    known_app(gateway, app)?;
    if refresh {
        gateway.hub.refresh(app).await;
    }
    let apps: Vec<Value> = gateway
        .hub
        .rows(app)
        .await
        .into_iter()
        .map(|(app, rows)| match rows {
            Ok(rows) => offered(&app, &rows, class),
            Err(fault) => json!({ "app": app, "error": fault.to_string(), "hint": fault.way_out() }),
        })
        .collect();
    Ok(json!({ "apps": apps }))
}

async fn definitions(gateway: &Gateway, app: AppId) -> Result<Value, Fault> {
    known_app(gateway, Some(&app))?;
    let mut of_apps = gateway.hub.rows(Some(&app)).await;
    let rows = of_apps.pop().map_or_else(|| Ok(AppRows::default()), |(_, rows)| rows)?;
    let tools: Vec<&str> = rows.tools.iter().map(|row| row.canonical.as_str()).collect();
    Ok(json!({ "app": app, "definitions": tools, "left_out": rows.left_out }))
}

/// What an app offers and says, for people and programs. `class`: what a person who says yes to it names.
pub fn offered(app: &AppId, rows: &AppRows, class: Option<Class>) -> Value {
    let tools = rows.tools.iter().map(|row| {
        json!({
            "tool": row.tool,
            "class": row.facts.class,
            "source": row.facts.class_source,
            "status": row.facts.status,
            "why": row.why,
            "proposed": row.proposed,
            "by_a_yes": row.profiled.unwrap_or(pinned_class(row, class)),
            "definition": row.facts.definition,
            "diff": row.diff,
            "findings": row.findings,
        })
    });
    let definitions = rows.definitions.iter().map(|row| {
        json!({
            "kind": row.kind,
            "name": spoken(row.kind, &row.name),
            "status": row.status,
            "definition": row.definition,
            "diff": row.diff,
            "findings": row.findings,
        })
    });
    let (tools, definitions): (Vec<_>, Vec<_>) = (tools.collect(), definitions.collect());
    json!({ "app": app, "left_out": rows.left_out, "tools": tools, "definitions": definitions })
}

/// The definitions in what [`Operation::Tools`] answered.
pub fn shown_in(said: &Value) -> Vec<ShownDefinition> {
    let text = |of: &Value, key: &str| of.get(key).and_then(Value::as_str).map(str::to_owned);
    let mut shown = Vec::new();
    for of_app in said.get("apps").and_then(Value::as_array).into_iter().flatten() {
        for (list, key) in [("tools", "tool"), ("definitions", "name")] {
            for one in of_app.get(list).and_then(Value::as_array).into_iter().flatten() {
                let definition = text(one, "definition").and_then(|digest| digest.parse().ok());
                if let (Some(app), Some(name), Some(definition)) = (text(of_app, "app"), text(one, key), definition) {
                    shown.push(ShownDefinition { app, name, definition });
                }
            }
        }
    }
    shown
}

/// A person's yes to the table: each definition as it is now, tools with their class. Error: it is not what the table showed.
async fn pin(
    gateway: &Gateway,
    app: Option<AppId>,
    named: Option<&str>,
    class: Option<Class>,
    shown: Option<Vec<ShownDefinition>>,
    by: &str,
) -> Result<Value, Fault> {
    known_app(gateway, app.as_ref())?;
    let meant = named.map(profile::meant).transpose();
    let meant = meant.map_err(|error| Fault::new(Blame::Operator, "operator.no_tool", error.to_string()))?;
    let mut pins = Vec::new();
    let mut state = Vec::new();
    let (mut said, mut left_out, mut other) = (Vec::new(), Vec::new(), Vec::new());
    for (app_of, rows) in gateway.hub.rows(app.as_ref()).await {
        let rows = match rows {
            Ok(rows) => rows,
            // The one app that was named must answer; of all apps, one that is away does not stop the others.
            Err(fault) if app.is_some() => return Err(fault),
            Err(fault) => {
                left_out.push(json!({ "app": app_of, "error": fault.to_string() }));
                continue;
            }
        };
        for yes in yeses(rows, class) {
            if meant.as_ref().is_some_and(|(kind, name)| (*kind, name) != (yes.kind, &yes.name)) {
                continue;
            }
            if let Some(shown) = &shown {
                other.extend(otherwise(shown, &app_of, &yes));
            }
            let pin = Pin {
                class: yes.class,
                definition: yes.definition,
                canonical: yes.canonical,
                by: by.to_owned(),
                at: gateway.engine.clock().now(),
            };
            let value = serde_json::to_string(&pin)
                .map_err(|error| Fault::new(Blame::Bug, "bug.pin", "a pin could not be written").because(error))?;
            let kind = mcp::pin_state(yes.kind).to_owned();
            state.push(StateWrite { kind, key: format!("{app_of}/{}", yes.name), value: Some(value) });
            said.push(json!({
                "app": app_of,
                "kind": yes.kind,
                "tool": spoken(yes.kind, &yes.name),
                "class": yes.class,
                "definition": yes.definition,
            }));
            pins.push(((app_of.clone(), yes.kind, yes.name), pin));
        }
    }
    if !other.is_empty() {
        let what = app.as_ref().map(|app| format!(" {app}")).unwrap_or_default();
        let said = format!("what is offered is not what the table showed: {}", other.join(", "));
        return Err(Fault::new(Blame::Operator, "operator.offer_changed", said)
            .hint(format!("nothing was pinned; look again: `countersign tools pin{what}`")));
    }
    if pins.is_empty() {
        return Err(Fault::new(Blame::Operator, "operator.no_tool", "there is no such tool to pin")
            .hint("`countersign tools` lists them"));
    }
    let record = Change {
        by: by.to_owned(),
        what: "tools.pin".to_owned(),
        subject: app.map_or_else(|| "all".to_owned(), |app| app.to_string()),
        human: None,
        detail: json!({ "pins": said }),
        state,
    };
    let durable = gateway.engine.change(record).await?;
    gateway.hub.reviews().set(pins);
    Ok(json!({ "pinned": said, "left_out": left_out, "record": durable.call().as_str() }))
}

/// How what is offered now differs from what a person was shown.
fn otherwise(shown: &[ShownDefinition], app: &AppId, yes: &Yes) -> Option<String> {
    let name = spoken(yes.kind, &yes.name);
    match shown.iter().find(|shown| shown.app == app.as_str() && shown.name == name) {
        Some(shown) if shown.definition == yes.definition => None,
        Some(_) => Some(format!("`{app}/{name}` has changed since")),
        None => Some(format!("`{app}/{name}` was not in it")),
    }
}

/// What a yes to everything of an app is a yes to.
struct Yes {
    kind: DefinitionKind,
    name: ToolName,
    class: Class,
    definition: Digest,
    canonical: String,
}

fn yeses(rows: AppRows, class: Option<Class>) -> Vec<Yes> {
    let mut yeses = Vec::new();
    for row in rows.tools {
        let Some(definition) = row.facts.definition else { continue };
        let class = pinned_class(&row, class);
        yeses.push(Yes { kind: DefinitionKind::Tool, name: row.tool, class, definition, canonical: row.canonical });
    }
    for row in rows.definitions {
        // Whatever a prompt or a template says, getting and reading are what is done with it.
        let (class, definition) = (Method::PromptsGet.class(), row.definition);
        yeses.push(Yes { kind: row.kind, name: row.name, class, definition, canonical: row.canonical });
    }
    yeses
}

/// The class with which a yes pins a tool: the one that is named, or what a person said before. What changed since then counts as no
/// less than it says of itself now.
fn pinned_class(row: &ToolRow, named: Option<Class>) -> Class {
    let kept = match row.reviewed {
        Some(reviewed) if row.facts.status == ToolStatus::Pinned => reviewed,
        Some(reviewed) => reviewed.max(row.proposed),
        None => row.proposed,
    };
    named.unwrap_or(kept)
}

async fn token(
    gateway: &Gateway,
    agent: AgentId,
    human: HumanId,
    app: Option<&AppId>,
    life: Duration,
    task: Option<TaskId>,
    by: &str,
) -> Result<Value, Fault> {
    known_app(gateway, app)?;
    let directory = gateway.directory.snapshot();
    if !directory.humans.contains_key(&human) {
        let hint = crate::config::nearest(human.as_str(), directory.humans.keys().map(HumanId::as_str));
        return Err(
            Fault::new(Blame::Operator, "operator.no_human", format!("there is no person `{human}`")).hint(hint)
        );
    }
    if !directory.agents.contains_key(&agent) {
        let hint = crate::config::nearest(agent.as_str(), directory.agents.keys().map(AgentId::as_str));
        return Err(Fault::new(Blame::Operator, "operator.no_agent", format!("there is no agent `{agent}`")).hint(hint));
    }
    if gateway.config.load().vendors.iter().any(|vendor| vendor.as_str() == agent.as_str()) {
        let said = format!("`{agent}` is a vendor's, which comes in with a key of its contract");
        return Err(Fault::new(Blame::Operator, "operator.vendor", said)
            .hint(format!("countersign vendors keys issue {agent} --contract CONTRACT")));
    }
    let left = directory.humans.get(&human).is_some_and(|human| !human.active);
    let idle = directory.agents.get(&agent).is_some_and(|agent| !agent.active);
    let note = match (left, idle) {
        (true, _) => {
            Some(format!("{human} has left: no call with this token runs until `countersign people restore {human}`"))
        }
        (_, true) => Some(format!("{agent} is out of service: no call with this token runs until it is back")),
        _ => None,
    };
    let audience = match app {
        Some(app) => format!("{}/mcp/{app}", gateway.public_url),
        None => format!("{}/mcp", gateway.public_url),
    };
    let request = TokenRequest { agent: agent.clone(), human: human.clone(), audience: audience.clone(), life, task };
    let token = gateway.tokens.issue(&request, gateway.engine.clock().as_ref())?;
    let record = Change {
        by: by.to_owned(),
        what: "token.issue".to_owned(),
        subject: agent.to_string(),
        human: Some(human.clone()),
        detail: json!({ "human": human, "audience": audience, "seconds": life.as_secs() }),
        state: Vec::new(),
    };
    gateway.engine.change(record).await?;
    Ok(json!({ "token": token, "audience": audience, "expires_in": life.as_secs(), "note": note }))
}

fn vault_list(gateway: &Gateway) -> Result<Value, Fault> {
    let entries: Vec<Value> = gateway
        .vault
        .list()?
        .into_iter()
        .map(|entry| json!({ "name": entry.name, "version": entry.version }))
        .collect();
    Ok(json!({ "secrets": entries }))
}

async fn vault_set(gateway: &Gateway, name: &str, value: Secret<String>, by: &str) -> Result<Value, Fault> {
    Vault::check(name, &value)?;
    // The record comes first: a secret nobody can account for is worse than a record of a change that then failed.
    let durable = gateway.engine.change(vault_change("vault.set", name, by)).await?;
    gateway.vault.set(name, value)?;
    gateway.secret_changed(name).await;
    Ok(json!({ "done": "vault.set", "name": name, "record": durable.call().as_str() }))
}

async fn vault_remove(gateway: &Gateway, name: &str, by: &str) -> Result<Value, Fault> {
    if !gateway.vault.list()?.iter().any(|entry| entry.name == name) {
        let known = gateway.vault.list()?;
        let hint = crate::config::nearest(name, known.iter().map(|entry| entry.name.as_str()));
        return Err(Fault::new(Blame::Operator, "operator.no_secret", format!("the vault has no `{name}`")).hint(hint));
    }
    let durable = gateway.engine.change(vault_change("vault.remove", name, by)).await?;
    gateway.vault.remove(name)?;
    gateway.secret_changed(name).await;
    Ok(json!({ "done": "vault.remove", "name": name, "record": durable.call().as_str() }))
}

fn vault_change(what: &str, name: &str, by: &str) -> Change {
    Change {
        by: by.to_owned(),
        what: what.to_owned(),
        subject: name.to_owned(),
        human: None,
        detail: Value::Null,
        state: Vec::new(),
    }
}

fn known_app(gateway: &Gateway, app: Option<&AppId>) -> Result<(), Fault> {
    let Some(app) = app.filter(|app| !gateway.hub.has(app)) else { return Ok(()) };
    let directory = gateway.directory.snapshot();
    let hint = crate::config::nearest(app.as_str(), directory.apps.keys().map(AppId::as_str));
    Err(Fault::new(Blame::Operator, "operator.no_app", format!("there is no app `{app}`")).hint(hint))
}
