//! Rules of which one part is given, and what the lint says of them.

use sundew_sigma::{Remark, Source, lint, lint::Weight};

/// A rule with nothing wrong about it but its detection, which is given, from its line 8 on.
pub fn rule(detection: &str) -> Source {
    let detection: String = detection.lines().map(|line| format!("  {line}\n")).collect();
    let text = format!(
        "title: A rule\nid: 5a1f2c1e-7d2b-4a54-8d7a-3f5c6b7a8d90\nlogsource: {{product: kubernetes, service: audit}}\n\
         description: Something happened.\ntags: [attack.t1609]\nlevel: low\ndetection:\n{detection}"
    );
    Source { name: "rule.yml".into(), text }
}

/// What the lint says of it.
pub fn remarks(detection: &str) -> Vec<Remark> {
    lint(&[rule(detection)])
}

/// The same for a selection with these lines that is all of the condition.
pub fn of_selection(lines: &str) -> Vec<Remark> {
    let lines: String = lines.lines().map(|line| format!("  {line}\n")).collect();
    remarks(&format!("selection:\n{lines}condition: selection"))
}

/// The remarks of one weight in words: what, and the fix.
pub fn words(remarks: &[Remark], weight: Weight) -> Vec<String> {
    let of_weight = remarks.iter().filter(|remark| remark.weight == weight);
    of_weight.map(|remark| format!("{}; {}", remark.what, remark.fix)).collect()
}

/// Why the rule with this selection can never match.
pub fn dead(lines: &str) -> Vec<String> {
    words(&of_selection(lines), Weight::Dead)
}

/// What is doubtful in the rule with this selection, which can match.
pub fn doubts(lines: &str) -> Vec<String> {
    let remarks = of_selection(lines);
    assert_eq!(words(&remarks, Weight::Dead), Vec::<String>::new());
    words(&remarks, Weight::Doubt)
}

/// Asserts that there is one of `texts`, and that it has all of `pieces`.
#[track_caller]
pub fn says(texts: &[String], pieces: &[&str]) {
    let [text] = texts else { panic!("{texts:?}") };
    for piece in pieces {
        assert!(text.contains(piece), "`{text}` does not say `{piece}`");
    }
}

/// Asserts that nothing is said.
#[track_caller]
pub fn silent(texts: &[String]) {
    assert_eq!(texts, Vec::<String>::new());
}
