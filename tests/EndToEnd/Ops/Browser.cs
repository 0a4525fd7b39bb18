using System.Collections.Concurrent;
using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using HostService.Tests.Support;
using Microsoft.Playwright;

namespace HostService.Tests.EndToEnd.Ops;

/// <summary>Tests with a browser, which say how fast a page is: nothing else runs beside them.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class BrowserCollection : ICollectionFixture<Browser>, ICollectionFixture<EngineFixture>
{
    public const string Name = "browser";
}

/// <summary>Debian's Chromium, without a window.</summary>
public sealed class Browser : IAsyncLifetime
{
    public const string Program = "/usr/bin/chromium";

    private IPlaywright? _playwright;
    private IBrowser? _browser;

    public async Task InitializeAsync()
    {
        if (!File.Exists(Program))
        {
            return;
        }

        _playwright = await Playwright.CreateAsync();
        _browser = await _playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            ExecutablePath = Program,
            Headless = true,
            Args =
            [
                "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
                "--disable-component-update", "--disable-sync",
            ],
        });
    }

    public async Task DisposeAsync()
    {
        if (_browser is not null)
        {
            await _browser.DisposeAsync();
        }

        _playwright?.Dispose();
    }

    /// <summary>A tab of a browser that has never been here. Its page and all that belongs to it are loaded.</summary>
    public async Task<Tab> OpenAsync(Uri address, string path = "/ops", int width = 1280, bool isDark = false, bool hasScript = true)
    {
        for (var loads = 1; ; loads++)
        {
            var tab = await NewTabAsync(address, width, isDark, hasScript);
            if (await tab.LoadAsync(path))
            {
                return tab;
            }

            await tab.DisposeAsync();
            Assert.True(loads < 50, "the machine's network changes all the time");
        }
    }

    /// <summary>As <see cref="OpenAsync"/>, before it goes anywhere.</summary>
    public async Task<Tab> NewTabAsync(Uri address, int width = 1280, bool isDark = false, bool hasScript = true)
    {
        var context = await _browser!.NewContextAsync(new BrowserNewContextOptions
        {
            BaseURL = address.ToString(),
            // The service's certificate is self-signed.
            IgnoreHTTPSErrors = true,
            ViewportSize = new ViewportSize { Width = width, Height = width < 600 ? 844 : 800 },
            ColorScheme = isDark ? ColorScheme.Dark : ColorScheme.Light,
            JavaScriptEnabled = hasScript,
        });
        return new Tab(address, await context.NewPageAsync());
    }
}

/// <summary>A page, and what the browser complains of.</summary>
public sealed class Tab : IAsyncDisposable
{
    /// <summary>
    /// How Chromium ends all requests when the machine gets or loses an address, as containers make it do. The page asks again for what
    /// its script has asked for; nobody asks again for the page, or for its script.
    /// </summary>
    private const string NetworkChanged = "net::ERR_NETWORK_CHANGED";

    private readonly ConcurrentQueue<string> _complaints = new();
    private readonly ConcurrentQueue<string> _requests = new();

    public Tab(Uri address, IPage page)
    {
        Page = page;
        page.Console += (_, message) => Complain(
            message.Type == "error" && !message.Text.Contains(NetworkChanged, StringComparison.Ordinal), $"console: {message.Text}");
        page.PageError += (_, error) => Complain(true, $"exception: {error}");
        page.Dialog += (_, dialog) => Complain(true, $"dialog: {dialog.Message}");
        page.Request += (_, request) =>
        {
            _requests.Enqueue(new Uri(request.Url).AbsolutePath);
            Complain(new Uri(request.Url).Authority != address.Authority, $"request to another origin: {request.Url}");
        };
    }

    public IPage Page { get; }

    /// <summary>The paths that it has asked for.</summary>
    public IReadOnlyCollection<string> Requests => _requests;

    public ILocator Rows => Page.Locator("#mandelboxes tbody tr");

    public ILocator Row(string id) => Page.Locator($"#mandelboxes tbody tr[data-key='{id}']");

    public ILocator GoneRow(string id) => Page.Locator($"#gone tbody tr[data-key^='{id} ']");

    public ILocator Button(string name) => Page.GetByRole(AriaRole.Button, new() { Name = name, Exact = true });

    /// <summary>Returns false where the machine's network changed meanwhile: something may be missing.</summary>
    public async Task<bool> LoadAsync(string path)
    {
        var isWhole = true;
        Page.RequestFailed += (_, request) => isWhole &= request.Failure != NetworkChanged;
        try
        {
            await Page.GotoAsync(path);
            return isWhole;
        }
        catch (PlaywrightException exception) when (exception.Message.Contains(NetworkChanged, StringComparison.Ordinal))
        {
            return false;
        }
    }

    /// <summary>Errors on the console, exceptions, requests to other origins.</summary>
    /// <param name="except">What is expected, as a part of its text.</param>
    public void AssertNoComplaints(string? except = null) =>
        Assert.DoesNotContain(_complaints, c => except is null || !c.Contains(except, StringComparison.Ordinal));

    /// <summary>Axe finds nothing serious or worse.</summary>
    public async Task AssertAccessibleAsync()
    {
        var result = await Page.RunAxe();
        Assert.Equal("", string.Join('\n', result.Violations.Where(v => v.Impact is "serious" or "critical").Select(Text)));
    }

    /// <summary>Nothing is wider than the window.</summary>
    public async Task AssertFitsAsync() => Assert.Equal(
        await Page.EvaluateAsync<int>("document.documentElement.clientWidth"), await Page.EvaluateAsync<int>("document.documentElement.scrollWidth"));

    /// <summary>Writes a picture to the directory that OPS_PICTURES names, for people to look at.</summary>
    public async Task TakePictureAsync(string name)
    {
        if (Environment.GetEnvironmentVariable("OPS_PICTURES") is { Length: > 0 } directory)
        {
            await Page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(directory, $"{name}.png") });
        }
    }

    public async ValueTask DisposeAsync() => await Page.Context.CloseAsync();

    private static string Text(AxeResultItem violation) =>
        $"{violation.Id}: {violation.Help}: {string.Join(", ", violation.Nodes.Select(n => n.Html))}";

    private void Complain(bool isBad, string text)
    {
        if (isBad)
        {
            _complaints.Enqueue(text);
        }
    }
}
