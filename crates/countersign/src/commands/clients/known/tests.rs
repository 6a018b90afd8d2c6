use std::path::Path;

use super::{Client, ClientFile, Surroundings, find};

fn write(path: &Path) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, "{}").unwrap();
}

fn found(home: &Path, here: &Path, macos: bool, named: &[&str], only: bool) -> Vec<ClientFile> {
    let named: Vec<_> = named.iter().map(Into::into).collect();
    find(&Surroundings { home, here, macos, environment: &|_| None }, &named, only)
}

#[test]
fn every_usual_place_is_looked_at_and_only_files_that_are_there_count() {
    let folder = tempfile::tempdir().unwrap();
    let (home, here) = (folder.path().join("home"), folder.path().join("project"));
    assert_eq!(found(&home, &here, false, &[], false), []);
    let places = [
        ("home/.config/Claude/claude_desktop_config.json", Client::ClaudeDesktop, false),
        ("home/.claude.json", Client::ClaudeCode, false),
        ("home/.config/Code/User/mcp.json", Client::VsCode, false),
        ("home/.cursor/mcp.json", Client::Cursor, false),
        ("project/.mcp.json", Client::ClaudeCode, true),
        ("project/.vscode/mcp.json", Client::VsCode, true),
        ("project/.cursor/mcp.json", Client::Cursor, true),
    ];
    for (place, _, _) in places {
        write(&folder.path().join(place));
    }
    let expected: Vec<_> = places
        .iter()
        .map(|(place, client, project)| ClientFile {
            client: *client,
            path: folder.path().join(place),
            project: project.then(|| here.clone()),
        })
        .collect();
    assert_eq!(found(&home, &here, false, &[], false), expected);
    assert_eq!(found(&home, &here, false, &["../home/.cursor/mcp.json"], false).len(), 7, "each file once");
    let only = found(&home, &here, false, &[".cursor/mcp.json"], true);
    assert_eq!(only, [expected.last().unwrap().clone()]);
    let inside = found(&home, &home, false, &[], false);
    assert_eq!(inside.iter().filter(|file| file.client == Client::Cursor).count(), 1, "home may be the project");
}

#[test]
fn macos_keeps_applications_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let desktop = folder.path().join("Library/Application Support/Claude/claude_desktop_config.json");
    write(&desktop);
    let found = found(folder.path(), Path::new("/nowhere"), true, &[], false);
    assert_eq!(found, [ClientFile { client: Client::ClaudeDesktop, path: desktop, project: None }]);
}
