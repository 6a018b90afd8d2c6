//! What a command line runs and which places it names.
//!
//! Only plain words are read. Whatever a shell would work out (variables, substitution, patterns, here documents) or a
//! program would read as more code makes the line unclear; so does an option of a wrapper such as `sudo` or of an interpreter that
//! is not known here, and a wrapper that adds words of its own. A word that looks like a place counts as one: what is not absolute depends on where the command runs, and is unclear.
//!
//! This reads; it does not contain. A program may always do more than its words say.

use std::borrow::Cow;

use model::limits::COMMAND_DEPTH_MAX;
use model::written;

use crate::value;

mod split;

pub(crate) use split::{Simple, quoted, split};

/// What stands in command lines.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Commands {
    /// Each command in words that are quoted where they must be: the program without its folder, places normalised. What
    /// a wrapper (`sudo`, `sh -c`) runs stands here beside the wrapper, and what runs with variables or files of its own
    /// beside all of it: `<env> X=1 ls` for `X=1 ls`, `<> /x ls` for `ls > /x`. So a rule that permits `ls` permits neither.
    pub(crate) commands: Vec<String>,
    /// Places they name.
    pub(crate) paths: Vec<String>,
    /// Hosts of the addresses they name.
    pub(crate) hosts: Vec<String>,
    /// Something may run that is not among `commands`.
    pub(crate) commands_unclear: bool,
    /// Some place may be meant that is not among `paths`.
    pub(crate) paths_unclear: bool,
    /// Some address may be meant that is not among `hosts`.
    pub(crate) hosts_unclear: bool,
}

/// A command of a rule as the facts write it: `rm -rf //` is `rm -rf /`. None: it is not one command of plain words.
pub fn normal(line: &str) -> Option<String> {
    match split(line)?.as_slice() {
        [Simple { words, assigned, files }] if assigned.is_empty() && files.is_empty() && !words.is_empty() => {
            Some(canonical(words))
        }
        _ => None,
    }
}

/// Every value of an option in a line: `--profile prod`, `--profile=prod`. None: it is not one command of plain words, or an
/// option may be this one under a shorter name, or has no value.
pub(crate) fn option(line: &str, option: &str) -> Option<Vec<String>> {
    let commands = split(line)?;
    let [Simple { words, assigned, files }] = commands.as_slice() else { return None };
    if !assigned.is_empty() || !files.is_empty() {
        return None;
    }
    let mut values = Vec::new();
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        let (name, value) = word.split_once('=').map_or((word.as_str(), None), |(name, value)| (name, Some(value)));
        if name == option {
            let value = value.or_else(|| rest.next().map(String::as_str));
            values.push(value.filter(|value| !value.is_empty() && !value.starts_with('-'))?.to_owned());
        } else if name.len() > "--".len() && option.starts_with(name) {
            return None;
        }
    }
    Some(values)
}

impl Commands {
    /// Adds what this line runs.
    pub(crate) fn line(&mut self, line: &str) {
        self.line_at(line, 0);
    }

    /// Adds a command that came word by word, past any shell.
    pub(crate) fn words(&mut self, words: &[String]) {
        if words.iter().any(|word| word.contains('\0')) {
            return self.nothing_clear();
        }
        self.command(words, 0);
    }

    /// Anything may run, anywhere.
    pub(crate) fn nothing_clear(&mut self) {
        (self.commands_unclear, self.paths_unclear, self.hosts_unclear) = (true, true, true);
    }

    fn line_at(&mut self, line: &str, depth: usize) {
        let commands = split(line).filter(|commands| !commands.is_empty() && depth <= COMMAND_DEPTH_MAX);
        let Some(commands) = commands else { return self.nothing_clear() };
        for simple in &commands {
            let Simple { words, assigned, files } = simple;
            // What is thrown away harms nobody.
            if !assigned.is_empty() || files.iter().any(|file| file != "/dev/null") {
                self.commands.push(whole(simple));
            }
            for (_, value) in assigned.iter().filter_map(|assigned| assigned.split_once('=')) {
                self.place(value);
            }
            for file in files {
                self.file(file);
            }
            self.command(words, depth);
        }
    }

    fn command(&mut self, words: &[String], depth: usize) {
        let Some((first, arguments)) = words.split_first() else { return };
        let program = base_name(first);
        if program.is_empty() || depth > COMMAND_DEPTH_MAX {
            return self.nothing_clear();
        }
        self.commands.push(canonical(words));
        if SHELLS.contains(&program) {
            let Some(at) = script(program, arguments) else { return self.nothing_clear() };
            for (place, word) in arguments.iter().enumerate() {
                if place == at { self.line_at(word, depth + 1) } else { self.place(word) }
            }
            return self.place(first);
        }
        if RUNS_MORE.contains(&program) || runs_code(program, arguments) {
            return self.nothing_clear();
        }
        // What it runs is a command of its own, and its words are looked at there.
        let inner = match WRAPPERS.iter().find(|wrapper| wrapper.program == program) {
            Some(wrapper) => wrapper.inner(arguments),
            None if program == "find" => Some(found(arguments)),
            None => Some(Default::default()),
        };
        let Some(inner) = inner else { return self.nothing_clear() };
        for word in words.iter().take(words.len() - inner.len()) {
            self.place(word);
        }
        self.command(inner, depth + 1);
        self.commands_unclear |= match program {
            "find" => runs_what_it_finds(inner),
            // It runs it with words that come from elsewhere; what comes first of them may be a program.
            "xargs" => !inner.is_empty(),
            _ => false,
        };
        self.paths_unclear |= match program {
            "cd" | "pushd" | "popd" => !matches!(arguments, [place] if place.starts_with('/')),
            // They run it on places that stand nowhere.
            "find" => !inner.is_empty(),
            "xargs" => true,
            _ => false,
        };
    }

    fn file(&mut self, file: &str) {
        match written::place(file) {
            Some(path) => self.paths.push(path),
            None => self.paths_unclear = true,
        }
    }

    /// Takes a word in that looks like a place or an address.
    fn place(&mut self, word: &str) {
        if let Some((scheme, _)) = word.split_once("://").filter(|(scheme, _)| is_scheme(scheme)) {
            match value::host(word).filter(|_| scheme != "file") {
                Some(host) => self.hosts.push(host),
                None => (self.paths_unclear, self.hosts_unclear) = (true, true),
            }
        } else if looks_like_place(word) {
            let place = if word.starts_with('/') { Some(word) } else { place_in_option(word) };
            match place.filter(|place| !place.contains(":/") && !place.contains(",/")) {
                Some(place) => self.file(place),
                None => self.paths_unclear = true,
            }
        } else if let Some((_, value)) = word.split_once('=').filter(|(_, value)| looks_like_place(value)) {
            self.file(value);
        }
    }
}

/// A program that runs the command behind its own words.
struct Wrapper {
    program: &'static str,
    /// Options of one letter that stand alone.
    flags: &'static str,
    /// Options of one letter that take a value.
    valued: &'static str,
    /// Words before the command.
    words: usize,
}

impl Wrapper {
    /// The command it runs. None: an option that is not known here.
    fn inner<'w>(&self, arguments: &'w [String]) -> Option<&'w [String]> {
        let mut rest = arguments;
        while let Some((option, behind)) = rest.split_first().filter(|(word, _)| word.starts_with('-')) {
            rest = behind;
            if option == "--" {
                break;
            }
            let mut letters = option.chars().skip(1);
            while let Some(letter) = letters.next() {
                if self.valued.contains(letter) {
                    if letters.next().is_none() {
                        rest = rest.split_first()?.1;
                    }
                    break;
                }
                if !self.flags.contains(letter) {
                    return None;
                }
            }
        }
        let assignments = rest.iter().take_while(|word| word.contains('=')).count();
        rest = rest.get(assignments..)?;
        if rest.is_empty() {
            return Some(rest);
        }
        rest.get(self.words..)
    }
}

/// Programs that run a script.
struct Interpreter {
    programs: &'static [&'static str],
    /// Options of one letter that stand alone.
    flags: &'static str,
    /// Options of one letter that take a value. That of `m` is a module, and what stands behind it is the module's.
    valued: &'static str,
    /// Longer options that stand alone, or take a value behind their `=`.
    long: &'static [&'static str],
    /// Options that, each by itself, end it before it reads anything.
    ends: &'static [&'static str],
}

impl Interpreter {
    /// Whether it may run code that is in no file: it is given no script, its input as one, or an option that is not known here.
    fn reads_code(&self, arguments: &[String]) -> bool {
        if matches!(arguments, [only] if self.ends.contains(&only.as_str())) {
            return false;
        }
        let mut words = arguments.iter().map(String::as_str);
        while let Some(word) = words.next() {
            let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty()) else {
                // In the folder of what is open already, its name is a number.
                let number = word.rsplit('/').next().is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
                return number || is_code(word);
            };
            if word.split_inclusive('=').next().is_some_and(|name| self.long.contains(&name)) {
                continue;
            }
            let alone = letters.trim_start_matches(|letter| self.flags.contains(letter));
            let Some(option) = alone.chars().next() else { continue };
            let glued = alone.get(option.len_utf8()..).filter(|glued| !glued.is_empty());
            let value = if self.valued.contains(option) { glued.or_else(|| words.next()) } else { None };
            match value {
                Some(module) if option == 'm' => {
                    return module.split('.').next().is_none_or(|package| CODE_MODULES.contains(&package));
                }
                Some(value) if !is_code(value) => {}
                _ => return true,
            }
        }
        true
    }
}

/// The words as one line: places normalised, the program without its folder.
fn canonical(words: &[String]) -> String {
    let mut out: Vec<Cow<'_, str>> = Vec::with_capacity(words.len());
    for (at, word) in words.iter().enumerate() {
        out.push(match written::place(word) {
            _ if at == 0 => Cow::Borrowed(base_name(word)),
            Some(path) => Cow::Owned(path),
            None => Cow::Borrowed(word),
        });
    }
    quoted(&out)
}

/// All of a command that has variables or files of its own. It begins with what is no program: `<>` is what a shell takes for both
/// directions, `<env>` stands for variables. A line may set one for all that follows, as in `PATH=/x; ls`.
fn whole(Simple { words, assigned, files }: &Simple) -> String {
    let redirected = files.iter().map(|file| format!("<> {}", quoted(&[file])));
    let assigned = (!assigned.is_empty()).then(|| format!("<env> {}", quoted(assigned)));
    let command = (!words.is_empty()).then(|| canonical(words));
    redirected.chain(assigned).chain(command).collect::<Vec<_>>().join(" ")
}

fn base_name(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}

/// Where the script of `sh -c script` stands. None: it reads its commands from elsewhere, or has an option that is not
/// known here.
fn script(program: &str, arguments: &[String]) -> Option<usize> {
    // It runs the script of every option that has one, wherever they stand.
    if program == "fish" {
        return matches!(arguments, [option, _] if option == "-c").then_some(1);
    }
    let mut has_script = false;
    let mut words = arguments.iter().enumerate();
    while let Some((at, word)) = words.next() {
        match word.strip_prefix(['-', '+']) {
            None => return has_script.then_some(at),
            Some(letters) if letters.bytes().all(|letter| b"abcefhlmnouvxBCEHPT".contains(&letter)) => {
                has_script |= letters.contains('c') && word.starts_with('-');
                if letters.contains('o') {
                    words.next();
                }
            }
            Some(_) => return None,
        }
    }
    None
}

/// All that stands behind the first `-exec` of `find`.
fn found(arguments: &[String]) -> &[String] {
    let at = arguments.iter().position(|word| FIND_RUNS.contains(&word.as_str()));
    at.and_then(|at| arguments.get(at + 1..)).unwrap_or_default()
}

/// Whether what `find` runs is more than the words behind its `-exec`: it runs several commands, or puts what it finds among them.
fn runs_what_it_finds(inner: &[String]) -> bool {
    inner.iter().any(|word| FIND_RUNS.contains(&word.as_str()) || word.contains("{}"))
}

/// Whether an interpreter is given code, or git a setting that is a command.
fn runs_code(program: &str, arguments: &[String]) -> bool {
    let inline = |letters: &[u8]| {
        arguments.iter().take_while(|word| word.as_str() != "--").any(|word| {
            word.starts_with("--eval")
                || word.starts_with("--print")
                || (word.starts_with('-') && !word.starts_with("--") && word.bytes().any(|b| letters.contains(&b)))
        })
    };
    let name = program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    if INTERPRETERS.iter().any(|it| it.programs.contains(&name) && it.reads_code(arguments)) {
        return true;
    }
    match name {
        "python" | "pypy" => inline(b"c"),
        "perl" | "rscript" | "Rscript" | "ruby" | "lua" | "osascript" => inline(b"eE"),
        "node" | "nodejs" => inline(b"ep") || arguments.iter().any(|word| word == "inspect"),
        // What they are to do stands among their options.
        "deno" | "bun" | "tsx" => {
            let tells = |word: &String| matches!(word.as_str(), "eval" | "exec" | "repl") || is_code(word);
            inline(b"ep") || arguments.iter().any(tells)
        }
        "php" => inline(b"rBRE"),
        "awk" | "gawk" | "mawk" | "nawk" => true,
        "git" => arguments.iter().any(|word| word == "-c" || word.starts_with("--config-env")),
        _ => false,
    }
}

/// Whether this is no file with code: another name of the standard input or of some other input that is open already, wherever
/// it is looked for from (`/dev/stdin`, `fd/0`), or an address that is the code itself (`data:,x`).
fn is_code(word: &str) -> bool {
    let mut names = word.rsplit('/');
    let opened = word == "-" || names.next() == Some("stdin") || names.next() == Some("fd");
    opened || word.to_ascii_lowercase().split_whitespace().collect::<String>().contains("data:")
}

fn is_scheme(scheme: &str) -> bool {
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+.-".contains(c))
}

fn looks_like_place(word: &str) -> bool {
    word.contains('/') || matches!(word, "." | "..") || word.starts_with('~')
}

/// `/etc` in `--root=/etc`, `of=/etc`, `-I/etc`.
fn place_in_option(word: &str) -> Option<&str> {
    let slash = word.find('/')?;
    let (before, place) = word.split_at_checked(slash)?;
    let option = before.strip_prefix('-').is_some_and(|letters| letters.chars().all(|c| c.is_ascii_alphanumeric()));
    (option || (before.ends_with('=') && before.matches('=').count() == 1)).then_some(place)
}

const SHELLS: &[&str] = &["ash", "bash", "csh", "dash", "fish", "ksh", "mksh", "rbash", "sh", "tcsh", "zsh"];

/// Programs that carry out commands from where they cannot be read here.
const RUNS_MORE: &[&str] = &[
    ".", "alias", "at", "batch", "chroot", "crontab", "eval", "expect", "flock", "ltrace", "nsenter", "parallel",
    "runuser", "script", "setpriv", "source", "ssh", "strace", "su", "tclsh", "trap", "unshare", "watch",
];

const FIND_RUNS: &[&str] = &["-exec", "-execdir", "-ok", "-okdir"];

const WRAPPERS: &[Wrapper] = &[
    Wrapper { program: "builtin", flags: "", valued: "", words: 0 },
    Wrapper { program: "busybox", flags: "", valued: "", words: 0 },
    Wrapper { program: "command", flags: "pvV", valued: "", words: 0 },
    Wrapper { program: "doas", flags: "nL", valued: "uC", words: 0 },
    Wrapper { program: "env", flags: "i0v", valued: "uC", words: 0 },
    Wrapper { program: "exec", flags: "cl", valued: "a", words: 0 },
    Wrapper { program: "ionice", flags: "t", valued: "cn", words: 0 },
    Wrapper { program: "nice", flags: "", valued: "n", words: 0 },
    Wrapper { program: "nohup", flags: "", valued: "", words: 0 },
    Wrapper { program: "setsid", flags: "cfw", valued: "", words: 0 },
    Wrapper { program: "stdbuf", flags: "", valued: "ioe", words: 0 },
    Wrapper { program: "sudo", flags: "AbBEHknNPS", valued: "CDghpRrTtUu", words: 0 },
    Wrapper { program: "time", flags: "apqvV", valued: "fo", words: 0 },
    Wrapper { program: "timeout", flags: "fpv", valued: "ks", words: 1 },
    Wrapper { program: "toybox", flags: "", valued: "", words: 0 },
    Wrapper { program: "xargs", flags: "0oprtx", valued: "adEILnPs", words: 0 },
];

const INTERPRETERS: &[Interpreter] = &[
    Interpreter {
        programs: &["python", "pypy"],
        flags: "bBdEIOPqRsStuvx",
        valued: "mQWX",
        long: &[],
        ends: &["--help", "--version", "-V", "-h"],
    },
    Interpreter {
        programs: &["perl"],
        flags: "0123456789aclnpstTuUwWX",
        valued: "I",
        long: &[],
        ends: &["--help", "--version", "-V", "-h", "-v"],
    },
    Interpreter {
        programs: &["Rscript", "rscript"],
        flags: "",
        valued: "",
        long: &["--no-echo", "--no-environ", "--no-restore", "--no-save", "--slave", "--vanilla", "--verbose"],
        ends: &["--help", "--version"],
    },
    Interpreter {
        programs: &["ruby"],
        flags: "0123456789acdlnpsUvwWy",
        valued: "CIr",
        long: &["--disable-gems", "--jit", "--verbose", "--yjit"],
        ends: &["--help", "--version", "-h", "-v"],
    },
    Interpreter { programs: &["lua"], flags: "vW", valued: "l", long: &[], ends: &["-v"] },
    Interpreter { programs: &["osascript"], flags: "", valued: "ls", long: &[], ends: &[] },
    Interpreter {
        programs: &["node", "nodejs", "tsx"],
        flags: "c",
        valued: "Cr",
        long: &[
            "--check",
            "--enable-source-maps",
            "--max-old-space-size=",
            "--no-deprecation",
            "--no-warnings",
            "--stack-trace-limit=",
            "--test",
            "--trace-deprecation",
            "--trace-uncaught",
            "--trace-warnings",
            "--unhandled-rejections=",
            "--watch",
        ],
        ends: &["--help", "--version", "-h", "-v"],
    },
    Interpreter {
        programs: &["deno"],
        flags: "Aq",
        valued: "L",
        long: &["--quiet"],
        ends: &["--help", "--version", "-V", "-h", "-v"],
    },
    Interpreter {
        programs: &["bun"],
        flags: "",
        valued: "r",
        long: &["--bun", "--hot", "--silent", "--smol", "--watch"],
        ends: &["--help", "--version", "-h", "-v"],
    },
    Interpreter {
        programs: &["php"],
        flags: "flnqsw",
        valued: "c",
        long: &[],
        ends: &["--help", "--version", "-h", "-v"],
    },
];

/// Modules of Python that run code of their input or of their words, or another script.
const CODE_MODULES: &[&str] = &[
    "IPython", "_pyrepl", "asyncio", "bpython", "cProfile", "code", "debugpy", "doctest", "idlelib", "pdb", "pickle",
    "profile", "ptpython", "runpy", "timeit", "trace",
];

#[cfg(test)]
mod tests;
