//! Dumps and manifests: files and folders, read on every processor.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use anyhow::{Context, Result, bail};
use indicatif::ProgressBar;
use sundew_audit::decompress;
use sundew_posture::{
    Reader,
    model::{Notice, Place},
    read::{Assume, Batch, parse},
};

use super::{Gathered, progress, say};
use crate::{args::Source, table::counted};

/// From this many bytes on there is time to watch a bar.
const WATCHED: u64 = 64 << 20;
/// Endings of the files that are read in a folder; the same with one of [`PACKED`] after it.
const ENDINGS: [&str; 3] = ["json", "yaml", "yml"];
const PACKED: [&str; 2] = ["gz", "zst"];
/// The most failures that are said one by one.
const MOST_SAID: usize = 10;

/// A file to read.
#[derive(Debug)]
struct Input {
    /// None for standard input.
    path: Option<PathBuf>,
    shown: String,
    bytes: u64,
}

pub(super) fn gather(source: &Source) -> Result<Gathered> {
    let mut found = Found::default();
    for path in &source.from {
        found.add(path)?;
    }
    let Found { inputs, folders } = found;
    let bytes: u64 = inputs.iter().map(|input| input.bytes).sum();
    let bar = if bytes >= WATCHED { progress(Some(bytes)) } else { None };
    let mut reader = Reader::new();
    let mut failures = Vec::new();
    let files = inputs.len();
    read(&inputs, source.max_file_bytes, bar.as_ref(), |shown, parsed| match parsed {
        Ok(batch) => reader.take(batch),
        Err(problem) => failures.push((shown, problem)),
    });
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    if failures.len() == files
        && let Some((_, problem)) = failures.drain(..).next()
    {
        return Err(problem);
    }
    for (_, problem) in failures.iter().take(MOST_SAID) {
        say(&crate::exit::sentence(problem));
    }
    if failures.len() > MOST_SAID {
        say(&format!("{} more could not be read", counted((failures.len() - MOST_SAID) as u64, "file")));
    }
    let damaged = !failures.is_empty();
    for (shown, problem) in failures {
        // Who asks for the file in the report's list has its name already.
        let why = crate::exit::sentence(&problem);
        let why =
            why.strip_prefix(&shown).map_or(why.as_str(), |rest| rest.trim_start_matches(':').trim_start());
        reader.absent(&shown, why);
    }
    let mut cluster = reader.finish();
    for (folder, others) in folders.into_iter().filter(|(_, others)| *others > 0) {
        let what = format!(
            "{} in {} not read: only .json, .yaml and .yml are, also with .gz or .zst after it",
            counted(others, "other file"),
            folder.display()
        );
        cluster.notices.push(Notice { place: Place { file: u32::MAX, line: 0 }, what });
    }
    Ok(Gathered { cluster, name: String::new(), damaged })
}

/// What the paths name.
#[derive(Debug, Default)]
struct Found {
    inputs: Vec<Input>,
    /// Each folder that was named, with how many of its files are none to read.
    folders: Vec<(PathBuf, u64)>,
}

impl Found {
    fn add(&mut self, path: &Path) -> Result<()> {
        let shown = path.display().to_string();
        if path == Path::new("-") {
            if self.inputs.iter().any(|input| input.path.is_none()) {
                bail!("standard input (-) can be read once; leave one - out");
            }
            self.inputs.push(Input { path: None, shown: "standard input".into(), bytes: 0 });
            return Ok(());
        }
        let about = fs::metadata(path).with_context(|| format!("cannot read {shown}"))?;
        if !about.is_dir() {
            self.inputs.push(Input { path: Some(path.to_owned()), shown, bytes: about.len() });
            return Ok(());
        }
        let before = self.inputs.len();
        let mut others = 0;
        self.walk(path, &mut others).with_context(|| format!("cannot read the folder {shown}"))?;
        if self.inputs.len() == before {
            bail!(
                "the folder {shown} has nothing to read: no .json, .yaml or .yml, also with .gz or .zst after it ({})",
                counted(others, "other file")
            );
        }
        self.inputs[before..].sort_by(|a, b| a.path.cmp(&b.path));
        self.folders.push((path.to_owned(), others));
        Ok(())
    }

    fn walk(&mut self, folder: &Path, others: &mut u64) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            // Version control and what Kubernetes mounts beside a file lie in hidden folders.
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                self.walk(&path, others)?;
                continue;
            }
            if !is_wanted(&path) {
                *others += 1;
                continue;
            }
            let bytes = match fs::metadata(&path) {
                // A link to a folder could lead back to where it lies.
                Ok(about) if about.is_dir() => continue,
                Ok(about) => about.len(),
                // A dangling link is said where it is read.
                Err(_) => 0,
            };
            // What is in the folder that one stands in is said as it is seen from there.
            let shown = path.strip_prefix(".").unwrap_or(&path).display().to_string();
            self.inputs.push(Input { shown, path: Some(path), bytes });
        }
        Ok(())
    }
}

fn is_wanted(path: &Path) -> bool {
    let ends_in = |path: &Path, endings: &[&str]| {
        path.extension().is_some_and(|of| endings.iter().any(|ending| of.eq_ignore_ascii_case(ending)))
    };
    ends_in(path, &ENDINGS)
        || (ends_in(path, &PACKED) && path.file_stem().is_some_and(|stem| ends_in(Path::new(stem), &ENDINGS)))
}

/// Reads all inputs and gives each to `take`, in their order: of an object that is described twice the later counts.
fn read(
    inputs: &[Input],
    limit: u64,
    bar: Option<&ProgressBar>,
    mut take: impl FnMut(String, Result<Batch>),
) {
    let threads = thread::available_parallelism().map_or(1, std::num::NonZero::get).min(inputs.len());
    // The largest first, so that no thread is left with it at the end.
    let mut order: Vec<usize> = (0..inputs.len()).collect();
    order.sort_by_key(|&index| std::cmp::Reverse(inputs[index].bytes));
    let next = AtomicUsize::new(0);
    let (tell, told) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..threads {
            let tell = tell.clone();
            let (order, next) = (&order, &next);
            scope.spawn(move || {
                while let Some(&index) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if tell.send((index, read_one(&inputs[index], limit, bar))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(tell);
        let mut waiting: Vec<Option<Result<Batch>>> = inputs.iter().map(|_| None).collect();
        let mut taken = 0;
        for (index, parsed) in told {
            waiting[index] = Some(parsed);
            while let Some(parsed) = waiting.get_mut(taken).and_then(Option::take) {
                take(inputs[taken].shown.clone(), parsed);
                taken += 1;
            }
        }
    });
}

fn read_one(input: &Input, limit: u64, bar: Option<&ProgressBar>) -> Result<Batch> {
    let shown = &input.shown;
    let bytes = match &input.path {
        Some(path) => File::open(path).and_then(|file| unpacked(file, input.bytes, limit, bar)),
        None => unpacked(io::stdin(), 0, limit, bar),
    };
    let bytes = bytes.with_context(|| format!("cannot read {shown}"))?;
    if bytes.len() as u64 > limit {
        bail!("{shown} has more than {limit} bytes, unpacked; split it, or raise --max-file-bytes");
    }
    Ok(parse(shown, &bytes, &Assume::default())?)
}

/// At most one byte more than `limit`.
fn unpacked(from: impl Read + Send, size: u64, limit: u64, bar: Option<&ProgressBar>) -> io::Result<Vec<u8>> {
    let (_, mut input) = decompress::reader(Followed { from, bar })?;
    let mut bytes = Vec::with_capacity(usize::try_from(size.min(limit)).unwrap_or_default() + 1);
    input.by_ref().take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Tells a bar what was read.
struct Followed<'b, R> {
    from: R,
    bar: Option<&'b ProgressBar>,
}

impl<R: Read> Read for Followed<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(into)?;
        if let Some(bar) = self.bar {
            bar.inc(read as u64);
        }
        Ok(read)
    }
}
