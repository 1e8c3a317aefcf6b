//! All procedures by name. Knows nothing of any transport.

use std::{collections::HashMap, sync::Arc};

use anyhow::{Result, bail};

use super::procedure::{Kind, Procedure, Router};

pub struct Registry {
    procedures: Vec<Arc<Procedure>>,
    by_name: HashMap<&'static str, Arc<Procedure>>,
}

impl Registry {
    /// # Errors
    /// When two procedures answer to one name, naming both, or an input type has no schema.
    pub fn new(routers: Vec<Router>) -> Result<Self> {
        let mut registry = Self { procedures: Vec::new(), by_name: HashMap::new() };
        for router in routers {
            if let Some(mistake) = router.mistake {
                return Err(mistake);
            }
            for procedure in router.procedures {
                registry.add(Arc::new(procedure))?;
            }
        }
        Ok(registry)
    }

    fn add(&mut self, procedure: Arc<Procedure>) -> Result<()> {
        for name in std::iter::once(procedure.name).chain(procedure.old_name) {
            if let Some(other) = self.by_name.insert(name, Arc::clone(&procedure)) {
                bail!("both {} and {} answer to the name {name}", other.name, procedure.name);
            }
        }
        self.procedures.push(procedure);
        Ok(())
    }

    /// By canonical or old name.
    pub fn get(&self, name: &str) -> Option<&Arc<Procedure>> {
        self.by_name.get(name)
    }

    /// What the procedure of this name does to the world, if there is one.
    pub fn kind(&self, name: &str) -> Option<Kind> {
        self.get(name).map(|procedure| procedure.kind)
    }

    /// In the order of registration.
    pub fn procedures(&self) -> impl Iterator<Item = &Arc<Procedure>> {
        self.procedures.iter()
    }

    /// Every name a call may use.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.by_name.keys().copied()
    }
}
