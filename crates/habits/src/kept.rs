//! What of the habits survives a restart: a piece for each identity, and one for each cluster.

use serde::{Deserialize, Serialize};

use crate::{
    Class, Kept, Memory,
    client::Version,
    entry::{Aspect, Entry, Key},
    identity::Identity,
    names::{Name, Names},
    network::Network,
    verb::Verb,
};

/// The kinds of pieces.
const IDENTITY: &str = "identity";
const CLUSTER: &str = "cluster";
/// The shape of the pieces. What has another is forgotten and learnt anew.
const VERSION: u8 = 1;
/// How old, in seconds, counts may be in what is kept before a piece is given away for them alone.
const COUNTED: u32 = 3600;
/// What stands for more than one namespace. None can be called so (RFC 1123).
const SEVERAL: &str = "*";

/// A cluster's piece.
#[derive(Debug, Serialize, Deserialize)]
struct ClusterPiece {
    v: u8,
    /// The stream's time, in seconds since 1970.
    now: u32,
    /// For how long it was watched since counts were last halved, in seconds.
    aged: u64,
    /// The namespaces that were made not long ago, and when.
    young: Vec<(String, u32)>,
}

/// An identity's piece. Times are seconds since 1970.
#[derive(Debug, Serialize, Deserialize)]
struct Piece {
    v: u8,
    first: u32,
    last: u32,
    /// For how long it was watched, in seconds.
    watched: i64,
    requests: u32,
    refused: u32,
    minutes: u32,
    taught: bool,
    more: [u16; Aspect::COUNT],
    grown: [u8; Aspect::COUNT],
    habits: Vec<Habit>,
}

/// Aspect, verb, what, where; allowed, refused, first, last, marks, idle; whether it was something new.
#[derive(Debug, Serialize, Deserialize)]
struct Habit(u8, String, String, Option<String>, u32, u32, u32, u32, u8, u8, bool);

impl Memory {
    /// Up to `most` pieces that changed since they were last taken. One in which nothing but counts went on is given no
    /// more than once an hour, unless all are asked for (`usize::MAX`).
    pub fn take_changed(&mut self, most: usize) -> Vec<Kept> {
        let mut taken = Vec::new();
        while taken.len() < most
            && let Some((cluster, name)) = self.gone.pop()
        {
            // Who came back has a piece of its own by now, or will have.
            if self.crowd.find(cluster, &name).is_none() {
                taken.push(self.piece(cluster, IDENTITY, &name, Vec::new()));
            }
        }
        while taken.len() < most
            && let Some(at) = self.changed.pop_front()
        {
            if self.crowd.get(at).is_some_and(|one| one.changed) {
                taken.extend(self.take(at));
            }
        }
        taken.extend(self.tokens.take_changed(most.saturating_sub(taken.len())));
        for _ in 0..self.moved.len() {
            if taken.len() >= most {
                break;
            }
            let Some(at) = self.moved.pop_front() else { break };
            let Some(one) = self.crowd.get(at).filter(|one| one.moved) else { continue };
            let now = self.clusters[one.cluster as usize].clock.now();
            if most == usize::MAX || now.abs_diff(one.kept_at) >= COUNTED {
                taken.extend(self.take(at));
            } else {
                self.moved.push_back(at);
            }
        }
        for at in 0..self.clusters.len() {
            if taken.len() < most {
                taken.extend(self.take_cluster(at, most == usize::MAX));
            }
        }
        taken
    }

    /// Takes a piece back, and joins it with what is known. What cannot be read is forgotten, and false.
    pub fn restore(&mut self, kept: &Kept) -> bool {
        match kept.kind.as_str() {
            IDENTITY => self.restore_identity(kept),
            CLUSTER => self.restore_cluster(kept),
            _ => self.tokens.restore(kept),
        }
    }

    fn take(&mut self, at: u32) -> Option<Kept> {
        let one = self.crowd.get_mut(at)?;
        let clock = &self.clusters[one.cluster as usize].clock;
        (one.changed, one.moved, one.kept, one.kept_at) = (false, false, true, clock.now());
        let piece = Piece {
            v: VERSION,
            first: one.first,
            last: one.last,
            watched: clock.watched() - one.since,
            requests: one.requests,
            refused: one.refused,
            minutes: one.minutes,
            taught: one.taught,
            more: one.more,
            grown: one.grown,
            habits: one.entries.iter().map(|entry| habit(entry, &self.names)).collect(),
        };
        // Nothing in a piece is a map whose keys are no text: that is what could fail.
        let body = serde_json::to_vec(&piece).unwrap_or_default();
        let one = self.crowd.get(at)?;
        Some(self.piece(one.cluster, IDENTITY, &one.name, body))
    }

    fn take_cluster(&mut self, at: usize, all: bool) -> Option<Kept> {
        let cluster = &mut self.clusters[at];
        let now = cluster.clock.now();
        if now == cluster.kept_at || !all && now.abs_diff(cluster.kept_at) < COUNTED {
            return None;
        }
        cluster.kept_at = now;
        let young = cluster.young().map(|(namespace, made)| (namespace.to_owned(), made)).collect();
        let piece = ClusterPiece { v: VERSION, now, aged: cluster.clock.aged(), young };
        let body = serde_json::to_vec(&piece).unwrap_or_default();
        Some(Kept { cluster: cluster.name.to_string(), kind: CLUSTER.to_owned(), key: String::new(), body })
    }

    fn piece(&self, cluster: u32, kind: &str, key: &str, body: Vec<u8>) -> Kept {
        let cluster = self.clusters[cluster as usize].name.to_string();
        Kept { cluster, kind: kind.to_owned(), key: key.to_owned(), body }
    }

    fn restore_cluster(&mut self, kept: &Kept) -> bool {
        let Ok(piece) = serde_json::from_slice::<ClusterPiece>(&kept.body) else { return false };
        if piece.v != VERSION {
            return false;
        }
        let at = self.cluster(&kept.cluster);
        let cluster = &mut self.clusters[at as usize];
        cluster.clock.resume(piece.now, piece.aged);
        piece.young.iter().for_each(|(namespace, made)| cluster.add_young(namespace, *made));
        true
    }

    fn restore_identity(&mut self, kept: &Kept) -> bool {
        if kept.body.is_empty() {
            self.reset(&kept.cluster, Some(&kept.key));
            return true;
        }
        let read = serde_json::from_slice::<Piece>(&kept.body).ok().filter(|piece| piece.v == VERSION);
        let (Some(piece), Some(class)) = (read, Class::of(&kept.key)) else { return false };
        let cluster = self.cluster(&kept.cluster);
        let watched = self.clusters[cluster as usize].clock.watched();
        let known = self.crowd.find(cluster, &kept.key);
        let at =
            known.unwrap_or_else(|| self.add(Identity::new(cluster, &kept.key, class, piece.first, watched)));
        self.join(at, &piece, watched);
        if known.is_some() {
            // What is kept does not have what was known here.
            self.mark_changed(at);
        }
        self.keep_within(at);
        true
    }

    /// Joins what is known of somebody with a piece. Joining it twice makes no difference.
    fn join(&mut self, at: u32, piece: &Piece, watched: i64) {
        let Some(one) = self.crowd.get_mut(at) else { return };
        one.kept = true;
        one.first = one.first.min(piece.first);
        one.last = one.last.max(piece.last);
        one.since = one.since.min(watched.saturating_sub(piece.watched.clamp(0, LONG)));
        one.requests = one.requests.max(piece.requests);
        one.refused = one.refused.max(piece.refused);
        one.minutes = one.minutes.max(piece.minutes);
        one.taught |= piece.taught;
        one.more.iter_mut().zip(piece.more).for_each(|(more, other)| *more = (*more).max(other));
        one.grown.iter_mut().zip(piece.grown).for_each(|(grown, other)| *grown = (*grown).max(other));
        for habit in &piece.habits {
            let Some(entry) = entry(habit, &mut self.names) else { continue };
            let key = entry.key();
            if let Some(known) = one.entries.iter_mut().find(|known| known.is(&key)) {
                if known.aspect() == Aspect::Request && known.namespace() != entry.namespace() {
                    self.names.release(known.namespace());
                    known.place = Name::MANY.0;
                }
                known.merge(&entry);
                entry.release(&mut self.names);
            } else if one.of(entry.aspect()).count() < entry.aspect().most() {
                one.entries.push(entry);
                self.entries += 1;
            } else {
                entry.release(&mut self.names);
            }
        }
        one.entries.shrink_to_fit();
    }
}

/// More than anybody is watched, in seconds: 100 years.
const LONG: i64 = 100 * 366 * 86_400;

fn habit(entry: &Entry, names: &Names) -> Habit {
    let network = entry.network().map(|network| network.to_string());
    let what = network.unwrap_or_else(|| names.text(entry.name()).to_owned());
    let place = match entry.aspect() {
        Aspect::Client => Some(Version(entry.place).suffix()),
        Aspect::Request if entry.variant() => None,
        Aspect::Request if entry.namespace() == Name::MANY => Some(SEVERAL.to_owned()),
        Aspect::Request | Aspect::Secret => Some(names.text(entry.namespace()).to_owned()),
        Aspect::Network | Aspect::Range | Aspect::Namespace => None,
    };
    let Entry { allowed, refused, first, last, marks, idle, .. } = *entry;
    let verb = entry.verb.as_str().to_owned();
    Habit(entry.aspect() as u8, verb, what, place, allowed, refused, first, last, marks, idle, entry.news())
}

/// The entry for what was kept; none for what makes no sense.
fn entry(habit: &Habit, names: &mut Names) -> Option<Entry> {
    let Habit(aspect, verb, what, place, allowed, refused, first, last, marks, idle, news) = habit;
    let aspect = *Aspect::ALL.get(usize::from(*aspect))?;
    let place_name = |names: &mut Names| match place.as_deref() {
        Some(SEVERAL) => Name::MANY,
        place => names.hold(place.unwrap_or_default()),
    };
    let (key, place) = match aspect {
        Aspect::Client => {
            let version = Version::of(place.as_deref().unwrap_or_default().trim());
            (Key::of(aspect, names.hold(what)), version.0)
        }
        Aspect::Namespace => (Key::of(aspect, names.hold(what)), 0),
        Aspect::Secret => {
            let namespace = names.hold(place.as_deref().unwrap_or_default());
            (Key::secret(namespace, names.hold(what)), namespace.0)
        }
        Aspect::Request => {
            let key = Key::request(Verb::of(verb), names.hold(what), place.is_none());
            (key, place_name(names).0)
        }
        Aspect::Network | Aspect::Range => {
            let far = aspect == Aspect::Range;
            let both = Network::of(what.split_once('/')?.0)?;
            let key = Key::network(both[usize::from(far)]);
            (key, key.place)
        }
    };
    let mut entry = Entry::new(key, *first, *news);
    (entry.place, entry.last, entry.idle) = (place, *last, *idle);
    (entry.allowed, entry.refused, entry.marks) = (*allowed, *refused, *marks);
    Some(entry)
}
