//! SigmaHQ's own Kubernetes rules on everything that was recorded.

use std::{fs, path::PathBuf};

use sundew_sigma::{RuleSet, Source};

use super::{both::Both, recorded::recording};

/// SigmaHQ's rules, by file name. They are not ours to copy: the folder is named by `SIGMA_RULES`.
#[expect(clippy::print_stdout, reason = "a test that skips says so")]
fn sigmahq() -> Option<Vec<Source>> {
    let root = std::env::var_os("SIGMA_RULES").map_or_else(|| "/usr/local/share/sigma".into(), PathBuf::from);
    let folder = root.join("rules/application/kubernetes/audit");
    let Ok(files) = fs::read_dir(&folder) else {
        println!("skipped: no Sigma rules in {}; SIGMA_RULES names the checkout", folder.display());
        return None;
    };
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("a rule file can be read");
        Source { name: path.display().to_string(), text }
    };
    let mut sources: Vec<_> = files.map(|file| read(file.expect("a file has a name").path())).collect();
    sources.sort_by(|a, b| a.name.cmp(&b.name));
    Some(sources)
}

#[test]
fn sigmahqs_rules_load_unchanged() {
    let Some(sources) = sigmahq() else { return };
    let loaded = RuleSet::load(&sources);
    assert_eq!(loaded.errors, []);
    assert_eq!(loaded.set.rules().len(), sources.len());
    assert!(sources.len() >= 16, "{}", sources.len());
}

#[test]
fn sigmahqs_rules_have_the_verdicts_of_the_reference_on_all_recorded_events() {
    let Some(sources) = sigmahq() else { return };
    let yaml: Vec<_> = sources.into_iter().map(|source| source.text).collect();
    let both = Both::of(&yaml.join("\n---\n"));
    let mut met = 0;
    for name in ["quiet", "theft", "five"] {
        for line in recording(name).lines() {
            let [ours, theirs] = both.judge(line);
            assert_eq!(ours, theirs, "{line}");
            met += ours.len();
        }
    }
    assert!(met > 100, "{met}");
}
