//! `sundew report`: one page that joins decoys, drills, incidents, posture and settings, and says what to do first.

mod blind;
mod look;

use anyhow::Result;
use jiff::Timestamp;
use sundew_report::{Facts, Page, html, markdown};

use crate::{
    args::{self, ReportFormat},
    exit::Exit,
    page,
    rules::config,
};

pub(crate) fn run(args: &args::Report) -> Result<Exit> {
    let config = config(args.config.as_ref())?;
    let config = config.as_ref();
    let looked = look::cluster(args, config)?;
    let facts = Facts {
        cluster: looked.name,
        now: Timestamp::now(),
        decoys: look::decoys(args, config)?,
        sensor: look::sensor(config)?,
        posture: looked.posture,
        spared: looked.spared,
        blind: blind::of(args, config)?,
        settings: looked.settings,
    };
    let page = Page::of(&facts);
    let text = match args.format {
        ReportFormat::Html => html(&page)?,
        ReportFormat::Markdown => markdown(&page),
    };
    page::deliver(text.as_bytes(), args.out.as_deref())?;
    Ok(Exit::Clean)
}
