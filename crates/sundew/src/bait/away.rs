//! `sundew retire` and `sundew remove`: show what will be done, ask, do it.

use anyhow::Result;
use serde_json::{Value, json};
use sundew_bait::{
    file::InventoryFile,
    remove::{Depth, Done, take_away},
};
use sundew_decoy::{Decoy, Part};

use super::{
    Books, Doing, can_answer, chosen, cluster, confirm,
    page::{object, part},
    print_json, runtime,
};
use crate::{
    args::{self, Output},
    exit::Exit,
    page::Page,
    table::counted,
};

/// What whoever removes a decoy gives up.
const BLIND: &str = "From now on the use of an old copy is a 401 that names nobody: it is no alert any more.";

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
        let mut page = Page::new(None);
        page.line(&format!(
            "The inventory has no decoy of cluster `{}`: there is nothing to do.",
            books.cluster
        ));
        page.finish(None)?;
        return Ok(Exit::Clean);
    }
    can_answer(args.yes)?;
    if args.output == Output::Table {
        let mut page = Page::new(None);
        decoys.iter().for_each(|decoy| foretell(&mut page, decoy, depth));
        page.finish(None)?;
    }
    let many = counted(decoys.len() as u64, "decoy");
    let question = match depth {
        Depth::Retire => format!("Retire {many}?"),
        Depth::Tombstone => format!("Retire {many}, and make the tokens invalid?"),
        Depth::Remove => format!("Remove {many} with no trace?"),
    };
    if !confirm(&question, args.yes)? {
        let mut page = Page::new(None);
        page.line("Nothing was done.");
        page.finish(None)?;
        return Ok(Exit::Clean);
    }
    let done = runtime()?.block_on(Box::pin(all(args, &books, &decoys, depth)))?;
    if args.output == Output::Json {
        let each: Vec<Value> = decoys.iter().zip(&done).map(|(decoy, done)| as_json(decoy, done)).collect();
        print_json(&json!({"decoys": each, "oldCopiesTell": depth != Depth::Remove}))?;
        return Ok(Exit::Clean);
    }
    let mut page = Page::new(None);
    page.line("");
    decoys.iter().zip(&done).for_each(|(decoy, done)| tell(&mut page, decoy, done));
    page.gap();
    page.line(match depth {
        Depth::Retire => "An old copy still tells: its use is refused and is an alert, as before.",
        Depth::Tombstone => {
            "An old copy is refused (401) from now on. Its use is still told, by the API server's note on the Secret, but not \
             by whom."
        }
        Depth::Remove => BLIND,
    });
    page.finish(None)?;
    Ok(Exit::Clean)
}

async fn all(args: &args::Away, books: &Books, decoys: &[Decoy], depth: Depth) -> Result<Vec<Done>> {
    let connection = cluster::connect(&args.reach).await?;
    let mut inventory = InventoryFile::open(&books.inventory, &books.cluster)?;
    let doing = Doing::new();
    let mut progress = |what: &str| doing.done(what);
    let mut all = Vec::new();
    for decoy in decoys {
        doing.now(&decoy.name());
        let done = take_away(&connection, &mut inventory, decoy, depth, books.store(), &mut progress);
        all.push(done.await?);
    }
    Ok(all)
}

/// What will become of each object.
fn foretell(page: &mut Page, decoy: &Decoy, depth: Depth) {
    page.heading(&decoy.name(), "");
    if decoy.objects.is_empty() {
        page.indented(2, "made by hand: the inventory lists none of its objects");
    }
    // Taken away in the order opposite to that of making.
    for of in decoy.objects.iter().rev() {
        let stays = matches!(of.part, Part::Account | Part::Token) && depth != Depth::Remove;
        let fate = match (stays, depth, of.part) {
            (false, ..) => "goes",
            (true, Depth::Tombstone, Part::Token) => "invalid",
            (true, ..) => "stays",
        };
        page.entry(2, fate, 7, &format!("{} ({})", object(of), part(of.part)));
    }
}

fn tell(page: &mut Page, decoy: &Decoy, done: &Done) {
    page.line(&decoy.name());
    done.done.iter().for_each(|what| page.indented(2, what));
    done.left.iter().for_each(|what| page.indented(2, &format!("left alone: {what}")));
}

fn as_json(decoy: &Decoy, done: &Done) -> Value {
    json!({"decoy": decoy.name(), "done": done.done, "left": done.left})
}
