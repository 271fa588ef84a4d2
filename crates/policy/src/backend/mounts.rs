//! What of the API server's files its pod does not see, or does not keep.

use super::{
    Notes, Weight,
    flags::{Flags, Mount, Pod},
};

pub(super) fn check(flags: &Flags, pod: &Pod, notes: &mut Notes) {
    for mount in pod.mounts.iter().filter(|mount| mount.volume.is_none()) {
        notes.add(
            mount.line,
            Weight::Broken,
            "no-volume",
            format!("{} is mounted from a volume that the pod does not have", mount.path),
            "add it to `spec.volumes`, with the same name",
        );
    }
    for name in ["audit-policy-file", "audit-webhook-config-file"] {
        let Some(flag) = flags.value(name) else { continue };
        if mount_of(pod, &flag.value).is_none() {
            notes.add(
                flag.line,
                Weight::Broken,
                "not-mounted",
                format!(
                    "{} is not mounted into the container, and the API server does not start without it",
                    flag.value
                ),
                format!("mount {} with a volume of type hostPath, readOnly", flag.value),
            );
        }
    }
    if let Some(flag) = flags.value("audit-log-path").filter(|flag| flag.value != "-") {
        log(flag.line, &flag.value, pod, notes);
    }
}

fn log(line: usize, path: &str, pod: &Pod, notes: &mut Notes) {
    let folder =
        path.rsplit_once('/').map_or("/", |(folder, _)| if folder.is_empty() { "/" } else { folder });
    let Some(mount) = mount_of(pod, path) else {
        return notes.add(
            line,
            Weight::Lossy,
            "log-not-mounted",
            format!("{folder} is not mounted: the log stays inside the container, where no sensor reads it, and goes with it"),
            format!("mount {folder} with a volume of type hostPath"),
        );
    };
    if mount.read_only {
        let what = format!(
            "{} is mounted readOnly, so the API server cannot open its log and does not start",
            mount.path
        );
        notes.add(mount.line, Weight::Broken, "read-only-log", what, "take readOnly out of this mount");
    } else if trimmed(&mount.path) == trimmed(path) {
        // `rename` of a mount point is EBUSY, and lumberjack gives up on the write that asked for it.
        let what =
            format!("{path} is mounted as a file, which cannot be renamed: at its rotation events are lost");
        notes.add(mount.line, Weight::Lossy, "log-is-mount", what, format!("mount its folder, {folder}"));
    } else if mount.volume.as_deref() == Some("emptyDir") {
        let what = format!("{} is an emptyDir: the log goes with the pod", mount.path);
        notes.add(mount.line, Weight::Lossy, "log-in-pod", what, "make the volume a hostPath");
    }
}

/// The mount that a path is in: the longest.
fn mount_of<'p>(pod: &'p Pod, path: &str) -> Option<&'p Mount> {
    let inside = |mount: &&Mount| {
        let folder = trimmed(&mount.path);
        path == folder || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
    };
    pod.mounts.iter().filter(inside).max_by_key(|mount| mount.path.len())
}

fn trimmed(path: &str) -> &str {
    path.trim_end_matches('/')
}
