//! Which placements can be drilled, whose turn it is, and why there may be none.

use sundew_bait::announce::Client;
use sundew_decoy::{Decoy, State};

use super::Plan;
use crate::config::DrillConfig;

/// Whom a drill pretends to be, in turns.
const CLIENTS: [Client; 3] = [Client::Kubectl, Client::Curl, Client::Python];

/// One placement that can be drilled.
pub(super) struct Turn {
    pub(super) cluster: String,
    pub(super) decoy: String,
    pub(super) placement: String,
    pub(super) client: Client,
}

/// Whose turn it is: every placement of every decoy that stands, then all of them again as another client.
pub(super) fn turn(drill: &DrillConfig, plan: &Plan, number: usize) -> Option<Turn> {
    let mut all = all(plan);
    all.retain(|(_, label)| is_named(drill, label));
    let round = number.checked_div(all.len())?;
    let (decoy, placement) = all.swap_remove(number % all.len());
    let cluster = plan.inventory.cluster_of(decoy).to_owned();
    Some(Turn { cluster, decoy: decoy.name(), placement, client: CLIENTS[round % CLIENTS.len()] })
}

/// What `drill` names and nothing that can be drilled has, beside what there is; none where all is well.
pub(super) fn misnamed(drill: &DrillConfig, plan: &Plan) -> Option<String> {
    let all = all(plan);
    let is_known = |name: &String| all.iter().any(|(_, label)| label == name);
    let wrong: Vec<&str> =
        drill.placements.iter().filter(|name| !is_known(name)).map(String::as_str).collect();
    if wrong.is_empty() {
        return None;
    }
    let labels: Vec<&str> = all.iter().map(|(_, label)| label.as_str()).collect();
    Some(format!(
        "`drill.placements` names {}, and no placement that can be drilled is called so; there are: {}",
        wrong.join(", "),
        if labels.is_empty() { "none".to_owned() } else { labels.join(", ") }
    ))
}

/// Why it is nobody's turn.
pub(super) fn none_because(drill: &DrillConfig, plan: &Plan) -> String {
    if let Some(why) = misnamed(drill, plan) {
        return why;
    }
    let decoys = &plan.inventory.decoys;
    let standing = decoys.iter().filter(|decoy| stands(decoy)).count();
    let watched = decoys.iter().filter(|decoy| is_watched(plan, decoy)).count();
    format!(
        "{} of {} decoys stand (the others are tombstoned, being made or being taken away), {} are in a cluster that a source of type cluster watches with `secrets`, and none of both has a placement in a Secret",
        standing,
        decoys.len(),
        watched
    )
}

fn is_named(drill: &DrillConfig, label: &String) -> bool {
    drill.placements.is_empty() || drill.placements.contains(label)
}

fn stands(decoy: &Decoy) -> bool {
    matches!(decoy.state, None | Some(State::Planted | State::Retired))
}

fn is_watched(plan: &Plan, decoy: &Decoy) -> bool {
    plan.ways.contains_key(plan.inventory.cluster_of(decoy))
}

/// Every placement that can be drilled, whether it is named or not.
fn all(plan: &Plan) -> Vec<(&Decoy, String)> {
    let mut all = Vec::new();
    for decoy in plan.inventory.decoys.iter().filter(|decoy| stands(decoy) && is_watched(plan, decoy)) {
        let in_secrets = decoy.placements.iter().filter(|placement| placement.secret.is_some());
        all.extend(in_secrets.map(|placement| (decoy, placement.label())));
    }
    all
}
