using System.Globalization;
using HostService.GrainInterfaces;
using HostService.GrainInterfaces.Fleet;
using HostService.Tests.Gateway.Fakes;
using HostService.Tests.Support;
using Microsoft.Playwright;

namespace HostService.Tests.EndToEnd.Ops;

/// <summary>A fleet's page in a browser; a test makes the fleet up.</summary>
[Collection(BrowserCollection.Name)]
public sealed class FleetPageTests(Browser browser) : IAsyncLifetime
{
    private readonly List<FleetHost> _hosts = [];
    private readonly List<FleetSample> _history = [];
    private GatewayServer _server = null!;
    private Rollout? _rollout;
    private bool _isSilent;
    private bool _isStorageAway;

    public async Task InitializeAsync() => _server = await GatewayServer.StartFleetAsync(new FakeGrains()
        .Fleet<IReadOnlyList<FleetHost>>(
            nameof(IFleetGrain.ListHosts),
            _ => _isSilent ? throw new TimeoutException() : Task.FromResult<IReadOnlyList<FleetHost>>([.. _hosts]))
        .Fleet<IReadOnlyList<FleetSample>>(
            nameof(IFleetGrain.ReadHistory), _ => Task.FromResult<IReadOnlyList<FleetSample>>([.. _history]))
        .Rollout(
            nameof(IFleetRolloutGrain.Find), _ => _isStorageAway ? throw new TimeoutException("the database is away") : Task.FromResult(_rollout)));

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [NeedsTheory(Browser.Program)]
    [InlineData(0)]
    [InlineData(100)]
    public async Task It_can_be_read_by_everybody_on_every_screen(int count)
    {
        Fill(count);
        foreach (var width in new[] { 1280, 800, 390 })
        {
            foreach (var isDark in new[] { false, true })
            {
                await using var tab = await browser.OpenAsync(_server.Address, width: width, isDark: isDark);
                await Expect(tab.Page.Locator("#hosts tbody tr")).ToHaveCountAsync(count);
                await tab.TakePictureAsync($"fleet-{count}-{width}-{(isDark ? "dark" : "light")}");

                await tab.AssertFitsAsync();
                await tab.AssertAccessibleAsync();
                tab.AssertNoComplaints();
            }
        }
    }

    [NeedsFact(Browser.Program)]
    public async Task It_says_what_every_host_has_and_leads_to_the_hosts_own_page_also_without_script()
    {
        Fill(3);
        await using var tab = await browser.OpenAsync(_server.Address, hasScript: false);

        await Expect(tab.Page.Locator("#figures")).ToContainTextAsync("2 of 3");
        await Expect(tab.Page.Locator("tr[data-key=host-1]")).ToContainTextAsync("It is not connected, for");
        await Expect(tab.Page.Locator("tr[data-key=host-0] a")).ToHaveAttributeAsync("href", "https://10.0.0.0:4678/ops");
        await Expect(tab.Page.Locator("#rollout")).ToContainTextAsync("host-1: it ended with exit code 7");
        await Expect(tab.Page.Locator("#fleet")).ToContainTextAsync("browsers/chrome");

        // Those that need somebody come first.
        Assert.Equal(["host-1", "host-0", "host-2"], await tab.Page.Locator("#hosts tbody tr").EvaluateAllAsync<string[]>(
            "rows => rows.map(row => row.dataset.key)"));
    }

    [NeedsFact(Browser.Program)]
    public async Task It_keeps_itself_up_to_date_and_says_when_it_cannot()
    {
        Fill(2);
        await using var tab = await browser.OpenAsync(_server.Address);
        await tab.Page.Locator("tr[data-key=host-0] a").FocusAsync();

        Fill(3);
        await Expect(tab.Page.Locator("#hosts tbody tr")).ToHaveCountAsync(3, new() { Timeout = 30_000 });
        await Expect(tab.Page.Locator("tr[data-key=host-0] a")).ToBeFocusedAsync();

        _isSilent = true;
        await Expect(tab.Page.Locator("#readiness")).ToContainTextAsync("the fleet does not answer", new() { Timeout = 30_000 });
        _isSilent = false;
        await Expect(tab.Page.Locator("#hosts tbody tr")).ToHaveCountAsync(3, new() { Timeout = 30_000 });

        await _server.StopServerAsync();
        await Expect(tab.Page.Locator("#connection")).ToContainTextAsync("What is shown is old", new() { Timeout = 30_000 });
    }

    [NeedsFact(Browser.Program)]
    public async Task While_the_database_is_away_the_hosts_are_shown_without_the_rollout()
    {
        Fill(3);
        _isStorageAway = true;
        await using var tab = await browser.OpenAsync(_server.Address, hasScript: false);

        await Expect(tab.Page.Locator("#hosts tbody tr")).ToHaveCountAsync(3);
        await Expect(tab.Page.Locator("#rollout")).ToHaveCountAsync(0);
        using var http = _server.Client(GatewayServer.Operator);
        Assert.Contains("host_service_fleet_hosts{state=\"ready\"} 2", await http.GetStringAsync("/metrics"), StringComparison.Ordinal);
    }

    [NeedsFact(Browser.Program)]
    public async Task What_hosts_say_is_text()
    {
        const string Hostile = "<img src=x onerror=alert(1)><script>alert(2)</script>\"'&";
        Fill(1);
        _hosts[0] = _hosts[0] with
        {
            Away = null,
            Report = _hosts[0].Report with { Region = Hostile, Version = Hostile, GpuKinds = [Hostile], NotReady = [Hostile] },
        };
        await using var tab = await browser.OpenAsync(_server.Address);

        await Expect(tab.Page.Locator("tr[data-key=host-0]")).ToContainTextAsync(Hostile);
        tab.AssertNoComplaints();
    }

    private static ILocatorAssertions Expect(ILocator locator) => Assertions.Expect(locator);

    private void Fill(int count)
    {
        _hosts.Clear();
        for (var i = 0; i < count; i++)
        {
            _hosts.Add(new FleetHost(
                new HostReport
                {
                    Host = string.Create(CultureInfo.InvariantCulture, $"host-{i}"),
                    Address = $"10.0.0.{i}",
                    Page = $"https://10.0.0.{i}:4678/ops",
                    Region = "us-east-1",
                    Version = "1.2.0",
                    Status = i % 7 == 4 ? HostStatus.Draining : HostStatus.Active,
                    NotReady = i % 7 == 3 ? ["the disk is 97 % full"] : [],
                    Capacity = 54,
                    Free = 54 - (i % 50),
                    GpuKinds = ["Tesla T4"],
                    Waiting = new Dictionary<string, int>(StringComparer.Ordinal) { ["browsers/chrome"] = 2, ["mandelboxes/demo"] = i % 3 },
                    Mandelboxes = [.. Enumerable.Range(0, i % 50).Select(
                        m => new ReportedMandelbox($"{i}-{m}", MandelboxState.Running, "browsers/chrome", DateTimeOffset.UtcNow))],
                },
                DateTimeOffset.UtcNow.AddMinutes(-12),
                i == 1 ? "it is not connected" : null));
        }

        if (count == 0)
        {
            return;
        }

        var now = DateTimeOffset.UtcNow;
        _history.Clear();
        _history.AddRange(Enumerable.Range(0, 240).Select(i => new FleetSample(
            now.AddSeconds((i - 240) * 30), (i < 120 ? 40 : 54) * count, (int)((20 + (15 * Math.Sin(i / 25.0))) * count), 10 * count)));
        _rollout = new Rollout(
            "1.3.0",
            2,
            0,
            RolloutState.Halted,
            "host-1: it ended with exit code 7",
            now,
            [.. _hosts.Select((host, i) => new RolloutHost(
                host.Report.Host, i == 1 ? RolloutHostState.Failed : RolloutHostState.Pending, "1.2.0", host.State, i % 50))]);
    }
}
