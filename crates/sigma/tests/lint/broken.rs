//! Rules that cannot be loaded are remarks too, and the worst comes first.

use sundew_sigma::{Source, lint, lint::Weight};

use crate::support::{rule, words};

fn named(name: &str, text: &str) -> Source {
    Source { name: name.into(), text: text.into() }
}

#[test]
fn what_cannot_be_loaded_is_broken_with_its_line_and_its_advice() {
    let mut source = rule("selection:\n  verb|startwith: g\ncondition: selection");
    source.name = "typo.yml".into();
    let told = lint(&[source]);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((told[0].weight, told[0].line, told[0].rule.as_str()), (Weight::Broken, Some(9), "A rule"));
    assert!(told[0].fix.contains("startswith"), "{told:?}");
}

#[test]
fn broken_yaml_does_not_keep_the_others_from_being_looked_at() {
    let good = rule("selection:\n  hostPath: x\ncondition: selection");
    let told = lint(&[named("a.yml", "title: [\n"), good]);
    assert_eq!(words(&told, Weight::Broken).len(), 1, "{told:?}");
    assert_eq!(words(&told, Weight::Dead).len(), 1, "{told:?}");
}

#[test]
fn the_worst_comes_first_within_each_file_and_files_stay_in_order() {
    let mut doubtful = rule("selection:\n  verb: create\n  objectRef.resource: pods\ncondition: selection");
    doubtful.name = "1.yml".into();
    doubtful.text = doubtful.text.replace("level: low\n", "");
    let mut dead = rule("selection:\n  hostPath: x\ncondition: selection");
    dead.name = "0.yml".into();
    dead.text = dead.text.replace("5a1f2c1e", "00000000").replace("tags: [attack.t1609]\n", "");
    let told = lint(&[doubtful, dead]);
    let order: Vec<_> = told.iter().map(|remark| (remark.file.as_str(), remark.weight)).collect();
    assert_eq!(
        order,
        [
            ("1.yml", Weight::Doubt),
            ("1.yml", Weight::Advice),
            ("0.yml", Weight::Dead),
            ("0.yml", Weight::Advice),
        ]
    );
}

#[test]
fn lines_are_those_of_the_file_also_in_its_second_document() {
    let first = rule("selection:\n  verb: get\ncondition: selection").text;
    let second = rule("selection:\n  verb: get\n  hostPath: x\ncondition: selection").text;
    let text = format!("{first}---\n{}", second.replace("5a1f2c1e", "00000000").replace("A rule", "Another"));
    let line_of = text.lines().position(|line| line.contains("hostPath")).unwrap() + 1;
    let told = lint(&[named("two.yml", &text)]);
    let dead: Vec<_> = told.iter().filter(|remark| remark.weight == Weight::Dead).collect();
    assert_eq!((dead.len(), dead[0].line, dead[0].rule.as_str()), (1, Some(line_of), "Another"), "{told:?}");
}
