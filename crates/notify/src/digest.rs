//! What an alert says: an incident boiled down to labelled facts, steps and commands, ready to lay out.
//!
//! Everything in a [`Digest`] is one visible line within a known length: text from outside was cleaned on the way in.
//! Layouts add only the escapes of their own format.

mod facts;
mod steps;

use std::{collections::BTreeSet, fmt::Write};

use jiff::Timestamp;
use sundew_detect::{Change, Severity};

use crate::{message::Message, text::clean};

/// The longest value, in characters.
const VALUE: usize = 160;
/// The longest title.
const TITLE: usize = 300;
/// The longest command. One that is longer is not shown at all: half a command must not be pasted.
const COMMAND: usize = 1000;
/// Commands beyond this are left out, as are entries of other lists.
const COMMANDS: usize = 5;
const COULD: usize = 6;
const REMARKS: usize = 8;

/// What an alert says about an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// The worst severity.
    pub severity: Severity,
    /// One sentence.
    pub title: String,
    /// Set where nobody attacks: a rehearsal.
    pub drill: bool,
    /// Set where the reader was told of this incident before. Not numbered: changes that come close together are
    /// told as one, and a gap in numbers would read as a message that was lost.
    pub update: bool,
    /// What is known, most wanted first.
    pub facts: Vec<Fact>,
    /// What was tried, in order.
    pub steps: Vec<StepLine>,
    /// How many findings no step holds, since an incident keeps only so many steps.
    pub untold: u64,
    /// What else the detectors say, a sentence each: habits that were broken, what to do, what was not seen.
    pub remarks: Vec<String>,
    /// What the identity could do, worst first.
    pub could: Vec<String>,
    /// What to run next.
    pub next: Vec<Command>,
    /// The incident's id.
    pub id: String,
    /// Its revision.
    pub revision: u32,
    /// The time of its latest finding.
    pub last_seen: Timestamp,
}

/// One labelled fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// What it tells.
    pub label: &'static str,
    /// The value, in pieces.
    pub value: Vec<Part>,
}

/// A piece of a fact's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Sundew's own words.
    Words(String),
    /// A name or text from outside, to be shown as such.
    Name(String),
}

/// One step, as columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepLine {
    /// The time in UTC, with the date where the incident lasts over midnight.
    pub time: String,
    /// What was asked.
    pub what: String,
    /// What the API server answered, and how often where that is more than once.
    pub answer: String,
    /// Set where the request was granted, and not merely because every account may ask it.
    pub allowed: bool,
}

/// A line of a list of steps that is not shown whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown<'a> {
    /// A step.
    Step(&'a StepLine),
    /// This many steps are left out here.
    Gap(usize),
}

/// A command to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// What for.
    pub why: String,
    /// The command; `None` where it is too long to show whole.
    pub run: Option<String>,
}

impl Fact {
    /// The value as plain text.
    pub fn text(&self) -> String {
        self.value.iter().map(Part::as_str).collect()
    }
}

impl Part {
    /// The text, whoever it is from.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Words(text) | Self::Name(text) => text,
        }
    }
}

impl Digest {
    /// Boils a message down.
    pub fn of(message: &Message) -> Self {
        let incident = &message.incident;
        Self {
            severity: incident.severity,
            title: clean(&incident.title, TITLE),
            drill: incident.drill,
            update: message.change == Change::Updated,
            facts: facts::facts(incident),
            steps: steps::steps(incident),
            untold: steps::untold(incident),
            remarks: listed(&incident.notes, REMARKS, TITLE),
            could: listed(&incident.could, COULD, VALUE),
            next: incident.next.iter().take(COMMANDS).map(|n| command(&n.why, &n.run)).collect(),
            id: clean(&incident.id, VALUE),
            revision: incident.revision,
            last_seen: incident.last_seen,
        }
    }

    /// The words before the title: `CRITICAL`, `DRILL, CRITICAL, update`.
    pub fn badge(&self) -> String {
        let mut badge = self.severity.as_str().to_uppercase();
        if self.drill {
            badge.insert_str(0, "DRILL, ");
        }
        if self.update {
            badge.push_str(", update");
        }
        badge
    }

    /// The lists that are not empty, each under its heading.
    pub fn lists(&self) -> impl Iterator<Item = (&'static str, &[String])> {
        let all = [
            ("What the detectors say", self.remarks.as_slice()),
            ("What this identity could do", self.could.as_slice()),
        ];
        all.into_iter().filter(|(_, list)| !list.is_empty())
    }

    /// Badge and title in one line.
    pub fn headline(&self) -> String {
        format!("{}: {}", self.badge(), self.title)
    }

    /// The headline with the facts that decide whether to get up, in one line: for notifications.
    pub fn sentence(&self) -> String {
        let wanted = |f: &&Fact| matches!(f.label, "From" | "Behind it" | "Leaked copy" | "Outcome");
        self.facts.iter().filter(wanted).fold(self.headline(), |mut line, fact| {
            let _ = write!(line, " | {}: {}", fact.label, fact.text());
            line
        })
    }

    /// What kind of message this is, where that needs words of its own.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.drill {
            notes.push("This is a drill: the decoy was used on purpose, nobody is attacking.".to_owned());
        }
        if self.update {
            notes.push(format!("More of incident {}, which you were told of before.", self.id));
        }
        notes
    }

    /// Which message this is.
    pub fn reference(&self) -> String {
        format!("Incident {}, revision {}", self.id, self.revision)
    }

    /// At most `limit` steps, in order, with the gaps between them. What was granted comes before the newest, and that
    /// before the oldest: nobody can bury what they got under what they were refused, and an update shows what is new.
    pub fn some_steps(&self, limit: usize) -> Vec<Shown<'_>> {
        let count = self.steps.len();
        let granted = (0..count).filter(|&i| self.steps[i].allowed).take(limit / 2);
        let newest = count.saturating_sub(limit / 4)..count;
        let mut chosen = BTreeSet::new();
        for i in granted.chain(newest).chain(0..count) {
            if chosen.len() < limit {
                chosen.insert(i);
            }
        }
        let mut shown = Vec::new();
        let mut next = 0;
        for i in chosen {
            if i > next {
                shown.push(Shown::Gap(i - next));
            }
            shown.push(Shown::Step(&self.steps[i]));
            next = i + 1;
        }
        if next < count {
            shown.push(Shown::Gap(count - next));
        }
        shown
    }
}

/// At most `most` of a list, and how many more there are.
fn listed(all: &[String], most: usize, longest: usize) -> Vec<String> {
    let mut lines: Vec<String> = all.iter().take(most).map(|one| clean(one, longest)).collect();
    if all.len() > most {
        lines.push(format!("and {} more", all.len() - most));
    }
    lines
}

fn command(why: &str, run: &str) -> Command {
    let fits = |text: &str| text.chars().count() <= COMMAND;
    // Cleaning makes text longer, so what fitted before may not fit after.
    let run = fits(run).then(|| clean(run, usize::MAX)).filter(|shown| fits(shown));
    Command { why: clean(why, VALUE), run }
}
