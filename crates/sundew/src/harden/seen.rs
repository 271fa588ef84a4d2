//! What was seen of the cluster's identities: audit logs, the policy they were written under, habits.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use sundew_decoy::Inventory;
use sundew_habits::{Memory, Settings, Shown};
use sundew_harden::Evidence;
use sundew_sensor::{Config, learnt};
use sundew_store::Store;

use crate::{
    args, decoys,
    gather::{logs, say},
    replay::STATE_FILE,
    rules,
};

/// What the logs tell; nothing where none are given.
pub(super) fn evidence(args: &args::Seen) -> Result<Option<Evidence>> {
    if args.logs.is_empty() {
        return Ok(None);
    }
    let mut evidence = Evidence::default();
    logs::read(&args.logs, &mut |event, _| evidence.record(event))?;
    Ok(Some(evidence))
}

/// The configuration that is named, or that lies here.
pub(super) fn config(args: &args::Seen) -> Result<Option<Config>> {
    rules::config(args.config.as_ref())
}

/// The inventory that is given; else that of the configuration, where there is one.
pub(super) fn inventory(given: Option<&Path>, config: Option<&Config>) -> Result<Option<Inventory>> {
    let of_config = config.and_then(|config| config.inventory.as_deref());
    given.or(of_config).map(decoys::read).transpose()
}

/// What was learnt of identities.
pub(super) struct Habits {
    memory: Memory,
    /// Whose identities are asked for; the one cluster that is known where none is named.
    cluster: String,
}

impl Habits {
    /// Reads them from the folder of `--state`, or from the store of the configuration. None where nothing was learnt
    /// yet, which is an error only where the store was asked for by name.
    pub(super) fn read(args: &args::Seen, config: Option<&Config>) -> Result<Option<Self>> {
        let (store, named): (PathBuf, bool) = match (&args.state, config) {
            (Some(folder), _) => (folder.join(STATE_FILE), true),
            (None, Some(config)) => (config.store.clone(), args.config.is_some()),
            (None, None) => return Ok(None),
        };
        if !store.exists() {
            let nothing = format!(
                "there is no store {}: nothing was learnt yet; `sundew watch` learns while it runs, and `sundew replay \
                 --learn --state DIR LOGS…` from old logs",
                store.display()
            );
            if args.state.is_some() {
                bail!(nothing);
            }
            if named {
                say(&nothing);
            }
            return Ok(None);
        }
        let opened = Store::open_reading(&store)
            .with_context(|| format!("cannot read the store {}", store.display()))?;
        // However many there are, looking at them forgets none.
        let mut memory = Memory::new(Settings { identities: u32::MAX as usize, ..Settings::default() });
        learnt::recall(&opened, &mut memory)?;
        let clusters: BTreeSet<String> =
            memory.identities().into_iter().map(|(cluster, ..)| cluster).collect();
        let named = config.filter(|_| args.state.is_none()).map(|config| config.cluster.clone());
        let cluster = match named.filter(|cluster| clusters.contains(cluster)) {
            Some(cluster) => cluster,
            None if clusters.len() == 1 => clusters.into_iter().next().unwrap_or_default(),
            None if clusters.is_empty() => return Ok(None),
            None => {
                let has = clusters.into_iter().collect::<Vec<_>>().join(", ");
                say(&format!(
                    "the store {} knows several clusters ({has}), so habits say nothing here; name the cluster's own configuration with -c",
                    store.display()
                ));
                return Ok(None);
            }
        };
        Ok(Some(Self { memory, cluster }))
    }

    /// What is known of a user.
    pub(super) fn of(&self, user: &str) -> Option<Shown> {
        self.memory.show(&self.cluster, user)
    }

    /// What is known of everybody.
    pub(super) fn everybody(&self) -> Vec<Shown> {
        let here = |(cluster, user, _): (String, String, u64)| (cluster == self.cluster).then_some(user);
        self.memory.identities().into_iter().filter_map(here).filter_map(|user| self.of(&user)).collect()
    }
}
