//! `sundew plant`: shows what would be made, asks, makes it, and says what comes next.

use anyhow::{Result, anyhow, bail};
use serde_json::json;
use sundew_bait::{
    file::InventoryFile,
    gate,
    plant::{Planted, Planting, SPACING, render, render_entry},
};
use sundew_cluster::Connection;
use sundew_decoy::{
    Decoy, State,
    persona::Persona,
    plan::{self, Choice, Plan, PlanError},
    stealth,
};

use super::{
    Books, Doing, can_answer,
    cluster::{self, Looked},
    confirm, known_personas,
    outside::{self, Copy},
    page::Judged,
    persona_of,
    personas::{Fit, suggested, suggestions},
    print_json,
    probe::probe,
    quoted, runtime,
};
use crate::{
    args::{self, PlanFormat},
    exit::Exit,
    gather::say,
    page::Page,
};

/// The word of every persona that the account's name comes from.
const ACCOUNT: &str = "account";

pub(crate) fn run(args: &args::Plant) -> Result<Exit> {
    let personas = known_personas(&args.what.personas)?;
    let persona = args.what.persona.as_deref().map(|id| persona_of(&personas, id)).transpose()?;
    let books = Books::open(&args.books)?;
    let makes = persona.is_some() || args.outside.outside.is_some();
    let prints = matches!(args.how.output, PlanFormat::Yaml | PlanFormat::Inventory);
    if makes && !args.how.dry_run && !prints {
        if args.how.output == PlanFormat::Json && !args.how.yes {
            bail!("--output json asks nothing; give --yes to plant, or --dry-run to see what would be made");
        }
        can_answer(args.how.yes)?;
    }
    let errand = Errand { args, books, personas: &personas, persona };
    runtime()?.block_on(Box::pin(errand.run()))
}

/// What was asked for, read and checked.
struct Errand<'e> {
    args: &'e args::Plant,
    books: Books,
    personas: &'e [Persona],
    persona: Option<&'e Persona>,
}

impl Errand<'_> {
    async fn run(&self) -> Result<Exit> {
        // What is wrong with the inventory or a file is said before a large cluster is read.
        let outside = &self.args.outside;
        let further = match &outside.outside {
            Some(name) => {
                let plan = outside::plan(outside, name, &self.books, self.personas)?;
                Some((outside::copies(outside, &plan)?, plan))
            }
            None => None,
        };
        let connection = cluster::connect(&self.args.reach).await?;
        let mut looked = cluster::look(&connection, &self.books.cluster).await?;
        if self.books.inventory.exists() {
            cluster::without_half_planted(&mut looked.around, &self.books.read()?);
        }
        let (copies, plan) = match (further, self.persona) {
            (Some(further), _) => further,
            (None, Some(persona)) => {
                let plan = self.fill_in(persona, &looked)?;
                (outside::copies(outside, &plan)?, plan)
            }
            (None, None) => return self.suggest(&looked),
        };
        let judged = self.judge(&connection, &looked, plan).await;
        self.decide(&connection, &judged, &copies).await
    }

    fn fill_in(&self, persona: &Persona, looked: &Looked) -> Result<Plan> {
        let mut choice = Choice {
            namespace: self.args.what.namespace.clone(),
            words: self.args.what.set.iter().cloned().collect(),
            placements: self.args.what.placement.clone(),
        };
        let filled = |choice: &Choice| {
            plan::plan(persona, &looked.around, choice, &mut random)
                .map_err(|error| self.own_decoy(persona, error))
        };
        let plan = filled(&choice)?;
        let half = self.half_planted_of(persona, choice.namespace.as_deref())?;
        if half.iter().any(|decoy| decoy.name() == plan.decoy.name()) {
            return Ok(plan);
        }
        let Some(first) = half.first() else { return Ok(plan) };
        // Where the account's name is drawn anew each time, the same command would never meet what it left.
        let drawn =
            !choice.words.contains_key(ACCOUNT) && filled(&choice)?.decoy.account != plan.decoy.account;
        if drawn {
            choice.words.insert(ACCOUNT.into(), first.account.clone());
            choice.namespace = Some(first.namespace.clone());
            return filled(&choice);
        }
        for decoy in &half {
            let name = decoy.name();
            say(&format!(
                "an earlier run was interrupted and left {name} half planted: `sundew remove {name}{}` takes it back",
                self.books.as_arguments()
            ));
        }
        Ok(plan)
    }

    /// What interrupted runs left of a persona, in this namespace or in any.
    fn half_planted_of(&self, persona: &Persona, namespace: Option<&str>) -> Result<Vec<Decoy>> {
        if !self.books.inventory.exists() {
            return Ok(Vec::new());
        }
        let inventory = self.books.read()?;
        let is_half = |decoy: &&Decoy| {
            decoy.state == Some(State::Planting)
                && decoy.persona.as_ref() == Some(&persona.id)
                && inventory.cluster_of(decoy) == self.books.cluster
                && namespace.is_none_or(|namespace| decoy.namespace == namespace)
        };
        Ok(inventory.decoys.iter().filter(is_half).cloned().collect())
    }

    /// What is in the way can be a decoy of this persona that was planted before.
    fn own_decoy(&self, persona: &Persona, error: PlanError) -> anyhow::Error {
        if !matches!(error, PlanError::Taken { .. } | PlanError::Collides { .. }) {
            return error.into();
        }
        let inventory = self.books.read().ok();
        let here = inventory.iter().flat_map(|inventory| {
            inventory.decoys.iter().filter(|decoy| inventory.cluster_of(decoy) == self.books.cluster)
        });
        let mut own = here.filter(|decoy| decoy.persona.as_ref() == Some(&persona.id));
        let Some(own) = own.next() else { return error.into() };
        let (name, id, books) = (own.name(), &persona.id, self.books.as_arguments());
        match own.state {
            Some(State::Planting) => anyhow!(
                "{error}; an earlier run of persona `{id}` was interrupted: `sundew remove {name}{books}` takes back what \
                 it made"
            ),
            Some(State::Removing) => anyhow!(
                "the decoy {name} of persona `{id}` is being removed; `sundew remove {name}{books}` goes on with it"
            ),
            _ => anyhow!(
                "the decoy {name} of persona `{id}` is planted already; choose another persona, or give it another copy \
                 with --outside"
            ),
        }
    }

    /// Which personas fit, and the command that plants the best.
    fn suggest(&self, looked: &Looked) -> Result<Exit> {
        let fits = suggested(self.personas, looked);
        if self.args.how.output == PlanFormat::Json {
            let each: Vec<_> = fits.iter().map(Fit::as_json).collect();
            print_json(&json!({"suggestions": each}))?;
            return Ok(Exit::Clean);
        }
        let mut page = Page::new(None);
        suggestions(&mut page, self.personas, &fits);
        page.gap();
        match fits.first().filter(|best| best.suggested) {
            Some(best) => {
                let namespace = self.args.what.namespace.as_ref();
                let namespace = namespace.map(|name| format!(" -n {}", quoted(name))).unwrap_or_default();
                let books = self.books.as_arguments();
                page.line("Nothing was made. The one that fits best is shown and planted by");
                page.indented(2, &format!("sundew plant --persona {}{namespace}{books}", best.id));
            }
            None => page.line(
                "Nothing was made: none of them fits this cluster by itself. --personas adds your own.",
            ),
        }
        page.finish(None)?;
        Ok(Exit::Clean)
    }

    async fn judge(&self, connection: &Connection, looked: &Looked, plan: Plan) -> Judged {
        let doing = Doing::new();
        doing.now("checking the plan");
        let rights = gate::rights(&looked.cluster, &plan);
        let checks = stealth::check(&plan, &looked.around);
        let logged = probe(connection, &plan.decoy, &self.books).await;
        Judged { plan, rights, checks, logged, despite_shared: self.args.how.despite_shared_rights }
    }

    async fn decide(&self, connection: &Connection, judged: &Judged, copies: &[Copy]) -> Result<Exit> {
        let how = &self.args.how;
        let refusal = judged.refusal();
        match how.output {
            PlanFormat::Text => {
                let mut page = Page::new(None);
                judged.show(&mut page, &connection.place().to_string());
                page.finish(None)?;
            }
            PlanFormat::Json if refusal.is_some() => print_json(&judged.as_json(&self.books.cluster))?,
            _ => {}
        }
        if let Some(refusal) = refusal {
            bail!(refusal);
        }
        let printed = match how.output {
            PlanFormat::Yaml => Some(render(&judged.plan)?),
            PlanFormat::Inventory => Some(render_entry(&self.named(&judged.plan))?),
            PlanFormat::Text | PlanFormat::Json => None,
        };
        if let Some(text) = printed {
            crate::page::deliver(text.as_bytes(), None)?;
            return Ok(Exit::Clean);
        }
        let half = self.half_planted(judged)?;
        if half {
            say("an earlier run was interrupted: what it made is taken back first");
        }
        let unread = !judged.rights.unread.is_empty();
        if unread && how.yes && !how.dry_run && !how.despite_unread {
            bail!(
                "rights of {} could be hidden in what could not be read: {}; nothing was made. Use a kubeconfig that may \
                 read it, or give --despite-unread",
                judged.plan.decoy.name(),
                judged.rights.unread.join("; ")
            );
        }
        // What is still there of an interrupted run would be in the way; planting tries each object when it is gone.
        if !half {
            self.try_out(connection, judged).await?;
        }
        if how.dry_run {
            return self.would(judged, half);
        }
        let question = if unread { "Plant it, although not everything could be read?" } else { "Plant it?" };
        if !confirm(question, how.yes)? {
            let mut page = Page::new(None);
            page.line("Nothing was made.");
            page.finish(None)?;
            return Ok(Exit::Clean);
        }
        self.plant(connection, judged, copies).await
    }

    /// The plan with the cluster's name in it.
    fn named(&self, plan: &Plan) -> Plan {
        let mut plan = plan.clone();
        plan.decoy.cluster = Some(self.books.cluster.clone());
        plan
    }

    async fn try_out(&self, connection: &Connection, judged: &Judged) -> Result<()> {
        let doing = Doing::new();
        doing.now("asking the server whether it would take every object");
        let mut progress = |what: &str| doing.now(what);
        Ok(self.planting(connection, judged, &mut progress).try_out().await?)
    }

    /// Whether an interrupted run left a part of this decoy behind.
    fn half_planted(&self, judged: &Judged) -> Result<bool> {
        if !self.books.inventory.exists() {
            return Ok(false);
        }
        let inventory = self.books.read()?;
        let begun = inventory.decoys.iter().filter(|decoy| decoy.state == Some(State::Planting));
        Ok(begun.into_iter().any(|decoy| {
            inventory.cluster_of(decoy) == self.books.cluster && decoy.name() == judged.plan.decoy.name()
        }))
    }

    fn would(&self, judged: &Judged, half: bool) -> Result<Exit> {
        if self.args.how.output == PlanFormat::Json {
            print_json(&judged.as_json(&self.books.cluster))?;
            return Ok(Exit::Clean);
        }
        let mut page = Page::new(None);
        page.line("");
        page.line(if half {
            "Nothing was made. The server was not asked, as a part of this decoy is still there."
        } else {
            "The server would take every object. Nothing was made."
        });
        page.finish(None)?;
        Ok(Exit::Clean)
    }

    fn planting<'p>(
        &'p self,
        connection: &'p Connection,
        judged: &'p Judged,
        progress: &'p mut (dyn FnMut(&str) + 'p),
    ) -> Planting<'p> {
        Planting {
            connection,
            plan: &judged.plan,
            store: self.books.store(),
            spacing: SPACING,
            patience: self.args.how.patience,
            progress,
        }
    }

    async fn plant(&self, connection: &Connection, judged: &Judged, copies: &[Copy]) -> Result<Exit> {
        let mut inventory = InventoryFile::open(&self.books.inventory, &self.books.cluster)?;
        let doing = Doing::new();
        let mut progress = |what: &str| doing.done(what);
        let mut planting = self.planting(connection, judged, &mut progress);
        let planted = match self.args.outside.outside {
            Some(_) => planting.grow(&mut inventory).await?,
            None => planting.plant(&mut inventory).await?,
        };
        drop(doing);
        outside::write(copies, &planted.outside, &planted.decoy)?;
        if self.args.how.output == PlanFormat::Json {
            let mut said = judged.as_json(&self.books.cluster);
            said["planted"] = json!({
                "decoy": planted.decoy,
                "verified": planted.verified,
                "inventory": self.books.inventory,
                "outside": copies.iter().map(Copy::as_json).collect::<Vec<_>>(),
            });
            print_json(&said)?;
        } else {
            self.report(&planted, copies)?;
        }
        Ok(Exit::Clean)
    }

    /// What was made, and what to do now.
    fn report(&self, planted: &Planted, copies: &[Copy]) -> Result<()> {
        let mut page = Page::new(None);
        let name = planted.decoy.name();
        page.line("");
        page.line(&format!("{name} is planted, and written down in {}.", self.books.inventory.display()));
        planted.verified.iter().for_each(|what| page.indented(2, what));
        if !copies.is_empty() {
            page.heading("Copies to put in their places", ", each readable by you alone until then");
            copies.iter().for_each(|copy| page.indented(2, &copy.said()));
        }
        page.heading("Next", "");
        let books = self.books.as_arguments();
        if let Some((config, parts)) = &self.books.config {
            let inventory = if parts.inventory.as_ref() == Some(&self.books.inventory) {
                String::new()
            } else {
                format!(" --inventory {}", self.books.inventory.display())
            };
            page.indented(2, &format!("sundew watch -c {}{inventory}", config.display()));
        } else {
            page.indented(2, "write sundew.yaml (docs/watch.md shows the smallest), and then");
            page.indented(2, &format!("sundew watch --inventory {}", self.books.inventory.display()));
        }
        page.indented(2, &format!("sundew drill {name}{books}"));
        page.finish(None)
    }
}

/// Letters and digits as Kubernetes makes them for generated names (apimachinery `util/rand`): no vowels, and none
/// that look alike.
pub(super) fn random(length: usize) -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    (0..length).map(|_| char::from(LETTERS[fastrand::usize(..LETTERS.len())])).collect()
}
