//! The cluster that the recordings were made on: every finding that counts, in one line each.

use std::{fmt::Write as _, io::Read as _};

use flate2::read::GzDecoder;
use sundew_posture::{Cluster, Reader, Settings, read::Assume, report::Report, scan};

/// The dump of the cluster, with the descriptions of its Secrets.
pub(crate) fn dump() -> Cluster {
    let mut text = Vec::new();
    GzDecoder::new(&include_bytes!("../fixtures/cluster.yaml.gz")[..]).read_to_end(&mut text).unwrap();
    let mut reader = Reader::new();
    reader.add("cluster.yaml", &text, &Assume::default()).unwrap();
    let secrets = include_bytes!("../fixtures/secrets-metadata.json");
    reader.add("secrets.json", secrets, &Assume::default()).unwrap();
    reader.finish()
}

fn report() -> Report {
    scan(&dump(), &Settings::new("2026-11-21T12:00:00Z".parse().unwrap()))
}

#[test]
fn all_that_counts() {
    let report = report();
    let mut text = String::new();
    for finding in report.counting() {
        let risks: Vec<&str> = finding.risks.iter().map(|risk| risk.id.as_str()).collect();
        let risks = if risks.is_empty() { vec![finding.rule.as_str()] } else { risks };
        let scope = if finding.scope.is_empty() { String::new() } else { format!(" ({})", finding.scope) };
        writeln!(
            text,
            "{:<8} {:<10} {}{scope}: {}\n         {}",
            finding.severity.as_str(),
            finding.view.as_str(),
            finding.object,
            finding.title,
            risks.join(" ")
        )
        .unwrap();
    }
    insta::assert_snapshot!(text);
}

#[test]
fn all_ways_and_cuts() {
    let report = report();
    let mut text = String::new();
    for path in report.paths.iter().filter(|path| !path.system) {
        writeln!(text, "{}", path.from).unwrap();
        for step in &path.steps {
            let binding = step.because.first().map_or("", |because| because.binding.as_str());
            writeln!(text, "    {} -> {} [{binding}]", step.act, step.becomes).unwrap();
        }
    }
    for cut in &report.cuts {
        writeln!(
            text,
            "cut {} ({}): {} lose their way, {} keep one",
            cut.binding, cut.role, cut.cuts, cut.left
        )
        .unwrap();
    }
    insta::assert_snapshot!(text);
}

#[test]
fn nothing_that_kubernetes_made_counts() {
    let dump = dump();
    let made: Vec<String> = dump
        .bindings
        .iter()
        .filter(|binding| binding.built_in)
        .map(ToString::to_string)
        .chain(dump.roles.iter().filter(|role| role.built_in).map(ToString::to_string))
        .collect();
    assert!(made.len() > 100);
    let report = report();
    let counting: Vec<String> =
        report.counting().map(|f| f.object.to_string()).filter(|o| made.contains(o)).collect();
    assert_eq!(counting, [""; 0]);
    assert_eq!(report.cluster.version, None, "the dump does not tell");
}
