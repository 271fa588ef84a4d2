//! What habits and token checks need: by hand, as they are code; a test proves each row.

use sundew_detect::Severity;

use super::{
    hand::{Row, object},
    shapes::{READS, Thing},
    who::{By, NAMED},
};
use crate::Level::{self, Metadata, Request};

/// Those of whom it is told what they never did before.
const ACTORS: &[By] = &[By::Account, By::Person, By::Node];

/// The rows.
pub(super) fn rows() -> Vec<Row> {
    use Severity::{High, Low, Medium};
    let row =
        |name, severity, by, level: Level, fits| Row { name, severity, by, level, fits, anywhere: false };
    let any = |name, severity, by| Row { anywhere: true, ..row(name, severity, by, Metadata, |_, _| true) };
    vec![
        any("habits.new_client", Low, NAMED),
        any("habits.new_network", Low, NAMED),
        any("habits.new_request", Low, ACTORS),
        any("habits.new_namespace", Low, &[By::Account]),
        any("habits.refused", Low, ACTORS),
        any("habits.several", Medium, ACTORS),
        row("habits.new_secret", Medium, &[By::Account, By::Person], Metadata, |thing, verb| {
            READS.contains(&verb) && object(thing, "", &["secrets"])
        }),
        row("habits.secrets_listed", Medium, ACTORS, Metadata, |thing, verb| {
            matches!(verb, "list" | "watch") && object(thing, "", &["secrets"])
        }),
        row("habits.pod_made", Medium, &[By::Account], Metadata, |thing, verb| {
            verb == "create" && makes_pods(thing)
        }),
        any("tokens.second_address", High, &[By::Account]),
        any("tokens.other_node", High, &[By::Account, By::Node]),
        any("tokens.two_networks", High, &[By::Account, By::Person, By::Node]),
        any("tokens.after_deletion", High, &[By::Account]),
        // When a pod is gone: its kubelet says so, or who deletes it by force, which the body alone shows.
        row("tokens.after_deletion", High, &[By::Node, By::ControlPlane], Metadata, is_deletion),
        row("tokens.after_deletion", High, &[By::Account, By::Person], Request, is_deletion),
    ]
}

fn is_deletion(thing: &Thing, verb: &str) -> bool {
    verb == "delete" && object(thing, "", &["pods"])
}

fn makes_pods(thing: &Thing) -> bool {
    object(thing, "", &["pods", "replicationcontrollers"])
        || object(thing, "apps", &["deployments", "daemonsets", "statefulsets", "replicasets"])
        || object(thing, "batch", &["jobs", "cronjobs"])
}
