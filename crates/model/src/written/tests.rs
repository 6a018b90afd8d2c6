use super::is_of_one_host;

#[test]
fn an_address_has_one_host_and_one_port() {
    for address in [
        "https://crm.example",
        "https://crm.example/mcp?a=b#c",
        "https://crm.example/@acme/mcp",
        "http://127.0.0.1:8080/mcp",
        "http://[::1]:80/",
        "http://[::1]",
        "https://crm.example:65535",
    ] {
        assert!(is_of_one_host(address), "{address}");
    }
    for address in [
        "http://127.0.0.1:99999/mcp",
        "http://127.0.0.1:80a/mcp",
        "http://127.0.0.1:+80/mcp",
        "http://127.0.0.1:/mcp",
        "http://127.0.0.1:0/mcp",
        "http://[::1]:/mcp",
        "http://[::1]80/mcp",
        "https://bob:hunt/er2x@crm.example/mcp",
        "https://bob:80/er2x@crm.example/mcp",
        "https://bob:80?er2x@crm.example/mcp",
        "https://bob@crm.example/mcp",
        "https://bob:80:hunter2@crm.example/mcp",
        "https:///mcp",
        "https://:80/mcp",
        "crm.example:80",
    ] {
        assert!(!is_of_one_host(address), "{address}");
    }
}
