//! `demo`: the story, played with the real gateway, real MCP servers and the official Rust client, and a vendor before an
//! HTTP API, in one process.

mod vendor;

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use demo::{Agent, App, Apps, Ats, DemoError};
use identity::TokenRequest;
use model::{AgentId, Blame, Fault, HumanId, Secret, Verdict};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{holds, serve, trace};
use crate::cli::{Common, DemoArgs, TraceArgs};
use crate::config::Config;
use crate::gateway::{Gateway, bad_file};
use crate::operations::{Operation, perform};
use crate::terminal::{Ink, Look, out};

/// Plays the story; with `--serve`, leaves everything running afterwards.
pub async fn run(common: &Common, args: &DemoArgs) -> Result<ExitCode, Fault> {
    // Whoever ends it at any moment leaves nothing behind either.
    let mut asked = Box::pin(serve::asked_to_stop()?);
    let home = tempfile::Builder::new().prefix("countersign-demo-").tempdir().map_err(|error| {
        Fault::new(Blame::Operator, "operator.temp", "no temporary directory could be made").because(error)
    })?;
    let apps = Apps::start().map_err(|error| broken(&error))?;
    let listener = serve::listen(SocketAddr::from(([127, 0, 0, 1], args.port))).await.map_err(|fault| {
        fault.hint("another program listens there: `countersign demo --port 0` takes any free port")
    })?;
    let address =
        listener.local_addr().map_err(|error| Fault::new(Blame::Bug, "bug.address", "no address").because(error))?;
    let ats = Ats::start().map_err(|error| broken(&error))?;
    let config = write_config(home.path(), address, &apps, &ats)?;
    let gateway = Arc::new(Gateway::open(config, address).await?);
    for (name, app) in APPS {
        gateway.vault.set(name, Secret::new(apps.secret(app).to_owned()))?;
    }
    gateway.vault.set("ats", Secret::new(Ats::SECRET.to_owned()))?;
    let stop = CancellationToken::new();
    let mut serving = JoinSet::new();
    serving.spawn(Arc::clone(&gateway).serve(listener, stop.clone()));
    let common = Common { config: home.path().join("countersign.yaml"), ..common.clone() };
    let told = tokio::select! {
        told = Story::tell(&common, args, Arc::clone(&gateway), apps, &ats) => told,
        () = &mut asked => Err(Fault::new(Blame::Operator, "operator.stopped", "the story was not told to its end")),
    };
    if told.is_ok() && args.serve {
        asked.await;
    }
    stop.cancel();
    while let Some(done) = serving.join_next().await {
        done.map_err(|error| Fault::new(Blame::Bug, "bug.gateway", "the gateway broke").because(error))??;
    }
    told?.apps.stop().await;
    Ok(ExitCode::SUCCESS)
}

struct Story {
    gateway: Arc<Gateway>,
    apps: Apps,
    ana: Agent,
    sam: Agent,
    look: Look,
}

/// Whose agent.
#[derive(Clone, Copy)]
enum Who {
    Ana,
    Sam,
}

/// One call of the story.
struct Scene {
    title: &'static str,
    who: Who,
    tool: &'static str,
    arguments: Value,
    app: App,
    expect: Verdict,
}

impl Story {
    /// All of it.
    async fn tell(
        common: &Common,
        args: &DemoArgs,
        gateway: Arc<Gateway>,
        apps: Apps,
        ats: &Ats,
    ) -> Result<Self, Fault> {
        let story = Self::start(gateway, apps).await?;
        let sessions = story.play().await?;
        story.play_vendor(ats, &sessions).await?;
        story.show_trace(common)?;
        if args.serve {
            story.invite(&common.config)?;
        } else {
            out("");
            out("Nothing was left behind. To try it with your own client: `countersign demo --serve`.");
            out("To put your own MCP servers behind it:                   `countersign init`.");
        }
        Ok(story)
    }

    async fn start(gateway: Arc<Gateway>, apps: Apps) -> Result<Self, Fault> {
        let url = format!("{}/mcp", gateway.public_url);
        let (ana, sam) = (token(&gateway, ANA)?, token(&gateway, SAM)?);
        let ana = Agent::connect(ANA.0, &url, &ana).await.map_err(|error| broken(&error))?;
        let sam = Agent::connect(SAM.0, &url, &sam).await.map_err(|error| broken(&error))?;
        Ok(Self { gateway, apps, ana, sam, look: Look::stdout() })
    }

    /// Everything the agents ask. The sessions of two people who signed in meanwhile.
    async fn play(&self) -> Result<[String; 2], Fault> {
        out(self.look.paint(
            Ink::Bold,
            format_args!(
                "Countersign listens on {}/mcp, in front of four MCP servers and an HTTP API.",
                self.gateway.public_url
            ),
        ));
        out("Agents hold a short-lived token each; the servers' real credentials are in the vault.");
        // A person has looked at the tools and said yes to what they are.
        self.operate(Operation::Pin { app: None, tool: None, class: None, shown: None }).await?;
        self.call(Scene {
            title: "The CFO's assistant reads an internal document.",
            who: Who::Ana,
            tool: "repo__read_document",
            arguments: json!({ "path": "docs/pricing.md" }),
            app: App::Repo,
            expect: Verdict::Allow,
        })
        .await?;
        self.call(Scene {
            title: "A contractor's helper makes the same kind of call, a read, on the customer app.",
            who: Who::Sam,
            tool: "crm__search_customers",
            arguments: customers(),
            app: App::Crm,
            expect: Verdict::Hold,
        })
        .await?;
        let bo = self.sign_in(BO).await?;
        self.approve(bo.clone()).await?;
        self.call(Scene {
            title: "The helper makes exactly the same call again.",
            who: Who::Sam,
            tool: "crm__search_customers",
            arguments: customers(),
            app: App::Crm,
            expect: Verdict::Allow,
        })
        .await?;
        self.call(Scene {
            title: "The CFO's assistant tries to delete production, with the CFO's own access to the app.",
            who: Who::Ana,
            tool: "deploy__delete_environment",
            arguments: json!({ "environment": "production" }),
            app: App::Deploy,
            expect: Verdict::Deny,
        })
        .await?;
        self.apps.change_definition_overnight();
        self.operate(Operation::Tools { app: None, refresh: true, class: None }).await?;
        self.call(Scene {
            title: "Overnight, the document server changes what one of its tools says it does.",
            who: Who::Ana,
            tool: "repo__search_documents",
            arguments: json!({ "query": "travel" }),
            app: App::Repo,
            expect: Verdict::Deny,
        })
        .await?;
        self.show_change().await?;
        self.operate(Operation::Offboard { human: HumanId::parse("sam").map_err(|error| broken(&error))? }).await?;
        self.call(Scene {
            title: "Sam's contract ends: `countersign people offboard sam`. The helper, its token still valid, goes on.",
            who: Who::Sam,
            tool: "repo__read_document",
            arguments: json!({ "path": "docs/pricing.md" }),
            app: App::Repo,
            expect: Verdict::Deny,
        })
        .await?;
        Ok([self.sign_in(ANA.1).await?, bo])
    }

    async fn call(&self, scene: Scene) -> Result<(), Fault> {
        let look = self.look;
        let ((name, human), agent) = match scene.who {
            Who::Ana => (ANA, &self.ana),
            Who::Sam => (SAM, &self.sam),
        };
        out("");
        out(look.paint(Ink::Bold, scene.title));
        out(look.paint(Ink::Dim, format_args!("  {name} for {human} calls {} {}", scene.tool, scene.arguments)));
        let before = self.apps.calls(scene.app);
        let said = match agent.call(scene.tool, scene.arguments).await {
            Ok(said) => said.text,
            Err(DemoError::Unauthorized { description }) => format!("401 Unauthorized: {description}."),
            Err(error) => return Err(broken(&error)),
        };
        let reached = self.apps.calls(scene.app) - before;
        let times = if reached == 1 { "once".to_owned() } else { format!("{reached} times") };
        out(format_args!("  {} the server was called {times}; the agent reads:", look.verdict(scene.expect)));
        for line in said.lines().flat_map(|line| wrapped(line, 92)) {
            out(format_args!("           {line}"));
        }
        let expected = u64::from(scene.expect.runs());
        if reached != expected {
            return Err(Fault::new(
                Blame::Bug,
                "bug.story",
                format!("the story expects {expected} calls of the server here"),
            ));
        }
        Ok(())
    }

    /// A session of somebody who was invited and chose a password.
    async fn sign_in(&self, human: &str) -> Result<String, Fault> {
        let human = HumanId::parse(human).map_err(|error| broken(&error))?;
        let invited = self.operate(Operation::Invite { human }).await?;
        let (code, password) = (text(&invited, "code")?, "ten seconds are enough".to_owned());
        text(&self.operate(Operation::ChoosePassword { code, password }).await?, "session")
    }

    /// Bo says yes to what waits.
    async fn approve(&self, session: String) -> Result<(), Fault> {
        let waiting = self.gateway.engine.holds();
        let hold = waiting.first().ok_or_else(|| broken(&"nothing waits"))?.hold.id.to_string();
        out("");
        out(self
            .look
            .paint(Ink::Bold, "Bo Lind, who owns the customer app, has signed in and says yes to exactly this call."));
        out(self.look.paint(Ink::Dim, format_args!("  countersign holds approve {hold}")));
        let said = self.operate(Operation::Approve { hold, session, for_task: false }).await?;
        out(format_args!("  {}", holds::sentence("hold.approved", &said)));
        Ok(())
    }

    /// What `countersign tools` shows of the changed definition.
    async fn show_change(&self) -> Result<(), Fault> {
        let said = self.operate(Operation::Tools { app: None, refresh: false, class: None }).await?;
        out(self.look.paint(Ink::Dim, "  countersign tools repo"));
        let apps = said.get("apps").and_then(Value::as_array).into_iter().flatten();
        let tools = apps.flat_map(|app| app.get("tools").and_then(Value::as_array).into_iter().flatten());
        for line in tools.filter_map(|tool| tool.get("diff")?.as_str()).flat_map(str::lines) {
            let ink = match line.as_bytes() {
                [b'+', b' ', ..] => Ink::Green,
                [b'-', b' ', ..] => Ink::Red,
                _ => continue,
            };
            for line in wrapped(line, 92) {
                out(format_args!("           {}", self.look.paint(ink, line)));
            }
        }
        Ok(())
    }

    async fn operate(&self, operation: Operation) -> Result<Value, Fault> {
        perform(&self.gateway, operation, &crate::clock::operator()).await
    }

    fn show_trace(&self, common: &Common) -> Result<(), Fault> {
        out("");
        out(self.look.paint(Ink::Bold, "What is on record: `countersign trace`"));
        trace::run(common, &TraceArgs { limit: 50, wide: false, ..TraceArgs::default() }).map(|_| ())
    }

    /// How to go on with one's own client.
    fn invite(&self, config: &Path) -> Result<(), Fault> {
        let config = config.display();
        out("");
        out(self.look.paint(Ink::Bold, "It goes on running until Ctrl-C. Point your own MCP client at it:"));
        out(format_args!("  address  {}/mcp", self.gateway.public_url));
        out(format_args!("  header   Authorization: Bearer {}", token(&self.gateway, ANA)?));
        out(format_args!("  stdio    countersign connect --config {config}"));
        out("Then look at what it did:");
        out(format_args!("  countersign trace --follow --config {config}"));
        out(format_args!("  countersign why ID --config {config}"));
        Ok(())
    }
}

/// What the contractor's helper looks for.
fn customers() -> Value {
    json!({ "query": "germany" })
}

/// A token for one of the story's agents.
fn token(gateway: &Gateway, (agent, human): (&str, &str)) -> Result<String, Fault> {
    let request = TokenRequest {
        agent: AgentId::parse(agent).map_err(|error| broken(&error))?,
        human: HumanId::parse(human).map_err(|error| broken(&error))?,
        audience: format!("{}/mcp", gateway.public_url),
        life: Duration::from_secs(60 * 60),
        task: None,
    };
    gateway.tokens.issue(&request, gateway.engine.clock().as_ref())
}

/// Writes the story's configuration as a file, so that every other command works on it, too.
fn write_config(home: &Path, address: SocketAddr, apps: &Apps, ats: &Ats) -> Result<Config, Fault> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut text = include_str!("demo/demo.yaml").replace("${LISTEN}", &address.to_string());
    for (name, app) in APPS {
        text = text.replace(&format!("${{{}}}", name.to_uppercase()), apps.url(app));
    }
    let write = |name: &str, text: &str| {
        let file = home.join(name);
        std::fs::write(&file, text)
            .and_then(|()| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)))
            .map_err(|error| {
                let said = "the demo's configuration could not be written";
                Fault::new(Blame::Operator, "operator.temp", said).because(error)
            })
    };
    write("ats.api.yaml", &include_str!("demo/ats.api.yaml").replace("${ATS}", ats.base()))?;
    write("acme-screening.yaml", include_str!("demo/acme-screening.yaml"))?;
    write("countersign.yaml", &text)?;
    let file = home.join("countersign.yaml");
    Config::parse(&file, &text, &|_| None).map_err(bad_file)
}

/// Lines of at most `columns`, broken between words.
fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// A text of what was said.
fn text(said: &Value, key: &str) -> Result<String, Fault> {
    let text = said.get(key).and_then(Value::as_str).map(str::to_owned);
    text.ok_or_else(|| broken(&format!("no `{key}` was said")))
}

fn broken(error: &dyn std::fmt::Display) -> Fault {
    Fault::new(Blame::Bug, "bug.story", format!("the story broke: {error}"))
}

const ANA: (&str, &str) = ("ana-assistant", "ana");
const SAM: (&str, &str) = ("sam-helper", "sam");
const BO: &str = "bo";
const APPS: [(&str, App); 4] = [("repo", App::Repo), ("crm", App::Crm), ("mail", App::Mail), ("deploy", App::Deploy)];
