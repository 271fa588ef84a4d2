//! The backend that posts to a webhook.

use super::{Notes, Weight, common, flags::Flags, positive};

/// A webhook's batch that does not fill waits for this long, in seconds, where nothing else is said.
const WAIT_S: f64 = 30.0;
/// An alert may be this late, in seconds.
const LATE_S: f64 = 2.0;
/// The first pause before a batch is sent again, in seconds.
const BACKOFF_S: f64 = 10.0;
/// Five tries with a pause between each that is half as long again as the one before
/// (`apiserver/pkg/util/webhook/webhook.go`, `DefaultRetryBackoffWithInitialDelay`): 1 + 1.5 + 2.25 + 3.375.
const PAUSES: f64 = 8.125;
/// How long a sensor may be away for a restart, in seconds.
const AWAY_S: f64 = 60.0;
/// Events that wait to be sent.
const BUFFER: f64 = 10_000.0;
/// Events of one batch, and batches a second.
const BATCH: f64 = 400.0;
const QPS: f64 = 10.0;
/// What a busy API server logs, in events a second.
const BUSY: f64 = 1_000.0;

pub(super) fn check(flags: &Flags, notes: &mut Notes) {
    let Some(config) = flags.value("audit-webhook-config-file") else { return };
    let mode = common(flags, "audit-webhook-", "batch", notes);
    if mode != "batch" {
        let line = flags.value("audit-webhook-mode").map_or(config.line, |flag| flag.line);
        let strict = if mode == "blocking-strict" { ", and is refused where that fails" } else { "" };
        notes.add(
            line,
            Weight::Lossy,
            "blocking-webhook",
            format!("every request to the API server waits until the webhook has its event{strict}: what is too slow is dropped"),
            "take `--audit-webhook-mode` out: the default, batch, lets requests go on",
        );
    }
    retries(flags, config.line, notes);
    if mode == "batch" {
        batches(flags, config.line, notes);
    }
}

fn retries(flags: &Flags, line: usize, notes: &mut Notes) {
    let given = flags.value("audit-webhook-initial-backoff");
    let given = given.or_else(|| flags.value("audit-webhook-batch-initial-backoff"));
    let seconds = given.map_or(Some(BACKOFF_S), |flag| seconds(&flag.value));
    let line = given.map_or(line, |flag| flag.line);
    let Some(seconds) = seconds else {
        let what = given.map(|flag| format!("{} is no duration", flag.said())).unwrap_or_default();
        return notes.add(line, Weight::Broken, "wrong-value", what, "write it as `10s`");
    };
    let covered = seconds * PAUSES;
    if covered < AWAY_S {
        notes.add(
            line,
            Weight::Lossy,
            "short-retry",
            format!("a batch is given up after about {covered:.0} seconds: a sensor that is away for longer loses it"),
            "take the flag out: the default, 10s, goes on for some 80 seconds",
        );
    }
}

fn batches(flags: &Flags, line: usize, notes: &mut Notes) {
    let flag = |name: &str| flags.value(&format!("audit-webhook-batch-{name}"));
    let wait = flag("max-wait");
    match wait.map_or(Some(WAIT_S), |flag| seconds(&flag.value)) {
        None => {
            let what = wait.map(|flag| format!("{} is no duration", flag.said())).unwrap_or_default();
            notes.add(wait.map_or(line, |w| w.line), Weight::Broken, "wrong-value", what, "write it as `1s`");
        }
        Some(seconds) if seconds > LATE_S => notes.add(
            wait.map_or(line, |flag| flag.line),
            Weight::Lossy,
            "late",
            format!("events wait up to {seconds:.0} seconds for their batch to fill, and alerts with them"),
            "set `--audit-webhook-batch-max-wait=1s`",
        ),
        Some(_) => {}
    }
    if let Some(given) = flag("buffer-size")
        && let Ok(size) = given.value.parse::<f64>()
        && size > 0.0
        && size < BUFFER
    {
        notes.add(
            given.line,
            Weight::Lossy,
            "small-buffer",
            format!("only {size:.0} events can wait to be sent: in a burst the rest is dropped"),
            "take the flag out: the default is 10000",
        );
    }
    throttle(flags, line, notes);
}

fn throttle(flags: &Flags, line: usize, notes: &mut Notes) {
    let flag = |name: &str| flags.value(&format!("audit-webhook-batch-{name}"));
    if flag("throttle-enable").is_some_and(|flag| !flag.is_true()) {
        return;
    }
    let size = flag("max-size").map_or(Some(BATCH), |flag| flag.value.parse::<f64>().ok());
    let qps = flag("throttle-qps").map_or(Some(QPS), |flag| positive(flag, notes));
    if let Some(burst) = flag("throttle-burst") {
        positive(burst, notes);
    }
    let (Some(size), Some(qps)) = (size, qps) else { return };
    let rate = size * qps;
    let given = flag("throttle-qps").or_else(|| flag("max-size"));
    if rate > 0.0 && rate < BUSY {
        notes.add(
            given.map_or(line, |flag| flag.line),
            Weight::Lossy,
            "throttled",
            format!("at most {rate:.0} events a second are sent: what comes faster fills the buffer and is dropped"),
            "take the flags for the batch's size and the throttle out: the defaults send 4,000 a second",
        );
    }
}

/// Seconds of a duration as Go writes it: `1m30s`, `500ms`, `1.5s`, `0`.
fn seconds(text: &str) -> Option<f64> {
    if text == "0" {
        return Some(0.0);
    }
    let mut rest = text;
    let mut sum = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let number: f64 = rest[..digits].parse().ok()?;
        let units =
            [("ms", 1e-3), ("us", 1e-6), ("µs", 1e-6), ("ns", 1e-9), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];
        let (unit, factor) = units.into_iter().find(|(unit, _)| rest[digits..].starts_with(unit))?;
        sum += number * factor;
        rest = &rest[digits + unit.len()..];
    }
    (!text.is_empty()).then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn durations_are_read_as_go_writes_them() {
        for (text, expected) in
            [("1s", 1.0), ("1m30s", 90.0), ("500ms", 0.5), ("1.5s", 1.5), ("2h", 7200.0), ("0", 0.0)]
        {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
        for text in ["", "1", "s", "1x", "-1s", "1s2"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
