//! A headless Chromium, spoken to over pipes: the DevTools protocol is JSON, each
//! message ended by a zero byte.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{sleep, timeout};

/// One at a time: they are large.
static TURN: Mutex<()> = Mutex::const_new(());

/// Long enough for any machine; nothing waits for it unless it fails.
const PATIENCE: Duration = Duration::from_secs(120);

/// Chromium reads from file descriptor 3 and writes to 4.
const PIPES: &str = r#"exec "$0" "$@" 3<&0 4>&1 0</dev/null 1>/dev/null 2>/dev/null"#;

const ARGUMENTS: &[&str] = &[
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--force-color-profile=srgb",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
];

/// The browser with one page.
pub(super) struct Chromium {
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    last: u64,
    session: Option<String>,
    events: Vec<Value>,
    _child: Child,
    _profile: TempDir,
    _turn: MutexGuard<'static, ()>,
}

fn program() -> PathBuf {
    let named = std::env::var_os("CHROMIUM").map(PathBuf::from);
    let usual = ["/usr/lib/chromium/chromium", "/usr/bin/chromium"];
    let all = named.into_iter().chain(usual.map(PathBuf::from));
    let mut there = all.filter(|path| path.exists());
    there.next().expect(
        "no Chromium here: install Debian's package chromium (scripts/test does), or name its \
         program in CHROMIUM",
    )
}

impl Chromium {
    /// Starts it with an empty page.
    pub(super) async fn start() -> Self {
        let turn = TURN.lock().await;
        let profile = TempDir::new().expect("a folder");
        let mut child = Command::new("sh")
            .args(["-c", PIPES])
            .arg(program())
            .args(ARGUMENTS)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("a shell");
        let mut it = Self {
            to: child.stdin.take().expect("it is piped"),
            from: BufReader::new(child.stdout.take().expect("it is piped")),
            last: 0,
            session: None,
            events: vec![],
            _child: child,
            _profile: profile,
            _turn: turn,
        };
        it.fresh().await;
        it
    }

    /// Goes on in a page of its own, that knows nothing of those before.
    pub(super) async fn fresh(&mut self) {
        self.session = None;
        let context = self.call("Target.createBrowserContext", json!({})).await;
        let wanted = json!({
            "url": "about:blank",
            "browserContextId": context["browserContextId"],
        });
        let target = self.call("Target.createTarget", wanted).await;
        let wanted = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = self.call("Target.attachToTarget", wanted).await;
        self.session = attached["sessionId"].as_str().map(ToOwned::to_owned);
        for domain in ["Page", "Runtime", "Log", "Accessibility"] {
            self.call(&format!("{domain}.enable"), json!({})).await;
        }
        self.size(1280, 900).await;
    }

    /// Calls a method and returns its result.
    pub(super) async fn call(&mut self, method: &str, params: Value) -> Value {
        let answered = timeout(PATIENCE, self.answer(method, params)).await;
        answered.unwrap_or_else(|_| panic!("Chromium does not answer {method}"))
    }

    async fn answer(&mut self, method: &str, params: Value) -> Value {
        self.last += 1;
        let mut message = json!({ "id": self.last, "method": method, "params": params });
        if let Some(session) = &self.session {
            message["sessionId"] = session.as_str().into();
        }
        let mut bytes = serde_json::to_vec(&message).expect("JSON");
        bytes.push(0);
        self.to.write_all(&bytes).await.expect("Chromium listens");
        loop {
            let told = self.read().await;
            if told["id"] == self.last {
                // A page that is being left has no answers.
                let left = told["error"]["code"] == -32000;
                assert!(told.get("error").is_none() || left, "{method}: {told}");
                return told["result"].clone();
            }
            self.events.push(told);
        }
    }

    async fn read(&mut self) -> Value {
        let mut bytes = vec![];
        let read = self.from.read_until(0, &mut bytes).await;
        assert!(read.expect("a pipe") > 0, "Chromium has ended");
        bytes.pop();
        serde_json::from_slice(&bytes).expect("JSON")
    }

    /// Opens a page and waits until it has loaded.
    pub(super) async fn open(&mut self, url: &str) {
        self.events.clear();
        let gone = self.call("Page.navigate", json!({ "url": url })).await;
        assert!(gone.get("errorText").is_none(), "{url}: {gone}");
        self.event("Page.loadEventFired").await;
        // Not that of the empty page before.
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'")
            .await;
    }

    /// Waits for an event.
    async fn event(&mut self, name: &str) {
        let waiting = async {
            while !self.events.iter().any(|event| event["method"] == name) {
                let told = self.read().await;
                self.events.push(told);
            }
        };
        let came = timeout(PATIENCE, waiting).await;
        came.unwrap_or_else(|_| panic!("{name} does not come"));
    }

    /// Waits until the page of this path has loaded.
    pub(super) async fn arrives(&mut self, path: &str) {
        let there = format!("location.pathname === '{path}' && document.readyState === 'complete'");
        self.until(&there).await;
    }

    /// What an expression comes to in the page.
    pub(super) async fn evaluate(&mut self, expression: &str) -> Value {
        let wanted = json!({
            "expression": expression,
            "returnByValue": true,
            "awaitPromise": true,
        });
        let told = self.call("Runtime.evaluate", wanted).await;
        assert!(
            told.get("exceptionDetails").is_none(),
            "{expression}: {told}"
        );
        told["result"]["value"].clone()
    }

    /// Waits until an expression is true in the page.
    pub(super) async fn until(&mut self, expression: &str) {
        let waiting = async {
            while self.evaluate(expression).await != true {
                sleep(Duration::from_millis(50)).await;
            }
        };
        let came = timeout(PATIENCE, waiting).await;
        if came.is_err() {
            let text = self.evaluate("document.body.innerText").await;
            panic!("it never came to be that {expression}: {text}");
        }
    }

    /// Presses a key.
    pub(super) async fn press(&mut self, key: &str) {
        let (code, text) = match key {
            "Tab" => (9, None),
            "Enter" => (13, Some("\r")),
            "Escape" => (27, None),
            letter => (0, Some(letter)),
        };
        let mut down = json!({ "type": "keyDown", "key": key, "windowsVirtualKeyCode": code });
        if let Some(text) = text {
            down["text"] = text.into();
        }
        self.call("Input.dispatchKeyEvent", down).await;
        let up = json!({ "type": "keyUp", "key": key, "windowsVirtualKeyCode": code });
        self.call("Input.dispatchKeyEvent", up).await;
    }

    /// Writes where the focus is.
    pub(super) async fn write(&mut self, text: &str) {
        self.call("Input.insertText", json!({ "text": text })).await;
    }

    /// The size of the window.
    pub(super) async fn size(&mut self, width: u32, height: u32) {
        let wanted = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false,
        });
        self.call("Emulation.setDeviceMetricsOverride", wanted)
            .await;
    }

    /// What the user prefers: `light` or `dark`.
    pub(super) async fn prefer(&mut self, scheme: &str) {
        let features = json!([
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        let wanted = json!({ "features": features });
        self.call("Emulation.setEmulatedMedia", wanted).await;
    }

    /// Whether pages may run scripts.
    pub(super) async fn scripts(&mut self, run: bool) {
        let wanted = json!({ "value": !run });
        self.call("Emulation.setScriptExecutionDisabled", wanted)
            .await;
    }

    /// What was complained about since the page was opened: errors of scripts, and what
    /// the content security policy forbade.
    pub(super) async fn complaints(&mut self) -> Vec<Value> {
        // What was told before this answer has arrived.
        self.evaluate("1").await;
        let bad = |event: &&Value| {
            let params = &event["params"];
            match event["method"].as_str() {
                Some("Runtime.exceptionThrown") => true,
                Some("Runtime.consoleAPICalled") => params["type"] == "error",
                Some("Log.entryAdded") => {
                    ["error", "warning"].contains(&params["entry"]["level"].as_str().unwrap_or(""))
                }
                _ => false,
            }
        };
        self.events.iter().filter(bad).cloned().collect()
    }
}
