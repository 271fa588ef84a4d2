//! The backend that writes a file.

use super::{Notes, Weight, common, flags::Flags};

/// Less than this many megabytes of log can be over before they are read: a few minutes of a busy cluster.
const LEAST_MB: u64 = 300;
/// The default of `--audit-log-maxsize`, in megabytes.
const MAX_SIZE_MB: u64 = 100;

pub(super) fn check(flags: &Flags, notes: &mut Notes) {
    let Some(path) = flags.value("audit-log-path") else { return };
    // One write an event, by the thread that answers the request.
    if common(flags, "audit-log-", "blocking", notes) == "batch" {
        let line = flags.value("audit-log-mode").map_or(path.line, |flag| flag.line);
        notes.add(
            line,
            Weight::Lossy,
            "batched-log",
            "in mode batch events wait in a buffer of 10,000: what does not fit is dropped, and a crash loses the rest",
            "take `--audit-log-mode` out: the default, blocking, writes each event before its request goes on",
        );
    }
    if let Some(format) = flags.value("audit-log-format").filter(|flag| flag.value != "json") {
        let (weight, what) = if format.value == "legacy" {
            (
                Weight::Blind,
                "the legacy format has neither the objects' groups nor bodies, and Sundew does not read it",
            )
        } else {
            (Weight::Broken, "the API server does not know this format, and does not start")
        };
        notes.add(
            format.line,
            weight,
            "wrong-format",
            what,
            "take `--audit-log-format` out: the default is json",
        );
    }
    if path.value == "-" {
        notes.add(
            path.line,
            Weight::Lossy,
            "standard-output",
            "the log goes to standard output, where it is mixed with the API server's own messages, cut into pieces of 16 KiB by container runtimes, and rotated away by the kubelet",
            "name a file, such as `--audit-log-path=/var/log/kubernetes/audit.log`",
        );
        return;
    }
    rotation(flags, path.line, notes);
}

fn rotation(flags: &Flags, line: usize, notes: &mut Notes) {
    let mut number = |name: &str| {
        let flag = flags.value(name)?;
        let number = flag.value.parse::<u64>().ok();
        if number.is_none() {
            let what = format!("{} must be a whole number, 0 or over", flag.said());
            notes.add(flag.line, Weight::Broken, "wrong-value", what, "write a number, or take the flag out");
        }
        number.map(|number| (flag.line, number))
    };
    let size = number("audit-log-maxsize");
    let backups = number("audit-log-maxbackup");
    let age = number("audit-log-maxage");
    if let Some((line, 0)) = size {
        notes.add(
            line,
            Weight::Lossy,
            "never-rotated",
            "since Kubernetes 1.36 `--audit-log-maxsize=0` turns rotation off: the file grows until the disk is full",
            format!("write `--audit-log-maxsize={MAX_SIZE_MB}`"),
        );
        return;
    }
    let size_mb = size.map_or(MAX_SIZE_MB, |(_, size)| size);
    if let Some((line, backups)) = backups.filter(|(_, backups)| *backups > 0) {
        let kept_mb = size_mb.saturating_mul(backups.saturating_add(1));
        if kept_mb < LEAST_MB {
            notes.add(
                line,
                Weight::Lossy,
                "short-log",
                format!("only {kept_mb} MB of log are kept: a reader that is away for some minutes loses the rest"),
                format!("keep at least {LEAST_MB} MB, as with `--audit-log-maxsize=100` and `--audit-log-maxbackup=10`"),
            );
        }
        return;
    }
    if age.is_none_or(|(_, age)| age == 0) {
        let line = backups.or(age).map_or(line, |(line, _)| line);
        let when = if backups.is_none() && age.is_none() { "before Kubernetes 1.36 " } else { "" };
        notes.add(
            line,
            Weight::Lossy,
            "never-removed",
            format!(
                "{when}old log files are never removed: a full disk takes the log, and the API server with it"
            ),
            "set `--audit-log-maxbackup=10`",
        );
    }
}
