//! `sundew retire` and `sundew remove`: show what will be done, ask, do it.

use anyhow::{Result, bail};
use serde_json::{Value, json};
use sundew_bait::{
    BaitError,
    file::InventoryFile,
    remove::{ByName, Depth, Done, Found, is_by_name, look_up, take_away, take_found_away},
};
use sundew_cluster::Connection;
use sundew_decoy::{Decoy, Object, Part, State};

use super::{
    Books, Doing, can_answer, chosen, cluster, confirm,
    page::{object, part},
    print_json, runtime,
    standing::age,
};
use crate::{
    args::{self, Output},
    exit::Exit,
    gather::say,
    page::Page,
    table::counted,
};

/// What whoever removes a decoy gives up.
const BLIND: &str = "From now on the use of an old copy is a 401 that names nobody: it is no alert any more.";

/// What whoever makes a tombstone of one still has.
const TOMBSTONE: &str = "An old copy is refused (401) from now on. Its use is still told, by the API server's note on the \
                         Secret, but not by whom; more than once a day only where the sensor has a source of type cluster.";

pub(crate) fn retire(args: &args::Retire) -> Result<Exit> {
    let depth = if args.tombstone { Depth::Tombstone } else { Depth::Retire };
    run(&args.away, depth)
}

pub(crate) fn remove(args: &args::Away) -> Result<Exit> {
    run(args, Depth::Remove)
}

fn run(args: &args::Away, depth: Depth) -> Result<Exit> {
    let books = Books::open(&args.books)?;
    let inventory = books.read()?;
    let decoys: Vec<Decoy> =
        chosen(&inventory, &books.cluster, &args.decoys, args.all)?.into_iter().cloned().collect();
    if decoys.is_empty() {
        line(&format!("The inventory has no decoy of cluster `{}`: there is nothing to do.", books.cluster))?;
        return Ok(Exit::Clean);
    }
    can_answer(args.yes)?;
    runtime()?.block_on(Box::pin(Errand { args, books: &books, depth }.run(&decoys)))
}

fn line(text: &str) -> Result<()> {
    let mut page = Page::new(None);
    page.line(text);
    page.finish(None)
}

/// What was asked for.
struct Errand<'e> {
    args: &'e args::Away,
    books: &'e Books,
    depth: Depth,
}

/// A decoy, and what has its names where only these are known.
struct Target<'t> {
    decoy: &'t Decoy,
    by_name: Option<ByName>,
}

/// What became of one decoy; of one that failed, what was done until then.
struct Outcome {
    done: Done,
    error: Option<BaitError>,
}

impl Errand<'_> {
    async fn run(&self, decoys: &[Decoy]) -> Result<Exit> {
        let connection = cluster::connect(&self.args.reach).await?;
        let targets = self.look_up(&connection, decoys).await?;
        let table = self.args.output == Output::Table;
        if table {
            let mut page = Page::new(None);
            targets.iter().for_each(|target| foretell(&mut page, target, self.depth));
            page.finish(None)?;
        }
        self.refuse_names(&targets)?;
        let many = counted(targets.len() as u64, "decoy");
        let question = match self.depth {
            Depth::Retire => format!("Retire {many}?"),
            Depth::Tombstone => format!("Retire {many}, and make the tokens invalid?"),
            Depth::Remove => format!("Remove {many} with no trace?"),
        };
        if !confirm(&question, self.args.yes)? {
            line("Nothing was done.")?;
            return Ok(Exit::Clean);
        }
        let mut inventory = InventoryFile::open(&self.books.inventory, &self.books.cluster)?;
        if table {
            line("")?;
        }
        let (mut whole, mut each) = (true, Vec::new());
        for target in &targets {
            let outcome = self.take_away(&connection, &mut inventory, target).await;
            whole &= outcome.done.whole;
            if table {
                let mut page = Page::new(None);
                tell(&mut page, target.decoy, &outcome);
                page.finish(None)?;
            }
            if let Some(error) = &outcome.error {
                say(&format!("{}: {error}", target.decoy.name()));
            }
            each.push(as_json(target.decoy, &outcome));
        }
        if table {
            line("")?;
            line(self.last(whole, decoys))?;
        } else {
            print_json(
                &json!({"decoys": each, "whole": whole, "oldCopiesTell": self.old_copies_tell(whole)}),
            )?;
        }
        Ok(if whole { Exit::Clean } else { Exit::Failed })
    }

    /// What has the names of those decoys of which nothing else is known.
    async fn look_up<'t>(&self, connection: &Connection, decoys: &'t [Decoy]) -> Result<Vec<Target<'t>>> {
        let doing = Doing::new();
        let mut targets = Vec::new();
        for decoy in decoys {
            let by_name = if is_by_name(decoy) {
                doing.now(&format!("looking at what has the names of {}", decoy.name()));
                Some(look_up(connection, &self.books.cluster, decoy, self.books.store()).await?)
            } else {
                None
            };
            targets.push(Target { decoy, by_name });
        }
        Ok(targets)
    }

    /// Names alone say nothing of whose an object is: that is for the user to say, in a word of its own.
    fn refuse_names(&self, targets: &[Target<'_>]) -> Result<()> {
        let touched = |target: &&Target<'_>| target.by_name.as_ref().is_some_and(|it| it.touches(self.depth));
        let touched: Vec<&Target<'_>> = targets.iter().filter(touched).collect();
        if touched.is_empty() || self.args.by_name {
            return Ok(());
        }
        let names: Vec<String> = touched.iter().map(|target| target.decoy.name()).collect();
        let found = touched.iter().filter_map(|target| target.by_name.as_ref()).flat_map(|it| &it.found);
        let found: Vec<String> =
            found.map(|found| format!("{} ({})", object(&found.object), known(found))).collect();
        let refusal = format!(
            "refused, and nothing was done: the inventory knows {} by names alone, and what has these names could be \
             somebody else's: {}. Check each of them, and then give --by-name",
            names.join(", "),
            found.join("; ")
        );
        if self.args.output == Output::Json {
            let each: Vec<Value> = touched.iter().map(|target| found_as_json(target)).collect();
            print_json(&json!({"decoys": each, "whole": false, "refused": refusal}))?;
        }
        bail!(refusal)
    }

    async fn take_away(
        &self,
        connection: &Connection,
        inventory: &mut InventoryFile,
        target: &Target<'_>,
    ) -> Outcome {
        let doing = Doing::new();
        doing.now(&target.decoy.name());
        let mut so_far = Vec::new();
        let mut progress = |what: &str| {
            doing.done(what);
            so_far.push(what.to_owned());
        };
        let (depth, store) = (self.depth, self.books.store());
        let done = match &target.by_name {
            Some(found) => take_found_away(connection, inventory, found, depth, store, &mut progress).await,
            None => take_away(connection, inventory, target.decoy, depth, store, &mut progress).await,
        };
        match done {
            Ok(done) => Outcome { done, error: None },
            Err(error) => {
                Outcome { done: Done { done: so_far, left: Vec::new(), whole: false }, error: Some(error) }
            }
        }
    }

    /// Nothing where it is not known of all of them.
    fn old_copies_tell(&self, whole: bool) -> Option<bool> {
        match self.depth {
            Depth::Retire => Some(true),
            Depth::Tombstone => whole.then_some(true),
            Depth::Remove => whole.then_some(false),
        }
    }

    fn last(&self, whole: bool, decoys: &[Decoy]) -> &'static str {
        // What is a tombstone stays one, also where it is retired once more.
        let refused = decoys.iter().all(|decoy| decoy.state == Some(State::Tombstoned));
        match self.depth {
            Depth::Retire if whole && refused => TOMBSTONE,
            _ if !whole => {
                "Not all of it was done: what is missing is named above. Run the same command again when that is mended."
            }
            Depth::Retire => "An old copy still tells: its use is refused and is an alert, as before.",
            Depth::Tombstone => TOMBSTONE,
            Depth::Remove => BLIND,
        }
    }
}

/// What will become of each object.
fn foretell(page: &mut Page, target: &Target<'_>, depth: Depth) {
    page.heading(&target.decoy.name(), "");
    let Some(by_name) = &target.by_name else {
        // Taken away in the order opposite to that of making.
        for of in target.decoy.objects.iter().rev() {
            page.entry(2, fate(of, depth), 7, &format!("{} ({})", object(of), part(of.part)));
        }
        return;
    };
    page.indented(2, "known by its names alone; what has them now:");
    for found in by_name.found.iter().rev() {
        let of = &found.object;
        let what = format!("{} ({}): {}", object(of), part(of.part), known(found));
        page.entry(2, fate(of, depth), 7, &what);
    }
    by_name.gone.iter().chain(&by_name.left).for_each(|what| page.indented(2, what));
}

fn fate(of: &Object, depth: Depth) -> &'static str {
    let stays = matches!(of.part, Part::Account | Part::Token) && depth != Depth::Remove;
    match (stays, depth, of.part) {
        (false, ..) => "goes",
        (true, Depth::Tombstone, Part::Token) => "invalid",
        (true, ..) => "stays",
    }
}

/// By what a person can tell whose an object is.
fn known(found: &Found) -> String {
    let uid = found.object.uid.as_deref().unwrap_or_default();
    let made = found.made.map(|made| format!(", made {made}, {} ago", age(made))).unwrap_or_default();
    let by = if found.by.is_empty() {
        ", by whom is not noted".to_owned()
    } else {
        format!(", by {}", found.by.join(", "))
    };
    format!("uid {uid}{made}{by}")
}

fn tell(page: &mut Page, decoy: &Decoy, outcome: &Outcome) {
    page.line(&decoy.name());
    outcome.done.done.iter().for_each(|what| page.indented(2, what));
    outcome.done.left.iter().for_each(|what| page.indented(2, &format!("left alone: {what}")));
    if let Some(error) = &outcome.error {
        page.indented(2, &format!("failed: {error}"));
    }
}

fn as_json(decoy: &Decoy, outcome: &Outcome) -> Value {
    let Done { done, left, whole } = &outcome.done;
    let error = outcome.error.as_ref().map(ToString::to_string);
    json!({"decoy": decoy.name(), "done": done, "left": left, "whole": whole, "error": error})
}

fn found_as_json(target: &Target<'_>) -> Value {
    let found = target.by_name.iter().flat_map(|it| &it.found);
    let found: Vec<Value> =
        found.map(|found| json!({"object": found.object, "made": found.made, "by": found.by})).collect();
    json!({"decoy": target.decoy.name(), "found": found})
}
