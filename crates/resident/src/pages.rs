//! Pages of the program and of its heap.

use std::io;

/// Gives back free memory, and every page of the program that can be read from its file again. What is used comes back at
/// once; what only the start needed, a third of all that ever runs, does not. How many bytes of the program were mapped.
pub fn leave_start_behind() -> io::Result<usize> {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        #[expect(unsafe_code, reason = "the allocator has no other door")]
        // SAFETY: it takes a number, and gives back only what is free.
        let _nothing_given = unsafe { libc::malloc_trim(0) } == 0;
    }
    #[cfg(target_os = "linux")]
    return forget(&own(&std::fs::read_to_string("/proc/self/maps")?, leave_start_behind as *const () as usize));
    #[cfg(not(target_os = "linux"))]
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
        let (begin, end) = words.next()?.split_once('-')?;
        let number = |text: &str| usize::from_str_radix(text, 16).ok();
        let part = Part { begin: number(begin)?, end: number(end)? };
        let (permissions, offset) = (words.next()?, number(words.next()?)?);
        let file = (words.next()?, words.next()?);
        let is_code = permissions == "r-xp";
        (file.1 != "0").then_some(Self { part, file, is_code, is_beginning: permissions == "r--p" && offset == 0 })
    }
}

#[cfg(test)]
mod tests;
