//! `sundew harden automount`.

use anyhow::Result;
use jiff::Timestamp;
use sundew_harden::automount::{Do, Form, Habits, Question, Report, Row, look};

use super::{asked, seen, write};
use crate::{
    args::{self, Output, PatchForm},
    exit::Exit,
    gather::gather,
    page::{self, Page},
    table::count,
};

pub(super) fn run(args: &args::HardenAutomount) -> Result<Exit> {
    // Whatever is wrong in these is said before a large cluster is read.
    let policy = asked::policy(&args.seen)?;
    let config = seen::config(&args.seen)?;
    let decoys = seen::inventory(args.inventory.as_deref(), config.as_ref())?;
    let habits = seen::Habits::read(&args.seen, config.as_ref())?.as_ref().map(last_seen);
    let gathered = gather(&args.source, false)?;
    super::say_notices(&gathered.cluster);
    let evidence = seen::evidence(&args.seen)?;
    let report = look(&Question {
        cluster: &gathered.cluster,
        evidence: evidence.as_ref(),
        habits: habits.as_ref(),
        window: args.seen.window,
        namespaces: &args.namespace,
        policy: policy.as_ref(),
        decoys: decoys.as_ref(),
        form: match args.form {
            PatchForm::Patch => Form::Patch,
            PatchForm::Kustomize => Form::Kustomize,
        },
    })?;
    if let (Some(folder), Some(plan)) = (&args.made.out, &report.plan) {
        write::write(plan, &gathered.name, folder)?;
    }
    match args.made.output {
        Output::Json => page::print_json(&report)?,
        Output::Table => print(args, &report)?,
    }
    Ok(if gathered.damaged { Exit::Failed } else { Exit::Clean })
}

/// When each identity was last seen.
fn last_seen(habits: &seen::Habits) -> Habits {
    let mut found = Habits::default();
    for shown in habits.everybody() {
        found.from = Some(found.from.map_or(shown.first, |from| from.min(shown.first)));
        found.to = Some(found.to.map_or(shown.last, |to| to.max(shown.last)));
        found.last.insert(shown.identity, shown.last);
    }
    found
}

fn print(args: &args::HardenAutomount, report: &Report) -> Result<()> {
    let mut page = Page::new(None);
    let time = |time: Timestamp| time.strftime("%Y-%m-%d %H:%M").to_string();
    page.heading(
        "Tokens that are mounted and not used",
        &format!(", {} to {} UTC", time(report.window.from), time(report.window.to)),
    );
    let shown: Vec<&Row> = report.rows.iter().filter(|row| row.step != Do::Uses).collect();
    if shown.is_empty() {
        page.line("There are none.");
    } else {
        let rows: Vec<Vec<String>> = shown.into_iter().map(row).collect();
        page.columns(&["ACCOUNT", "WORKLOAD", "LAST USE", "STEP", "WHY"], &rows);
    }
    let used = match report.used {
        1 => "1 workload uses its token".to_owned(),
        used => format!("{} workloads use their token", count(used as u64)),
    };
    let off = match report.off {
        1 => "1 has none mounted by default".to_owned(),
        off => format!("{} have none mounted by default", count(off as u64)),
    };
    page.faint(0, &format!("{used}, {off}"));
    page.heading("Before you begin", "");
    report.notes.iter().for_each(|note| page.indented(2, note));
    if report.plan.is_some() {
        page.gap();
        match &args.made.out {
            Some(folder) => page.line(&format!(
                "The plan is in {}: read README.md there. Nothing has been changed.",
                folder.display()
            )),
            None => page
                .line("--out DIR writes the plan: files, commands in their order, and how each is undone."),
        }
    }
    page.finish(None)
}

fn row(row: &Row) -> Vec<String> {
    vec![
        row.account.path(),
        row.workload.as_ref().map_or("(the account)".to_owned(), |of| format!("{} {}", of.kind, of.name)),
        row.last.map_or("never seen".to_owned(), |at| at.strftime("%Y-%m-%d %H:%M").to_string()),
        row.step.as_str().to_owned(),
        row.why.join("; "),
    ]
}
