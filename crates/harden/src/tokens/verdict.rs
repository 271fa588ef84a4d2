//! What is to be done with a long-lived token, and why.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sundew_posture::model::Version;

use super::{LongLived, Question, held::days_since};

/// A token that was not used for this many days is taken as forgotten: as in `sundew scan`.
pub const FORGOTTEN_DAYS: i64 = 90;
/// For so many days a token that was declared invalid must be quiet before it is deleted.
pub const QUIET_DAYS: i64 = 14;
/// The version from which on the API server notes the use of long-lived tokens.
const NOTES_USE: Version = Version { major: 1, minor: 28 };

/// The version from which on every API server refuses tokens that are declared invalid (KEP-2799: beta, and so on).
const HEEDS_LABEL: Version = Version { major: 1, minor: 29 };

/// What is to be done with a long-lived token, the least risky first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// It was declared invalid, nobody missed it, nothing reads it: it can be deleted.
    Delete,
    /// Its account is not there: it is worth nothing.
    Orphan,
    /// It was not used for long: it can be declared invalid.
    Invalidate,
    /// Pods of the cluster read it: they get tokens of their own.
    Pods,
    /// It is used, and nothing in the cluster reads it: who uses it gets tokens that expire.
    Outside,
    /// It was declared invalid not long ago.
    Wait,
    /// It was declared invalid, and somebody still tries it.
    Tried,
    /// Whether it is used is not known.
    Unknown,
}

impl Verdict {
    /// All, in the order of the plan.
    pub const ALL: [Self; 8] = [
        Self::Delete,
        Self::Orphan,
        Self::Invalidate,
        Self::Pods,
        Self::Outside,
        Self::Wait,
        Self::Tried,
        Self::Unknown,
    ];
}

/// What is known of the last use.
enum LastUse {
    /// So many days ago.
    Days(i64),
    /// Never, as far as the API server noted.
    Never,
    /// Nothing.
    Unknown(String),
}

/// Says what is to be done with a token, and why.
pub(super) fn judge(question: &Question<'_>, token: &mut LongLived) {
    let last = last_use(question, token);
    let pods_known = !question.cluster.lacks("pods");
    let mut why = facts(token, pods_known);
    if let (Some(Ok(window)), None) = (question.covered(), &token.used) {
        why.push(format!("the logs from {} to {} hold no use of it", day(window.from), day(window.to)));
    }
    let (verdict, reason, next) = decide(question, token, &last, pods_known);
    why.push(reason);
    (token.verdict, token.why, token.next) = (verdict, why, next);
}

/// What speaks neither for one nor for the other.
fn facts(token: &LongLived, pods_known: bool) -> Vec<String> {
    let mut why = Vec::new();
    if token.listed {
        why.push(format!(
            "ServiceAccount {} lists it: Kubernetes made it before 1.24, and takes it away by itself after a year \
             without use (1.29 on) if no pod reads it",
            token.account
        ));
    }
    if let Some(maker) = &token.made_by {
        why.push(format!("the logs say that {maker} made it"));
    }
    for reader in &token.readers {
        let seen = if reader.seen.is_empty() {
            "mounted by no container".to_owned()
        } else {
            reader.seen.join(", ")
        };
        why.push(format!("{} reads it ({seen})", reader.object()));
    }
    if token.readers.is_empty() && pods_known {
        why.push("no pod reads it".to_owned());
    } else if !pods_known {
        why.push("which pods read it is not known: they could not be read".to_owned());
    }
    why
}

fn decide(
    question: &Question<'_>,
    token: &LongLived,
    last: &LastUse,
    pods_known: bool,
) -> (Verdict, String, String) {
    let deaf = question.cluster.version.filter(|version| *version < HEEDS_LABEL);
    if let (Some(since), None) = (&token.invalid_since, deaf) {
        return invalid(question, token, since, pods_known);
    }
    if token.account_exists == Some(false) {
        let reason = format!("ServiceAccount {} is not there: the token is refused", token.account);
        return (Verdict::Orphan, reason, "delete it: its account is not there".to_owned());
    }
    let invalidate = |reason: String| {
        let Some(version) = deaf else {
            return (Verdict::Invalidate, reason, "declare it invalid, wait, then delete it".to_owned());
        };
        let reason = format!(
            "{reason}; the API server, of version {version}, does not heed the label that declares a token invalid \
             (from {HEEDS_LABEL} on), so nothing can be tried before it is deleted"
        );
        (Verdict::Unknown, reason, "ask who made it, then delete it".to_owned())
    };
    match last {
        LastUse::Days(days) if *days > FORGOTTEN_DAYS => {
            invalidate(format!("it was not used for {days} days"))
        }
        LastUse::Never if token.days.is_some_and(|days| days > FORGOTTEN_DAYS) => invalidate(format!(
            "the API server, which notes uses from 1.28 on, noted none, and the Secret is more than {FORGOTTEN_DAYS} days old"
        )),
        _ if !token.readers.is_empty() => pods(token),
        LastUse::Days(days) => outside(token, *days, pods_known),
        LastUse::Never => {
            let age = token
                .days
                .map_or("of unknown age".to_owned(), |days| format!("{} old", counted(days, "day")));
            let reason = format!(
                "no use was noted, but it is {age}: too young to say that nobody uses it (more than {FORGOTTEN_DAYS} days)"
            );
            (
                Verdict::Unknown,
                reason,
                format!("ask {}; judged when it is {FORGOTTEN_DAYS} days old", maker(token)),
            )
        }
        LastUse::Unknown(reason) => {
            let next = "find out who uses it: give --logs, or wait for the API server's note".to_owned();
            (Verdict::Unknown, reason.clone(), next)
        }
    }
}

fn invalid(
    question: &Question<'_>,
    token: &LongLived,
    since: &str,
    pods_known: bool,
) -> (Verdict, String, String) {
    let day = since.parse::<Date>().ok();
    let used = token.last_used.as_deref().and_then(|day| day.parse::<Date>().ok());
    // A use on the same day may have been before it.
    if let (Some(day), Some(used)) = (day, used)
        && used > day
    {
        let reason = format!("it was declared invalid on {since}, and tried again on {used}");
        return (Verdict::Tried, reason, "find who still tries it, and give them another".to_owned());
    }
    let days = day.and_then(|day| days_since(day, question.now));
    let quiet = days.is_some_and(|days| days >= QUIET_DAYS);
    if !quiet || !token.readers.is_empty() || !pods_known {
        let reason = match days {
            Some(days) => format!("it was declared invalid {} ago", counted(days, "day")),
            None => format!("it was declared invalid (`{}`, which is no day)", since.escape_debug()),
        };
        let next = match token.readers.first() {
            Some(reader) => {
                format!("take it out of {}: a pod does not start without its Secret", reader.object())
            }
            None if quiet => "delete it once you know that no pod reads it".to_owned(),
            None => format!("delete it when it was quiet for {QUIET_DAYS} days"),
        };
        return (Verdict::Wait, reason, next);
    }
    let reason = format!("it was declared invalid on {since}, and not tried since");
    (Verdict::Delete, reason, "delete it".to_owned())
}

fn pods(token: &LongLived) -> (Verdict, String, String) {
    let of: Vec<String> = token.readers.iter().map(super::Reader::object).collect();
    let mut of: Vec<&str> = of.iter().map(String::as_str).collect();
    of.dedup();
    let reason = match &token.used {
        Some(used) if used.exact => {
            "check that the addresses it was used from are those of its pods: a copy would be used from others".to_owned()
        }
        _ => "a copy of it may be used elsewhere too: --logs would tell".to_owned(),
    };
    let and_more = if of.len() > 2 { format!(" and {} more", of.len() - 2) } else { String::new() };
    let shown = of.iter().take(2).copied().collect::<Vec<_>>().join(", ");
    (Verdict::Pods, reason, format!("mount a token that expires in {shown}{and_more}"))
}

fn outside(token: &LongLived, days: i64, pods_known: bool) -> (Verdict, String, String) {
    let when = match days {
        0 => "today".to_owned(),
        days => format!("{} ago", counted(days, "day")),
    };
    let who = if pods_known {
        "by somebody outside, or by a pod that reads it through the API"
    } else {
        "by whom is not known"
    };
    let reason = format!("it was last used {when}, {who}");
    (
        Verdict::Outside,
        reason,
        format!("give its user tokens that expire: kubectl create token {}", token.account),
    )
}

fn last_use(question: &Question<'_>, token: &LongLived) -> LastUse {
    let noted = token.last_used.as_deref().and_then(|day| day.parse::<Date>().ok());
    let logged =
        token.used.as_ref().and_then(|used| used.last).map(|time| time.to_zoned(TimeZone::UTC).date());
    if let Some(day) = noted.max(logged) {
        return days_since(day, question.now).map_or_else(
            || LastUse::Unknown(format!("its last use is noted as {day}, which cannot be")),
            LastUse::Days,
        );
    }
    if let Some(odd) = &token.last_used {
        return LastUse::Unknown(format!(
            "its last use is noted as `{}`, which is no day",
            odd.escape_debug()
        ));
    }
    match question.cluster.version {
        Some(version) if version >= NOTES_USE => LastUse::Never,
        Some(version) => LastUse::Unknown(format!(
            "the API server is of version {version}, and notes the use of tokens from {NOTES_USE} on"
        )),
        None => LastUse::Unknown(
            "the API server's version is not known, and with it whether it notes uses; --kubernetes-version says it"
                .to_owned(),
        ),
    }
}

/// Whom to ask.
fn maker(token: &LongLived) -> String {
    token.made_by.as_ref().map_or_else(|| "who made it".to_owned(), |maker| format!("{maker}, who made it"))
}

/// `1 day`, `20 days`.
pub(super) fn counted(number: i64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// The day of `time`, in UTC.
pub(super) fn day(time: Timestamp) -> String {
    time.to_zoned(TimeZone::UTC).date().to_string()
}
