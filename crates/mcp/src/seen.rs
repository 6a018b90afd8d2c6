//! What apps were seen to say of themselves: every definition that is new, changed, or looks like a known attack is
//! recorded once, whether anybody has reviewed it or not.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use engine::{Change, Engine, StateWrite};
use model::limits::SEEN_PER_APP_MAX;
use model::{AppId, Digest, Fault, ToolName};
use profile::{Definition, DefinitionKind, Finding, meant};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The state under which it is kept, keyed `app/definition`.
pub const SEEN_STATE: &str = "seen";

/// What was seen of one definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sight {
    /// Its digest.
    definition: Digest,
    /// The patterns that were found in it.
    findings: Vec<String>,
}

/// The last definitions that were seen, of every app. The durable copy is written with its record before it comes here.
#[derive(Default)]
pub(crate) struct Seen {
    apps: Mutex<HashMap<AppId, HashMap<String, Sight>>>,
    /// One look is recorded at a time, so that two that see the same tell of it once.
    recording: tokio::sync::Mutex<()>,
}

/// What one look brought.
#[derive(Default)]
struct News {
    fresh: Vec<Value>,
    changed: Vec<Value>,
    found: Vec<Value>,
    sights: Vec<(String, Sight)>,
    forgotten: Vec<String>,
}

// === impl Seen ===

impl Seen {
    pub(crate) fn new(rows: impl IntoIterator<Item = ((AppId, String), Sight)>) -> Self {
        let mut apps: HashMap<AppId, HashMap<String, Sight>> = HashMap::new();
        for ((app, name), sight) in rows {
            apps.entry(app).or_default().insert(name, sight);
        }
        Self { apps: Mutex::new(apps), recording: tokio::sync::Mutex::default() }
    }

    /// Records what is new in all the definitions of a kind, each with what other apps' offers add to its findings. What
    /// could not be recorded is news again the next time.
    pub(crate) async fn look<'d>(
        &self,
        engine: &Engine,
        app: &AppId,
        kind: DefinitionKind,
        definitions: impl IntoIterator<Item = (&'d Definition, Vec<Finding>)>,
    ) {
        let definitions: Vec<_> = definitions.into_iter().collect();
        if self.news(app, kind, &definitions).sights.is_empty() {
            return;
        }
        let _one = self.recording.lock().await;
        let news = self.news(app, kind, &definitions);
        if let Err(fault) = self.record(engine, app, news).await {
            tracing::warn!(%app, ?fault, "what an app says of itself could not be recorded");
        }
    }

    /// The tools of each app of which some were seen.
    pub(crate) fn tools(&self) -> BTreeMap<AppId, BTreeSet<ToolName>> {
        let apps = self.apps.lock().unwrap_or_else(PoisonError::into_inner);
        let tools_of = |names: &HashMap<String, Sight>| -> BTreeSet<ToolName> {
            let meant = names.keys().filter_map(|name| meant(name).ok());
            meant.filter(|(kind, _)| *kind == DefinitionKind::Tool).map(|(_, name)| name).collect()
        };
        let of_apps = apps.iter().map(|(app, names)| (app.clone(), tools_of(names)));
        of_apps.filter(|(_, tools)| !tools.is_empty()).collect()
    }

    fn news(&self, app: &AppId, kind: DefinitionKind, definitions: &[(&Definition, Vec<Finding>)]) -> News {
        let apps = self.apps.lock().unwrap_or_else(PoisonError::into_inner);
        let known = apps.get(app);
        let mut news = News::default();
        let mut present = HashSet::new();
        for (definition, more) in definitions {
            let name = definition.spoken();
            let before = known.and_then(|known| known.get(&name));
            let findings: Vec<&Finding> = definition.findings().iter().chain(more).collect();
            let mut patterns: Vec<String> = findings.iter().map(|finding| finding.pattern.clone()).collect();
            patterns.sort();
            patterns.dedup();
            let same = before.is_some_and(|before| before.definition == definition.digest());
            let told = |pattern: &String| same && before.is_some_and(|before| before.findings.contains(pattern));
            match before {
                None => news.fresh.push(json!({ "name": name, "definition": definition.digest() })),
                Some(before) if !same => {
                    news.changed.push(json!({ "name": name, "from": before.definition, "to": definition.digest() }));
                }
                Some(_) => {}
            }
            let untold: Vec<&&Finding> = findings.iter().filter(|finding| !told(&finding.pattern)).collect();
            if !untold.is_empty() {
                news.found.push(json!({ "name": name, "definition": definition.digest(), "findings": untold }));
            }
            if same && let Some(before) = before {
                // What other apps offer decides some findings: one that comes and goes is told once.
                patterns.extend(before.findings.iter().cloned());
                patterns.sort();
                patterns.dedup();
            }
            let sight = Sight { definition: definition.digest(), findings: patterns };
            if before != Some(&sight) {
                news.sights.push((name.clone(), sight));
            }
            present.insert(name);
        }
        let room = SEEN_PER_APP_MAX.saturating_sub(news.fresh.len());
        if let Some(known) = known.filter(|known| !news.fresh.is_empty() && known.len() > room) {
            let gone = |name: &&String| !present.contains(*name) && meant(name).is_ok_and(|(one, _)| one == kind);
            news.forgotten.extend(known.keys().filter(gone).cloned());
        }
        news
    }

    async fn record(&self, engine: &Engine, app: &AppId, news: News) -> Result<(), Fault> {
        let row =
            |name: &String, value| StateWrite { kind: SEEN_STATE.to_owned(), key: format!("{app}/{name}"), value };
        let mut state: Vec<StateWrite> =
            news.sights.iter().map(|(name, sight)| row(name, serde_json::to_string(sight).ok())).collect();
        state.extend(news.forgotten.iter().map(|name| row(name, None)));
        let records = [
            ("definition.seen", &news.fresh),
            ("definition.changed", &news.changed),
            ("definition.finding", &news.found),
        ];
        for (what, told) in records.into_iter().filter(|(_, told)| !told.is_empty()) {
            let listed: Vec<&Value> = told.iter().take(TOLD_MAX).collect();
            let change = Change {
                by: "gateway".to_owned(),
                what: what.to_owned(),
                subject: app.to_string(),
                human: None,
                detail: json!({ "count": told.len(), "definitions": listed }),
                state: std::mem::take(&mut state),
            };
            engine.change(change).await?;
        }
        let mut apps = self.apps.lock().unwrap_or_else(PoisonError::into_inner);
        let known = apps.entry(app.clone()).or_default();
        known.retain(|name, _| !news.forgotten.contains(name));
        known.extend(news.sights);
        Ok(())
    }
}

/// Reads one row of the state. None: it is not one of ours.
pub fn sight_of_row(key: &str, value: &str) -> Option<((AppId, String), Sight)> {
    let (app, name) = key.split_once('/')?;
    Some(((AppId::parse(app).ok()?, name.to_owned()), serde_json::from_str(value).ok()?))
}

/// The state under which pins of definitions of this kind are kept, keyed `app/name`.
pub const fn pin_state(kind: DefinitionKind) -> &'static str {
    match kind {
        DefinitionKind::Tool => "pin",
        DefinitionKind::Prompt => "pin.prompt",
        DefinitionKind::Template => "pin.template",
        DefinitionKind::Instructions => "pin.instructions",
    }
}

/// Most definitions told of in one record; the count stands beside them.
const TOLD_MAX: usize = 100;
