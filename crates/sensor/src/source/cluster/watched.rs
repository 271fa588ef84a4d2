//! The decoys' Secrets that a cluster source watches, as the inventory lists them.

use jiff::{civil::Date, tz::TimeZone};
use sundew_decoy::{Decoy, Inventory, Part, Placement, State};
use sundew_detect::DecoyRef;

/// A decoy's Secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Watched {
    /// The decoy and the placement, as findings name them.
    pub(super) decoy: DecoyRef,
    pub(super) namespace: String,
    pub(super) secret: String,
    /// The uid that the inventory knows it by.
    pub(super) uid: Option<String>,
    /// The day of planting, in UTC as the API server's label.
    pub(super) planted: Option<Date>,
    /// Whether Sundew itself is taking it away.
    pub(super) leaving: bool,
    /// Whether Sundew itself lets the token be refused.
    pub(super) tombstoned: bool,
}

impl Watched {
    /// `NAMESPACE/NAME`: what it is known by, here and in the source's position.
    pub(super) fn key(&self) -> String {
        format!("{}/{}", self.namespace, self.secret)
    }
}

/// The Secrets of the decoys of `cluster`. Those of a decoy that is still being made are left out: what becomes of them
/// is the planter's business.
pub(crate) fn watched(inventory: &Inventory, cluster: &str) -> Vec<Watched> {
    let here = inventory.decoys.iter().filter(|decoy| inventory.cluster_of(decoy) == cluster);
    let made = here.filter(|decoy| decoy.state != Some(State::Planting));
    made.flat_map(|decoy| decoy.placements.iter().filter_map(|placement| of(decoy, placement))).collect()
}

fn of(decoy: &Decoy, placement: &Placement) -> Option<Watched> {
    let secret = placement.secret.clone()?;
    let own = decoy.objects.iter().find(|o| o.part == Part::Token && o.kind == "Secret" && o.name == secret);
    Some(Watched {
        decoy: DecoyRef {
            name: decoy.name(),
            placement: Some(placement.label()),
            secret: Some(secret.clone()),
            location: placement.location.clone(),
        },
        namespace: decoy.namespace.clone(),
        uid: own.and_then(|object| object.uid.clone()),
        planted: decoy.planted.map(|time| time.to_zoned(TimeZone::UTC).date()),
        leaving: decoy.state == Some(State::Removing),
        tombstoned: decoy.state == Some(State::Tombstoned),
        secret,
    })
}
