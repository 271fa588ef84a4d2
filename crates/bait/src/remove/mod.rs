//! Retiring, tombstones and removal: each can be interrupted, and done again.

mod by_hand;
mod gone;
mod tombstone;

use std::{path::Path, time::Duration};

use sundew_cluster::Connection;
use sundew_decoy::{Decoy, Object, Part, State};
use sundew_detect::Purpose;

use crate::{
    BaitError,
    announce::{Client, announced},
    file::InventoryFile,
    plant::{
        key,
        steady::Steady,
        takeback::{self, Fate},
    },
};

/// How long a server that is away may take to come back.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long all of it may take: the announcement ends with it.
const TIME: Duration = Duration::from_secs(5 * 60);

/// How far a decoy is taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Placements and rights go; account and Secrets stay, so that an old copy still tells.
    Retire,
    /// As `Retire`, and the tokens are refused from now on; their use is still told by the API server's own note.
    Tombstone,
    /// Everything goes. From then on an old copy's use is a 401 that names nobody.
    Remove,
}

/// What was done, in sentences, and what was left alone and why.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Done {
    /// Done, or found done.
    pub done: Vec<String>,
    /// Left alone: another's by now, still going, or outside the cluster.
    pub left: Vec<String>,
}

/// Takes `decoy` away as far as `depth`. The inventory says so before anything is done, and forgets a decoy only when
/// everything of it is gone: while something is only going, [`Done::left`] says so, and the next run looks again.
///
/// A decoy that was made by hand is known by the names that the inventory gives; their uids are read from the cluster
/// and written down first.
///
/// # Errors
///
/// What is not done yet is done by the next run.
pub async fn take_away(
    connection: &Connection,
    inventory: &mut InventoryFile,
    decoy: &Decoy,
    depth: Depth,
    store: Option<&Path>,
    progress: &mut dyn FnMut(&str),
) -> Result<Done, BaitError> {
    let decoy = inventory.find(decoy).unwrap_or(decoy).clone();
    let state = next_state(&decoy, depth)?;
    let nonce = announced(connection, store, Purpose::Planting, &decoy.name(), TIME).await?;
    let hand = Steady::new(connection.hand(&Client::Kubectl.agent(&nonce)), PATIENCE);
    let mut run = Run { hand, inventory, decoy, progress, by_hand: false, done: Done::default() };
    if !run.look_up(depth).await? {
        return Ok(run.done);
    }
    run.decoy.state = Some(state);
    run.inventory.put(run.decoy.clone())?;

    run.clear(&[Part::Placement, Part::Rights]).await?;
    match depth {
        Depth::Retire => {}
        Depth::Tombstone => run.mark_all(connection).await?,
        Depth::Remove => {
            run.clear(&[Part::Token]).await?;
            run.clear(&[Part::Account]).await?;
            if run.decoy.objects.is_empty() {
                run.inventory.forget(&run.decoy)?;
                run.done.done.push(format!(
                    "Nothing of {} is left. From now on the use of an old copy is a 401 that names nobody.",
                    run.decoy.name()
                ));
            }
        }
    }
    run.name_copies(depth);
    Ok(run.done)
}

/// The state that the inventory has from now on: a decoy never goes back.
fn next_state(decoy: &Decoy, depth: Depth) -> Result<State, BaitError> {
    let wrong = |what: &str| Err(BaitError::Wrong(format!("{} {what}", decoy.name())));
    Ok(match (depth, decoy.state) {
        (Depth::Remove, _) => State::Removing,
        (_, Some(State::Planting)) => {
            return wrong(
                "was never fully planted; take away what there is with `sundew remove`, or plant it again",
            );
        }
        (_, Some(State::Removing)) => {
            return wrong("is being removed; run `sundew remove` again until it is gone");
        }
        (_, Some(State::Tombstoned)) | (Depth::Tombstone, _) => State::Tombstoned,
        (Depth::Retire, _) => State::Retired,
    })
}

struct Run<'r> {
    hand: Steady,
    inventory: &'r mut InventoryFile,
    /// As the inventory has it.
    decoy: Decoy,
    progress: &'r mut dyn FnMut(&str),
    /// Whether nobody but the inventory's writer knows what there is.
    by_hand: bool,
    done: Done,
}

impl Run<'_> {
    /// Takes the objects for these parts away, last made first, and strikes those that are gone from the inventory.
    async fn clear(&mut self, parts: &[Part]) -> Result<(), BaitError> {
        let mut going = Vec::new();
        for part in parts {
            let objects: Vec<Object> =
                self.decoy.objects.iter().rev().filter(|object| object.part == *part).cloned().collect();
            for object in objects {
                if self.delete(&object).await? {
                    going.push(object);
                } else {
                    self.decoy.objects.retain(|listed| *listed != object);
                }
            }
        }
        for object in self.still_there(going).await? {
            self.decoy.objects.retain(|listed| *listed != object);
        }
        self.inventory.put(self.decoy.clone())
    }

    /// Deletes one object. True if it may take a while until it is gone.
    async fn delete(&mut self, object: &Object) -> Result<bool, BaitError> {
        let key = key(object);
        Ok(match takeback::one(&self.hand, object).await? {
            Fate::Deleted => {
                (self.progress)(&format!("deleted {key}"));
                self.done.done.push(format!("{key} was deleted."));
                true
            }
            Fate::NotThere => {
                self.done.done.push(format!("{key} was not there any more."));
                false
            }
            Fate::Other => {
                self.done.left.push(format!(
                    "{key} was left alone: the one that was made is gone, and somebody else made another."
                ));
                false
            }
            Fate::Unsure => {
                self.done.left.push(format!(
                    "{key} was left alone: planting was interrupted while it was made, and what is there does not \
                     look as it was planned. Delete it yourself if nobody else made it."
                ));
                false
            }
        })
    }

    /// What no request to the cluster reaches, or nobody knows whether it may.
    fn name_copies(&mut self, depth: Depth) {
        for placement in &self.decoy.placements {
            let mounted = placement.mounted_by.as_ref();
            // What a plan made goes by itself, but for what left the cluster.
            if !placement.outside && !self.by_hand {
                continue;
            }
            if let Some(name) = mounted.and_then(|by| by.pod.as_ref().or(by.workload.as_ref())) {
                self.done.left.push(format!("{name}, which was made by hand: delete it yourself."));
            }
            let Some(location) = &placement.location else { continue };
            let label = placement.label();
            let lies = if placement.outside {
                "Delete it there"
            } else {
                "If it lies outside the cluster, delete it there"
            };
            let worth = if depth == Depth::Remove { "; it is worth nothing now" } else { "" };
            self.done.left.push(format!("Copy `{label}`: {location}. {lies}{worth}."));
        }
    }
}
