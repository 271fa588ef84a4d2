//! Which incident a finding would join: the latest ones, by what tells one intruder from another.

use std::collections::HashMap;

use crate::{
    finding::{DecoyRef, Detector, Finding},
    incident::Incident,
    tripwire::rules,
};

/// Who gave no credential: nobody in particular.
const ANONYMOUS: &str = "system:anonymous";

/// What the findings of one incident have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) cluster: String,
    pub(super) user: String,
    pub(super) peer: String,
    /// What keeps findings apart that have the rest in common, and is empty for most: of a drill its client, which
    /// holds its nonce; of what the sensor says of itself, the sentence.
    pub(super) apart: String,
}

/// Cluster, decoy and placement, and whether it is a drill.
type Placed = (String, String, String, bool);

/// The ids of the latest incidents, by what their next finding will have.
#[derive(Debug, Default)]
pub(super) struct Latest {
    by_key: HashMap<Key, String>,
    /// Cluster, peer, and whether it is a drill.
    by_peer: HashMap<(String, String, bool), String>,
    by_placement: HashMap<Placed, String>,
    /// Cluster and user, of incidents that no decoy has a part in.
    by_actor: HashMap<(String, String), String>,
    /// By the drill's id.
    by_drill: HashMap<String, String>,
}

impl Latest {
    /// The incident of the same intruder.
    pub(super) fn same(&self, finding: &Finding) -> Option<&String> {
        self.by_key.get(&key(finding))
    }

    /// The incident of the same identity, from whatever peer: what rules and habits tell of a stolen identity is one
    /// story, also where its pod and its thief are at different addresses. A decoy has no pod: each of its peers is a
    /// thief of its own.
    pub(super) fn same_actor(&self, finding: &Finding) -> Option<&String> {
        let theirs = matches!(finding.detector, Detector::Rules | Detector::Habits) && !finding.drill;
        let user = finding.actor.user.as_ref().filter(|user| theirs && *user != ANONYMOUS)?;
        self.by_actor.get(&(finding.cluster.clone(), user.clone()))
    }

    /// The incident in which the same copy was used.
    pub(super) fn same_placement(&self, finding: &Finding) -> Option<&String> {
        let decoy = finding.decoy.as_ref()?;
        let Finding { cluster, drill, .. } = finding;
        self.by_placement.get(&(cluster.clone(), decoy.name.clone(), decoy.placement.clone()?, *drill))
    }

    /// The incident of this drill.
    pub(super) fn same_drill(&self, rehearsal: &str) -> Option<&String> {
        self.by_drill.get(rehearsal)
    }

    /// The incidents of the same peer: a real one before a drill.
    pub(super) fn same_peer(&self, finding: &Finding) -> impl Iterator<Item = &String> {
        let peer = finding.actor.ip.as_ref();
        [false, true]
            .into_iter()
            .filter_map(move |drill| self.by_peer.get(&(finding.cluster.clone(), peer?.clone(), drill)))
    }

    /// A finding was added to `incident`.
    pub(super) fn note_finding(&mut self, incident: &Incident, finding: &Finding) {
        self.note(incident, finding.rehearsal.as_deref());
        if let Some(decoy) = finding.decoy.as_ref().filter(|_| used_token().contains(&finding.rule.as_str()))
        {
            self.note_use(incident, decoy);
        }
    }

    /// An incident is there again after a restart.
    pub(super) fn note_restored(&mut self, incident: &Incident, rehearsal: Option<&str>) {
        self.note(incident, rehearsal);
        if used_token().iter().any(|rule| incident.rules.contains_key(*rule)) {
            incident.decoys.iter().for_each(|decoy| self.note_use(incident, decoy));
        }
    }

    /// Forgets all incidents that are not `open`.
    pub(super) fn retain(&mut self, open: impl Fn(&String) -> bool) {
        self.by_key.retain(|_, id| open(id));
        self.by_peer.retain(|_, id| open(id));
        self.by_placement.retain(|_, id| open(id));
        self.by_actor.retain(|_, id| open(id));
        self.by_drill.retain(|_, id| open(id));
    }

    fn note(&mut self, incident: &Incident, rehearsal: Option<&str>) {
        let id = &incident.id;
        if let Some(rehearsal) = rehearsal {
            self.by_drill.insert(rehearsal.to_owned(), id.clone());
        }
        if !only_noted(incident) {
            let key = key_of(incident);
            let decoys = incident.rules.keys().any(|rule| rule.starts_with("tripwire."));
            if !decoys && !incident.drill && !key.user.is_empty() {
                self.by_actor.insert((key.cluster.clone(), key.user.clone()), id.clone());
            }
            self.by_peer.insert((key.cluster.clone(), key.peer.clone(), incident.drill), id.clone());
            self.by_key.insert(key, id.clone());
        }
    }

    fn note_use(&mut self, incident: &Incident, decoy: &DecoyRef) {
        let Some(placement) = decoy.placement.clone() else { return };
        let Incident { cluster, drill, id, .. } = incident;
        self.by_placement.insert((cluster.clone(), decoy.name.clone(), placement, *drill), id.clone());
    }
}

/// The rules that tell of a use of a placement's credential.
fn used_token() -> [&'static str; 2] {
    [rules::TOKEN_USED.id, rules::TOKEN_LAST_USED.id]
}

/// An incident that knows of nothing but the API server's own note of a use.
pub(super) fn only_noted(incident: &Incident) -> bool {
    incident.rules.keys().all(|rule| rule == rules::TOKEN_LAST_USED.id)
}

/// What the findings of the incident that `finding` would begin have in common.
pub(super) fn key(finding: &Finding) -> Key {
    let Finding { actor, cluster, .. } = finding;
    let apart = match finding.detector {
        Detector::Sensor => finding.title.clone(),
        _ if finding.drill => actor.client.clone().unwrap_or_default(),
        _ => String::new(),
    };
    let some = |text: &Option<String>| text.clone().unwrap_or_default();
    Key { cluster: cluster.clone(), user: some(&actor.user), peer: some(&actor.ip), apart }
}

fn key_of(incident: &Incident) -> Key {
    let Incident { actor, cluster, .. } = incident;
    let apart = match () {
        () if incident.is_of_sensor() => incident.title.clone(),
        () if incident.drill => actor.client.clone().unwrap_or_default(),
        () => String::new(),
    };
    let some = |text: &Option<String>| text.clone().unwrap_or_default();
    Key { cluster: cluster.clone(), user: some(&actor.user), peer: some(&actor.ip), apart }
}
