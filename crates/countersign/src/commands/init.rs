//! `init`.

use std::io::IsTerminal as _;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use broker::VaultKey;
use model::{AgentId, AppId, Blame, Fault, HumanId};
use serde_json::{Value, json};

use super::backup::{Backup, backup_file};
use super::clients::{Client, Gatewayed, Left, Moved, Plan, Surroundings, Written, configuration, find, secrets_in};
use super::files::Changes;
use super::place::{DATA, Place};
use super::repository::taken;
use super::shown;
use super::trace::readable::plain;
use crate::cli::{Common, InitArgs};
use crate::clock::{environment, operator};
use crate::config::{Config, DEFAULT_PORT, checkpoint_beside};
use crate::gateway::{Gateway, bad_file, files};
use crate::operations::{Operation, perform, shown_in};
use crate::terminal::{Ink, Look, confirm, out, say};
use crate::words::counted;

/// Who the agents work for, and where everything will stand.
struct Settled {
    place: Place,
    human: HumanId,
    agent: AgentId,
    port: u16,
}

/// Moves the servers of the clients behind the gateway, shows what they offer, and pins it on yes.
pub async fn run(common: &Common, args: &InitArgs) -> Result<ExitCode, Fault> {
    let home = environment("HOME").map(PathBuf::from).ok_or_else(|| {
        Fault::new(Blame::Operator, "operator.no_home", "the environment has no `HOME`, where clients keep their files")
    })?;
    let here = Place::here();
    let around = Surroundings { home: &home, here: &here, macos: cfg!(target_os = "macos"), environment: &environment };
    let place = Place::of(&common.config, &here);
    if !args.dry_run {
        untouched(&place)?;
    }
    let plan = planned(&around, args, &place)?;
    let settled = settle(args, place, &plan)?;
    if !common.json {
        show(&plan, &settled);
    }
    if args.dry_run {
        if common.json {
            out(json_of(&plan, &settled));
        }
        say("nothing was changed: this was a dry run");
        return Ok(ExitCode::SUCCESS);
    }
    if !agreed(args.yes, "Move these servers behind the gateway?")? {
        say("nothing was changed");
        return Ok(ExitCode::from(1));
    }
    let gateway = move_in(&plan, &settled).await?;
    say(format_args!(
        "done: {} behind the gateway ({}); `countersign leave` undoes it",
        counted(plan.apps.len(), "app"),
        settled.place.config.display()
    ));
    let pinned = review(common, args, &plan, &gateway).await;
    gateway.finish().await;
    if common.json {
        out(json_of(&plan, &settled));
    }
    say(format_args!(
        "`{}` owns all of it alone, and nobody approves what agents do for themselves: what would wait for a person is refused \
         (reading, too: the apps have `risk: high`). Name a second owner in {}, or `risk: low` where agents may read",
        settled.human,
        settled.place.config.display()
    ));
    if let Some(said) = not_for_git(&settled.place.data) {
        say(said);
    }
    say("restart your clients: each starts the gateway when it needs it, or run `countersign serve`");
    Ok(if pinned? { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// What git would take, though it is of this machine only. The data directory keeps itself out.
fn not_for_git(data: &Path) -> Option<String> {
    let checkpoint = checkpoint_beside(data);
    let taken = taken(&checkpoint)?;
    let (by, checkpoint) = (taken.by.display(), checkpoint.display());
    let (takes, also) = if taken.already {
        ("has", format!(" and `git rm --cached {checkpoint}`"))
    } else {
        ("would take", String::new())
    };
    Some(plain(&format!(
        "git in `{by}` {takes} `{checkpoint}`: name it in a `.gitignore`{also}, for with an older one put back an older trace is \
         not noticed"
    )))
}

/// Yes from the command line or from a person. Error: there is nobody to ask.
pub(super) fn agreed(yes: bool, question: &str) -> Result<bool, Fault> {
    if yes {
        return Ok(true);
    }
    if !std::io::stdin().is_terminal() {
        return Err(Fault::new(Blame::Operator, "operator.nobody_to_ask", "there is no terminal to ask on")
            .hint("`--yes` does it without asking"));
    }
    Ok(confirm(question))
}

/// Nothing of an earlier `init` may be lost.
fn untouched(place: &Place) -> Result<(), Fault> {
    let joined = backup_file(&place.data).exists();
    if place.config.exists() {
        let said = format!("`{}` is there already, and it is not overwritten", place.config.display());
        // Another one beside it would have the same data directory.
        return Err(Fault::new(Blame::Operator, "operator.config_exists", said).hint(if joined {
            "`countersign leave` first, then rename it"
        } else {
            "rename it, or name another with `--config FILE`"
        }));
    }
    if joined {
        let said = format!("`{}` holds what an earlier `init` changed", place.data.display());
        return Err(
            Fault::new(Blame::Operator, "operator.backup_exists", said).hint("`countersign leave` puts it back first")
        );
    }
    Ok(())
}

fn planned(around: &Surroundings<'_>, args: &InitArgs, place: &Place) -> Result<Plan, Fault> {
    let found = find(around, &args.client, args.only);
    if found.is_empty() {
        let said = "no configuration of an MCP client was found";
        return Err(Fault::new(Blame::Operator, "operator.no_client", said)
            .hint("name one with `--client FILE`; Claude Desktop, Claude Code, VS Code and Cursor are looked for"));
    }
    let program = std::env::current_exe()
        .map_err(|error| crate::gateway::operator("operator.program", "our own program cannot be found", error))?;
    let plan =
        Plan::of(&found, around, &Gatewayed { program, config: place.config.clone(), data: place.data.clone() })?;
    if plan.apps.is_empty() {
        left_alone(&plan).into_iter().for_each(say);
        let looked: Vec<String> = found.iter().map(|file| plain(&format!("`{}`", file.path.display()))).collect();
        let said = format!("there is no server to move in {}", looked.join(", "));
        return Err(Fault::new(Blame::Operator, "operator.no_server", said)
            .hint("add servers to a client first, or name another file with `--client FILE`"));
    }
    Ok(plan)
}

fn settle(args: &InitArgs, place: Place, plan: &Plan) -> Result<Settled, Fault> {
    let name = args.human.clone().or_else(|| environment("USER").filter(|name| !name.is_empty()));
    let name = name.unwrap_or_else(|| "me".to_owned());
    let wrong = |error: model::IdError| {
        Fault::new(Blame::Operator, "operator.human", error.to_string()).hint("`--human PERSON` names the person")
    };
    let human = HumanId::parse(&name).map_err(wrong)?;
    let mut clients: Vec<Client> = plan.files.iter().map(|file| file.client).collect();
    clients.sort_unstable();
    clients.dedup();
    let tail = match clients.as_slice() {
        [client] => client.as_str(),
        _ => "agents",
    };
    let agent = AgentId::parse(&format!("{human}-{tail}")).map_err(wrong)?;
    Ok(Settled { place, human, agent, port: free_port() })
}

/// The usual port, or one behind it that nobody listens on.
fn free_port() -> u16 {
    let free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    (DEFAULT_PORT..DEFAULT_PORT + 20).find(free).unwrap_or(DEFAULT_PORT)
}

/// Does it, or undoes whatever was done of it.
async fn move_in(plan: &Plan, settled: &Settled) -> Result<Arc<Gateway>, Fault> {
    let mut changes = Changes::default();
    let done = moving(plan, settled, &mut changes).await;
    if done.is_err() {
        for problem in changes.undo() {
            say(problem);
        }
    }
    done
}

async fn moving(plan: &Plan, settled: &Settled, changes: &mut Changes) -> Result<Arc<Gateway>, Fault> {
    let written = Written { human: &settled.human, agent: &settled.agent, port: settled.port, data: DATA };
    let path = &settled.place.config;
    changes.create(path, configuration(plan, &written).as_bytes(), 0o600)?;
    let config = Config::load(path, &environment).map_err(bad_file)?;
    let listen = config.listen;
    let gateway = Arc::new(Gateway::open(config, listen).await?);
    let mut stored = Vec::new();
    let done = replace(plan, settled, &gateway, changes, &mut stored).await;
    if let Err(fault) = done {
        for name in stored {
            let _ = perform(&gateway, Operation::VaultRemove { name }, &operator()).await;
        }
        gateway.finish().await;
        return Err(fault);
    }
    Ok(gateway)
}

/// Secrets first, then the backup, then the files: at no moment is something gone that is not kept elsewhere.
async fn replace(
    plan: &Plan,
    settled: &Settled,
    gateway: &Arc<Gateway>,
    changes: &mut Changes,
    stored: &mut Vec<String>,
) -> Result<(), Fault> {
    for moved in unstored(plan, gateway)? {
        let (name, value) = (moved.name.to_owned(), moved.secret.expose().clone());
        perform(gateway, Operation::VaultSet { name: name.clone(), value }, &operator()).await?;
        stored.push(name);
    }
    let key = VaultKey::load_or_create(&settled.place.data.join(files::VAULT_KEY))?;
    changes.create(&backup_file(&settled.place.data), &Backup::of(plan).sealed(&key)?, 0o600)?;
    for file in &plan.files {
        changes.replace(&file.path, &file.before, &file.after, file.mode)?;
    }
    Ok(())
}

/// The secrets that the vault does not hold yet. Error: it holds another one by the name of one of them, which nobody asked to
/// replace.
fn unstored<'p>(plan: &'p Plan, gateway: &Gateway) -> Result<Vec<Moved<'p>>, Fault> {
    let names: Vec<String> = gateway.vault.list()?.into_iter().map(|entry| entry.name).collect();
    let mut unstored = Vec::new();
    for moved in plan.secrets() {
        if !names.iter().any(|name| name == moved.name) {
            unstored.push(moved);
        } else if gateway.vault.get(moved.name)?.expose() != moved.secret.expose() {
            let said = format!("the vault holds another secret called `{}`, and it is not replaced", moved.name);
            // The configuration that is being made does not stay.
            return Err(Fault::new(Blame::Operator, "operator.vault_name", said).hint(format!(
                "rename the server in the client's file, or take the other one away with the configuration that it was kept for: \
                 `countersign vault rm {} --config FILE`",
                moved.name
            )));
        }
    }
    Ok(unstored)
}

/// What the servers offer, and a person's yes to it. False: not everything was pinned.
async fn review(common: &Common, args: &InitArgs, plan: &Plan, gateway: &Arc<Gateway>) -> Result<bool, Fault> {
    say("starting the servers once, to see what they offer …");
    let said = perform(gateway, Operation::Tools { app: None, refresh: false, class: None }, &operator()).await?;
    if !common.json {
        super::tools::table(&said);
    }
    let offers = |app: &AppId| {
        let of_app = |entry: &&Value| entry.get("app").and_then(Value::as_str) == Some(app.as_str());
        let entry = said.get("apps").and_then(Value::as_array).into_iter().flatten().find(of_app);
        entry.and_then(|entry| entry.get("tools")).and_then(Value::as_array).map_or(0, Vec::len)
    };
    let (ready, silent): (Vec<&AppId>, Vec<&AppId>) =
        plan.apps.iter().map(|app| &app.id).partition(|app| offers(app) > 0);
    for app in &silent {
        say(format_args!(
            "`{app}` offered nothing: mend it (`countersign doctor`), then `countersign tools pin {app}`"
        ));
    }
    let count: usize = ready.iter().map(|app| offers(app)).sum();
    if ready.is_empty() || !agreed(args.yes, &format!("Say yes to these {count} tools, as they are now?"))? {
        say("no tool was pinned: `countersign tools pin` does it later");
        return Ok(false);
    }
    for app in ready {
        let shown = (!args.yes).then(|| shown_in(&said));
        let pin = Operation::Pin { app: Some(app.clone()), tool: None, class: None, shown };
        perform(gateway, pin, &operator()).await?;
    }
    say(format_args!("pinned {count} tools as they are now; a tool that changes waits for another yes"));
    Ok(silent.is_empty())
}

fn show(plan: &Plan, settled: &Settled) {
    told(plan, settled, Look::stdout()).into_iter().for_each(out);
}

/// What would change, in lines. Files of a project are somebody else's, and are shown before a person says yes to them.
fn told(plan: &Plan, settled: &Settled, look: Look) -> Vec<String> {
    let mut lines = Vec::new();
    let moved: Vec<&str> = plan.secrets().map(|moved| moved.secret.expose().as_str()).collect();
    for file in &plan.files {
        let title = plain(&format!("{}: {}", file.client.title(), file.path.display()));
        lines.push(look.paint(Ink::Bold, title));
        let others = secrets_in(&file.before);
        let covered: Vec<&str> = moved.iter().copied().chain(others.iter().map(String::as_str)).collect();
        lines.extend(shown::diff(look, &file.before, &file.after, &covered));
        lines.push(String::new());
    }
    lines.push(format!("{} would hold:", plain(&settled.place.config.display().to_string())));
    for app in &plan.apps {
        let about = match plan.secrets().filter(|moved| *moved.app == app.id).count() {
            0 => String::new(),
            1 => "its secret moves into the vault".to_owned(),
            count => format!("its {count} secrets move into the vault"),
        };
        lines.push(format!("  app {:<32} {about}", app.id).trim_end().to_owned());
    }
    lines.push(format!("  agent {} for {}, listening on port {}", settled.agent, settled.human, settled.port));
    lines.extend(left_alone(plan));
    lines
}

fn left_alone(plan: &Plan) -> Vec<String> {
    let line = |left: &Left| {
        let server = left.server.as_ref().map(|server| format!(" `{server}`")).unwrap_or_default();
        plain(&format!("left alone:{server} in {}: {}", left.file.display(), left.why))
    };
    plan.left.iter().map(line).collect()
}

fn json_of(plan: &Plan, settled: &Settled) -> Value {
    let path = |path: &Path| path.display().to_string();
    json!({
        "config": path(&settled.place.config),
        "human": settled.human,
        "agent": settled.agent,
        "port": settled.port,
        "files": plan.files.iter().map(|file| json!({
            "client": file.client.as_str(),
            "file": path(&file.path),
            "servers": file.entries.iter().map(|entry| json!({ "place": entry.place, "app": entry.app })).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "apps": plan.apps.iter().map(|app| &app.id).collect::<Vec<_>>(),
        "secrets": plan.secrets().map(|moved| moved.name).collect::<Vec<_>>(),
        "left": plan.left.iter().map(|left| json!({
            "file": path(&left.file), "server": left.server, "why": left.why,
        })).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
pub(super) mod tests;
