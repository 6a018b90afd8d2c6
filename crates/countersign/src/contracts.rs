//! The contracts in force in a gateway: read with the configuration, signed by people, suspended and ended by operators.

use std::sync::Arc;

use arc_swap::ArcSwap;
use contract::{Compiled, Governed, InForce, Shape, Shapes, Signatures};
use model::{AppId, Blame, Digest, Fault, Rules, ToolName};
use openapi::Mapping;
use policy::Bundle;
use tokio::sync::{Mutex, MutexGuard};

/// Contracts with what people did about them. One change at a time.
pub struct Contracts {
    in_force: ArcSwap<InForce>,
    shapes: ArcSwap<Shapes>,
    turn: Mutex<()>,
}

impl Contracts {
    /// The contracts and mappings of a configuration, with rows `(key, value)` of the kind of state [`CONTRACT_STATE`].
    pub fn open(
        contracts: &[Arc<Compiled>],
        mappings: &[(AppId, Arc<Mapping>)],
        rows: Vec<(String, String)>,
    ) -> Result<Self, Fault> {
        let in_force = in_force(contracts, &rows)?;
        let shapes = ArcSwap::from_pointee(shapes(mappings));
        Ok(Self { in_force: ArcSwap::from_pointee(in_force), shapes, turn: Mutex::new(()) })
    }

    /// What is in force.
    pub fn now(&self) -> Arc<InForce> {
        self.in_force.load_full()
    }

    /// Nobody else changes anything until this is dropped.
    pub async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Other contracts, with what was signed so far. In force once it is [taken](Self::take).
    pub fn replaced(&self, contracts: &[Arc<Compiled>]) -> Result<InForce, Fault> {
        self.now().replaced(contracts.to_vec()).map_err(|errors| refused(&errors))
    }

    /// Puts this in force; only in one's [turn](Self::turn).
    pub fn take(&self, in_force: Arc<InForce>) {
        self.in_force.store(in_force);
    }

    /// Other mappings of apps, of whose answers contracts let something out.
    pub fn take_mappings(&self, mappings: &[(AppId, Arc<Mapping>)]) {
        self.shapes.store(Arc::new(shapes(mappings)));
    }

    /// These rules under the contracts.
    pub fn govern(&self, bundle: &Arc<Bundle>) -> Box<dyn Rules> {
        Box::new(self.governed(bundle).shaped(&self.shapes.load()))
    }

    /// Digest of these rules and the contracts.
    pub fn digest(&self, bundle: &Arc<Bundle>) -> Digest {
        self.governed(bundle).digest()
    }

    fn governed(&self, bundle: &Arc<Bundle>) -> Governed<Arc<Bundle>> {
        Governed::new(Arc::clone(bundle), self.now())
    }
}

/// These contracts with rows `(key, value)` of the kind of state [`CONTRACT_STATE`].
pub fn in_force(contracts: &[Arc<Compiled>], rows: &[(String, String)]) -> Result<InForce, Fault> {
    let signatures: Vec<Signatures> = rows
        .iter()
        .map(|(key, value)| {
            serde_json::from_str(value).map_err(|error| {
                let said = format!("what was signed of the contract `{key}` cannot be read");
                Fault::new(Blame::Operator, "operator.contract", said)
                    .hint("restore the data directory from a backup")
                    .because(error)
            })
        })
        .collect::<Result<_, _>>()?;
    InForce::new(contracts.to_vec(), signatures).map_err(|errors| refused(&errors))
}

/// Where things stand in the answers of apps, by their mappings.
pub fn shapes(mappings: &[(AppId, Arc<Mapping>)]) -> Shapes {
    let of_app = |(app, mapping): &(AppId, Arc<Mapping>)| {
        let named = mapping.operations.iter().chain(&mapping.tools).filter_map(|(name, mapped)| {
            let entity = mapped.entity.clone()?;
            let known = mapping.entities.get(&entity);
            let shape = Shape {
                operation: Some(mapped.does),
                rows: mapped.rows.clone().unwrap_or_else(|| "$".to_owned()),
                tenant: known.and_then(|known| known.tenant.clone()),
                fields: known.map(|known| known.fields.clone()).unwrap_or_default(),
                totals: mapped.total.iter().cloned().collect(),
                cursors: mapped.cursor.iter().cloned().collect(),
                entity,
            };
            Some((ToolName::parse(name).ok()?, shape))
        });
        (app.clone(), named.collect())
    };
    mappings.iter().map(of_app).collect()
}

fn refused(errors: &[contract::ContractError]) -> Fault {
    let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
    Fault::new(Blame::Rule, "rule.contract", said.join("\n"))
}

/// The kind of state in which what people did about contracts is kept, by the contract's id.
pub const CONTRACT_STATE: &str = "contract";
