//! All procedures by name, independent of any transport.

use std::{collections::HashMap, sync::Arc};

use anyhow::{Result, bail};

use crate::{
    access::Kind,
    procedure::{Procedure, SharedProcedure},
    router::Router,
};

/// What can be called: every procedure, by canonical and by old name. This is all that wires and documents need.
#[derive(Debug, Default)]
pub struct Catalogue {
    procedures: Vec<SharedProcedure>,
    by_name: HashMap<&'static str, SharedProcedure>,
}

/// Every procedure with its handler.
pub struct Registry<H> {
    catalogue: Arc<Catalogue>,
    handlers: HashMap<&'static str, H>,
}

impl<H> Registry<H> {
    /// Collects the routers of an application.
    ///
    /// # Errors
    /// When two procedures share a name (the message names both), or a registration is faulty.
    pub fn new(routers: Vec<Router<H>>) -> Result<Self> {
        let (mut catalogue, mut handlers) = (Catalogue::default(), HashMap::new());
        for router in routers {
            if let Some(mistake) = router.mistake {
                return Err(mistake);
            }
            for registration in router.entries {
                let (procedure, handler) = registration.share();
                handlers.insert(procedure.name, handler);
                catalogue.add(procedure)?;
            }
        }
        Ok(Self { catalogue: Arc::new(catalogue), handlers })
    }

    /// The procedures without their handlers.
    pub fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    /// A procedure and its handler, by canonical or old name.
    pub fn get(&self, name: &str) -> Option<(&SharedProcedure, &H)> {
        let procedure = self.catalogue.get(name)?;
        Some((procedure, self.handlers.get(procedure.name)?))
    }
}

impl Catalogue {
    fn add(&mut self, procedure: SharedProcedure) -> Result<()> {
        for name in std::iter::once(procedure.name).chain(procedure.old_name) {
            if let Some(other) = self.by_name.insert(name, Arc::clone(&procedure)) {
                bail!("both {} and {} answer to the name {name}", other.name, procedure.name);
            }
        }
        self.procedures.push(procedure);
        Ok(())
    }

    /// By canonical or old name.
    pub fn get(&self, name: &str) -> Option<&SharedProcedure> {
        self.by_name.get(name)
    }

    /// The kind of the procedure with this name.
    pub fn kind(&self, name: &str) -> Option<Kind> {
        self.get(name).map(|procedure| procedure.kind)
    }

    /// Every canonical and old name, in no particular order.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.by_name.keys().copied()
    }

    /// In the order of registration.
    pub fn procedures(&self) -> impl Iterator<Item = &Procedure> {
        self.procedures.iter().map(AsRef::as_ref)
    }
}
