using System.Text;
using System.Text.Json;
using HostService.GrainInterfaces;
using HostService.Tests.Support;
using Microsoft.Playwright;

namespace HostService.Tests.EndToEnd.Ops;

/// <summary>The ops page in a browser, of a host whose state a test makes up.</summary>
[Collection(BrowserCollection.Name)]
public sealed class OpsPageTests(Browser browser)
{
    private const string Hostile = "<img src=x onerror=alert(1)><script>alert(2)</script>\"'&";

    [NeedsTheory(Browser.Program)]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(20)]
    [InlineData(54)]
    public async Task It_can_be_read_by_everybody_on_every_screen(int count)
    {
        await using var host = await ScriptedHost.StartAsync();
        host.Fill(count);
        if (count > 0)
        {
            host.FillEnded();
        }

        foreach (var width in new[] { 1280, 800, 390 })
        {
            foreach (var isDark in new[] { false, true })
            {
                await using var tab = await browser.OpenAsync(host.Address, width: width, isDark: isDark);
                await Expect(tab.Rows).ToHaveCountAsync(count);
                await Expect(tab.Page.Locator("#ttys li")).ToHaveCountAsync(54);
                await tab.TakePictureAsync($"host-{count}-{width}-{(isDark ? "dark" : "light")}");

                await tab.AssertFitsAsync();
                await tab.AssertAccessibleAsync();
                tab.AssertNoComplaints();
            }
        }
    }

    [NeedsFact(Browser.Program)]
    public async Task A_mandelboxs_page_can_be_read_by_everybody_on_every_screen()
    {
        await using var host = await ScriptedHost.StartAsync();
        host.Fill(2);
        var id = host.Mandelboxes[0].MandelboxId;
        var begin = host.Mandelboxes[0].CreatedAt;
        host.Steps.AddRange(
        [
            new TimelineStep("lease", false, begin, 3, null),
            new TimelineStep("fetch user configs", false, begin.AddMilliseconds(4), 610, "the store does not answer: connection refused"),
            new TimelineStep("create container", false, begin.AddMilliseconds(5), 115, null),
            new TimelineStep("start container", false, begin.AddMilliseconds(121), 359, null),
            new TimelineStep("wait for app", false, begin.AddMilliseconds(495), 715, null),
        ]);
        host.Happens(HostEventKind.Mandelbox, EventSeverity.Warning, "user configs could not be fetched: the store does not answer", id);
        host.Output.AddRange(Enumerable.Range(1, 40).Select(line => Encoding.UTF8.GetBytes($"[{line}] {new string('x', line * 5)}\n")));
        foreach (var width in new[] { 1280, 800, 390 })
        {
            foreach (var isDark in new[] { false, true })
            {
                await using var tab = await browser.OpenAsync(host.Address, $"/ops/mandelboxes/{id}", width, isDark);
                await Expect(tab.Page.Locator("#facts")).ToContainTextAsync(host.Mandelboxes[0].UserId!);
                await Expect(tab.Page.Locator("#timeline .failed")).ToContainTextAsync("The store does not answer: connection refused.");
                await Expect(tab.Page.Locator("#logs")).ToContainTextAsync("[40] xxx");
                await Expect(tab.Page.Locator("#feed")).ToContainTextAsync("user configs could not be fetched");
                await tab.TakePictureAsync($"mandelbox-{width}-{(isDark ? "dark" : "light")}");

                await tab.AssertFitsAsync();
                await tab.AssertAccessibleAsync();
            }
        }
    }

    [NeedsFact(Browser.Program)]
    public async Task A_host_that_is_unwell_says_what_is_wrong_and_what_to_try()
    {
        await using var host = await ScriptedHost.StartAsync();
        host.Fill(20);
        host.Leases.Add(host.Leases[0] with { MandelboxId = "container 0123 of an earlier run", Tty = 63 });
        host.Description = host.Description with { NotReady = ["the container engine does not answer"], Leaks = 1 };
        foreach (var (width, isDark) in new[] { (1280, false), (1280, true), (390, false) })
        {
            await using var tab = await browser.OpenAsync(host.Address, width: width, isDark: isDark);

            await Expect(tab.Page.Locator("#readiness")).ToHaveTextAsync("not ready");
            await Expect(tab.Page.Locator("#reasons")).ToContainTextAsync("The container engine does not answer.");
            await Expect(tab.Page.Locator("#doctor")).ToContainTextAsync("gpu: GPU 1: XID 79 To try: reset the GPU or reboot.");
            await Expect(tab.Page.Locator("#gpus")).ToContainTextAsync("Out of service: XID 79");
            await Expect(tab.Page.Locator("#ttys li.bad")).ToHaveTextAsync("63held");
            await tab.TakePictureAsync($"unwell-{width}-{(isDark ? "dark" : "light")}");
            await tab.AssertFitsAsync();
            await tab.AssertAccessibleAsync();
        }
    }

    [NeedsFact(Browser.Program)]
    public async Task What_callers_and_the_machine_say_stays_text()
    {
        await using var host = await ScriptedHost.StartAsync();
        host.Fill(1);
        host.FillEnded();
        host.Mandelboxes[0] = host.Mandelboxes[0] with { AppName = Hostile, UserId = Hostile, ContainerId = Hostile, Step = Hostile, Warnings = [Hostile] };
        host.Output.Add(Encoding.UTF8.GetBytes(Hostile));
        host.Steps.Add(new TimelineStep(Hostile, false, DateTimeOffset.UtcNow, 1, Hostile));
        host.Happens(HostEventKind.Refused, EventSeverity.Error, Hostile, host.Mandelboxes[0].MandelboxId);
        host.Ended[0] = host.Ended[0] with { AppName = Hostile, UserId = Hostile, EndReason = Hostile };
        host.Description = host.Description with { NotReady = [Hostile], Queue = [Hostile], Gpus = [host.Description.Gpus[1] with { Name = Hostile, Unhealthy = Hostile }] };

        await using var tab = await browser.OpenAsync(host.Address);
        await Expect(tab.Page.Locator("#mandelboxes .app")).ToHaveAttributeAsync("title", Hostile);
        await Expect(tab.Page.Locator("#mandelboxes .app")).ToHaveTextAsync("script>\"'&");
        await Expect(tab.Page.Locator("#gone .app").First).ToHaveTextAsync("script>\"'&");
        await Expect(tab.Page.Locator("#reasons")).ToContainTextAsync(Hostile);
        await Expect(tab.Page.Locator("#gpus")).ToContainTextAsync(Hostile);
        await Expect(tab.Page.Locator("#feed")).ToContainTextAsync(Hostile);
        await Expect(tab.Page.Locator("img, script:not([src])")).ToHaveCountAsync(0);
        await tab.AssertFitsAsync();

        await tab.Page.GotoAsync($"/ops/mandelboxes/{host.Mandelboxes[0].MandelboxId}");
        await Expect(tab.Page.Locator("#facts")).ToContainTextAsync(Hostile);
        await Expect(tab.Page.Locator("#logs")).ToHaveTextAsync(Hostile);
        await Expect(tab.Page.Locator("#timeline .name").First).ToBeVisibleAsync();
        await Expect(tab.Page.Locator("img, script:not([src])")).ToHaveCountAsync(0);
        tab.AssertNoComplaints();
    }

    [NeedsFact(Browser.Program)]
    public async Task It_reads_without_script()
    {
        await using var host = await ScriptedHost.StartAsync();
        host.Fill(20);
        await using var tab = await browser.OpenAsync(host.Address, hasScript: false);

        await Expect(tab.Rows).ToHaveCountAsync(20);
        await Expect(tab.Page.Locator("#figures")).ToContainTextAsync("20 of 54");
        await Expect(tab.Page.Locator("button:visible, input:visible")).ToHaveCountAsync(0);
        await tab.TakePictureAsync("without-script");

        // The oldest is the last.
        await tab.Rows.Last.GetByRole(AriaRole.Link).ClickAsync();
        await Expect(tab.Page.Locator("#facts")).ToContainTextAsync("user19@example.org");
    }

    [NeedsFact(Browser.Program)]
    public async Task The_list_is_searched_by_what_it_shows_and_by_what_it_hides()
    {
        await using var host = await ScriptedHost.StartAsync();
        host.Fill(20);
        await using var tab = await browser.OpenAsync(host.Address);
        await Expect(tab.Rows).ToHaveCountAsync(20);
        var search = tab.Page.Locator("#search");

        await tab.Page.Keyboard.PressAsync("/");
        await tab.Page.Keyboard.TypeAsync("user7@example.org");
        await Expect(tab.Rows).ToHaveCountAsync(1);
        await Expect(tab.Rows.Locator(".user")).ToHaveTextAsync("u…@example.org");
        await search.FillAsync(host.Mandelboxes[5].ContainerId!);
        await Expect(tab.Row(host.Mandelboxes[5].MandelboxId)).ToBeVisibleAsync();
        await search.FillAsync("figma dying");
        await Expect(tab.Rows).ToHaveCountAsync(1);
        await search.FillAsync("nobody has this");
        await Expect(tab.Page.Locator("#mandelboxes-empty")).ToHaveTextAsync("None of 20 is found by “nobody has this”.");
        await tab.Page.Keyboard.PressAsync("Escape");
        await Expect(tab.Rows).ToHaveCountAsync(20);
    }

    [NeedsFact(Browser.Program)]
    public async Task The_list_is_sorted_by_any_column_both_ways()
    {
        await using var host = await ScriptedHost.StartAsync();
        host.Fill(20);
        await using var tab = await browser.OpenAsync(host.Address);
        var ttys = tab.Rows.Locator("td:nth-child(6)");

        await tab.Button("TTY").ClickAsync();
        await Expect(ttys).ToHaveTextAsync(Enumerable.Range(10, 20).Select(tty => $"{tty}"));
        await tab.Button("TTY").ClickAsync();
        await Expect(ttys).ToHaveTextAsync(Enumerable.Range(10, 20).Select(tty => $"{tty}").Reverse());
        await Expect(tab.Page.Locator("th[data-sort=tty]")).ToHaveAttributeAsync("aria-sort", "descending");
    }

    [NeedsFact(Browser.Program)]
    public async Task Keys_move_open_and_go_back()
    {
        await using var host = await ScriptedHost.StartAsync();
        host.Fill(3);
        await using var tab = await browser.OpenAsync(host.Address);
        await Expect(tab.Rows).ToHaveCountAsync(3);

        await tab.Page.Keyboard.PressAsync("ArrowDown");
        await tab.Page.Keyboard.PressAsync("ArrowDown");
        await tab.Page.Keyboard.PressAsync("ArrowUp");
        await tab.Page.Keyboard.PressAsync("ArrowDown");
        await Expect(tab.Rows.Nth(1).GetByRole(AriaRole.Link)).ToBeFocusedAsync();
        await tab.Page.Keyboard.PressAsync("Enter");
        await Expect(tab.Page).ToHaveURLAsync(new Uri(host.Address, $"/ops/mandelboxes/{host.Mandelboxes[1].MandelboxId}").ToString());
        await Expect(tab.Page.Locator("#state")).ToContainTextAsync("dying for");
        await tab.Page.Keyboard.PressAsync("Escape");
        await Expect(tab.Rows).ToHaveCountAsync(3);
    }

    [NeedsFact(Browser.Program)]
    public async Task A_row_that_has_the_focus_keeps_it_when_the_script_takes_over_what_the_server_rendered()
    {
        await using var host = await ScriptedHost.StartAsync();
        host.Fill(3);
        await using var tab = await browser.NewTabAsync(host.Address);
        var asked = new TaskCompletionSource<IRoute>();
        await tab.Page.RouteAsync("**/v1/mandelboxes", route => asked.TrySetResult(route) ? Task.CompletedTask : route.ContinueAsync());
        await tab.Page.GotoAsync("/ops");
        await tab.Page.Keyboard.PressAsync("ArrowDown");
        var first = tab.Rows.First.GetByRole(AriaRole.Link);
        await Expect(first).ToBeFocusedAsync();

        await (await asked.Task.WaitAsync(TimeSpan.FromSeconds(30))).ContinueAsync();

        // Only the script makes buttons.
        await Expect(tab.Rows.First.GetByRole(AriaRole.Button)).ToBeVisibleAsync();
        await Expect(first).ToBeFocusedAsync();
    }

    [NeedsFact(Browser.Program)]
    public async Task A_drain_asks_first_and_says_how_many_users_it_concerns()
    {
        await using var host = await ScriptedHost.StartAsync();
        host.Fill(20);
        await using var tab = await browser.OpenAsync(host.Address);
        var question = tab.Page.GetByRole(AriaRole.Dialog);

        await tab.Button("Drain the host…").ClickAsync();

        // One waits for a user, and one has lost its user.
        await Expect(question).ToContainTextAsync("18 users are on this host and may stay until they leave.");
        await tab.AssertAccessibleAsync();
        await tab.TakePictureAsync("drain");
        await question.GetByRole(AriaRole.Button, new() { Name = "Cancel" }).ClickAsync();
        await Expect(question).ToBeHiddenAsync();
        Assert.False(host.Shutdown.Requested.IsCompleted);

        await tab.Button("Drain the host…").ClickAsync();
        await Expect(question).ToBeVisibleAsync();
        await tab.Page.Keyboard.PressAsync("Escape");
        await Expect(question).ToBeHiddenAsync();
        Assert.False(host.Shutdown.Requested.IsCompleted);

        await tab.Button("Drain the host…").ClickAsync();
        await question.GetByRole(AriaRole.Button, new() { Name = "Drain the host" }).ClickAsync();
        Assert.False((await host.Shutdown.Requested.WaitAsync(TimeSpan.FromSeconds(30))).Force);
        tab.AssertNoComplaints();
    }

    [NeedsFact(Browser.Program)]
    public async Task A_drain_can_end_everybody_at_once_if_that_is_chosen()
    {
        await using var host = await ScriptedHost.StartAsync();
        host.Fill(1);
        await using var tab = await browser.OpenAsync(host.Address);
        var question = tab.Page.GetByRole(AriaRole.Dialog);

        await tab.Button("Drain the host…").ClickAsync();
        await question.GetByRole(AriaRole.Checkbox).CheckAsync();
        await Expect(question).ToContainTextAsync("1 user is on this host and will lose the session now.");
        await question.GetByRole(AriaRole.Button, new() { Name = "Drain the host" }).ClickAsync();

        Assert.True((await host.Shutdown.Requested.WaitAsync(TimeSpan.FromSeconds(30))).Force);
    }

    [NeedsFact(Browser.Program)]
    public async Task A_drain_is_shown_and_can_be_cancelled()
    {
        await using var host = await ScriptedHost.StartAsync();
        host.Fill(2);
        host.Description = host.Description with { Status = HostStatus.Draining };
        await using var tab = await browser.OpenAsync(host.Address);
        var question = tab.Page.GetByRole(AriaRole.Dialog);

        await Expect(tab.Page.Locator("#reasons")).ToContainTextAsync("1 user left.");
        await Expect(tab.Button("Drain the host…")).ToBeHiddenAsync();
        await tab.Button("Cancel the drain…").ClickAsync();
        await question.GetByRole(AriaRole.Button, new() { Name = "Cancel the drain" }).ClickAsync();

        await Expect(tab.Page.Locator("#readiness")).ToHaveTextAsync("ready");
        await Expect(tab.Button("Drain the host…")).ToBeVisibleAsync();
    }

    [NeedsFact(Browser.Program)]
    public async Task Many_events_at_once_are_one_question()
    {
        await using var host = await ScriptedHost.StartAsync();
        for (var i = 0; i < 1000; i++)
        {
            host.Happens(HostEventKind.Mandelbox, EventSeverity.Information, $"happened {i}", "box-1");
        }

        await using var tab = await browser.OpenAsync(host.Address);
        await Expect(tab.Page.Locator("#feed li")).ToHaveCountAsync(100);
        await Expect(tab.Page.Locator("#feed li").First).ToContainTextAsync("happened 999");

        // At its start, for the stream and for the events.
        Assert.InRange(tab.Requests.Count(path => path == "/v1/mandelboxes"), 1, 3);
    }

    [NeedsFact(Browser.Program)]
    public async Task A_feed_that_is_paused_stands_still()
    {
        await using var host = await ScriptedHost.StartAsync();
        host.Fill(1);
        await using var tab = await browser.OpenAsync(host.Address);
        await Expect(tab.Page.Locator("#feed li")).ToHaveCountAsync(3);

        await tab.Button("Pause").ClickAsync();
        host.Happens(HostEventKind.Ready, EventSeverity.Information, "the engine answers again");
        await Expect(tab.Button("Go on (1 new)")).ToBeVisibleAsync();
        await Expect(tab.Page.Locator("#feed li")).ToHaveCountAsync(3);
        await tab.Button("Go on (1 new)").ClickAsync();
        await Expect(tab.Page.Locator("#feed li").First).ToContainTextAsync("the engine answers again");
    }

    [NeedsFact(Browser.Program)]
    public async Task A_tab_that_nobody_sees_asks_for_nothing()
    {
        await using var host = await ScriptedHost.StartAsync();
        await using var tab = await browser.NewTabAsync(host.Address);
        await tab.Page.Clock.InstallAsync();
        await tab.Page.AddInitScriptAsync("Object.defineProperty(document, 'hidden', { get: () => window.isHidden === true })");
        await tab.Page.GotoAsync("/ops");
        await Expect(tab.Page.Locator("#ttys li")).ToHaveCountAsync(54);

        await SetHiddenAsync(tab, true);
        var before = tab.Requests.Count;
        await tab.Page.Clock.FastForwardAsync(120_000);
        await tab.Page.EvaluateAsync("0");
        Assert.Equal(before, tab.Requests.Count);

        host.Fill(1);
        await SetHiddenAsync(tab, false);
        await tab.Page.Clock.FastForwardAsync(1000);
        await Expect(tab.Rows).ToHaveCountAsync(1);
    }

    private static ILocatorAssertions Expect(ILocator locator) => Assertions.Expect(locator);

    private static IPageAssertions Expect(IPage page) => Assertions.Expect(page);

    private static Task<JsonElement?> SetHiddenAsync(Tab tab, bool isHidden) => tab.Page.EvaluateAsync(
        "isHidden => { window.isHidden = isHidden; document.dispatchEvent(new Event('visibilitychange')); }", isHidden);
}
