//! Pages of the program and of its heap.

use std::io;

/// Gives back free memory, and every page of the program that can be read from its file again. What is used comes back at
/// once; what only the start needed, a third of all that ever runs, does not. How many bytes of the program were mapped.
pub fn leave_start_behind() -> io::Result<usize> {
    crate::allocator::give_back();
    #[cfg(target_os = "linux")]
    return forget(&own(&std::fs::read_to_string("/proc/self/maps")?, leave_start_behind as *const () as usize));
    #[cfg(not(target_os = "linux"))]
    Ok(0)
}

/// Moves what the process holds into pages of 2 MB, where it holds so much that finding the page of each access is felt: ten
/// thousand rules are spread over more small pages than a processor remembers. A process that holds less stays as it is, for a large page is
/// resident as a whole. How many bytes stand in large pages now; 0 too where the kernel cannot do it.
pub fn in_large_pages() -> io::Result<usize> {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    if held(&std::fs::read_to_string("/proc/self/status")?) >= MUCH {
        return Ok(collapse(&heap(&std::fs::read_to_string("/proc/self/maps")?)));
    }
    Ok(0)
}

/// A part of the address space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    begin: usize,
    end: usize,
}

#[cfg(target_os = "linux")]
fn forget(parts: &[Part]) -> io::Result<usize> {
    let mut bytes = 0;
    for Part { begin, end } in parts {
        let place = std::ptr::with_exposed_provenance_mut::<libc::c_void>(*begin);
        #[expect(unsafe_code, reason = "there is no safe way to say this to the kernel")]
        // SAFETY: `own` picks parts that nobody may write to and that are as they stand in the file, so that whoever reads
        // there next reads the same.
        let said = unsafe { libc::madvise(place, end - begin, libc::MADV_DONTNEED) };
        if said != 0 {
            return Err(io::Error::last_os_error());
        }
        bytes += end - begin;
    }
    Ok(bytes)
}

/// How many bytes of these parts the kernel gathered. What it will not gather stays as it is.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn collapse(parts: &[Part]) -> usize {
    let pages = parts.iter().flat_map(|part| (part.begin..part.end).step_by(LARGE_PAGE));
    let gathered = pages.filter(|begin| {
        let place = std::ptr::with_exposed_provenance_mut::<libc::c_void>(*begin);
        #[expect(unsafe_code, reason = "there is no safe way to say this to the kernel")]
        // SAFETY: it changes where memory stands, and not what is in it.
        let said = unsafe { libc::madvise(place, LARGE_PAGE, libc::MADV_COLLAPSE) };
        said == 0
    });
    gathered.count() * LARGE_PAGE
}

/// From `/proc/PID/status`, how many bytes are resident that stand in no file.
pub(crate) fn held(status: &str) -> usize {
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<usize>().ok());
    kilobytes.map_or(0, |kilobytes| kilobytes << 10)
}

/// From `/proc/PID/maps`, the large pages that would lie whole in memory of no file that may be written to.
fn heap(maps: &str) -> Vec<Part> {
    let parts = maps.lines().filter_map(|line| {
        let (place, rest) = line.split_once(' ')?;
        let part = Part::read(place)?;
        let mut words = rest.split_ascii_whitespace();
        let is_memory = words.next()? == "rw-p" && words.nth(2)? == "0" && words.next().is_none_or(is_heap);
        let (begin, end) = (part.begin.next_multiple_of(LARGE_PAGE), part.end / LARGE_PAGE * LARGE_PAGE);
        (is_memory && begin < end).then_some(Part { begin, end })
    });
    parts.collect()
}

/// What allocators call their memory, where they call it anything.
fn is_heap(name: &str) -> bool {
    name == "[heap]" || name.starts_with("[anon:")
}

/// From `/proc/PID/maps`, what is mapped of the file that holds `code` and never was written to: the code itself, and the
/// beginning of the file. Constants with addresses in them stand elsewhere: the loader writes those.
fn own(maps: &str, code: usize) -> Vec<Part> {
    let lines: Vec<Line<'_>> = maps.lines().filter_map(Line::read).collect();
    let Some(file) = lines.iter().find(|line| line.part.begin <= code && code < line.part.end).map(|line| line.file)
    else {
        return Vec::new();
    };
    let of_file = lines.iter().filter(|line| line.file == file);
    of_file.filter(|line| line.is_code || line.is_beginning).map(|line| line.part).collect()
}

impl Part {
    /// `BEGIN-END`.
    fn read(place: &str) -> Option<Self> {
        let (begin, end) = place.split_once('-')?;
        let number = |text: &str| usize::from_str_radix(text, 16).ok();
        Some(Self { begin: number(begin)?, end: number(end)? })
    }
}

struct Line<'m> {
    part: Part,
    /// Device and inode.
    file: (&'m str, &'m str),
    /// May be run and not written to.
    is_code: bool,
    /// May be read only, from the first byte of the file.
    is_beginning: bool,
}

impl<'m> Line<'m> {
    /// `BEGIN-END PERMISSIONS OFFSET DEVICE INODE PATH`. None: no file is mapped there.
    fn read(line: &'m str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let part = Part::read(words.next()?)?;
        let (permissions, offset) = (words.next()?, usize::from_str_radix(words.next()?, 16).ok()?);
        let file = (words.next()?, words.next()?);
        let is_code = permissions == "r-xp";
        (file.1 != "0").then_some(Self { part, file, is_code, is_beginning: permissions == "r--p" && offset == 0 })
    }
}

const LARGE_PAGE: usize = 2 << 20;
/// Sixteen large pages: four times what a gateway with a hundred rules holds.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const MUCH: usize = 16 * LARGE_PAGE;

#[cfg(test)]
mod tests;
