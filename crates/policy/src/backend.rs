//! The flags of the API server's audit backends: which of them lose events, or bring them late.
//!
//! Names, defaults and checks are those of v1.36 (`apiserver/pkg/server/options/audit.go`); where an older release
//! differs, that is said.

mod flags;
mod logfile;
mod mounts;
mod webhook;

use crate::{
    lint::{Remark, Weight, sort},
    read::{MAX_BYTES, PolicyError},
};
use flags::{Flag, Flags};

/// What every name of a flag here begins with.
const PREFIX: &str = "audit-";

/// Flags that only one backend has, without `audit-log-` or `audit-webhook-`.
const LOG_FLAGS: [&str; 6] = ["path", "maxage", "maxbackup", "maxsize", "format", "compress"];
const WEBHOOK_FLAGS: [&str; 3] = ["config-file", "initial-backoff", "batch-initial-backoff"];
/// Flags that both have.
const BOTH_FLAGS: [&str; 11] = [
    "mode",
    "version",
    "batch-buffer-size",
    "batch-max-size",
    "batch-max-wait",
    "batch-throttle-enable",
    "batch-throttle-qps",
    "batch-throttle-burst",
    "truncate-enabled",
    "truncate-max-batch-size",
    "truncate-max-event-size",
];

/// Says what the API server's flags lose. Worst first, then by line.
///
/// `text` is the manifest of the API server's static pod, a file that sets `kube-apiserver-arg` as k3s and RKE2 have
/// it, or the flags themselves, one a line. `name` is only for messages.
///
/// # Errors
///
/// Where there is not one flag in it, or it is larger than [`MAX_BYTES`].
pub fn lint_flags(name: &str, text: &str) -> Result<Vec<Remark>, PolicyError> {
    if text.len() > MAX_BYTES {
        return Err(PolicyError::TooLarge { name: name.to_owned(), bytes: text.len() });
    }
    let flags =
        Flags::read(text).map_err(|problem| PolicyError::NoFlags { name: name.to_owned(), problem })?;
    let mut notes = Notes::default();
    known(&flags, &mut notes);
    whole(&flags, &mut notes);
    logfile::check(&flags, &mut notes);
    webhook::check(&flags, &mut notes);
    if let Some(pod) = &flags.pod {
        mounts::check(&flags, pod, &mut notes);
    }
    sort(&mut notes.0);
    Ok(notes.0)
}

/// Where remarks are gathered.
#[derive(Debug, Default)]
struct Notes(Vec<Remark>);

impl Notes {
    fn add(
        &mut self,
        line: usize,
        weight: Weight,
        code: &'static str,
        what: impl Into<String>,
        fix: impl Into<String>,
    ) {
        self.0.push(Remark::new(line, weight, code, what, fix));
    }
}

/// Flags that the API server does not know, or knows no more.
fn known(flags: &Flags, notes: &mut Notes) {
    for flag in flags.list.iter().filter(|flag| flag.name.starts_with(PREFIX)) {
        let rest = &flag.name[PREFIX.len()..];
        let of_log =
            rest.strip_prefix("log-").is_some_and(|r| LOG_FLAGS.contains(&r) || BOTH_FLAGS.contains(&r));
        let of_webhook = rest
            .strip_prefix("webhook-")
            .is_some_and(|r| WEBHOOK_FLAGS.contains(&r) || BOTH_FLAGS.contains(&r));
        if rest == "policy-file" || of_log || of_webhook {
            continue;
        }
        let all = |kind: &'static str, own: &'static [&'static str]| {
            own.iter().chain(&BOTH_FLAGS).map(move |name| format!("{PREFIX}{kind}-{name}"))
        };
        let all: Vec<String> = all("log", &LOG_FLAGS)
            .chain(all("webhook", &WEBHOOK_FLAGS))
            .chain([format!("{PREFIX}policy-file")])
            .collect();
        let fix = match crate::read::nearest(&flag.name, all.iter().map(String::as_str)) {
            Some(near) => format!("write `--{near}`"),
            None => "take it out".to_owned(),
        };
        let what = format!("the API server has no flag `--{}`, and does not start with it", flag.name);
        notes.add(flag.line, Weight::Broken, "unknown-flag", what, fix);
    }
}

/// Whether anything is logged at all.
fn whole(flags: &Flags, notes: &mut Notes) {
    let (log, webhook) = (flags.value("audit-log-path"), flags.value("audit-webhook-config-file"));
    let first = log.or(webhook);
    if flags.value("audit-policy-file").is_none() {
        notes.add(
            first.map_or(0, |flag| flag.line),
            Weight::Blind,
            "no-policy",
            "without `--audit-policy-file` the API server logs nothing",
            "set `--audit-policy-file`",
        );
    }
    if first.is_none() {
        notes.add(
            0,
            Weight::Blind,
            "no-backend",
            "there is no backend: events go nowhere",
            "set `--audit-log-path`, or `--audit-webhook-config-file`, or both",
        );
    } else if log.is_none() {
        notes.add(
            webhook.map_or(0, |flag| flag.line),
            Weight::Lossy,
            "no-second-witness",
            "the webhook alone drops what it cannot send, and nothing else has it",
            "set `--audit-log-path` as well",
        );
    }
}

/// What both backends have, for the one whose flags begin with `prefix`.
fn common(flags: &Flags, prefix: &str, default_mode: &'static str, notes: &mut Notes) -> &'static str {
    let flag = |name: &str| flags.value(&format!("{prefix}{name}"));
    let mode = match flag("mode") {
        None => default_mode,
        Some(given) => match ["batch", "blocking", "blocking-strict"].into_iter().find(|m| *m == given.value)
        {
            Some(mode) => mode,
            None => {
                let what = format!("`{}` is no mode of an audit backend", given.value);
                notes.add(given.line, Weight::Broken, "wrong-value", what, format!("write {default_mode}"));
                default_mode
            }
        },
    };
    if let Some(version) = flag("version").filter(|flag| flag.value != "audit.k8s.io/v1") {
        let what = format!("`{}` is no version of events", version.value);
        notes.add(version.line, Weight::Broken, "wrong-value", what, "take the flag out");
    }
    truncating(flags, prefix, notes);
    if mode == "batch" {
        for name in ["batch-buffer-size", "batch-max-size"] {
            if let Some(given) = flag(name) {
                positive(given, notes);
            }
        }
    }
    mode
}

fn truncating(flags: &Flags, prefix: &str, notes: &mut Notes) {
    let flag = |name: &str| flags.value(&format!("{prefix}truncate-{name}"));
    let size = |name: &str, default| flag(name).map_or(Some(default), |flag| flag.value.parse::<u64>().ok());
    // 100 KB and 10 MB, in units of 1024.
    let (event, batch) = (size("max-event-size", 100 << 10), size("max-batch-size", 10 << 20));
    let given = flag("max-event-size").or_else(|| flag("max-batch-size"));
    if let (Some(event), Some(batch), Some(given)) = (event, batch, given)
        && (event == 0 || batch < event)
    {
        let what = format!(
            "{} is for batches smaller than one event, and the API server does not start",
            given.said()
        );
        notes.add(
            given.line,
            Weight::Broken,
            "wrong-value",
            what,
            "make the batch at least as large as the event",
        );
    }
    let enabled = flag("enabled").filter(|flag| flag.is_true());
    if let (Some(enabled), Some(event)) = (enabled, event) {
        notes.add(
            enabled.line,
            Weight::Lossy,
            "truncated",
            format!("events over {event} bytes lose their bodies, and are dropped if that is not enough"),
            format!(
                "take `--{}` out, or set `--{prefix}truncate-max-event-size` to some megabytes",
                enabled.name
            ),
        );
    }
}

/// A number over 0; none, and a remark, where it is not.
fn positive(flag: &Flag, notes: &mut Notes) -> Option<f64> {
    let number = flag.value.parse::<f64>().ok().filter(|number| *number > 0.0);
    if number.is_none() {
        let what = format!("{} must be a number over 0", flag.said());
        notes.add(flag.line, Weight::Broken, "wrong-value", what, "take the flag out: its default is right");
    }
    number
}
