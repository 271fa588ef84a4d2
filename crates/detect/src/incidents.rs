//! Groups findings into incidents: same actor, same peer, close in time.

use std::collections::{BTreeMap, HashMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    advice, client,
    finding::{DecoyRef, Finding},
    incident::Incident,
    steps::{self, Stages},
    tripwire::rules,
};

const MAX_CLIENTS: usize = 16;
const MAX_DECOYS: usize = 64;
/// How many events an incident remembers to tell a repeated one from news. The webhook repeats batches of up to 400.
const MAX_REMEMBERED: usize = 1024;

/// How long the API server's note of a use waits for the use itself.
const NOTE_WAITS: SignedDuration = SignedDuration::from_millis(500);

/// How incidents are grouped and told.
#[derive(Debug, Clone, Copy)]
pub struct Grouping {
    /// Findings further apart than this belong to different incidents.
    pub window: SignedDuration,
    /// The shortest time between two updates about one incident. It doubles with each, up to `longest_quiet`.
    pub quiet: SignedDuration,
    /// The longest time between two updates while an incident grows.
    pub longest_quiet: SignedDuration,
    /// How many incidents may be open; over this the one longest silent is closed.
    pub max_open: usize,
}

impl Default for Grouping {
    fn default() -> Self {
        Self {
            window: SignedDuration::from_mins(15),
            quiet: SignedDuration::from_secs(30),
            longest_quiet: SignedDuration::from_mins(15),
            max_open: 10_000,
        }
    }
}

/// What an incident carries for its own growth, beside what people are told. Stored with it, opaque to the store.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct State {
    /// Hashes of the events already counted, oldest first.
    seen: VecDeque<u64>,
    /// When the latest message is due or was.
    last_due: Option<Timestamp>,
    /// Seconds to wait after it.
    quiet: i64,
    /// When it was last told of, by the sensor's clock: events can be much older than that.
    #[serde(default)]
    touched: Option<Timestamp>,
    /// The latest events, so that the stages of one request are one step.
    #[serde(default)]
    stages: Stages,
}

/// An open incident.
#[derive(Debug, Clone)]
pub struct Open {
    /// What people are told.
    pub incident: Incident,
    /// What it carries for itself.
    pub state: State,
}

/// What a finding changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Growth {
    /// A new incident.
    Opened,
    /// News that should not wait: a worse severity, or another decoy.
    Worse,
    /// More of the same.
    Grew,
}

/// Cluster, user and peer.
type Key = (String, String, String);

/// The open incidents.
#[derive(Debug, Default)]
pub struct Incidents {
    grouping: Grouping,
    open: HashMap<String, Open>,
    latest: Latest,
}

/// The ids of the latest incidents, by what their next finding will have.
#[derive(Debug, Default)]
struct Latest {
    by_key: HashMap<Key, String>,
    by_peer: HashMap<(String, String), String>,
    by_placement: HashMap<Key, String>,
}

impl Incidents {
    /// None open.
    pub fn new(grouping: Grouping) -> Self {
        Self { grouping, ..Self::default() }
    }

    /// Groups and tells by `grouping` from now on. An incident that is open keeps the pace it was told at.
    pub fn regroup(&mut self, grouping: Grouping) {
        self.grouping = grouping;
    }

    /// Takes back what was open before a restart.
    pub fn restore(&mut self, open: impl IntoIterator<Item = Open>) {
        let mut open: Vec<Open> = open.into_iter().collect();
        open.sort_by_key(|one| one.incident.last_seen);
        for one in open {
            self.latest.note(&one.incident);
            if used_token().iter().any(|rule| one.incident.rules.contains_key(*rule)) {
                one.incident.decoys.iter().for_each(|decoy| self.latest.note_use(&one.incident, decoy));
            }
            self.open.insert(one.incident.id.clone(), one);
        }
    }

    /// An open incident.
    pub fn get(&self, id: &str) -> Option<&Open> {
        self.open.get(id)
    }

    /// All that are open, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Open> {
        self.open.values()
    }

    /// Adds a finding to the incident it belongs to. None where it repeats an event that was counted.
    pub fn add(&mut self, finding: &Finding) -> Option<(String, Growth)> {
        if let Some(id) = self.find(finding) {
            let open = self.open.get_mut(&id)?;
            let growth = grow(open, finding)?;
            self.latest.note_finding(&open.incident, finding);
            return Some((id, growth));
        }
        let open = start(finding, self.grouping.quiet);
        let id = open.incident.id.clone();
        self.latest.note_finding(&open.incident, finding);
        self.open.insert(id.clone(), open);
        Some((id, Growth::Opened))
    }

    /// Adds a 401 to an open incident that names its peer. None where there is none.
    pub fn join(&mut self, unauthorized: &Finding) -> Option<(String, Growth)> {
        let peer = unauthorized.actor.ip.clone()?;
        let id = self.latest.by_peer.get(&(unauthorized.cluster.clone(), peer))?.clone();
        let open =
            self.open.get_mut(&id).filter(|o| near(&o.incident, unauthorized.time, self.grouping.window))?;
        grow(open, unauthorized).map(|growth| (id, growth))
    }

    /// Writes into an incident what its identity could do, as `could` knows it now.
    pub fn set_could(&mut self, id: &str, could: impl FnOnce(&Incident) -> Vec<String>) {
        if let Some(Open { incident, .. }) = self.open.get_mut(id) {
            incident.could = could(incident);
        }
    }

    /// The incident is about to be told: gives it its next revision, and says when the message is due.
    pub fn schedule(&mut self, id: &str, growth: Growth, now: Timestamp) -> Option<(Incident, Timestamp)> {
        let Grouping { quiet, longest_quiet, .. } = self.grouping;
        let Open { incident, state } = self.open.get_mut(id)?;
        incident.revision += 1;
        incident.next = advice::next(incident);
        state.touched = Some(now);
        // A clock that was set back must not silence an incident.
        let longest = now.checked_add(longest_quiet).unwrap_or(now);
        let due = match state.last_due.filter(|_| growth == Growth::Grew) {
            Some(last) if last > now => last.min(longest),
            Some(last) => {
                // What was restored without its state has no wait of its own yet.
                let wait = state.quiet.max(quiet.as_secs()).min(longest_quiet.as_secs());
                state.quiet = wait.saturating_mul(2);
                last.checked_add(SignedDuration::from_secs(wait)).unwrap_or(now).max(now)
            }
            // The use that the API server noted is logged a moment after the note: one message tells both.
            None if growth == Growth::Opened && only_noted(incident) => {
                now.checked_add(NOTE_WAITS).unwrap_or(now)
            }
            None => now,
        };
        state.last_due = Some(due);
        Some((incident.clone(), due))
    }

    /// Closes and gives the incidents with nothing new since the window before `now`, and the longest silent ones
    /// where too many are open.
    pub fn close(&mut self, now: Timestamp) -> Vec<Open> {
        let since = now.checked_sub(self.grouping.window).unwrap_or(now);
        let mut done: Vec<(Timestamp, String)> = self
            .open
            .values()
            .map(|o| (o.state.touched.unwrap_or(o.incident.last_seen), o.incident.id.clone()))
            .collect();
        done.sort_unstable();
        let over = done.len().saturating_sub(self.grouping.max_open);
        let silent = done.iter().take_while(|(last, _)| *last < since).count();
        done.truncate(over.max(silent));
        let closed: Vec<Open> = done.into_iter().filter_map(|(_, id)| self.open.remove(&id)).collect();
        if !closed.is_empty() {
            let open = &self.open;
            self.latest.by_key.retain(|_, id| open.contains_key(id));
            self.latest.by_peer.retain(|_, id| open.contains_key(id));
            self.latest.by_placement.retain(|_, id| open.contains_key(id));
        }
        closed
    }

    /// The open incident that a finding belongs to.
    fn find(&self, finding: &Finding) -> Option<String> {
        let window = self.grouping.window;
        let near = |id: &&String| self.open.get(*id).is_some_and(|o| near(&o.incident, finding.time, window));
        let placed =
            || placement_key(finding).and_then(|key| self.latest.by_placement.get(&key)).filter(near);
        if finding.rule == rules::TOKEN_LAST_USED.id {
            return placed().cloned();
        }
        let own = self.latest.by_key.get(&key(finding)).filter(near);
        // The API server may note a token's use before the use itself is logged: that incident has no actor yet.
        let used = finding.rule == rules::TOKEN_USED.id;
        let orphan = || placed().filter(|id| self.open.get(*id).is_some_and(|o| only_noted(&o.incident)));
        own.or_else(|| orphan().filter(|_| used)).cloned()
    }
}

impl Latest {
    fn note(&mut self, incident: &Incident) {
        let id = &incident.id;
        if !only_noted(incident) {
            let user = incident.actor.user.clone().unwrap_or_default();
            let peer = incident.actor.ip.clone().unwrap_or_default();
            self.by_peer.insert((incident.cluster.clone(), peer.clone()), id.clone());
            self.by_key.insert((incident.cluster.clone(), user, peer), id.clone());
        }
    }

    fn note_finding(&mut self, incident: &Incident, finding: &Finding) {
        self.note(incident);
        if let Some(decoy) = finding.decoy.as_ref().filter(|_| used_token().contains(&finding.rule.as_str()))
        {
            self.note_use(incident, decoy);
        }
    }

    fn note_use(&mut self, incident: &Incident, decoy: &DecoyRef) {
        let Some(placement) = decoy.placement.clone() else { return };
        self.by_placement
            .insert((incident.cluster.clone(), decoy.name.clone(), placement), incident.id.clone());
    }
}

/// The rules that tell of a use of a placement's credential.
fn used_token() -> [&'static str; 2] {
    [rules::TOKEN_USED.id, rules::TOKEN_LAST_USED.id]
}

/// An incident that knows of nothing but the API server's own note of a use.
fn only_noted(incident: &Incident) -> bool {
    incident.rules.keys().all(|rule| rule == rules::TOKEN_LAST_USED.id)
}

fn key(finding: &Finding) -> Key {
    let actor = &finding.actor;
    (finding.cluster.clone(), actor.user.clone().unwrap_or_default(), actor.ip.clone().unwrap_or_default())
}

fn placement_key(finding: &Finding) -> Option<Key> {
    let decoy = finding.decoy.as_ref()?;
    Some((finding.cluster.clone(), decoy.name.clone(), decoy.placement.clone()?))
}

fn near(incident: &Incident, time: Timestamp, window: SignedDuration) -> bool {
    time.duration_since(incident.last_seen) <= window && incident.first_seen.duration_since(time) <= window
}

fn start(finding: &Finding, quiet: SignedDuration) -> Open {
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
            could: Vec::new(),
            next: Vec::new(),
            drill: finding.drill,
        },
        state: State { quiet: quiet.as_secs(), ..State::default() },
    };
    // A fresh incident has counted nothing, so this always grows.
    let _ = grow(&mut open, finding);
    open
}

/// A stable id that follows from the incident's first event: the same log read again after a loss of the store gives
/// the same incident the same id.
fn identity(finding: &Finding) -> String {
    let (cluster, user, peer) = key(finding);
    let time = finding.time.to_string();
    let first = [&cluster, &user, &peer, &finding.rule, &finding.stage_time, &time].map(String::as_str);
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    for part in first.into_iter().chain(finding.audit_ids.iter().map(String::as_str)) {
        context.update(&(part.len() as u64).to_le_bytes());
        context.update(part.as_bytes());
    }
    let digest = context.finish();
    let hex: String = digest.as_ref().iter().take(8).map(|b| format!("{b:02x}")).collect();
    format!("inc-{hex}")
}

/// Adds a finding. None where its event was counted already.
fn grow(open: &mut Open, finding: &Finding) -> Option<Growth> {
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
