//! What an app says of itself, in answer to nothing: that a list or a resource has changed.

use std::sync::Arc;

use json::Document;
use tokio_util::sync::CancellationToken;

/// A change that an app tells of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// One of its lists is another now.
    List(Changed),
    /// The resource at this address is another now.
    Resource(String),
}

/// Which list changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Changed {
    /// Tools.
    Tools,
    /// Resources and templates of their addresses.
    Resources,
    /// Prompts.
    Prompts,
}

/// Where the news of one link go, and whether the link is still there. Cheap to clone.
#[derive(Clone)]
pub struct Ear {
    hears: Arc<dyn Fn(News) + Send + Sync>,
    /// Whether the link is of no one pair.
    shared: bool,
    gone: CancellationToken,
}

impl Changed {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Tools, Self::Resources, Self::Prompts];

    /// The notification that says so.
    pub const fn method(self) -> &'static str {
        match self {
            Self::Tools => "notifications/tools/list_changed",
            Self::Resources => "notifications/resources/list_changed",
            Self::Prompts => "notifications/prompts/list_changed",
        }
    }

    /// Its member in the filter of a `subscriptions/listen`.
    pub const fn filter(self) -> &'static str {
        match self {
            Self::Tools => "toolsListChanged",
            Self::Resources => "resourcesListChanged",
            Self::Prompts => "promptsListChanged",
        }
    }
}

impl News {
    /// The news in a notification, where there is some.
    pub fn read(method: &str, message: &[u8]) -> Option<Self> {
        if let Some(changed) = Changed::ALL.into_iter().find(|changed| changed.method() == method) {
            return Some(Self::List(changed));
        }
        if method != UPDATED {
            return None;
        }
        let document = Document::parse(message).ok()?;
        let uri = document.root().get("params")?.get("uri")?.as_str()?.into_owned();
        Some(Self::Resource(uri))
    }
}

impl Ear {
    /// An ear that hands on what it hears on the link of one pair.
    pub fn new(hears: impl Fn(News) + Send + Sync + 'static) -> Self {
        Self { hears: Arc::new(hears), shared: false, gone: CancellationToken::new() }
    }

    /// The same for a link that pairs share.
    pub fn shared(self) -> Self {
        Self { shared: true, ..self }
    }

    /// Whether pairs share the link.
    pub fn is_shared(&self) -> bool {
        self.shared
    }

    /// Takes a notification, if it is news.
    pub fn hear(&self, method: &str, message: &[u8]) -> bool {
        let news = News::read(method, message);
        let heard = news.is_some();
        if let Some(news) = news {
            (self.hears)(news);
        }
        heard
    }

    /// The link is there no more.
    pub fn lose(&self) {
        self.gone.cancel();
    }

    /// Ends when the link is there no more.
    pub async fn lost(&self) {
        self.gone.cancelled().await;
    }
}

/// The notification that a resource has changed.
pub const UPDATED: &str = "notifications/resources/updated";
