use super::*;

struct Nothing;

impl Scrub for Nothing {
    fn scrub(&self, _bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
        None
    }
}

fn started(script: &str) -> (ChildLink, i32) {
    let spec = ChildSpec {
        program: "/bin/sh".into(),
        arguments: vec!["-c".to_owned(), script.to_owned()],
        environment: vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())],
        directory: None,
    };
    let limits = Limits { answer_bytes_max: 1_000, ..Limits::default() };
    let link = ChildLink::start(&spec, &[], Arc::new(Nothing), &limits, Ear::new(|_| {})).unwrap();
    let group = lock(&link.shared.group).unwrap().as_raw_nonzero().get();
    (link, group)
}

/// Processes of a group that still do something.
fn alive(group: i32) -> Vec<String> {
    let stat = |folder: std::fs::DirEntry| std::fs::read_to_string(folder.path().join("stat")).ok();
    let of_group = |stat: &String| {
        // pid (name) state parent group …
        let behind: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        behind[0] != "Z" && behind[2] == group.to_string()
    };
    std::fs::read_dir("/proc").unwrap().map_while(Result::ok).filter_map(stat).filter(of_group).collect()
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..1_000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what}");
}

#[tokio::test]
async fn what_is_missing_is_what_is_blamed() {
    let (there, missing, no_folder) = ("/bin/sh", "/no/such/place", "/etc/passwd");
    let of_folder = "make it, or correct the app's `directory:`";
    for (program, directory, said, way_out) in [
        (
            there,
            Some(missing),
            "`/bin/sh` could not be started in `/no/such/place`: there is no such folder",
            of_folder,
        ),
        (there, Some(no_folder), "`/bin/sh` could not be started in `/etc/passwd`: there is no such folder", of_folder),
        (
            missing,
            Some("/"),
            "`/no/such/place` could not be started: there is no such program",
            "correct the app's `command:`",
        ),
        (
            no_folder,
            Some("/"),
            "`/etc/passwd` could not be started: it may not be run, or its folder may not be entered",
            "look at the mode of the app's `command:` and `directory:`",
        ),
        (
            no_folder,
            None,
            "`/etc/passwd` could not be started: it may not be run",
            "`chmod +x` it, or correct the app's `command:`",
        ),
    ] {
        let (program, directory) = (program.into(), directory.map(Into::into));
        let spec = ChildSpec { program, arguments: Vec::new(), environment: Vec::new(), directory };
        let started = ChildLink::start(&spec, &[], Arc::new(Nothing), &Limits::default(), Ear::new(|_| {}));
        let fault = started.map(drop).unwrap_err();
        assert_eq!(fault.code(), "operator.child_start");
        assert_eq!((fault.to_string().as_str(), fault.way_out()), (said, Some(way_out)));
    }
}

#[tokio::test]
async fn no_process_of_a_child_outlives_it() {
    let long = "head -c 5000 /dev/zero | tr '\\0' x";
    for script in [
        // The shell waits for a server whose line is too long, and which goes on.
        format!("({long}; exec sleep 600); true"),
        // It ends, and leaves one behind that has closed all its streams.
        "sleep 600 >/dev/null 2>&1 </dev/null & exit 0".to_owned(),
    ] {
        let (link, group) = started(&script);
        until("it has not ended", || !link.alive()).await;
        until(&format!("of `{script}` is left: {:?}", alive(group)), || alive(group).is_empty()).await;
        assert!(lock(&link.shared.group).is_none(), "its number may be another's");
    }
}

#[tokio::test]
async fn a_child_that_is_stopped_leaves_nobody_who_does_not_listen_to_it() {
    // The shell ends when it is asked to, and the other one does not.
    let (link, group) = started("trap '' TERM; sleep 600 >/dev/null 2>&1 </dev/null & trap - TERM; echo; sleep 600");
    until("the other one does not run", || alive(group).iter().filter(|stat| stat.contains("(sleep)")).count() == 2)
        .await;
    link.stop(Duration::from_secs(5)).await;
    until("somebody is left", || alive(group).is_empty()).await;
}

#[tokio::test]
async fn a_child_that_is_dropped_takes_its_group_along() {
    let (link, group) = started("sleep 600 & sleep 600; true");
    until("they do not run", || alive(group).len() == 3).await;
    drop(link);
    until("somebody is left", || alive(group).is_empty()).await;
}
