using System.Net;
using HostService.Tests.Support;
using Microsoft.Playwright;

namespace HostService.Tests.EndToEnd.Ops;

/// <summary>The ops page of the process that users run, on an engine that runs nothing and is fast.</summary>
[Collection(BrowserCollection.Name)]
public sealed class LiveOpsPageTests(Browser browser) : IAsyncLifetime
{
    private static readonly LocatorAssertionsToBeVisibleOptions WithinASecond = new() { Timeout = 1000 };
    private static readonly LocatorAssertionsToHaveCountOptions GoneWithinASecond = new() { Timeout = 1000 };
    private static readonly LocatorAssertionsToBeVisibleOptions AfterARestart = new() { Timeout = 30_000 };

    private readonly ScratchDirectory _directory = new();
    private InstantEngine? _engine;
    private ServiceProcess? _service;
    private ServiceSettings? _settings;

    private ServiceProcess Service => _service!;

    public async Task InitializeAsync()
    {
        if (Needs.SkipReason([Browser.Program]) is null)
        {
            _engine = await InstantEngine.StartAsync(seed: 1);
            _settings = ServiceSettings.Local(_engine.Endpoint, _directory).With(("Gateway__Port", $"{TestPorts.Reserve()}"));
            _service = await ServiceProcess.StartAsync(_settings);
        }
    }

    public async Task DisposeAsync()
    {
        foreach (var thing in new IAsyncDisposable?[] { _service, _engine })
        {
            if (thing is not null)
            {
                await thing.DisposeAsync();
            }
        }

        _directory.Dispose();
    }

    [NeedsFact(Browser.Program)]
    public async Task One_whose_app_ends_by_itself_goes_from_the_page_with_its_cause()
    {
        await using var tab = await browser.OpenAsync(Service.Address);
        await UpAsync("ops-0");
        await Expect(tab.Row("ops-0").GetByText("running")).ToBeVisibleAsync(WithinASecond);
        await Expect(tab.Page.Locator("#figures")).ToContainTextAsync("1 of 54");

        _engine!.Die("mandelboxes-demo-ops-0");

        await Expect(tab.GoneRow("ops-0").GetByText("app exited")).ToBeVisibleAsync(WithinASecond);
        await Expect(tab.Row("ops-0")).ToHaveCountAsync(0, GoneWithinASecond);
        await Expect(tab.Page.Locator("#feed li").First).ToBeVisibleAsync();
        tab.AssertNoComplaints();
    }

    [NeedsFact(Browser.Program)]
    public async Task A_mandelbox_is_stopped_by_its_button_once_that_is_confirmed()
    {
        await UpAsync("ops-stay");
        await UpAsync("ops-go");
        await using var tab = await browser.OpenAsync(Service.Address);
        var question = tab.Page.GetByRole(AriaRole.Dialog);

        await tab.Button("Stop ops-go").ClickAsync();
        await Expect(question).ToContainTextAsync("1 user is concerned");
        await question.GetByRole(AriaRole.Button, new() { Name = "Cancel" }).ClickAsync();
        await Expect(tab.Row("ops-go").GetByText("running")).ToBeVisibleAsync();

        await tab.Button("Stop ops-go").ClickAsync();
        await question.GetByRole(AriaRole.Button, new() { Name = "Stop it" }).ClickAsync();

        await Expect(tab.GoneRow("ops-go")).ToBeVisibleAsync();
        await Expect(tab.Row("ops-go")).ToHaveCountAsync(0);
        await Expect(tab.Row("ops-stay").GetByText("running")).ToBeVisibleAsync();
        tab.AssertNoComplaints();
    }

    [NeedsFact(Browser.Program)]
    public async Task A_mandelboxs_page_tells_its_life_and_its_end()
    {
        await UpAsync("ops-life");
        await using var tab = await browser.OpenAsync(Service.Address, "/ops/mandelboxes/ops-life");

        await Expect(tab.Page.Locator("#state")).ToContainTextAsync("running for");
        await Expect(tab.Page.Locator("#timeline")).ToContainTextAsync("lease");
        await Expect(tab.Page.Locator("#timeline .span.step").First).ToBeVisibleAsync();
        await Expect(tab.Page.Locator("#feed li").First).ToBeVisibleAsync();
        await Expect(tab.Page.Locator("#logs")).ToContainTextAsync("This is mandelboxes-demo-ops-life.");
        await tab.TakePictureAsync("life");

        _engine!.Die("mandelboxes-demo-ops-life");
        await Expect(tab.Page.Locator("#state")).ToContainTextAsync("gone for");
        await Expect(tab.Page.Locator("#end")).ToContainTextAsync("The app ended by itself after");
        await Expect(tab.Page.Locator("#timeline")).ToContainTextAsync("undo lease");
        await tab.TakePictureAsync("end");
        await tab.AssertFitsAsync();
        await tab.AssertAccessibleAsync();
        tab.AssertNoComplaints();
    }

    [NeedsFact(Browser.Program)]
    public async Task A_drain_is_asked_for_and_cancelled()
    {
        await UpAsync("ops-user");
        await using var tab = await browser.OpenAsync(Service.Address);
        var question = tab.Page.GetByRole(AriaRole.Dialog);

        await tab.Button("Drain the host…").ClickAsync();
        await Expect(question).ToContainTextAsync("1 user is on this host and may stay until they leave.");
        await question.GetByRole(AriaRole.Button, new() { Name = "Cancel" }).ClickAsync();
        Assert.Contains("\"status\":\"Active\"", await Service.Http.GetStringAsync("/v1/host"), StringComparison.Ordinal);

        await tab.Button("Drain the host…").ClickAsync();
        await question.GetByRole(AriaRole.Button, new() { Name = "Drain the host" }).ClickAsync();
        await Expect(tab.Page.Locator("#readiness")).ToHaveTextAsync("draining");
        await Expect(tab.Page.Locator("#reasons")).ToContainTextAsync("1 user left.");

        await tab.Button("Cancel the drain…").ClickAsync();
        await question.GetByRole(AriaRole.Button, new() { Name = "Cancel the drain" }).ClickAsync();
        await Expect(tab.Page.Locator("#readiness")).ToHaveTextAsync("ready");
        await UpAsync("ops-next");
        await Expect(tab.Row("ops-next")).ToBeVisibleAsync();
        tab.AssertNoComplaints();
    }

    [NeedsFact(Browser.Program)]
    public async Task It_says_that_the_connection_is_lost_and_comes_back_with_the_service()
    {
        await UpAsync("ops-before");
        await using var tab = await browser.OpenAsync(Service.Address);
        await Expect(tab.Row("ops-before")).ToBeVisibleAsync();

        Assert.Equal(0, await Service.EndAsync());
        await Expect(tab.Page.Locator("#connection")).ToContainTextAsync("Connection lost, last seen ");
        await Expect(tab.Page.Locator("#readiness")).ToHaveTextAsync("not known");
        await tab.TakePictureAsync("lost");
        await tab.AssertAccessibleAsync();

        await Service.DisposeAsync();
        _service = await ServiceProcess.StartAsync(_settings!);
        await UpAsync("ops-after");

        await Expect(tab.Row("ops-after")).ToBeVisibleAsync(AfterARestart);
        await Expect(tab.Row("ops-before")).ToHaveCountAsync(0);
        await Expect(tab.Page.Locator("#connection")).ToBeHiddenAsync();
        await Expect(tab.Page.Locator("#readiness")).ToHaveTextAsync("ready");
        await UpAsync("ops-later");
        await Expect(tab.Row("ops-later")).ToBeVisibleAsync(WithinASecond);
        tab.AssertNoComplaints(except: "Failed to load resource: net::");
    }

    [NeedsFact(Browser.Program)]
    public async Task It_links_to_the_dashboard_where_there_is_one()
    {
        await using var tab = await browser.OpenAsync(Service.Address);

        await tab.Page.GetByRole(AriaRole.Link, new() { Name = "Orleans dashboard" }).ClickAsync();
        await Expect(tab.Page).ToHaveURLAsync(new Uri(Service.Address, "/dashboard/").ToString());
    }

    [NeedsFact(Browser.Program)]
    public async Task A_web_page_of_another_origin_cannot_drain_the_host()
    {
        // Not the page, whose policy would forbid it.
        await using var other = await ScriptedHost.StartAsync();
        await using var tab = await browser.OpenAsync(other.Address, "/healthz");

        var answer = await tab.Page.EvaluateAsync<string>(
            "address => fetch(address, { method: 'POST', mode: 'no-cors' }).then(a => a.type)", new Uri(Service.Address, "/v1/host/drain").ToString());

        // The browser has sent it.
        Assert.Equal("opaque", answer);
        Assert.Contains("\"status\":\"Active\"", await Service.Http.GetStringAsync("/v1/host"), StringComparison.Ordinal);
    }

    private async Task UpAsync(string id)
    {
        using var body = new StringContent(RunningService.SpinUp(id).ToJsonString());
        using var answer = await Service.Http.PutAsync("/spin_up_mandelbox", body);
        Assert.True(answer.StatusCode == HttpStatusCode.OK, $"{answer.StatusCode} {await answer.Content.ReadAsStringAsync()}\n{Service.Log.Text}");
    }

    private static ILocatorAssertions Expect(ILocator locator) => Assertions.Expect(locator);

    private static IPageAssertions Expect(IPage page) => Assertions.Expect(page);
}
