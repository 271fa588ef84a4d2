//! What a scan is made with: risks, exceptions, and the report that it is compared with.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use jiff::{Timestamp, tz::TimeZone};
use serde::Deserialize;
use sundew_audit::decompress;
use sundew_decoy::yaml;
use sundew_posture::{
    Settings,
    assess::MOST_GRANTS,
    report::{FORMAT, Report},
    risk::{self, ExceptionFile, Risk},
};

use crate::{args::Rules, extra, gather::say};

/// The most bytes that a baseline may have, unpacked.
const MOST_BASELINE: u64 = 2 << 30;

pub(super) fn settings(args: &Rules, now: Timestamp) -> Result<Settings> {
    let mut settings = Settings::new(now);
    let mut own: Vec<(Risk, PathBuf)> = Vec::new();
    for path in extra::files(&args.risks, "risks")? {
        let risk = risk::parse(&path.display().to_string(), &extra::text(&path)?)?;
        if let Some((_, other)) = own.iter().find(|(known, _)| known.id == risk.id) {
            bail!("{} and {} both have the id `{}`; rename one", other.display(), path.display(), risk.id);
        }
        own.push((risk, path));
    }
    for (risk, path) in own {
        match settings.risks.iter_mut().find(|known| known.id == risk.id) {
            Some(known) => {
                say(&format!("{} takes the place of the built-in risk `{}`", path.display(), risk.id));
                *known = risk;
            }
            None => settings.risks.push(risk),
        }
    }
    let grants: usize = settings.risks.iter().map(|risk| risk.grants.len()).sum();
    if grants > MOST_GRANTS {
        bail!(
            "all risks together have {grants} grants, and {MOST_GRANTS} are the most; give fewer with --risks"
        );
    }
    if let Some(path) = &args.exceptions {
        settings.exceptions = exceptions(path, &settings.risks, now)?;
    }
    Ok(settings)
}

fn exceptions(path: &Path, risks: &[Risk], now: Timestamp) -> Result<ExceptionFile> {
    let shown = path.display();
    let file = ExceptionFile::parse(&shown.to_string(), &extra::text(path)?)?;
    let today = now.to_zoned(TimeZone::UTC).date();
    for over in file.exceptions.iter().filter(|exception| exception.until < today) {
        let rule = over.rule.as_deref().map_or(String::new(), |rule| format!(" to {rule}"));
        say(&format!(
            "{shown}: the exception{rule} for `{}` ended on {}; what it accepted counts again",
            over.about, over.until
        ));
    }
    for id in file.off.iter().filter(|id| !risks.iter().any(|risk| risk.id == **id)) {
        let meant = yaml::nearest(id, risks.iter().map(|risk| risk.id.as_str()));
        let meant = meant.map_or(String::new(), |id| format!("; did you mean `{id}`?"));
        say(&format!("{shown}: no risk has the id `{id}`, so nothing is turned off by it{meant}"));
    }
    Ok(file)
}

/// What tells whether the rest can be understood.
#[derive(Deserialize)]
struct Head {
    format: u32,
}

/// The report that a scan is compared with.
pub(crate) fn baseline(path: &Path) -> Result<Report> {
    let shown = path.display();
    let cannot = || format!("cannot read the report {shown}");
    let file = File::open(path).with_context(cannot)?;
    let mut bytes = Vec::new();
    let (_, unpacked) = decompress::reader(file).with_context(cannot)?;
    unpacked.take(MOST_BASELINE).read_to_end(&mut bytes).with_context(cannot)?;
    let no_report =
        || format!("{shown} is no report; `sundew scan --save FILE` and `--output json` write one");
    let head: Head = serde_json::from_slice(&bytes).with_context(no_report)?;
    if head.format > FORMAT {
        bail!(
            "{shown} is a report of format {}, and this version knows up to {FORMAT}; compare with a newer sundew",
            head.format
        );
    }
    serde_json::from_slice(&bytes).with_context(no_report)
}
