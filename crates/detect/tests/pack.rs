//! The built-in rules: each is whole, meets the events beside it that it must and none that it must not, and together
//! they find the recorded attacks and are silent on ordinary work.
#![allow(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io::Read,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use jiff::Timestamp;
use sundew_audit::{Event, Item, Unwrapper};
use sundew_detect::rules::{
    pack::{self, Entry},
    proof,
};
use sundew_sigma::{Correlator, Level, Limits, Loaded, Rule, RuleId, RuleSet, correlate, lint, lint::Weight};

/// The steps of `five` that no rule finds, and who finds them.
const NOT_BY_RULES: &[(&str, &str)] = &[
    ("token-replayed-elsewhere", "the same token from a second address: tokens.second_address"),
    ("account-misuse", "a client, verbs and resources that are new for this account: habits"),
    ("secret-unusual", "Secrets that this account never read before: habits"),
];

static PACK: LazyLock<Loaded> = LazyLock::new(|| RuleSet::load(&pack::sources()));

fn set() -> &'static RuleSet {
    &PACK.set
}

/// Fails with everything that is wrong, a line each.
fn assert_none(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

fn rules_of(entry: &Entry) -> Vec<(RuleId, &'static Rule)> {
    proof::rules_of(set(), &entry.name())
}

/// Whether what meets a rule is told.
fn is_told(rule: &Rule) -> bool {
    !rule.silent && rule.level > Level::Informational
}

/// What the rules say of events in their order: for each event what it meets, and what it completes.
#[derive(Default)]
struct Stream {
    correlator: Correlator,
}

impl Stream {
    fn new() -> Self {
        Self { correlator: Correlator::new(Limits::default()) }
    }

    /// The rules that an event meets, and the correlations that it completes.
    fn take(&mut self, event: &Event<'_>) -> (Vec<RuleId>, Vec<RuleId>) {
        let time = event.time().unwrap_or(Timestamp::UNIX_EPOCH);
        let request = correlate::request(event);
        let mut hits = Vec::new();
        set().judge(event, &mut hits);
        let met = hits.iter().flat_map(|hit| self.correlator.take(set(), "default", time, request, hit));
        (hits.iter().map(|hit| hit.rule).collect(), met.map(|met| met.rule).collect())
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every file under `rules/`.
fn files(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.insert(path.strip_prefix(root().join("rules")).unwrap().display().to_string());
        }
    }
}

#[test]
fn every_file_of_the_folder_is_a_rule_or_the_events_of_one() {
    let mut there = BTreeSet::new();
    files(&root().join("rules"), &mut there);
    let expected: BTreeSet<String> = pack::entries()
        .iter()
        .flat_map(|entry| {
            let name = entry.path.strip_suffix(".yml").unwrap();
            [entry.path.to_owned(), format!("{name}.match.jsonl"), format!("{name}.pass.jsonl")]
        })
        .collect();
    let missing = expected.difference(&there).map(|file| format!("rules/{file} is missing"));
    let stray = there.difference(&expected).filter(|file| !file.ends_with("README.md"));
    let stray = stray.map(|file| format!("rules/{file} belongs to no rule"));
    assert_none(&missing.chain(stray).collect::<Vec<_>>());
    assert!(pack::entries().len() > 50, "{} files", pack::entries().len());
}

#[test]
fn all_of_them_load() {
    assert_none(&PACK.errors.iter().map(ToString::to_string).collect::<Vec<_>>());
}

#[test]
fn each_file_is_named_as_its_last_rule_and_no_name_or_id_is_used_twice() {
    let mut problems = Vec::new();
    for entry in pack::entries() {
        let stem = Path::new(entry.path).file_stem().unwrap().to_str().unwrap().replace('-', "_");
        match rules_of(entry).last() {
            Some((_, rule)) if rule.name == stem => {}
            Some((_, rule)) => {
                problems.push(format!("rules/{}: its last rule is named {}", entry.path, rule.name));
            }
            None => problems.push(format!("rules/{}: no rule of it was loaded", entry.path)),
        }
    }
    let mut seen: HashMap<&str, &str> = HashMap::new();
    for rule in set().rules() {
        for name in [Some(rule.name.as_str()), rule.id.as_deref()].into_iter().flatten() {
            if let Some(other) = seen.insert(name, &rule.file) {
                problems.push(format!("{name} is used in {} and {other}", rule.file));
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn each_rule_says_what_a_person_needs_at_night() {
    let mut problems = Vec::new();
    for entry in pack::entries() {
        for (_, rule) in rules_of(entry) {
            let told = is_told(rule);
            let needs = [
                ("id", rule.id.is_some()),
                ("title", !rule.title.trim().is_empty()),
                ("description", !rule.description.trim().is_empty()),
                ("attack technique among its tags", !rule.attack.is_empty()),
                ("falsepositives", !told || !rule.false_positives.is_empty()),
                ("fix", !told || rule.fix.as_ref().is_some_and(|fix| !fix.trim().is_empty())),
            ];
            for (what, _) in needs.iter().filter(|(_, there)| !there) {
                problems.push(format!("rules/{}: {} has no {what}", entry.path, rule.name));
            }
            if rule.title.chars().count() > 72 || rule.title.ends_with('.') {
                problems.push(format!(
                    "rules/{}: the title of {} is long or ends in a dot",
                    entry.path, rule.name
                ));
            }
        }
        // What has a default cannot be missed in the loaded rule.
        let documents = entry.text.lines().filter(|line| line.trim_end() == "---").count() + 1;
        for key in ["level:", "audit_level:", "status: stable", "author: Sundew", "date:"] {
            let said = entry.text.lines().filter(|line| line.starts_with(key)).count();
            if said != documents {
                problems
                    .push(format!("rules/{}: `{key}` stands {said} times for {documents} rules", entry.path));
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn the_linter_has_nothing_worse_than_advice() {
    let remarks = lint(&pack::sources()).into_iter().filter(|remark| remark.weight > Weight::Advice);
    let said = remarks.map(|remark| {
        format!("{} ({}): {:?}: {} {}", remark.file, remark.rule, remark.weight, remark.what, remark.fix)
    });
    assert_none(&said.collect::<Vec<_>>());
}

#[test]
fn each_rule_meets_every_event_that_it_must_and_none_that_it_must_not() {
    let mut problems = Vec::new();
    for entry in pack::entries() {
        let file = |ending: &str| format!("rules/{}", entry.path.replace("yml", ending));
        let proof = proof::prove(set(), &entry.name(), entry.matching, entry.passing);
        for (ending, count) in [(proof::MATCHING, proof.matching), (proof::PASSING, proof.passing)] {
            if count == 0 {
                problems.push(format!("{}: no events", file(ending)));
            }
        }
        for problem in proof.problems {
            let line = problem.line.map(|line| format!(":{line}")).unwrap_or_default();
            problems.push(format!("{}{line}: {}", file(problem.file), problem.what));
        }
    }
    assert_none(&problems);
}

fn recording(name: &str) -> Vec<u8> {
    let mut log = Vec::new();
    let file = std::fs::File::open(root().join("recordings").join(name).join("audit.log.gz")).unwrap();
    flate2::read::MultiGzDecoder::new(file).read_to_end(&mut log).unwrap();
    log
}

/// `auditID` to step and technique.
fn truth(name: &str) -> HashMap<String, (String, String)> {
    let Ok(rows) = std::fs::read_to_string(root().join("recordings").join(name).join("truth.csv")) else {
        return HashMap::new();
    };
    let row = |row: &str| {
        let mut cells = row.split(',').map(str::to_owned);
        Some((cells.next()?, (cells.next()?, cells.next()?)))
    };
    rows.lines().skip(1).filter_map(row).collect()
}

fn each_event(name: &str, mut take: impl FnMut(&Event<'_>)) {
    let mut unwrapper = Unwrapper::new();
    for line in recording(name).split(|b| *b == b'\n') {
        unwrapper.line(line, &mut |item| match item {
            Item::Event(event, _) => take(event),
            Item::Reject { reject, .. } => panic!("{reject}"),
        });
    }
}

#[test]
fn ordinary_work_meets_no_rule_at_medium_or_above() {
    let mut problems: BTreeMap<String, (usize, String)> = BTreeMap::new();
    for name in ["quiet", "theft", "five"] {
        let truth = truth(name);
        let mut stream = Stream::new();
        each_event(name, |event| {
            if truth.contains_key(&*event.audit_id.decode()) {
                return;
            }
            let (hits, met) = stream.take(event);
            for id in hits.into_iter().chain(met) {
                let rule = set().rule(id);
                if rule.silent || rule.level < Level::Medium {
                    continue;
                }
                let said = format!("{} {:?} on {name}: {}", rule.file, rule.level, rule.name);
                let (id, uri) = (event.audit_id.decode(), event.request_uri.decode());
                let user = event.user.username.decode();
                let event = format!("such as {id}, {user} {} {uri}", event.verb.decode());
                problems.entry(said).or_insert((0, event)).0 += 1;
            }
        });
    }
    let said = problems.into_iter().map(|(rule, (count, event))| format!("{rule} meets {count}, {event}"));
    assert_none(&said.collect::<Vec<_>>());
}

/// T1078 agrees with T1078.001, and the other way round.
fn agree(one: &str, other: &str) -> bool {
    let begins = |long: &str, short: &str| {
        long.strip_prefix(short).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    begins(one, other) || begins(other, one)
}

#[test]
fn every_step_of_the_five_attacks_meets_a_rule_whose_technique_agrees() {
    let truth = truth("five");
    let mut stream = Stream::new();
    // What each request of the attack meets, and the correlations that each step raises.
    let mut met: HashMap<String, BTreeSet<RuleId>> = HashMap::new();
    let mut raised: HashMap<String, BTreeSet<RuleId>> = HashMap::new();
    each_event("five", |event| {
        let (hits, correlated) = stream.take(event);
        let id = event.audit_id.decode().into_owned();
        if let Some((step, _)) = truth.get(&id) {
            raised.entry(step.clone()).or_default().extend(correlated);
            met.entry(id).or_default().extend(hits);
        }
    });
    let mut unfound: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let found_elsewhere = |step: &str| NOT_BY_RULES.iter().any(|(other, _)| *other == step);
    for (id, (step, technique)) in &truth {
        if technique.is_empty() || found_elsewhere(step) {
            continue;
        }
        let agrees = |rule: &Rule| is_told(rule) && rule.attack.iter().any(|of| agree(of, technique));
        let hits = met.get(id).cloned().unwrap_or_default();
        let found = hits.iter().any(|hit| agrees(set().rule(*hit)))
            // A count is of what its building block meets, which stands in the same file.
            || raised.get(step).into_iter().flatten().any(|count| {
                let count = set().rule(*count);
                agrees(count) && hits.iter().any(|hit| set().rule(*hit).file == count.file)
            });
        if !found {
            let names: Vec<&str> = hits.iter().map(|hit| set().rule(*hit).name.as_str()).collect();
            unfound.entry(format!("{step} ({technique})")).or_default().push(format!("{id} {names:?}"));
        }
    }
    let said = unfound.into_iter().map(|(step, ids)| {
        format!(
            "{step}: {} requests meet no told rule of this technique; what they meet: {}",
            ids.len(),
            ids.join(", ")
        )
    });
    assert_none(&said.collect::<Vec<_>>());
    let steps: BTreeSet<&str> = truth.values().map(|(step, _)| step.as_str()).collect();
    for (step, why) in NOT_BY_RULES {
        assert!(steps.contains(step) && !why.is_empty(), "{step} is no step of the recording");
    }
}
