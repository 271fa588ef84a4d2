//! Alerts as plain text: the blocks of `alert.txt`, and the layout that the terminal colours.

use std::fmt::{Display, Write};

use sundew_detect::Severity;

use crate::{
    digest::{Command, Digest, Shown, StepLine},
    message::Message,
};

/// The widest column of what was asked; what is longer pushes its answer to the right.
const WHAT: usize = 56;

/// What a piece of the layout is, for those who colour it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The badge with the severity.
    Badge(Severity),
    /// Title and headings.
    Heading,
    /// Labels, comments, references.
    Faint,
    /// The answer to a request that was granted.
    Allowed,
    /// A command to run.
    Command,
}

/// One message as a block of text for `alert.txt`: no control characters but line breaks, ends with an empty line.
pub fn render_text(message: &Message) -> String {
    let digest = Digest::of(message);
    // The first line alone tells time, severity and title, so that grep and tail are of use.
    let mut out = format!("{} ", digest.last_seen.strftime("%FT%TZ"));
    lay_out(&mut out, &digest, usize::MAX, &|_, text| text.to_string());
    out.push('\n');
    out
}

/// Writes all blocks of a digest, with at most `max_steps` steps; `paint` may wrap a piece into escapes that take no
/// room on the screen.
pub(crate) fn lay_out(
    out: &mut String,
    digest: &Digest,
    max_steps: usize,
    paint: &dyn Fn(Role, &dyn Display) -> String,
) {
    let badge = paint(Role::Badge(digest.severity), &digest.badge());
    line(out, format_args!("{badge}: {}", paint(Role::Heading, &digest.title)));
    for note in digest.notes() {
        line(out, format_args!("  {note}"));
    }
    out.push('\n');
    facts(out, digest, paint);
    if !digest.steps.is_empty() {
        line(out, format_args!("\n  {}", paint(Role::Heading, &"What was tried, in order (UTC)")));
        for text in step_lines(digest, max_steps, paint) {
            line(out, format_args!("    {text}"));
        }
    }
    for (heading, list) in digest.lists() {
        line(out, format_args!("\n  {}", paint(Role::Heading, &heading)));
        for one in list {
            line(out, format_args!("    - {one}"));
        }
    }
    if !digest.next.is_empty() {
        line(out, format_args!("\n  {}", paint(Role::Heading, &"Run next")));
        for command in &digest.next {
            line(out, format_args!("    {}", paint(Role::Faint, &comment(command))));
            if let Some(run) = &command.run {
                line(out, format_args!("    {}", paint(Role::Command, run)));
            }
        }
    }
    line(out, format_args!("\n  {}", paint(Role::Faint, &digest.reference())));
}

fn facts(out: &mut String, digest: &Digest, paint: &dyn Fn(Role, &dyn Display) -> String) {
    let width = digest.facts.iter().map(|f| f.label.len()).max().unwrap_or_default();
    for fact in &digest.facts {
        let label = format!("{:width$}", fact.label);
        line(out, format_args!("  {}  {}", paint(Role::Faint, &label), fact.text()));
    }
}

/// The steps as aligned lines, at most `max` of them besides those that say what was left out.
pub(crate) fn step_lines(
    digest: &Digest,
    max: usize,
    paint: &dyn Fn(Role, &dyn Display) -> String,
) -> Vec<String> {
    let shown = digest.some_steps(max);
    let length = |shown: &Shown<'_>| match shown {
        Shown::Step(step) => step.what.chars().count(),
        Shown::Gap(_) => 0,
    };
    let width = shown.iter().map(length).max().unwrap_or_default().min(WHAT);
    let mut lines: Vec<String> = shown
        .into_iter()
        .map(|shown| match shown {
            Shown::Step(StepLine { time, what, answer, allowed: true }) => {
                format!("{time}  {what:width$}  {}", paint(Role::Allowed, answer))
            }
            Shown::Step(StepLine { time, what, answer, .. }) => format!("{time}  {what:width$}  {answer}"),
            Shown::Gap(left_out) => format!("… and {left_out} more …"),
        })
        .collect();
    match digest.untold {
        0 => {}
        1 => lines.push("and 1 more finding, not listed".to_owned()),
        untold => lines.push(format!("and {untold} more findings, not listed")),
    }
    lines
}

/// The line above a command; harmless when it is pasted along.
pub(crate) fn comment(command: &Command) -> String {
    match command.run {
        Some(_) => format!("# {}", command.why),
        None => format!("# {} (the command is too long to show; it is in the incident's JSON)", command.why),
    }
}

fn line(out: &mut String, text: impl Display) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{text}");
}
