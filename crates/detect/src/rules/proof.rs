//! Tries a rule file on the events beside it: those that its last rule must meet, and those that none of it may.

use jiff::Timestamp;
use sundew_audit::{Event, Item, Unwrapper};
use sundew_sigma::{Correlator, Hit, Kind, Level, Limits, Rule, RuleId, RuleSet, correlate};

/// The end of the name of a file with events that must match, in place of a rule file's ending.
pub const MATCHING: &str = "match.jsonl";
/// The same of events that must not.
pub const PASSING: &str = "pass.jsonl";

/// What came of a trial.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proof {
    /// How many events there were that must match.
    pub matching: usize,
    /// How many events there were that must not.
    pub passing: usize,
    /// What is wrong.
    pub problems: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// In which file: [`MATCHING`] or [`PASSING`].
    pub file: &'static str,
    /// The line in it, from 1; none where it is of the whole file.
    pub line: Option<usize>,
    /// What is wrong, in one clause.
    pub what: String,
}

/// The rules of a file, in its order.
pub fn rules_of<'s>(set: &'s RuleSet, file: &str) -> Vec<(RuleId, &'s Rule)> {
    (0u32..).map(RuleId).zip(set.rules()).filter(|(_, rule)| rule.file == file).collect()
}

/// Tries the rules that `set` has of `file` on its events, one a line. Of a correlation all matching events together
/// must raise it; its building blocks may meet passing events, of which there are then too few.
pub fn prove(set: &RuleSet, file: &str, matching: &str, passing: &str) -> Proof {
    let rules = rules_of(set, file);
    let Some((id, last)) = rules.last().copied() else { return Proof::default() };
    let mut proof = Proof::default();
    let mut raised = false;
    proof.matching = each(set, matching, MATCHING, &mut proof.problems, |event, hits, met| {
        raised |= met.contains(&id);
        if last.kind == Kind::Correlation || hits.contains(&id) {
            return None;
        }
        let others: Vec<&str> =
            rules.iter().filter(|(id, _)| hits.contains(id)).map(|(_, r)| r.name.as_str()).collect();
        let others = if others.is_empty() { String::new() } else { format!(", only {}", others.join(", ")) };
        Some(format!("does not meet {}{others}: {}", last.name, said(event)))
    });
    if last.kind == Kind::Correlation && proof.matching > 0 && !raised {
        let what = format!("its {} events together do not raise {}", proof.matching, last.name);
        proof.problems.push(Problem { file: MATCHING, line: None, what });
    }
    proof.passing = each(set, passing, PASSING, &mut proof.problems, |event, hits, met| {
        let told = |rule: &Rule| !rule.silent && rule.level > Level::Informational;
        let counts = |rule: &Rule| last.kind == Kind::Detection || told(rule);
        let meets = |(id, rule): &&(RuleId, &Rule)| hits.contains(id) && counts(rule) || met.contains(id);
        let names: Vec<&str> = rules.iter().filter(meets).map(|(_, rule)| rule.name.as_str()).collect();
        (!names.is_empty()).then(|| format!("meets {}: {}", names.join(", "), said(event)))
    });
    proof
}

/// Judges each event of `text` with `wrong`, given the rules that it meets and the correlations that it completes. How
/// many events there are.
fn each(
    set: &RuleSet,
    text: &str,
    file: &'static str,
    problems: &mut Vec<Problem>,
    mut wrong: impl FnMut(&Event<'_>, &[RuleId], &[RuleId]) -> Option<String>,
) -> usize {
    let mut correlator = Correlator::new(Limits::default());
    let mut count = 0;
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let mut problem = |what| problems.push(Problem { file, line: Some(number + 1), what });
        let mut judge = |item: Item<'_, '_>| match item {
            Item::Event(event, _) => {
                count += 1;
                let mut hits: Vec<Hit> = Vec::new();
                set.judge(event, &mut hits);
                let time = event.time().unwrap_or(Timestamp::UNIX_EPOCH);
                let request = correlate::request(event);
                let met: Vec<RuleId> = hits
                    .iter()
                    .flat_map(|hit| correlator.take(set, "", time, request, hit))
                    .map(|met| met.rule)
                    .collect();
                let hits: Vec<RuleId> = hits.iter().map(|hit| hit.rule).collect();
                wrong(event, &hits, &met).into_iter().for_each(&mut problem);
            }
            Item::Reject { reject, .. } => problem(format!("is no audit event: {reject}")),
        };
        let mut unwrapper = Unwrapper::new();
        unwrapper.line(line.as_bytes(), &mut judge);
        unwrapper.finish(&mut judge);
    }
    count
}

/// What an event is about, to find it by.
fn said(event: &Event<'_>) -> String {
    let user = match event.user.username.decode() {
        user if user.is_empty() => "nobody".into(),
        user => user,
    };
    let (verb, uri) = (event.verb.decode(), event.request_uri.decode());
    let code = event.code().map(|code| format!(" {code}")).unwrap_or_default();
    format!("{user} {verb} {uri}{code}, {}", event.stage.decode())
}
