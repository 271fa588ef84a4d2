//! One habit of one identity. Small: a large cluster has millions of them.

use crate::{
    names::{Name, Names},
    network::Network,
    verb::Verb,
};

/// What a habit is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub(crate) enum Aspect {
    /// The program.
    Client,
    /// The near network of the peer.
    Network,
    /// The far network of the peer.
    Range,
    /// Verb and resource.
    Request,
    /// A namespace.
    Namespace,
    /// A Secret, by namespace and name.
    Secret,
}

impl Aspect {
    pub(crate) const COUNT: usize = 6;
    pub(crate) const ALL: [Self; Self::COUNT] =
        [Self::Client, Self::Network, Self::Range, Self::Request, Self::Namespace, Self::Secret];

    /// How many habits of this kind one identity may have. Over that, the least established makes room, and is counted.
    pub(crate) fn most(self) -> usize {
        match self {
            Self::Client => 12,
            Self::Network => 16,
            Self::Range => 8,
            Self::Request => 128,
            Self::Namespace | Self::Secret => 32,
        }
    }

    /// The word used in output.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Network | Self::Range => "network",
            Self::Request => "request",
            Self::Namespace => "namespace",
            Self::Secret => "secret",
        }
    }
}

/// What one habit is told from others by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) aspect: Aspect,
    /// Of a request; [`Verb::NONE`] elsewhere.
    pub(crate) verb: Verb,
    /// Of a request: about the whole cluster. Of a network: of IPv6.
    pub(crate) variant: bool,
    /// The client, resource, namespace or Secret; the upper half of a network.
    pub(crate) what: u32,
    /// The namespace of a Secret; the lower half of a network.
    pub(crate) place: u32,
}

impl Key {
    /// A client or namespace.
    pub(crate) fn of(aspect: Aspect, name: Name) -> Self {
        Self { aspect, verb: Verb::NONE, variant: false, what: name.0, place: 0 }
    }

    pub(crate) fn secret(namespace: Name, name: Name) -> Self {
        Self { place: namespace.0, ..Self::of(Aspect::Secret, name) }
    }

    pub(crate) fn request(verb: Verb, resource: Name, everywhere: bool) -> Self {
        Self { verb, variant: everywhere, ..Self::of(Aspect::Request, resource) }
    }

    pub(crate) fn network(network: Network) -> Self {
        let aspect = if network.far { Aspect::Range } else { Aspect::Network };
        let (what, place) = ((network.bits >> 32) as u32, network.bits as u32);
        Self { aspect, verb: Verb::NONE, variant: network.v6, what, place }
    }
}

/// A habit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    what: u32,
    /// Of a request, the one namespace it was seen in, none or [`Name::MANY`]; of a client, its latest version; else part
    /// of the key.
    pub(crate) place: u32,
    /// How often it was answered with anything but a refusal.
    pub(crate) allowed: u32,
    /// How often it was refused.
    pub(crate) refused: u32,
    /// The first time, in seconds since 1970.
    pub(crate) first: u32,
    /// The last time.
    pub(crate) last: u32,
    kind: u8,
    pub(crate) verb: Verb,
    /// In how many different minutes it was seen, as far as that matters.
    pub(crate) marks: u8,
    /// How often counts were halved since it was last seen.
    pub(crate) idle: u8,
}

const ASPECT: u8 = 0b0000_0111;
const VARIANT: u8 = 0b0000_1000;
const NEWS: u8 = 0b0001_0000;
const SHARED: u8 = 0b0010_0000;

/// For how long something new stays new, in seconds: so that an incident shows all that belongs to it.
pub(crate) const FRESH: u32 = 3600;

impl Entry {
    /// A habit that was never seen.
    pub(crate) fn new(key: Key, time: u32, news: bool) -> Self {
        let kind = key.aspect as u8 | if key.variant { VARIANT } else { 0 } | if news { NEWS } else { 0 };
        let Key { what, place, verb, .. } = key;
        Self { what, place, allowed: 0, refused: 0, first: time, last: time, kind, verb, marks: 0, idle: 0 }
    }

    pub(crate) fn aspect(&self) -> Aspect {
        Aspect::ALL[usize::from(self.kind & ASPECT).min(Aspect::COUNT - 1)]
    }

    pub(crate) fn variant(&self) -> bool {
        self.kind & VARIANT != 0
    }

    /// Whether it was something new when it was first seen.
    pub(crate) fn news(&self) -> bool {
        self.kind & NEWS != 0
    }

    /// Whether it is still new at `time`.
    pub(crate) fn is_fresh(&self, time: u32) -> bool {
        self.news() && time.abs_diff(self.first) <= FRESH
    }

    /// Whether it was counted among the networks that many identities share.
    pub(crate) fn is_shared(&self) -> bool {
        self.kind & SHARED != 0
    }

    pub(crate) fn share(&mut self) {
        self.kind |= SHARED;
    }

    /// The client, resource, namespace or Secret.
    pub(crate) fn name(&self) -> Name {
        Name(self.what)
    }

    /// What `place` is for requests and Secrets.
    pub(crate) fn namespace(&self) -> Name {
        Name(self.place)
    }

    pub(crate) fn network(&self) -> Option<Network> {
        let far = match self.aspect() {
            Aspect::Network => false,
            Aspect::Range => true,
            _ => return None,
        };
        let bits = u64::from(self.what) << 32 | u64::from(self.place);
        Some(Network { bits, v6: self.variant(), far })
    }

    /// What it is told from others by.
    pub(crate) fn key(&self) -> Key {
        let aspect = self.aspect();
        let place = if matches!(aspect, Aspect::Client | Aspect::Request) { 0 } else { self.place };
        Key { aspect, verb: self.verb, variant: self.variant(), what: self.what, place }
    }

    pub(crate) fn is(&self, key: &Key) -> bool {
        self.what == key.what
            && self.kind & ASPECT == key.aspect as u8
            && self.variant() == key.variant
            && self.verb == key.verb
            && (matches!(key.aspect, Aspect::Client | Aspect::Request) || self.place == key.place)
    }

    /// Seen once more. With `each`, every time counts like a minute of its own.
    pub(crate) fn count(&mut self, time: u32, refused: bool, each: bool) {
        let count = if refused { &mut self.refused } else { &mut self.allowed };
        *count = count.saturating_add(1);
        if each || self.marks == 0 || time / 60 != self.last / 60 {
            self.marks = self.marks.saturating_add(1);
        }
        self.first = self.first.min(time);
        self.last = self.last.max(time);
        self.idle = 0;
    }

    /// How often it was seen.
    pub(crate) fn times(&self) -> u64 {
        u64::from(self.allowed) + u64::from(self.refused)
    }

    /// Takes over what is known of the same habit from elsewhere. Saying it twice makes no difference.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.allowed = self.allowed.max(other.allowed);
        self.refused = self.refused.max(other.refused);
        if other.last > self.last && self.aspect() == Aspect::Client {
            self.place = other.place;
        }
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.marks = self.marks.max(other.marks);
        self.idle = self.idle.min(other.idle);
        if !other.news() {
            self.kind &= !NEWS;
        }
    }

    /// Half as much. False where it was not seen for so long that it is no habit any more.
    pub(crate) fn age(&mut self) -> bool {
        self.allowed = self.allowed.div_ceil(2);
        self.refused = self.refused.div_ceil(2);
        self.idle = self.idle.saturating_add(1);
        self.kind &= !NEWS;
        self.idle < IDLE
    }

    /// Lets go of its texts.
    pub(crate) fn release(&self, names: &mut Names) {
        match self.aspect() {
            Aspect::Client | Aspect::Namespace => names.release(self.name()),
            Aspect::Request | Aspect::Secret => {
                names.release(self.name());
                names.release(self.namespace());
            }
            Aspect::Network | Aspect::Range => {}
        }
    }
}

/// After how many halvings without being seen a habit goes: between 90 and 120 days.
const IDLE: u8 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_small() {
        assert_eq!(size_of::<Entry>(), 28);
    }

    #[test]
    fn a_network_fits_into_an_entry() {
        for peer in ["10.1.2.3", "255.255.255.255", "2001:db8:1:2::5", "ffff:ffff:ffff:ffff::"] {
            for network in Network::of(peer).unwrap() {
                let entry = Entry::new(Key::network(network), 0, false);
                assert_eq!(entry.network(), Some(network));
                assert!(entry.is(&Key::network(network)));
            }
        }
    }

    #[test]
    fn a_habit_goes_when_it_was_not_seen_for_long() {
        let mut entry = Entry::new(Key::of(Aspect::Client, Name(7)), 0, false);
        entry.count(10, false, false);
        for _ in 0..10 {
            assert!(entry.age());
            entry.count(20, false, false);
        }
        let ages = (0..).take_while(|_| entry.age()).count();
        assert_eq!(ages, 3);
    }
}
