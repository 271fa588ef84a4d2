//! Mapped pages, and what keeps a file that shrinks from ending the process.
//!
//! Reading a page that the file no longer has raises SIGBUS. If the address lies in a window, the handler here puts empty
//! pages in the window's place and notes that; any other SIGBUS goes to whoever had the signal before.

use std::{
    fs::File,
    io,
    ptr::{self, NonNull},
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use rustix::mm::{MapFlags, ProtFlags};

/// How many windows the handler can know of.
pub(super) const SLOTS: usize = 8;

/// What the handler must know of a window: nothing but atomics, since it may run at any time.
struct Slot {
    taken: AtomicBool,
    /// The addresses, both 0 while there are none. `end` is set before `start` and cleared after it.
    start: AtomicUsize,
    end: AtomicUsize,
    lost: AtomicBool,
}

static WINDOWS: [Slot; SLOTS] = [const {
    Slot {
        taken: AtomicBool::new(false),
        start: AtomicUsize::new(0),
        end: AtomicUsize::new(0),
        lost: AtomicBool::new(false),
    }
}; SLOTS];

/// A part of a file in memory, for reading.
#[derive(Debug)]
pub(super) struct Pages {
    start: NonNull<u8>,
    length: usize,
    slot: usize,
}

// SAFETY: the mapping belongs to the process and not to a thread, and nothing of it is handed out but by reference.
unsafe impl Send for Pages {}

impl Pages {
    /// Maps `length` bytes of `file` from `offset` on, which must be a multiple of the page size.
    pub(super) fn map(file: &File, offset: u64, length: usize) -> io::Result<Self> {
        install_handler()?;
        let slot = WINDOWS
            .iter()
            .position(|slot| !slot.taken.swap(true, Ordering::AcqRel))
            .ok_or(io::ErrorKind::ResourceBusy)?;
        // SAFETY: without an address of our choice the system takes one where nothing is mapped.
        let mapped = unsafe {
            rustix::mm::mmap(ptr::null_mut(), length, ProtFlags::READ, MapFlags::SHARED, file, offset)
        };
        let start = mapped.map_err(io::Error::from).and_then(|start| {
            NonNull::new(start.cast::<u8>()).ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
        });
        let start = start.inspect_err(|_| WINDOWS[slot].taken.store(false, Ordering::Release))?;
        let known = &WINDOWS[slot];
        known.lost.store(false, Ordering::Release);
        let address = start.as_ptr().expose_provenance();
        known.end.store(address + length, Ordering::Release);
        known.start.store(address, Ordering::Release);
        Ok(Self { start, length, slot })
    }

    pub(super) fn start(&self) -> *const u8 {
        self.start.as_ptr()
    }

    /// Whether a page that was read was not there.
    pub(super) fn lost(&self) -> bool {
        WINDOWS[self.slot].lost.load(Ordering::Acquire)
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        let known = &WINDOWS[self.slot];
        known.start.store(0, Ordering::Release);
        known.end.store(0, Ordering::Release);
        // SAFETY: these pages were mapped by `map`, and what borrowed them from `self` is gone. The only error is that
        // of a wrong range.
        let _ = unsafe { rustix::mm::munmap(self.start.as_ptr().cast(), self.length) };
        known.taken.store(false, Ordering::Release);
    }
}

/// The faults of this thread, with and without a read from the disk.
pub(super) fn faults() -> Option<u64> {
    // SAFETY: all fields of the structure are numbers, and the call fills it.
    let (done, usage) = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        (libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage) == 0, usage)
    };
    done.then(|| (usage.ru_minflt + usage.ru_majflt).cast_unsigned())
}

/// Who had the signal before.
static BEFORE: OnceLock<Option<libc::sigaction>> = OnceLock::new();

/// Takes the signal, the first time it is called.
fn install_handler() -> io::Result<()> {
    let before = BEFORE.get_or_init(|| {
        // SAFETY: all fields of the structure are numbers or addresses, for which zero is a value; the pointers are to
        // two such structures. The handler is of the form that SA_SIGINFO asks for.
        unsafe {
            let mut before: libc::sigaction = std::mem::zeroed();
            let mut ours: libc::sigaction = std::mem::zeroed();
            ours.sa_sigaction = on_bus_error as *const () as usize;
            ours.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            libc::sigemptyset(&raw mut ours.sa_mask);
            (libc::sigaction(libc::SIGBUS, &raw const ours, &raw mut before) == 0).then_some(before)
        }
    });
    before.map(drop).ok_or_else(|| io::ErrorKind::Unsupported.into())
}

/// Runs on the thread that read the page, between two of its instructions: it may take no lock and no memory.
extern "C" fn on_bus_error(signal: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: the system hands a handler with SA_SIGINFO a filled structure.
    let (address, code) = unsafe { ((*info).si_addr().addr(), (*info).si_code) };
    // A code over zero says that the processor raised it, and not another process.
    let raised = code > 0;
    if raised && WINDOWS.iter().any(|slot| replace(slot, address)) {
        return;
    }
    let default = || {
        // SAFETY: as in `install_handler`; a zeroed structure is SIG_DFL.
        unsafe { std::mem::zeroed() }
    };
    let before: libc::sigaction = BEFORE.get().copied().flatten().unwrap_or_else(default);
    // SAFETY: the structure came from the system. After the return the instruction is tried again, and the signal goes
    // to who had it before; one that was sent must be sent again.
    unsafe {
        libc::sigaction(signal, &raw const before, ptr::null_mut());
        if !raised {
            libc::raise(signal);
        }
    }
}

/// If `address` lies in the window: puts empty pages in place of all of it, and notes it.
fn replace(slot: &Slot, address: usize) -> bool {
    let (start, end) = (slot.start.load(Ordering::Acquire), slot.end.load(Ordering::Acquire));
    if start == 0 || !(start..end).contains(&address) {
        return false;
    }
    // SAFETY: these addresses are the window's, and the thread that uses the window is the one that stands still here;
    // nothing else is mapped there while the slot is set. It is one system call, and leaves `errno` alone.
    let mapped = unsafe {
        rustix::mm::mmap_anonymous(
            ptr::with_exposed_provenance_mut(start),
            end - start,
            ProtFlags::READ,
            MapFlags::PRIVATE | MapFlags::FIXED,
        )
    };
    slot.lost.store(true, Ordering::Release);
    mapped.is_ok()
}
