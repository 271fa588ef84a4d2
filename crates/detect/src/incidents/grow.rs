//! How a finding begins an incident, and how it adds to one.

use std::collections::BTreeMap;

use super::{
    Growth, Open, State,
    latest::{key, only_noted},
};
use crate::{
    client,
    finding::{Detector, Finding},
    incident::Incident,
    steps,
    tripwire::rules,
};

const MAX_CLIENTS: usize = 16;
const MAX_DECOYS: usize = 64;
const MAX_NOTES: usize = 12;
/// How many events an incident remembers to tell a repeated one from news. The webhook repeats batches of up to 400.
const MAX_REMEMBERED: usize = 1024;

/// The incident that `finding` begins.
pub(super) fn start(finding: &Finding, quiet: jiff::SignedDuration) -> Open {
    let noted = finding.rule == rules::TOKEN_LAST_USED.id;
    let mut open = Open {
        incident: Incident {
            id: identity(finding),
            revision: 0,
            cluster: finding.cluster.clone(),
            severity: finding.severity,
            title: finding.title.clone(),
            // The API server only took note: who used the token is not known yet.
            actor: if noted { Default::default() } else { finding.actor.clone() },
            clients: Vec::new(),
            tool: None,
            first_seen: finding.time,
            last_seen: finding.time,
            decoys: Vec::new(),
            steps: Vec::new(),
            findings: 0,
            rules: BTreeMap::new(),
            attack: Vec::new(),
            notes: Vec::new(),
            could: Vec::new(),
            peer: None,
            next: Vec::new(),
            drill: finding.drill,
        },
        state: State { quiet: quiet.as_secs(), rehearsal: finding.rehearsal.clone(), ..State::default() },
    };
    // A fresh incident has counted nothing, so this always grows.
    let _ = grow(&mut open, finding);
    open
}

/// A stable id that follows from the incident's first event: the same log read again after a loss of the store gives
/// the same incident the same id.
fn identity(finding: &Finding) -> String {
    let key = key(finding);
    let time = finding.time.to_string();
    let first =
        [&key.cluster, &key.user, &key.peer, &finding.rule, &finding.stage_time, &time].map(String::as_str);
    let apart = Some(key.apart.as_str()).filter(|apart| !apart.is_empty());
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    for part in first.into_iter().chain(finding.audit_ids.iter().map(String::as_str)).chain(apart) {
        context.update(&(part.len() as u64).to_le_bytes());
        context.update(part.as_bytes());
    }
    let digest = context.finish();
    let hex: String = digest.as_ref().iter().take(8).map(|b| format!("{b:02x}")).collect();
    format!("inc-{hex}")
}

/// Adds a finding. None where its event was counted already.
pub(super) fn grow(open: &mut Open, finding: &Finding) -> Option<Growth> {
    let Open { incident, state } = open;
    let seen = event_hash(finding);
    if state.seen.contains(&seen) {
        return None;
    }
    state.seen.push_back(seen);
    if state.seen.len() > MAX_REMEMBERED {
        state.seen.pop_front();
    }
    let noted =
        only_noted(incident) && finding.rule != rules::TOKEN_LAST_USED.id && !incident.rules.is_empty();
    if noted {
        incident.actor = finding.actor.clone();
        incident.title.clone_from(&finding.title);
    }
    let worse = finding.severity > incident.severity;
    if worse {
        incident.severity = finding.severity;
        incident.title.clone_from(&finding.title);
    }
    incident.findings += 1;
    // What follows from a use without saying whose it was, does not make a drill the real thing.
    let aside = finding.rule == rules::TOKEN_LAST_USED.id || finding.rule == rules::UNAUTHORIZED.id;
    incident.drill = if noted { finding.drill } else { incident.drill && (finding.drill || aside) };
    *incident.rules.entry(finding.rule.clone()).or_default() += 1;
    incident.first_seen = incident.first_seen.min(finding.time);
    incident.last_seen = incident.last_seen.max(finding.time);
    incident.attack.extend(finding.attack.iter().cloned());
    incident.attack.sort_unstable();
    incident.attack.dedup();
    add_client(incident, finding);
    add_notes(incident, finding, worse);
    let new_decoy = add_decoy(incident, finding);
    steps::add(&mut incident.steps, &mut state.stages, finding);
    Some(if worse || new_decoy || noted { Growth::Worse } else { Growth::Grew })
}

/// What makes an event the same event again. The client chooses the audit id, and two requests may reach a stage in
/// the same microsecond: so everything that tells them apart belongs to it.
fn event_hash(finding: &Finding) -> u64 {
    let Finding { audit_ids, stage, stage_time, rule, request, actor, .. } = finding;
    let text = format!("{audit_ids:?}\0{stage}\0{stage_time}\0{rule}\0{request:?}\0{actor:?}");
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    digest.as_ref().first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

fn add_client(incident: &mut Incident, finding: &Finding) {
    let Some(name) = finding.actor.client.as_ref().filter(|_| finding.rule != rules::TOKEN_LAST_USED.id)
    else {
        return;
    };
    if !incident.clients.contains(name) && incident.clients.len() < MAX_CLIENTS {
        incident.clients.push(name.clone());
    }
    if incident.tool.is_none() {
        incident.tool = client::tool(name).map(str::to_owned);
    }
}

/// What makes the incident worse is read first.
fn add_notes(incident: &mut Incident, finding: &Finding, worse: bool) {
    if let Some(ip) =
        finding.actor.ip.as_ref().filter(|_| matches!(finding.detector, Detector::Rules | Detector::Habits))
        && incident.actor.ip.as_ref() != Some(ip)
    {
        let from = format!("Not only from that address: also from {ip}.");
        if !incident.notes.contains(&from) && incident.notes.len() < MAX_NOTES {
            incident.notes.push(from);
        }
    }
    // What a lesser rule advises is not what a reader looks for now.
    if finding.detector == Detector::Rules && finding.severity < incident.severity {
        return;
    }
    let news: Vec<String> =
        finding.notes.iter().filter(|note| !incident.notes.contains(note)).cloned().collect();
    let at = if worse { 0 } else { incident.notes.len() };
    incident.notes.splice(at..at, news);
    incident.notes.truncate(MAX_NOTES);
}

/// True if this names a decoy or a placement that was not known before.
fn add_decoy(incident: &mut Incident, finding: &Finding) -> bool {
    let Some(decoy) = &finding.decoy else { return false };
    if incident.decoys.iter().any(|d| d == decoy || d.name == decoy.name && decoy.placement.is_none()) {
        return false;
    }
    // A decoy that is known now with its placement replaces the same one without.
    match incident.decoys.iter().position(|d| d.name == decoy.name && d.placement.is_none()) {
        Some(known) => incident.decoys[known] = decoy.clone(),
        None if incident.decoys.len() < MAX_DECOYS => incident.decoys.push(decoy.clone()),
        None => return false,
    }
    !incident.rules.is_empty() && incident.findings > 1
}
