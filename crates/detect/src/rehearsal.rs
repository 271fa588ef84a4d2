//! Requests that Sundew itself makes against decoys: while planting, in a drill, and when it looks
//! after them.
//!
//! They are told apart by a nonce in the user agent that only the store knows, for a short time. A constant would be
//! the first thing that an intruder sends.

use std::{fmt, str::FromStr};

use jiff::{SignedDuration, Timestamp};

use crate::{
    finding::{DecoyRef, Detector, Finding, Severity},
    report::LABEL_SEEN,
    rule::Rule,
    tripwire::rules,
};

/// What making and changing a decoy's own objects comes out as.
const CHANGES: [Rule; 7] = [
    rules::SECRET_TOUCHED,
    rules::ACCOUNT_CHANGED,
    rules::ROLE_BOUND,
    rules::WORKLOAD_AS_DECOY,
    rules::SECRET_MOUNTED,
    rules::TOKEN_SECRET_MADE,
    rules::BAIT_NAMESPACE,
];
/// The API server notes a use while it authenticates the request, by its own clock; a request that it has noted is not
/// noted again for this long (its cache of tokens).
const NOTED_WITHIN: SignedDuration = SignedDuration::from_secs(10);
/// Timestamps of one server are exact, those of two writers of one log nearly so.
const NOTED_BEFORE: SignedDuration = SignedDuration::from_secs(1);

/// Why a decoy is touched on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Sundew itself makes or changes the decoy's objects: nothing to tell. Covers nothing that uses the decoy, or acts
    /// as it.
    Planting,
    /// The alarm is tried out: told, and marked. Covers one use of the decoy's token, and the notes of that use.
    Drill,
    /// Sundew looks at a decoy's Secret by its name, or sets the label on it back: nothing to tell. Covers nothing else.
    Upkeep,
}

impl Purpose {
    /// The word used in the store and in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planting => "planting",
            Self::Drill => "drill",
            Self::Upkeep => "upkeep",
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Purpose {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "planting" => Ok(Self::Planting),
            "drill" => Ok(Self::Drill),
            "upkeep" => Ok(Self::Upkeep),
            other => Err(format!("`{other}` is no purpose of a rehearsal; use planting, drill or upkeep")),
        }
    }
}

/// How the use of a drill shows. Each shows at most once: what shows again is somebody else's use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// The request itself, with the nonce.
    Request,
    /// The audit event of the API server's note on the Secret.
    Audited,
    /// The same note, as the Secret's label showed it.
    Label,
}

impl Sight {
    /// As what `finding` shows a use.
    fn of(finding: &Finding) -> Option<Self> {
        match finding.rule.as_str() {
            id if id == rules::TOKEN_USED.id => Some(Self::Request),
            id if id != rules::TOKEN_LAST_USED.id => None,
            _ if finding.stage == LABEL_SEEN => Some(Self::Label),
            _ => Some(Self::Audited),
        }
    }
}

/// The time of the finding by which each sight was covered: all stages of one request, and its copies from other
/// sources, have the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// When the API server received the request with the nonce.
    pub request: Option<Timestamp>,
    /// When it made the note that was logged.
    pub audited: Option<Timestamp>,
    /// When the label was seen.
    pub label: Option<Timestamp>,
}

impl Seen {
    /// Writes down a sight, unless there is one of that kind.
    pub fn note(&mut self, sight: Sight, time: Timestamp) {
        let of = match sight {
            Sight::Request => &mut self.request,
            Sight::Audited => &mut self.audited,
            Sight::Label => &mut self.label,
        };
        of.get_or_insert(time);
    }

    fn of(&self, sight: Sight) -> Option<Timestamp> {
        match sight {
            Sight::Request => self.request,
            Sight::Audited => self.audited,
            Sight::Label => self.label,
        }
    }
}

/// A touch that was announced beforehand.
#[derive(Clone, PartialEq, Eq)]
pub struct Rehearsal {
    /// At least [`Rehearsal::NONCE_LENGTH`] letters and digits that nobody can guess, which the rehearsing client
    /// carries in its user agent. Secret until used: an intruder who knew them could hide behind them.
    pub nonce: String,
    /// Why.
    pub purpose: Purpose,
    /// The decoy's cluster; empty for any, as older releases announced it.
    pub cluster: String,
    /// The decoy, `NAMESPACE/ACCOUNT`.
    pub decoy: String,
    /// The Secret whose token is used, in the decoy's namespace; none where the decoy as a whole is meant.
    pub secret: Option<String>,
    /// From when on it holds.
    pub not_before: Timestamp,
    /// Until when it holds, this moment included.
    pub not_after: Timestamp,
    /// Until when somebody waits for what comes of it, where that is longer than it holds.
    pub awaited: Option<Timestamp>,
    /// How many findings it covered so far.
    pub used: u64,
    /// As what it was seen: only for a drill.
    pub seen: Seen,
}

/// Leaves the nonce out, so that it is in no log.
impl fmt::Debug for Rehearsal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rehearsal")
            .field("purpose", &self.purpose)
            .field("cluster", &self.cluster)
            .field("decoy", &self.decoy)
            .field("secret", &self.secret)
            .field("not_before", &self.not_before)
            .field("not_after", &self.not_after)
            .field("awaited", &self.awaited)
            .field("used", &self.used)
            .field("seen", &self.seen)
            .finish_non_exhaustive()
    }
}

impl Rehearsal {
    /// The fewest characters of a nonce that is heeded: 128 bits in hexadecimal.
    pub const NONCE_LENGTH: usize = 32;

    /// What tells it from others without giving its nonce away.
    pub fn id(&self) -> String {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, self.nonce.as_bytes());
        digest.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether `finding` could be any rehearsal at all: cheap, and no for nearly everything.
    pub fn could_cover(finding: &Finding) -> bool {
        finding.rule == rules::TOKEN_LAST_USED.id
            || words(finding).any(|word| word.len() >= Self::NONCE_LENGTH)
    }

    /// The one of `announced` that `finding` is, and as what it shows where it is a drill.
    pub fn covering<'r>(announced: &'r [Self], finding: &Finding) -> Option<(&'r Self, Option<Sight>)> {
        if finding.rule == rules::TOKEN_LAST_USED.id {
            return noted(announced, finding);
        }
        let covering = announced.iter().find(|rehearsal| rehearsal.covers(finding))?;
        let sight = (covering.purpose == Purpose::Drill).then_some(Sight::Request);
        Some((covering, sight))
    }

    /// The one of `announced` whose own request a rule or a habit speaks of: whoever makes a decoy makes an account and a
    /// Secret. What is graver than that is no part of planting, whatever it shows.
    pub fn aside<'r>(announced: &'r [Self], finding: &Finding) -> Option<&'r Self> {
        let theirs = matches!(finding.detector, Detector::Rules | Detector::Habits);
        announced.iter().filter(|_| theirs).find(|one| one.is_aside(finding))
    }

    fn is_aside(&self, finding: &Finding) -> bool {
        let place = finding.request.namespace.as_str();
        let own = self.decoy.split_once('/').is_some_and(|(namespace, _)| namespace == place);
        let fits = match self.purpose {
            // The tripwire has spoken of the same request already.
            Purpose::Drill => self.seen.request.is_some_and(|time| same(time, finding.time)),
            Purpose::Planting | Purpose::Upkeep => {
                finding.severity < Severity::High && (own || place.is_empty())
            }
        };
        self.nonce.len() >= Self::NONCE_LENGTH
            && words(finding).any(|word| word == self.nonce)
            && fits
            && (self.cluster.is_empty() || self.cluster == finding.cluster)
            && (self.not_before..=self.not_after).contains(&finding.time)
    }

    /// Whether a 401 is the answer to a drill with a token that is refused: it names nobody, but shows the nonce.
    pub fn was_refused(announced: &[Self], unauthorized: &Finding) -> bool {
        let shown = |drill: &Self| words(unauthorized).any(|word| word == drill.nonce);
        announced.iter().any(|one| one.purpose == Purpose::Drill && shown(one))
    }

    /// Whether `finding` shows this rehearsal's nonce, and is what it is good for.
    fn covers(&self, finding: &Finding) -> bool {
        let shown = words(finding).any(|word| word == self.nonce);
        let verb = finding.request.verb.as_str();
        let fits = match self.purpose {
            // One request: its nonce stands in the log from then on, and in alerts.
            Purpose::Drill => {
                finding.rule == rules::TOKEN_USED.id
                    && self.seen.request.is_none_or(|t| same(t, finding.time))
            }
            Purpose::Planting => CHANGES.iter().any(|rule| rule.id == finding.rule),
            Purpose::Upkeep => {
                finding.rule == rules::SECRET_TOUCHED.id && ["get", "list", "watch", "patch"].contains(&verb)
            }
        };
        self.nonce.len() >= Self::NONCE_LENGTH && shown && fits && self.is_about_and_now(finding)
    }

    fn is_about_and_now(&self, finding: &Finding) -> bool {
        (self.cluster.is_empty() || self.cluster == finding.cluster)
            && finding.decoy.as_ref().is_some_and(|touched| self.is_about(touched))
            && (self.not_before..=self.not_after).contains(&finding.time)
    }

    /// The decoy itself, or the bait namespace that it stands in; and no other copy of its credential.
    fn is_about(&self, touched: &DecoyRef) -> bool {
        let namespace = self.decoy.split_once('/').map(|(namespace, _)| namespace);
        let copy = self.secret.as_ref().zip(touched.secret.as_ref());
        (touched.name == self.decoy || Some(touched.name.as_str()) == namespace)
            && copy.is_none_or(|(announced, touched)| announced == touched)
    }
}

/// The drill whose use `finding`, a note, is of. A note has no client, so nothing but cluster, Secret and time can tell.
fn noted<'r>(announced: &'r [Rehearsal], finding: &Finding) -> Option<(&'r Rehearsal, Option<Sight>)> {
    let sight = Sight::of(finding)?;
    let drills: Vec<&Rehearsal> = announced
        .iter()
        .filter(|drill| drill.purpose == Purpose::Drill && drill.is_about_and_now(finding))
        .collect();
    let again = |drill: &&&Rehearsal| drill.seen.of(sight).is_some_and(|time| same(time, finding.time));
    let known = |drill: &&&Rehearsal| {
        let noted = drill.seen.request.map(|request| finding.time.duration_since(request));
        sight == Sight::Audited && noted.is_some_and(|after| (-NOTED_BEFORE..NOTED_WITHIN).contains(&after))
    };
    // What was logged of a request whose time is known is not said of another one.
    let may_be = |drill: &&&Rehearsal| sight == Sight::Label || drill.seen.request.is_none();
    let latest = |fits: &dyn Fn(&&&Rehearsal) -> bool| {
        // They come one after the other: when the latest has its note, the others have none to come.
        drills.iter().filter(fits).max_by_key(|drill| (drill.not_before, drill.not_after)).copied()
    };
    let free = |drill: &&Rehearsal| drill.seen.of(sight).is_none();
    let drill = latest(&again).or_else(|| latest(&known).or_else(|| latest(&may_be)).filter(free))?;
    Some((drill, Some(sight)))
}

/// The store keeps microseconds, as the API server does.
fn same(one: Timestamp, other: Timestamp) -> bool {
    one.as_microsecond() == other.as_microsecond()
}

/// The words of the user agent, among which a nonce stands.
fn words(finding: &Finding) -> impl Iterator<Item = &str> {
    let client = finding.actor.client.as_deref().unwrap_or_default();
    client.split(|c: char| !c.is_ascii_alphanumeric())
}
